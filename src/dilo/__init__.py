"""Self-supervised pretraining that looks at the object, not at the background."""

__version__ = "0.1.0"
