"""Parts of a job, done by a method of many images at once, in this process."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from dilo.errors import ImageError, InputError
from dilo.image import Image, Map, read_image
from dilo.masks.work import Part, PartRecord, Results, Task, checked

AHEAD = 2  # batches that are decoded while the method works on one


@dataclass(frozen=True)
class BatchMethod:
    """A method that makes the maps of many images at once, as a network does.

    It runs in one process; the images, of any sizes, are decoded ahead by threads.

    Args:
        maps: Images -> a Map for each, of the height and width of its image.
        batch_size: how many images it is given at a time, at most.
    """

    maps: Callable[[list[Image]], Sequence[Map]]
    batch_size: int

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise InputError(f"batch_size must be at least 1, got {self.batch_size}")


@dataclass(frozen=True)
class _Batch:
    """Images of one part that the method is given together.

    Batches never reach over the end of a part, and an image that cannot be decoded
    leaves its place empty: so a job that goes on gives the method the same images
    together, and its maps are the same to the last bit.
    """

    record: PartRecord
    images: "dict[int, Future[Image]]"  # by their place in the part
    is_last: bool  # of its part


def run_batched(
    task: Task, parts: Iterable[Part], *, method: BatchMethod, threads: int
) -> Results:
    """Do the parts in this process, while threads decode images and write maps."""
    pool = ThreadPoolExecutor(threads)
    try:
        writing: list[Future[None]] = []
        for batch in _decoded_ahead(task, parts, method.batch_size, pool):
            before, writing = writing, _do_batch(batch, method, pool)
            for future in [*before, *(writing if batch.is_last else ())]:
                future.result()  # so that no more than a batch waits to be written
            if batch.is_last:
                yield batch.record.write()
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C nothing more is begun


def _decoded_ahead(
    task: Task, parts: Iterable[Part], size: int, pool: ThreadPoolExecutor
) -> Iterator[_Batch]:
    """Yield batches of which some more are being decoded meanwhile."""
    waiting: deque[_Batch] = deque()
    for part in parts:
        record = PartRecord(task, part)
        paths = [task.images / image.name for image in part.images]
        for start in range(0, len(paths), size):
            places = range(start, min(start + size, len(paths)))
            images = {place: pool.submit(read_image, paths[place]) for place in places}
            waiting.append(_Batch(record, images, places.stop == len(paths)))
            if len(waiting) > AHEAD:
                yield waiting.popleft()
    yield from waiting


def _do_batch(
    batch: _Batch, method: BatchMethod, pool: ThreadPoolExecutor
) -> "list[Future[None]]":
    """Make the maps of a batch, and let threads rate, encode and write them."""
    record = batch.record
    images: dict[int, Image] = {}
    for place, future in batch.images.items():
        try:
            images[place] = future.result()
        except ImageError as error:
            record.fail(place, error)
    maps: Mapping[int, Map | Exception] = {
        place: there
        for place in images
        if (there := record.kept_map(place)) is not None
    }
    kept = len(maps) == len(images)
    if not kept:
        maps = _maps(method, images)
    writing: list[Future[None]] = []
    for place, saliency in maps.items():
        if isinstance(saliency, Exception):
            record.fail(place, saliency)
        else:
            writing.append(pool.submit(record.add, place, saliency, kept=kept))
    return writing


def _maps(
    method: BatchMethod, images: dict[int, Image]
) -> Mapping[int, Map | Exception]:
    """Make the maps of a batch; if that fails, one by one, to see who is to blame."""
    try:
        maps = list(method.maps(list(images.values())))
        if len(maps) != len(images):
            raise ValueError(f"{len(maps)} maps for {len(images)} images")
        shapes = [image.shape[:2] for image in images.values()]
        return dict(zip(images, map(checked, maps, shapes), strict=True))
    except Exception as error:  # whatever a method may raise
        if len(images) == 1:
            return dict.fromkeys(images, error)
    results: dict[int, Map | Exception] = {}
    for place, image in images.items():
        results |= _maps(method, {place: image})
    return results
