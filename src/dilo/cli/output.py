"""What commands share: printing, tables."""

from collections.abc import Sequence

import rich.box
import rich.console
import rich.table

console = rich.console.Console(highlight=False)  # standard output, found when printing


def say(text: str) -> None:
    """Print plain text, unwrapped, so that names can be copied and searched for."""
    console.print(text, markup=False, soft_wrap=True)


def show_scores(title: str, rows: Sequence[tuple[str, float, str]]) -> None:
    """Print a title and a table of (name, value, explanation)."""
    say(title)  # not the table's own title, which would break paths over lines
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
    table.add_column("score")
    table.add_column("value", justify="right")
    table.add_column("", style="dim")
    for name, value, explanation in rows:
        table.add_row(name, f"{value:.4f}", explanation)
    console.print(table)


def show_columns(
    title: str,
    columns: Sequence[str],
    rows: Sequence[tuple[str, Sequence[float]]],
    digits: int = 4,
) -> None:
    """Print a table of rows (name, one value for each column), with so many digits."""
    say(title)  # not the table's own title, which would wrap at the table's width
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right")
    for name, values in rows:
        table.add_row(name, *(f"{value:.{digits}f}" for value in values))
    console.print(table)
