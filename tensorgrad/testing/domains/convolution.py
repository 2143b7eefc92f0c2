"""Domains of convolution and pooling."""

from .draws import Domain

CONVOLUTIONS: dict[str, Domain] = {}
