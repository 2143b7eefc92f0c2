"""Domains of the trigonometric and hyperbolic functions."""

import numpy as np

from .draws import Domain, unary

TRIGONOMETRIC = {
    "sin": Domain(unary(), np.sin),
    "cos": Domain(unary(), np.cos),
    "tanh": Domain(unary(), np.tanh),
}
