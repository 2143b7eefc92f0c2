"""Domains of exponentials, logarithms and roots."""

import numpy as np

from .draws import Domain, unary

EXPONENTIALS = {
    "exp": Domain(unary(), np.exp),
    "log": Domain(unary(0.3), np.log),
    "sqrt": Domain(unary(0.3), np.sqrt),
}
