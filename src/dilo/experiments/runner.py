"""Train several configs side by side, each in a process of its own."""

import contextlib
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Mapping
from multiprocessing.context import SpawnProcess
from pathlib import Path

from dilo.cores import available_cores
from dilo.errors import RunError
from dilo.pretrain import PretrainConfig
from dilo.progress import Progress
from dilo.runs import Run
from dilo.workers import end_with_parent

POLL_SECONDS = 0.5


def train_all(
    configs: Mapping[str, PretrainConfig], folder: Path, processes: int | None = None
) -> dict[str, Run]:
    """Pretrain every config into `folder`/name; finished runs are only looked at.

    On a CPU several small trainings side by side, one thread each, use the cores far
    better than one training on all of them. What a training prints goes to
    `folder`/name.log. Called again after an interruption, all go on.

    Args:
        configs: name -> config.
        folder: where the run folders are made.
        processes: trainings at the same time; by default one more than there are
            cores, so that no core idles while the last one ends.

    Raises:
        RunError: a training failed; the message holds the end of its log.
    """
    cores = available_cores()
    processes = processes or min(len(configs), cores + 1)
    folder.mkdir(parents=True, exist_ok=True)
    threads = max(1, cores // processes)
    waiting = {
        name: config
        for name, config in configs.items()
        if not _is_finished(config, folder / name)
    }
    runs = {name: Run(folder / name) for name in configs}
    running: dict[str, SpawnProcess] = {}
    epochs = sum(config.loop.epochs for config in configs.values())
    with (
        Progress(f"training {len(configs)} models", epochs, "epochs") as bar,
        _stopping(running),
    ):
        while waiting or running:
            while waiting and len(running) < processes:
                name = next(iter(waiting))
                running[name] = _start(waiting.pop(name), folder / name, threads)
            time.sleep(POLL_SECONDS)
            _show(bar, runs)
            for name in [name for name in running if not running[name].is_alive()]:
                _check(running.pop(name), folder / f"{name}.log")
        _show(bar, runs)
    return {name: Run.open(folder / name) for name in configs}


def _is_finished(config: PretrainConfig, out: Path) -> bool:
    """Look before starting a process, which takes seconds to find nothing to do."""
    run = Run.check(out, config)
    return run.report is not None and run.backbone.exists()


def _start(config: PretrainConfig, out: Path, threads: int) -> SpawnProcess:
    # Forking a process in which torch has started its threads can hang it.
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_train, args=(config, out, threads))
    process.start()
    return process


def _train(config: PretrainConfig, out: Path, threads: int) -> None:
    """Run one training, in its own process."""
    end_with_parent()
    log = os.open(out.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    import torch

    from dilo.pretrain import pretrain

    torch.set_num_threads(threads)
    pretrain(config, out)


def _check(process: SpawnProcess, log: Path) -> None:
    process.join()
    if process.exitcode != 0:
        lines = log.read_text(errors="replace").strip().splitlines()
        end = "\n  ".join(lines[-5:])
        raise RunError(f"a training failed; the end of {log}:\n  {end}")


@contextlib.contextmanager
def _stopping(running: Mapping[str, SpawnProcess]) -> Iterator[None]:
    """End the trainings that still run when the block is left early."""
    try:
        yield
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.join()


def _show(bar: Progress, runs: Mapping[str, Run]) -> None:
    """Show how far all trainings are, in epochs, from what they write."""
    logged = {name: run.losses for name, run in runs.items()}
    begun = {name: losses[-1] for name, losses in logged.items() if losses}
    epochs = sum(line["epoch"] for line in begun.values())
    losses = ", ".join(f"{name} {line['loss']:.2f}" for name, line in begun.items())
    chance = next((line["chance_level"] for line in begun.values()), 0.0)
    note = f"loss: {losses} (chance level {chance:.2f})" if begun else ""
    bar.advance(int(epochs) - bar.done, note)
