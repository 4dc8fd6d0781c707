"""What commands print: lines and tables, on standard output."""

from collections.abc import Sequence

import rich.box
import rich.console
import rich.table

console = rich.console.Console(highlight=False)  # finds standard output when printing


def say(text: str) -> None:
    """Print plain text, unwrapped, so that names can be copied and searched for."""
    console.print(text, markup=False, soft_wrap=True)


def show_table(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]]
) -> None:
    """Print a table: names, then numbers; a last column without header explains."""
    say(title)  # not the table's own title, which would break paths over lines
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
    table.add_column(header[0])
    for name in header[1:]:
        if name:
            table.add_column(name, justify="right")
        else:
            table.add_column("", style="dim")
    for row in rows:
        table.add_row(*row)
    console.print(table)
