"""Show what the library logs: notes of one line, each once, and few of a kind."""

import logging
import os
from collections import Counter

SHOWN = 5  # of a kind, such as images of an unusual depth


class _Few(logging.Filter):
    """Pass the first notes of each kind, and say when no more are shown."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()
        self._counts: Counter[str] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a record is to be shown; the last of its kind says so."""
        text = record.getMessage()
        if text in self._seen or self._counts[record.msg] > SHOWN:
            return False
        self._counts[record.msg] += 1
        if self._counts[record.msg] > SHOWN:
            record.msg, record.args = f"{text}; further ones are not shown", None
        else:
            self._seen.add(text)
        return True


def show_notes() -> None:
    """Send the notes of the library to standard error; once, by the first process."""
    log = logging.getLogger("dilo")
    if log.handlers or os.environ.get("RANK", "0") != "0":
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("note: %(message)s"))
    handler.addFilter(_Few())
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
