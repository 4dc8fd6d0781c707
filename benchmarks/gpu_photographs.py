"""The photographs table with a ResNet-18 on a GPU, in slices of some minutes.

    python benchmarks/gpu_photographs.py pack DATA MASKS PACK
    python benchmarks/gpu_photographs.py run PACK OUT [--seconds 500]

`pack` makes one file of the photographs, to carry to the GPU; `run` trains there. The
variants of one seed train side by side, seed after seed, and every finished run enters
OUT/gpu_photographs.json at once. A slice ends by itself; the next goes on with what
--done says is finished, and with the checkpoints below --work if they are still there.
How to use it: benchmarks/PENDING_GPU.md.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from dilo.config import override, replace, without_free
from dilo.data.labels import LabelledImages, read_train_val
from dilo.errors import DiloError, InputError
from dilo.experiments.runner import train_all
from dilo.models.weights import load_backbone
from dilo.pretrain import PretrainConfig
from dilo.runs import Run
from evaluation import Table, classify, device_name
from photograph_pack import (
    ESTIMATED,
    LABELS,
    SHORT_SIDE,
    read_notes,
    unpack,
    write_pack,
)
from photographs import variants
from record import RESULTS, markdown_row

NAME = "gpu_photographs.json"
ROWS = ("baseline", "rbd-sharp", "exact")


class OutOfTime(Exception):
    """The slice is over."""


def configs(
    data: Path, rows: Sequence[str], changes: Sequence[str] = ()
) -> dict[str, PretrainConfig]:
    """Give the config of each row: that of the table on a CPU, but larger."""
    cores = os.cpu_count() or 1
    table = variants(data, data / ESTIMATED, "instdisc")
    made = {}
    for row in rows:
        if row not in table:
            raise InputError(f"a row is one of {', '.join(table)}, got {row!r}")
        config = replace(
            table[row],
            arch="resnet18",
            crop_size=112,
            cache_size=SHORT_SIDE,
            epochs=200,
            workers=cores // len(rows),
            checkpoint_minutes=0.5,  # a slice that ends throws no more away
        )
        config = override(config, changes)
        # By minutes only: an epoch takes a second, a checkpoint has 100 MB.
        made[row] = replace(config, checkpoint_epochs=config.loop.epochs)
    return made


def run(words: argparse.Namespace) -> None:
    """Train and read out what is missing, until it is done or the time is over."""
    end = time.monotonic() + words.seconds
    data = unpack(words.pack, words.work)
    table = _open_table(words, data)
    rows = configs(data, words.rows, words.set)
    labelled = read_train_val(data / LABELS, data / LABELS)
    try:
        for seed in words.seeds:
            waiting = {
                f"{row}-seed{seed}": replace(config, seed=seed)
                for row, config in rows.items()
                if f"{row}-seed{seed}" not in table.runs
            }
            if waiting:
                with time_limit(end - time.monotonic()):
                    runs = train_all(waiting, words.work, processes=len(waiting))
                # Not cut off: what is read out is safe, whatever becomes of the run.
                for name, trained in runs.items():
                    table.add(name, describe(trained, labelled))
            show(table)
    except OutOfTime:
        print(f"stopped after {words.seconds:g} s; the same command goes on:")
        for checkpoint in sorted(words.work.glob("*/checkpoint.pt")):
            for line in Run(checkpoint.parent).metrics[-1:]:
                print(f"  {checkpoint.parent.name}: epoch {line['epoch']:.1f}")


def describe(
    trained: Run, labelled: tuple[LabelledImages, LabelledImages]
) -> dict[str, Any]:
    """Score a finished run, and say how it went."""
    loaded = load_backbone(trained.folder, "auto")
    last, report = trained.losses[-1], trained.report or {}
    return {
        "scores": classify(loaded, labelled),
        "loss": last["loss"],
        "chance": last["chance_level"],
        "steps": last["step"],
        "seconds": last["seconds"],
        "views_per_second": report["images"]
        * trained.field("epochs")
        / last["seconds"],
        "images": report["images"],
        "mapped": report["mapped"],
        "copy_paste": trained.field("copy_paste"),
        "device": device_name(),
    }


def show(table: Table) -> None:
    """Print mean and deviation of every row."""
    for number, (row, cells) in enumerate(table.summary().items()):
        if number == 0:
            print(f"| row | {' | '.join(cells)} |")
        print(markdown_row(row, cells), flush=True)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in this block when the time is over."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise OutOfTime

    if seconds <= 0:
        raise OutOfTime
    former = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


def pack(words: argparse.Namespace) -> None:
    """Make the pack, and say how large it is and what it lost."""
    notes = write_pack(words.data, words.masks, words.pack, words.limit)
    for kind, size in notes["bytes"].items():
        print(
            f"{kind:8}{size / 2**20:8.1f} MiB {size / notes['images']:8.0f} bytes each"
        )
    print(f"{words.pack}: {words.pack.stat().st_size / 2**20:.1f} MiB")
    print("lost:", ", ".join(f"{key} {x:.4g}" for key, x in notes["loss"].items()))


def _open_table(words: argparse.Namespace, data: Path) -> Table:
    """Go on with the table of the same recipe on the same photographs."""
    recipe = without_free(configs(data, ("baseline",), words.set)["baseline"])
    # Where the data are, and the seed, are no part of the recipe.
    del recipe["data"]["images"], recipe["data"]["masks"], recipe["loop"]["seed"]
    notes = read_notes(data)
    recipe["pack"] = {key: notes[key] for key in ("images", "short_side", "bytes")}
    recipe = json.loads(json.dumps(recipe))  # tuples as lists, as they are on disk
    return Table.resume(words.out / NAME, words.done, words.commit, recipe)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    packing = commands.add_parser("pack", help="photographs and maps as one file")
    packing.set_defaults(command=pack)
    packing.add_argument("data", type=Path, help="has images/ masks/ labels.csv")
    packing.add_argument("masks", type=Path, help="mask store of the images")
    packing.add_argument("pack", type=Path)
    packing.add_argument("--limit", type=int, help="so many images, for a trial")
    running = commands.add_parser("run", help="train, read out, write the table")
    running.set_defaults(command=run)
    running.add_argument("pack", type=Path)
    running.add_argument("out", type=Path, help=f"folder for {NAME}")
    running.add_argument(
        "--seconds", type=float, default=500, help="to train in this slice"
    )
    running.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    running.add_argument("--rows", nargs="+", default=list(ROWS))
    running.add_argument("--set", nargs="+", default=[], metavar="FIELD=VALUE")
    running.add_argument("--done", type=Path, default=RESULTS / NAME)
    running.add_argument("--commit", default="unknown")
    work = Path(tempfile.gettempdir()) / "dilo-gpu-photographs"
    running.add_argument("--work", type=Path, default=work, help="for the run folders")
    words = parser.parse_args(arguments)
    try:
        words.command(words)
    except DiloError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
