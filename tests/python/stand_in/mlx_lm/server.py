"""As mlx_lm.server begins: it makes an LRUPromptCache of its name in this module."""
from .models.cache import LRUPromptCache


def make():
    return LRUPromptCache(3)
