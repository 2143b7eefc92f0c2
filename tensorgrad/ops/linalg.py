"""Linear algebra: inverses, determinants and factorisations."""

__all__: list[str] = []
