"""Parts of a job, done here or in worker processes that may be killed."""

import multiprocessing
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from multiprocessing.connection import Connection, wait
from typing import Any

import cv2

from dilo.allocator import keep_memory
from dilo.errors import StoreError
from dilo.lifetime import end_with_parent
from dilo.masks.work import Part, PartResult, Task, do_part

SECONDS_BETWEEN_LOOKS = 0.2
KILLED = "its process was killed; is the memory too small?"

Results = Generator[PartResult, None, None]
Tick = Callable[[int], None]  # told how many images are done


def default_workers() -> int:
    """Count the CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_local(task: Task, parts: Iterable[Part], workers: int, tick: Tick) -> Results:
    """Do the parts on this machine; with one worker, in this process."""
    if workers == 1:
        yield from run_serial(task, parts, tick)
        return
    first = next(parts := iter(parts), None)
    if first is not None:
        task.source.warm()
        yield from run_parallel(task, chain([first], parts), workers, tick)


def run_serial(task: Task, parts: Iterable[Part], tick: Tick) -> Results:
    """Do the parts in this process."""
    done = 0
    for part in parts:

        def tick_part(place: int, before: int = done) -> None:
            tick(before + place)

        result = do_part(task, part, tick_part)
        done += result.images
        tick(done)
        yield result


def run_parallel(
    task: Task, parts: Iterable[Part], workers: int, tick: Tick
) -> Results:
    """Do the parts in worker processes; results come in no fixed order.

    Each worker is its own process: one that is killed takes no other with it. Its part
    is done again in the end, alone; the image that then kills its worker (too large
    for the memory, say) is a named failure.

    Raises:
        StoreError: workers are killed while they work on no image.
    """
    waiting = iter(parts)
    crew: list[_Worker] = []
    suspects: list[tuple[Part, int]] = []  # with how many images were done
    done = 0
    try:
        _hire(crew, task, waiting, workers)
        while crew:
            ready = wait([worker.pipe for worker in crew], SECONDS_BETWEEN_LOOKS)
            for worker in [worker for worker in crew if worker.pipe in ready]:
                result = worker.result()
                if result is None:
                    suspects.append((worker.part, worker.place))
                    crew.remove(worker)
                    _hire(crew, task, waiting, len(crew) + 1)
                    continue
                done += result.images
                part = next(waiting, None)
                if part is None:
                    crew.remove(worker)
                    worker.stop()
                else:
                    worker.begin(part)
                yield result
            tick(done + sum(worker.place for worker in crew))
    finally:
        for worker in crew:
            worker.stop()
    for part, place in suspects:
        result = _alone(task, part, place)
        done += result.images
        tick(done)
        yield result


def _hire(
    crew: list["_Worker"], task: Task, waiting: Iterator[Part], wanted: int
) -> None:
    """Start workers until there are as many as wanted, or no more parts."""
    while len(crew) < wanted:
        part = next(waiting, None)
        if part is None:
            return
        crew.append(_Worker(task, part))


def _alone(task: Task, part: Part, reached: int) -> PartResult:
    """Do a part whose worker was killed; who kills this one too is not tried again."""
    while True:
        worker = _Worker(task, part)
        try:
            result = worker.result()
        finally:
            worker.stop()
        if result is not None:
            # PNG files that the killed workers wrote have been kept, and are ours.
            computed = min(result.maps, result.computed + reached)
            return replace(result, computed=computed)
        reached = max(reached, worker.place)
        name = part.names[min(worker.place, len(part.names) - 1)]
        if name in part.known:
            raise StoreError(
                f"{task.folder}: worker processes are killed time and again; what was "
                f"computed is kept: run again to go on"
            )
        part = replace(part, known={**part.known, name: KILLED})


class _Worker:
    """A process that does one part after the other."""

    def __init__(self, task: Task, part: Part) -> None:
        # Forked workers inherit the task (an estimate may be a closure, which cannot
        # be pickled) and the compiled kernels.
        methods = multiprocessing.get_all_start_methods()
        context: Any = multiprocessing.get_context(
            "fork" if "fork" in methods else None
        )
        self._place = context.RawValue("q", 0)  # of the image in work; outlives a kill
        self.pipe, theirs = context.Pipe()
        arguments = (task, theirs, self._place)
        self._process = context.Process(target=_serve, args=arguments)
        self._process.start()
        theirs.close()  # so that the end of the process is the end of the pipe
        self.begin(part)

    def begin(self, part: Part) -> None:
        """Hand over a part."""
        self.part = part
        self._place.value = 0
        with suppress(BrokenPipeError):  # killed meanwhile: `result` will tell
            self.pipe.send(part)

    @property
    def place(self) -> int:
        """Count the images of the part that are done."""
        return int(self._place.value)

    def result(self) -> PartResult | None:
        """Wait for the result of the part; None if the process was killed.

        Raises whatever ended the work.
        """
        try:
            answer = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self.stop()
            return None
        if isinstance(answer, _Trouble):
            raise answer.error
        assert isinstance(answer, PartResult)
        return answer

    def stop(self) -> None:
        """End the process, whatever it does."""
        self.pipe.close()
        self._process.kill()
        self._process.join()


@dataclass(frozen=True)
class _Trouble:
    """What ended the work of a worker."""

    error: Exception


def _serve(task: Task, pipe: Connection, place: Any) -> None:
    """Do parts until there are no more: the life of a worker process."""
    # Ctrl-C reaches the whole process group; the parent alone decides what to do.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_memory()
    cv2.setNumThreads(0)
    if "numba" in sys.modules:  # else the method does not use it
        sys.modules["numba"].set_num_threads(1)
    end_with_parent()

    def tick(done: int) -> None:
        place.value = done

    with suppress(EOFError):
        while True:
            part = pipe.recv()
            try:
                pipe.send(do_part(task, part, tick))
            except Exception as error:  # it ends the job, but in the parent
                pipe.send(_Trouble(_portable(error)))


def _portable(error: Exception) -> Exception:
    """Give an error that can be sent, with the place where it arose as a note."""
    place = "".join(traceback.format_exception(error))
    error.add_note(place)
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # an error of any kind may refuse in any way
        return RuntimeError(place)
    return error
