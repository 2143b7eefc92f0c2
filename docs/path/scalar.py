"""A whole engine of derivatives, for single numbers: what chapter 1 builds."""

from itertools import count
from math import exp, log, tanh

created = count().__next__


class Scalar:
    """A number that knows what it was computed from, and its slope towards each."""

    def __init__(self, value, parents=(), slopes=()):
        self.value, self.grad, self.order = float(value), 0.0, created()
        self.parents, self.slopes = parents, slopes  # d self / d parent, one for each

    def backward(self):
        """Add d self / d x to x.grad, for every x on the way, newest first."""
        arrived = {self: 1.0}
        while arrived:
            node = max(arrived, key=lambda node: node.order)
            g = arrived.pop(node)
            node.grad += g
            for parent, slope in zip(node.parents, node.slopes, strict=True):
                arrived[parent] = arrived.get(parent, 0.0) + g * slope

    def __add__(self, y):
        y = y if isinstance(y, Scalar) else Scalar(y)
        return Scalar(self.value + y.value, (self, y), (1, 1))

    def __mul__(self, y):
        y = y if isinstance(y, Scalar) else Scalar(y)
        return Scalar(self.value * y.value, (self, y), (y.value, self.value))

    def __pow__(self, n):  # n is a plain number
        return Scalar(self.value**n, (self,), (n * self.value ** (n - 1),))

    def exp(self):
        return Scalar(exp(self.value), (self,), (exp(self.value),))

    def log(self):
        return Scalar(log(self.value), (self,), (1 / self.value,))

    def tanh(self):
        return Scalar(tanh(self.value), (self,), (1 - tanh(self.value) ** 2,))

    def relu(self):
        return Scalar(max(self.value, 0), (self,), (float(self.value > 0),))

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self):
        return self * -1

    def __sub__(self, y):
        return self + -y

    def __truediv__(self, y):
        return self * y**-1
