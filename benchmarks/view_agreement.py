"""Measure how far the views' steps are from torchvision's, in grey levels.

    python benchmarks/view_agreement.py --images DATA/ecssd200/images --count 20

The default images are the colour photographs that come with scikit-image. Every step
works on the same input and the same parameters as torchvision's function, on tensors
and on PIL images; whole views come from the batched path as well. Prints Markdown and
writes benchmarks/results/view_agreement.json.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import skimage
import torch
import torchvision.transforms.v2.functional as functional
from numpy.typing import NDArray

from dilo.augment import VIEW_CHAINS, CopyPasteConfig, apply_view, draw_view, view_rng
from dilo.augment.batched import (
    crop_batch,
    finish_batch,
    stack_images,
    stack_parameters,
)
from dilo.augment.blur_image import blur_image
from dilo.augment.jitter import apply_colour
from dilo.augment.recolour import BRIGHTNESS, CONTRAST, GREY, HUE, SATURATION
from dilo.augment.resample import crop_resize
from dilo.augment.views import ViewParameters
from dilo.folder import list_images
from dilo.image import MEAN, STD, Image, read_image
from dilo.models.normalise import normalise
from record import RESULTS, record

SIDE = 224
CHAIN = VIEW_CHAINS["moco_v2"]
BUNDLED = ("astronaut", "chelsea", "coffee", "motorcycle_left", "retina", "rocket")
TAPS = 23  # of torchvision's blur: the field's kernel at 224 pixels

Levels = NDArray[np.float64]
Apart = tuple[str, str, Levels]  # step, whose, difference of one image
COLOURS: dict[int, tuple[str, Callable[..., Any]]] = {
    BRIGHTNESS: ("brightness", functional.adjust_brightness),
    CONTRAST: ("contrast", functional.adjust_contrast),
    SATURATION: ("saturation", functional.adjust_saturation),
    HUE: ("hue", functional.adjust_hue),
}


def main() -> None:
    """Measure, print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=Path, help="folder of photographs")
    parser.add_argument("--count", type=int, default=20, help="images, evenly chosen")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON")
    arguments = parser.parse_args()
    files = photographs(arguments.images, arguments.count)
    rows = measure(files)
    print("\n".join(markdown(rows)))
    figures = {
        "images": len(files),
        "of": str(arguments.images or "scikit-image"),
        "rows": rows,
    }
    print(record("view_agreement", figures, arguments.out))


