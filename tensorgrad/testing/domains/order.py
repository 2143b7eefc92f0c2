"""Domains of the ops that sort, rank and choose."""

from .draws import Domain

ORDERS: dict[str, Domain] = {}
