"""The errors that a user can cause; the command line makes exit statuses of them."""

from collections.abc import Iterable


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


class StoppedError(DiloError):
    """A signal has ended a job, which can go on later from where it was."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def shortened(items: Iterable[object], shown: int = 10) -> list[str]:
    """Give the first items as texts, then "and N more" if there are more."""
    texts = list(map(str, items))
    rest = len(texts) - shown
    return texts if rest <= 0 else [*texts[:shown], f"and {rest} more"]
