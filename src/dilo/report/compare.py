"""Models side by side: what they take for similar, and what they look at.

The images shown are drawn at random by a seed, never picked: a gallery of the best
cases would prove nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dilo.attribution.gradient import energy_inside
from dilo.errors import InputError
from dilo.evaluate.knn import nearest
from dilo.image import Image
from dilo.report.page import Gallery, Picture
from dilo.report.pictures import draw_indices, fit, heat, normalise_gradient, outline

# Kept side of the pictures: twice the side on the page, for fine screens.
PICTURE_SIDE = 224


@dataclass(frozen=True, kw_only=True)
class Album:
    """Images and what is known of them; item i of every field is of image i."""

    images: Sequence[Image]
    labels: Sequence[int] | NDArray[np.int64] | None = None
    classes: Sequence[str] = ()  # names of the labels
    backgrounds: Sequence[int] | NDArray[np.int64] | None = None  # kinds
    masks: Sequence[NDArray[np.bool_]] | None = None  # where the object is

    def __post_init__(self) -> None:
        for name in ("labels", "backgrounds", "masks"):
            field = getattr(self, name)
            if field is not None and len(field) != len(self.images):
                raise InputError(
                    f"{len(self.images)} images but {len(field)} {name} in an album"
                )

    def class_name(self, index: int) -> str:
        """Name the class of image `index`; empty if it is not known."""
        if self.labels is None:
            return ""
        label = int(self.labels[index])
        return self.classes[label] if label < len(self.classes) else f"class {label}"


def neighbour_gallery(
    album: Album,
    features: Mapping[str, Tensor],
    *,
    k: int = 3,
    count: int = 8,
    seed: int = 0,
) -> Gallery:
    """Show the nearest neighbours of some images under each model.

    A neighbour of the query's class is marked good, another bad; one on the query's
    kind of background says so.

    Args:
        album: the images; each is compared with all others.
        features: float (N, D) of each model, by the model's name.
        k: neighbours of each query.
        count: how many queries are drawn.
        seed: of the draw.

    Raises:
        InputError: a model has not one feature for each image.

    Source: paper, section 3, Fig. 2: nearest neighbours in the embedding space.
    """
    queries = draw_indices(len(album.images), count, seed)
    rows = [[_picture(album, query)] for query in queries]
    groups = [("query", 1)]
    for name, values in features.items():
        found = _neighbours(name, album, values, queries, k)
        groups.append((name, len(found[0])))
        for row, query, indices in zip(rows, queries, found, strict=True):
            row += [_picture(album, index, query) for index in indices]
    caption = (
        _which(len(queries), len(album.images), seed)
        + " Neighbours by cosine similarity, the most similar first."
    )
    if album.labels is not None:
        caption += " Tick: of the query's class; cross: of another."
    return Gallery(rows=rows, groups=groups, caption=caption)


def gradient_gallery(
    album: Album,
    gradients: Mapping[str, Sequence[NDArray[np.float32]]],
    *,
    count: int = 8,
    seed: int = 0,
) -> Gallery:
    """Show what each model looks at: its gradient map over some of the images.

    Where the album has masks, the object is outlined and each map says which share of
    its energy lies inside.

    Args:
        album: the images.
        gradients: float32 (H, W), not negative, for each image, by the model's name.
        count: how many images are drawn.
        seed: of the draw.

    Raises:
        InputError: a model has not one map for each image.

    Source: paper, section 3, Fig. 2: saliency by the gradient to the pixels.
    """
    for name, maps in gradients.items():
        _check_count(name, maps, album)
    chosen = draw_indices(len(album.images), count, seed)
    rows = []
    for index in chosen:
        # Large, so that heat and outline hide no small image.
        image = fit(album.images[index], PICTURE_SIDE, enlarge=True)
        pictures = [Picture(image=image, caption=album.class_name(index))]
        for maps in gradients.values():
            pictures.append(_gradient(album, index, image, maps[index]))
        rows.append(pictures)
    caption = _which(len(chosen), len(album.images), seed)
    if album.masks is not None:
        area = np.mean([album.masks[index].mean() for index in chosen])
        caption += (
            f" Outlined: the object, which takes {100 * area:.0f} % of these images; "
            "a map that knows nothing of it has that share on it."
        )
    groups = [("image", 1), *((name, 1) for name in gradients)]
    return Gallery(rows=rows, groups=groups, caption=caption)


def _neighbours(
    name: str, album: Album, features: Tensor, queries: list[int], k: int
) -> list[list[int]]:
    """Indices of the k nearest images of each query, itself left out."""
    _check_count(name, features, album)
    chosen = torch.tensor(queries, device=features.device)
    # One more than asked for: the query itself is found too, as a rule in front.
    _, indices = nearest(features[chosen], features, k + 1)
    return [
        [index for index in row if index != query][:k]
        for query, row in zip(queries, indices.tolist(), strict=True)
    ]


def _picture(album: Album, index: int, query: int | None = None) -> Picture:
    """Show an image; as the neighbour of a query, with what it shares with that."""
    tag = ""
    mark: Literal["good", "bad"] | None = None
    if query is not None:
        kinds, labels = album.backgrounds, album.labels
        if kinds is not None and kinds[query] == kinds[index]:
            tag = "same background"
        if labels is not None:
            mark = "good" if labels[query] == labels[index] else "bad"
    image = album.images[index]
    # The central square is about what a network is shown.
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = fit(image[top : top + side, left : left + side], PICTURE_SIDE)
    caption = album.class_name(index)
    return Picture(image=square, caption=caption, tag=tag, mark=mark)


def _gradient(
    album: Album, index: int, image: Image, gradient: NDArray[np.float32]
) -> Picture:
    image = heat(image, normalise_gradient(gradient))
    if album.masks is None:
        return Picture(image=image)
    mask = album.masks[index]
    caption = "no object"
    if mask.any():
        share = energy_inside(gradient[np.newaxis], mask[np.newaxis]).mean_energy
        caption = f"{100 * share:.0f} % on object"
    return Picture(image=outline(image, mask), caption=caption)


def _which(count: int, total: int, seed: int) -> str:
    if count == total:
        return f"All {total} images."
    return f"{count} of {total} images, drawn at random (seed {seed}), not picked."


def _check_count(name: str, values: Sequence[object] | Tensor, album: Album) -> None:
    if len(values) != len(album.images):
        raise InputError(
            f"{name}: {len(values)} entries for {len(album.images)} images"
        )
