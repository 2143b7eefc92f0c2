"""Ops that sort, rank and choose."""

__all__: list[str] = []
