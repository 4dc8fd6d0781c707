"""Time the stages of a view: where does the loader spend its time?"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from dilo.augment import ViewConfig, draw_view, view_rng
from dilo.augment.blur_image import blur_image
from dilo.augment.jitter import recolour
from dilo.augment.planes import Planes, join
from dilo.augment.sources import Setting, Sources
from dilo.augment.views import ViewParameters, show_view
from dilo.data.image_set import FindMap, check_aspect
from dilo.errors import DiloError, ImageError
from dilo.image import Image, Map, read_image

# In the order of the work; the views of an image share the first three. A view is
# cropped, or cropped and pasted in one pass, in which its background is read too. Its
# channels are apart then; "write" puts them together.
STAGES = (
    *("read", "decode", "map", "draw", "crop", "crop and paste"),
    *("jitter", "write", "blur"),
)


class ViewTimer:
    """Make views stage by stage, as `augment.train_view` does, and time each stage."""

    def __init__(
        self,
        config: ViewConfig,
        crop_size: int,
        views: int,
        seed: int,
        sources: Sources,
    ) -> None:
        """Time so many views of every image, with all kernels compiled before."""
        self.config, self.crop_size = config, crop_size
        self.views, self.seed, self.sources = views, seed, sources
        self._seconds: dict[str, float] = dict.fromkeys(STAGES, 0.0)
        self._compile()

    def milliseconds(self, views: int) -> dict[str, float]:
        """Give the mean time of each stage over so many views."""
        return {stage: 1000 * self._seconds[stage] / views for stage in STAGES}

    def time_item(self, path: Path, name: str, find_map: FindMap, index: int) -> bool:
        """Time the views of one file; tell whether it has a foreground."""
        seconds = self._seconds.copy()
        try:
            with self._stage("read"):
                content = path.read_bytes()
            with self._stage("decode"):
                image = _decode(path, content)
            with self._stage("map"):
                found = find_map(name)
                saliency = found.saliency if found else None
                if saliency is not None:
                    check_aspect(name, image, saliency)
        except (DiloError, OSError):
            self._seconds = seconds  # what failed is no part of a view
            raise
        rng = view_rng(self.seed, 0, index)
        for _ in range(self.views):
            self.time_view(image, saliency, rng, index)
        return saliency is not None

    def time_view(
        self,
        image: Image,
        saliency: Map | None,
        rng: np.random.Generator,
        index: int | None = None,
    ) -> Image:
        """Time one view; arguments and view are those of `augment.train_view`."""
        shape = (image.shape[0], image.shape[1])
        with self._stage("draw"):
            drawn = draw_view(shape, self.config, rng, saliency=saliency)
        pasted = saliency is not None and drawn.paste_seed is not None
        setting = Setting(index=index, sources=self.sources)
        how = self.crop_size, drawn, self.config.copy_paste, setting
        with self._stage("crop and paste" if pasted else "crop"):
            shown = show_view(image, saliency, *how)
        view = self._colour(shown, drawn)
        if drawn.blur:
            with self._stage("blur"):
                view = blur_image(view, drawn.blur)
        return view

    def _colour(self, view: Planes, drawn: ViewParameters) -> Image:
        if drawn.colour:
            with self._stage("jitter"):
                view = recolour(view, drawn.colour)
        with self._stage("write"):
            return join(view)

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self._seconds[name] += time.perf_counter() - start

    def _compile(self) -> None:
        image, saliency = np.zeros((64, 64, 3), np.uint8), np.ones((64, 64), np.float32)
        for index in range(20):  # some are pasted, some blurred
            self.time_view(image, saliency, view_rng(self.seed, 1, index))
        self._seconds = dict.fromkeys(STAGES, 0.0)


def _decode(path: Path, content: bytes) -> Image:
    """Decode what was read before, which does not know its file."""
    try:
        return read_image(content)
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error
