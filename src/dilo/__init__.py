"""Self-supervised pretraining that looks at the object, not at the background."""

from dilo.kernel_cache import settle_cache

__version__ = "0.1.0"

settle_cache()  # before any module of ours imports numba
