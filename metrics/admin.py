"""What people define, in the Django admin."""

from metrics.definitions import admin as definitions
from metrics.segments import admin as segments

__all__ = ["definitions", "segments"]
