"""The errors that a user can cause; the command line makes exit statuses of them."""


class DiloError(Exception):
    """Something the user can put right; the message names it and the remedy."""


class InputError(DiloError, ValueError):
    """A value given to a function, a flag or a config field cannot be used."""


class ImageError(DiloError):
    """A file that should hold an image does not; the message names the file."""


class StoreError(DiloError):
    """A mask store is missing, damaged, busy, or was made in another way."""


class RunError(DiloError):
    """A run folder is missing, damaged, or holds another run."""
