"""Where the time and the memory of a computation go, op by op."""

from .probes import profile
from .profile import Profile, Row

__all__ = ["Profile", "Row", "profile"]
