"""Rounding, and the remainders of division."""

__all__: list[str] = []
