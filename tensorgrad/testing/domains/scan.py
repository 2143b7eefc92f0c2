"""Domains of the running sums and products."""

from .draws import Domain

SCANS: dict[str, Domain] = {}
