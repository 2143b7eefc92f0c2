"""Domains of diagonals and triangles."""

from .draws import Domain

DIAGONALS: dict[str, Domain] = {}
