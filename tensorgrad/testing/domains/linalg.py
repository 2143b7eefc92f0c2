"""Domains of linear algebra."""

from .draws import Domain

LINALG: dict[str, Domain] = {}
