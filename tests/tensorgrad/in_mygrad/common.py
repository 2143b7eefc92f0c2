"""What the tables share."""

from collections.abc import Callable
from typing import Any

import mygrad as mg


def by_name(names: str) -> dict[str, Callable[..., Any]]:
    return {name: getattr(mg, name) for name in names.split()}
