"""Parts of a job, done by processes on this machine."""

import multiprocessing
import signal
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any

import cv2

from dilo.allocator import keep_memory
from dilo.lifetime import end_with_parent
from dilo.masks.engine import Outcome, Results, run_serial, run_workers
from dilo.masks.work import Part, PartResult, Task, do_part


def run_pool(task: Task, parts: Iterable[Part], *, workers: int) -> Results:
    """Do the parts in so many processes; with one, in this process."""
    if workers == 1:
        return run_serial(task, parts)
    return run_workers(task.folder, parts, _Pool(task, workers))


class _Pool:
    """Processes of this machine: one that is killed takes no other with it."""

    retries_at_once = 1  # alone it has the whole memory

    def __init__(self, task: Task, workers: int) -> None:
        self._task = task
        self._workers = workers
        self._busy: list[_Process] = []
        self._idle: list[_Process] = []

    def __len__(self) -> int:
        return len(self._busy)

    def free(self) -> int:
        """Count the parts that may be submitted now."""
        return self._workers - len(self._busy)

    def submit(self, part: Part, *, again: bool = False) -> None:
        """Put a part in work."""
        if again:
            _stop_all(self._idle)  # they would keep memory
        process = self._idle.pop() if self._idle else _Process(self._task)
        process.begin(part)
        self._busy.append(process)

    def finished(self) -> Iterator[Outcome]:
        """Wait for parts that are finished."""
        ready = wait([process.pipe for process in self._busy])
        for process in [process for process in self._busy if process.pipe in ready]:
            result = process.result()
            self._busy.remove(process)
            if result is None:
                process.stop()
            else:
                self._idle.append(process)
            yield process.part, result

    def close(self) -> None:
        """End all processes, whatever they do."""
        _stop_all(self._busy)
        _stop_all(self._idle)


class _Process:
    """A process that does one part after the other."""

    def __init__(self, task: Task) -> None:
        # Forked processes inherit the task (a method may be a closure, which cannot
        # be pickled) and the compiled kernels.
        methods = multiprocessing.get_all_start_methods()
        context: Any = multiprocessing.get_context(
            "fork" if "fork" in methods else None
        )
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(task, theirs))
        self._process.start()
        theirs.close()  # so that the end of the process is the end of the pipe

    def begin(self, part: Part) -> None:
        """Hand over a part."""
        self.part = part
        with suppress(BrokenPipeError):  # killed meanwhile: `result` will show it
            self.pipe.send(part)

    def result(self) -> PartResult | None:
        """Wait for the result, None if the process was killed; raise what ended it."""
        try:
            answer = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            return None
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, PartResult)
        return answer

    def stop(self) -> None:
        """End the process, whatever it does."""
        self.pipe.close()
        self._process.kill()
        self._process.join()


def _stop_all(processes: list[_Process]) -> None:
    while processes:
        processes.pop().stop()


def _serve(task: Task, pipe: Connection) -> None:
    """Do parts until there are no more: the life of a worker process."""
    # Ctrl-C reaches the whole process group; the parent alone decides what to do.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_memory()
    cv2.setNumThreads(0)
    if "numba" in sys.modules:  # else the method does not use it
        sys.modules["numba"].set_num_threads(1)
    end_with_parent()
    with suppress(EOFError):
        while True:
            part = pipe.recv()
            try:
                pipe.send(do_part(task, part))
            except Exception as error:  # it ends the job, but in the parent
                error.add_note("".join(traceback.format_exception(error)))
                pipe.send(error)
