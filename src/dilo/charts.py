"""The look of all charts. Equal charts make equal files: no date, no random names."""

import io
from collections.abc import Callable
from typing import Any

from dilo.side_files import MARK

# Okabe and Ito's, which readers who do not see all colours can keep apart.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")


STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "0.92",
    "grid.linewidth": 0.6,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "lines.markersize": 3,
    "svg.hashsalt": "dilo",
}

# Without what would differ from one drawing to the next, or with the version; the
# mark keeps a picture from being taken for a photograph.
_METADATA: dict[str, dict[str, Any]] = {
    "png": dict([MARK]),
    "pdf": {"CreationDate": None},
    "svg": dict.fromkeys(("Date", "Creator", "Format", "Type")),
}


def draw(
    paint: Callable[[Any], None], size: tuple[float, float], kind: str, dpi: int = 300
) -> bytes:
    """Give the content of a file that shows a matplotlib figure.

    Args:
        paint: draws on the empty figure that it is given.
        size: width and height in inches.
        kind: png, pdf or svg.
        dpi: dots per inch, of png.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    content = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        paint(figure)
        figure.savefig(content, format=kind, dpi=dpi, metadata=_METADATA[kind])
    return content.getvalue()
