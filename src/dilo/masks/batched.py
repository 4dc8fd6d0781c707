"""Parts of a job, done by a method of many images at once, in this process."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

from dilo.cores import in_threads
from dilo.errors import DiloError, InputError
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


def run_batched(
    task: Task, parts: Iterable[Part], *, method: BatchMethod, threads: int
) -> Results:
    """Do the parts in this process, while threads decode images and write maps.

    Batches never reach over the end of a part, and an image that cannot be decoded
    leaves its place empty: so a job that goes on gives the method the same images
    together, and its maps are the same to the last bit.
    """
    size = method.batch_size
    records = (PartRecord(task, part) for part in parts)
    places = ((record, k) for record in records for k in range(len(record.part.images)))
    pool = ThreadPoolExecutor(threads)
    try:
        decoded = in_threads(_decode, places, threads, AHEAD * size)
        for record, of_part in groupby(decoded, lambda result: result[0][0]):
            writing: list[Future[None]] = []
            for _, batch in groupby(of_part, lambda result: result[0][1] // size):
                images = {place: image for (_, place), image in batch}
                before, writing = writing, _do_batch(record, images, method, pool)
                for future in before:  # so that no more than a batch waits
                    future.result()
            for future in writing:
                future.result()
            yield record.write()
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C nothing more is begun


def _decode(place: tuple[PartRecord, int]) -> Image:
    record, number = place
    return read_image(record.task.images / record.part.images[number].name)


def _do_batch(
    record: PartRecord,
    decoded: Mapping[int, Image | DiloError],
    method: BatchMethod,
    pool: ThreadPoolExecutor,
) -> "list[Future[None]]":
    """Make the maps of a batch, and let threads rate, encode and write them."""
    images: dict[int, Image] = {}
    for place, image in decoded.items():
        if isinstance(image, DiloError):
            record.fail(place, image)
        else:
            images[place] = image
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
