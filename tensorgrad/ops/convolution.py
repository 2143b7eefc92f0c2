"""Convolution and pooling of images."""

__all__: list[str] = []
