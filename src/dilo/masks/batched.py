"""Parts of a job, done by a method of many images at once, in this process."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from dilo.errors import ImageError, InputError
from dilo.image import Image, Map, read_image
from dilo.masks.engine import Results
from dilo.masks.work import Part, PartRecord, Task, check_shape

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

    def __call__(self, images: list[Image]) -> list[Map]:
        """Give the map of each image; refuse to give too many or too few."""
        maps = list(self.maps(images))
        if len(maps) != len(images):
            raise ValueError(f"{len(maps)} maps for {len(images)} images")
        return maps


@dataclass(frozen=True)
class _Batch:
    """Images of one part that the method is given together.

    Batches never reach over the end of a part, and an image that cannot be decoded
    leaves its place empty: so a job that goes on gives the method the same images
    together, and its maps are the same to the last bit.
    """

    record: PartRecord
    places: list[int]  # in the part
    images: "list[Future[Image | ImageError]]"
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
        for start in range(0, len(part.images), size):
            places = list(range(start, min(start + size, len(part.images))))
            images = [pool.submit(_decode, record, place) for place in places]
            is_last = places[-1] == len(part.images) - 1
            waiting.append(_Batch(record, places, images, is_last))
            if len(waiting) > AHEAD:
                yield waiting.popleft()
    yield from waiting


def _decode(record: PartRecord, place: int) -> Image | ImageError:
    folder, name = record.task.source.folder, record.part.images[place].name
    try:
        return read_image(folder / name)
    except ImageError as error:
        return error


def _do_batch(
    batch: _Batch, method: BatchMethod, pool: ThreadPoolExecutor
) -> "list[Future[None]]":
    """Make the maps of a batch, and let threads rate, encode and write them."""
    record = batch.record
    images: dict[int, Image] = {}
    for place, future in zip(batch.places, batch.images, strict=True):
        decoded = future.result()
        if isinstance(decoded, ImageError):
            record.fail(record.part.images[place].name, decoded)
        else:
            images[place] = decoded
    anew = any(record.kept_map(place) is None for place in images)
    maps = _maps(method, images) if anew else {}
    return [
        pool.submit(record.add, place, _giving(maps.get(place), image), anew=anew)
        for place, image in images.items()
    ]


def _maps(method: BatchMethod, images: dict[int, Image]) -> dict[int, Map | Exception]:
    """Make the maps of a batch; if that fails, one by one, to see who is to blame."""
    if not images:
        return {}
    try:
        return dict(zip(images, method(list(images.values())), strict=True))
    except Exception as error:  # whatever a method may raise
        if len(images) == 1:
            return dict.fromkeys(images, error)
    results: dict[int, Map | Exception] = {}
    for place, image in images.items():
        results |= _maps(method, {place: image})
    return results


def _giving(saliency: Map | Exception | None, image: Image) -> Callable[[], Map]:
    """Give a function that gives a map, or raises why there is none."""

    def find_map() -> Map:
        assert saliency is not None
        if isinstance(saliency, Exception):
            raise saliency
        check_shape(saliency, image.shape[:2])
        return saliency

    return find_map
