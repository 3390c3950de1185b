"""A stand-in for mlx-lm: see models/cache.py."""
import os

__version__ = os.environ.get("STAND_IN_VERSION", "0.31.3")
