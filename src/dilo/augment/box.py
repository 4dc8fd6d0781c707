"""The part of an image that a view shows."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle of pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def turned(self) -> "Box":
        """The same part of the transposed image."""
        return Box(top=self.left, left=self.top, height=self.width, width=self.height)
