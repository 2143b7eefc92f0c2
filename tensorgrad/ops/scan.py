"""Running sums and products along an axis."""

__all__: list[str] = []
