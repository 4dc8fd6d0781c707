"""Parts of a job, done by a method of many images at once, in this process."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby

from dilo.cores import in_threads
from dilo.errors import DiloError, InputError
from dilo.image import Image, Map, read_image
from dilo.masks.work import Part, PartRecord, Results, Task, checked

AHEAD = 2  # batches that are decoded while the method works on one

_Place = tuple[PartRecord, int]
_Result = tuple[PartRecord, int, Map | Exception, bool]


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
    with (
        closing(in_threads(_decode, places, threads, AHEAD * size)) as decoded,
        closing(in_threads(_keep, _made(decoded, method), threads, size)) as kept,
    ):
        for record, results in groupby(kept, lambda result: result[0][0]):
            deque(results, maxlen=0)  # until all are kept
            yield record.write()


def _decode(place: _Place) -> Image:
    record, number = place
    return read_image(record.task.images / record.part.images[number].name)


def _made(
    decoded: Iterator[tuple[_Place, Image | DiloError]], method: BatchMethod
) -> Iterator[_Result]:
    """Yield the map of each image, or why there is none, and whether it was there."""
    size = method.batch_size
    for (record, _), batch in groupby(
        decoded, lambda result: (result[0][0], result[0][1] // size)
    ):
        images: dict[int, Image] = {}
        for (_, place), image in batch:
            if isinstance(image, DiloError):
                yield record, place, image, False
            else:
                images[place] = image
        there = {place: record.kept_map(place) for place in images}
        maps = {place: found for place, found in there.items() if found is not None}
        kept = len(maps) == len(images)
        for place, saliency in (maps if kept else _maps(method, images)).items():
            yield record, place, saliency, kept


def _keep(result: _Result) -> None:
    record, place, saliency, kept = result
    if isinstance(saliency, Exception):
        record.fail(place, saliency)
    else:
        record.add(place, saliency, kept=kept)


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
