"""The one training loop and what it needs; it knows no objective by name."""
