"""Diagonals and triangles of matrices."""

__all__: list[str] = []