def photographs(folder: Path | None, count: int) -> list[Path]:
    """List the files."""
    if folder is None:
        bundled = Path(skimage.__file__).parent / "data"
        return sorted(path for path in bundled.iterdir() if path.stem in BUNDLED)
    names = list_images(folder)
    return [folder / name for name in names[:: max(1, len(names) // count)][:count]]


def measure(files: Sequence[Path]) -> dict[str, dict[str, float]]:
    """Give "step, whose" -> figures over all images."""
    found: dict[str, list[Levels]] = {}
    images = []
    for number, path in enumerate(files):
        image = read_image(path).copy()
        images.append(image)
        found.setdefault("decode, Pillow", []).append(decoding(path, image))
        view = draw_view(image.shape[:2], CHAIN, view_rng(0, 0, number))
        for step, whose, apart in steps(image, view, np.random.default_rng(number)):
            found.setdefault(f"{step}, {whose}", []).append(apart)
    drawn = [
        draw_view(image.shape[:2], CHAIN, view_rng(0, 1, number))
        for number, image in enumerate(images)
    ]
    found["view, tensors"] = [
        np.abs(one_view(image, view) - on_tensors(image, view))
        for image, view in zip(images, drawn, strict=True)
    ]
    found["view, our batched path"] = batched(images, drawn)
    return {name: summary(levels) for name, levels in found.items()}


def decoding(path: Path, image: Image) -> Levels:
    """Compare with Pillow's pixels."""
    with PIL.Image.open(path) as opened:
        return np.abs(np.float64(image) - np.asarray(opened.convert("RGB")))


def steps(
    image: Image, view: ViewParameters, rng: np.random.Generator
) -> Iterator[Apart]:
    """Compare every step on one image; all but the crop work on our crop."""
    box = view.box.top, view.box.left, view.box.height, view.box.width
    crop = crop_resize(image, view.box, SIDE)
    cut = partial(functional.resized_crop, antialias=True)
    yield from compare("crop", crop, image, lambda given: cut(given, *box, [SIDE] * 2))
    for step, (name, adjust) in COLOURS.items():
        factor = rng.uniform(-0.1, 0.1) if step == HUE else rng.uniform(0.6, 1.4)
        changed = partial(adjust, **{f"{name}_factor": factor})
        yield from compare(name, apply_colour(crop, [(step, factor)]), crop, changed)
    grey = partial(functional.rgb_to_grayscale, num_output_channels=3)
    yield from compare("grey", apply_colour(crop, [(GREY, 0.0)]), crop, grey)
    sigma = float(rng.uniform(0.1, 2))
    blur = partial(functional.gaussian_blur, kernel_size=[TAPS] * 2, sigma=[sigma] * 2)
    yield from compare("blur", blur_image(crop, sigma), crop, blur)
    flipped = np.ascontiguousarray(crop[:, ::-1])
    yield from compare("flip", flipped, crop, functional.horizontal_flip)
    yield "normalise", "tensors", normalising(crop)


def compare(
    step: str, ours: Image, given: Image, theirs: Callable[[Any], Any]
) -> Iterator[Apart]:
    """Compare with torchvision's function on tensors and on PIL images."""
    for whose, form in (
        ("tensors", torch.from_numpy(given).permute(2, 0, 1)),
        ("Pillow", PIL.Image.fromarray(given)),
    ):
        made = functional.to_image(theirs(form)).permute(1, 2, 0).numpy()
        yield step, whose, np.abs(np.float64(ours) - made)


def normalising(crop: Image) -> Levels:
    """Compare floats, told in levels."""
    ours = normalise(torch.from_numpy(crop[None]))[0]
    planes = torch.from_numpy(crop).permute(2, 0, 1)
    scaled = functional.to_dtype(planes, torch.float32, scale=True)
    theirs = functional.normalize(scaled, list(MEAN), list(STD))
    apart = (ours.double() - theirs.double()).abs().permute(1, 2, 0).numpy()
    return np.asarray(apart * np.array(STD) * 255)


def one_view(image: Image, view: ViewParameters) -> Levels:
    """Make a view on the CPU."""
    made = apply_view(image, None, SIDE, view, CopyPasteConfig())
    return np.asarray(made, np.float64)


def on_tensors(image: Image, view: ViewParameters) -> Levels:
    """Make the same view by torchvision's functions."""
    pixels = torch.from_numpy(image).permute(2, 0, 1)
    box = view.box.top, view.box.left, view.box.height, view.box.width
    pixels = functional.resized_crop(pixels, *box, [SIDE] * 2, antialias=True)
    for step, factor in view.colour:
        if step == GREY:
            pixels = functional.rgb_to_grayscale(pixels, 3)
        else:
            pixels = COLOURS[step][1](pixels, factor)
    if view.blur:
        pixels = functional.gaussian_blur(pixels, [TAPS] * 2, [view.blur] * 2)
    if view.flip:
        pixels = functional.horizontal_flip(pixels)
    return np.asarray(pixels.permute(1, 2, 0).numpy(), np.float64)


def batched(images: Sequence[Image], drawn: Sequence[ViewParameters]) -> list[Levels]:
    """Compare views of the batched path with those of the path for single views."""
    parameters = stack_parameters(drawn)
    batch = stack_images([torch.from_numpy(image) for image in images])
    views = finish_batch(crop_batch(batch, parameters.boxes, SIDE), parameters)
    return [
        np.abs(one_view(image, one) - view.numpy())
        for image, one, view in zip(images, drawn, views, strict=True)
    ]


def summary(apart: Sequence[Levels]) -> dict[str, float]:
    """Summarise the differences of all images, in levels."""
    means = [float(levels.mean()) for levels in apart]
    return {
        "mean": float(np.mean(means)),
        "worst image": max(means),
        "largest": float(max(levels.max() for levels in apart)),
        "share above 2": float(np.mean([(levels > 2).mean() for levels in apart])),
    }


def markdown(rows: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Write the table."""
    lines = ["| step, against | mean | worst image | largest | above 2 levels |"]
    lines.append("|---" * 5 + "|")
    for name, row in rows.items():
        cells = (f"{row[key]:.2f}" for key in ("mean", "worst image"))
        end = f"{row['largest']:.3g} | {row['share above 2']:.2%}"
        lines.append(f"| {name} | {' | '.join(cells)} | {end} |")
    return lines


if __name__ == "__main__":
    main()
