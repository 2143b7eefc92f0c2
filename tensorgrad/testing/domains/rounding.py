"""Domains of the ops that round."""

from .draws import Domain

ROUNDINGS: dict[str, Domain] = {}
