import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
import PIL.Image
import pytest

from dilo.augment import (
    CopyPasteConfig,
    ViewConfig,
    apply_view,
    centre_view,
    draw_view,
    open_sources,
    train_view,
    view_chain,
    view_rng,
)
from dilo.augment.background_sources import BackgroundSources
from dilo.augment.parameters import draw_paste
from dilo.config import replace
from dilo.data.image_set import Example, MemorySet, SourceSet
from dilo.data.sampler import BatchSampler
from dilo.data.sources import ImageFiles
from dilo.data.synthetic import SceneConfig, make_scene
from dilo.errors import DiloError, ImageError, StoreError
from dilo.image import Image, encode_image
from dilo.pretrain.views import Views
from dilo.training.loader import Loader

RISING = ViewConfig(copy_paste=CopyPasteConfig(probability=1.0, ramp=0.8))
ALWAYS = ViewConfig(copy_paste=CopyPasteConfig(probability=1.0, ramp=0.0))


class Noise:
    """Images of noise, of which some cannot be read."""

    def __init__(self, count: int, broken: Sequence[int] = ()) -> None:
        rng = np.random.default_rng(0)
        self.names = [f"{index}.png" for index in range(count)]
        self.images = rng.integers(0, 256, (count, 12, 14, 3), np.uint8)
        self.broken = broken

    def __getitem__(self, index: int) -> Example:
        if index in self.broken:
            raise ImageError(f"{self.names[index]}: the file is empty")
        saliency = np.full((12, 14), 0.5, np.float32)
        return Example(image=self.images[index], saliency=saliency)


def loader(examples: Noise, workers: int = 0, epochs: int = 2) -> Loader:
    views = Views(examples=examples, crop_size=8, config=RISING, seed=4, epochs=epochs)
    count = len(examples.names)

    def sampler(first_step: int) -> BatchSampler:
        return BatchSampler(
            count=count, batch_size=4, epochs=epochs, seed=4, first_step=first_step
        )

    return Loader(views, sampler, workers)


def stack(views: Views, epoch: int, index: int) -> Image:
    """The views of one image."""
    made, number = views[epoch, index]
    assert number == index
    return made


def test_a_view_depends_on_seed_epoch_and_index_alone():
    examples = Noise(10)
    seen = 0
    for step, (stacks, indices) in enumerate(loader(examples)(0)):
        for view, index in zip(stacks[:, 0], indices.tolist(), strict=True):
            rng = view_rng(4, step // 3, index)
            example = examples[index]
            expected = train_view(
                example.image, example.saliency, 8, RISING, rng, progress=step // 3 / 2
            )
            np.testing.assert_array_equal(view.numpy(), expected)
            seen += 1
    assert seen == 20


def test_each_of_two_views_is_pasted_for_itself():
    pasting = CopyPasteConfig(probability=0.5, ramp=0.0, alpha_low=0, alpha_high=1)
    config = view_chain("table1_centre_crop", pasting)
    examples = Noise(40)
    views = Views(examples=examples, crop_size=8, config=config, seed=4, epochs=1)
    views = dataclasses.replace(views, views=2)
    seen = set()
    for index in range(40):
        both = stack(views, 0, index)
        plain = centre_view(examples.images[index], 8)
        seen.add(tuple(bool((view != plain).any()) for view in both))
    assert len(seen) == 4


def test_a_batch_holds_the_views_of_each_image():
    views = Views(examples=Noise(4), crop_size=8, config=RISING, seed=4, epochs=1)
    views = dataclasses.replace(views, views=2)
    batches = Loader(
        views, lambda step: BatchSampler(count=4, batch_size=4, epochs=1, seed=4), 0
    )
    ((stacks, indices),) = batches(0)
    assert stacks.shape == (4, 2, 8, 8, 3)
    for own, index in zip(stacks, indices.tolist(), strict=True):
        np.testing.assert_array_equal(own, stack(views, 0, index))


@pytest.mark.parametrize(
    "pasting",
    [
        *({"background": name} for name in ("grey", "procedural", "other", "border")),
        {"blending": "gaussian"},
        {"shift": 0.3, "max_scale": 2.0},
        {"min_cover": 0.5},
    ],
    ids=str,
)
def test_views_are_drawn_behind_all_pastes_of_their_image(pasting):
    scenes = [make_scene(SceneConfig(size=48), index) for index in range(3)]
    maps = [scene.mask[::2, ::2].astype(np.float32) for scene in scenes]
    examples = MemorySet(
        ["0", "1", "2"],
        [
            Example(image=scene.image, saliency=saliency)
            for scene, saliency in zip(scenes, maps, strict=True)
        ],
    )
    config = ViewConfig(copy_paste=CopyPasteConfig(ramp=0.0, **pasting))
    sources = open_sources(config.copy_paste, examples)
    views = Views(
        examples=examples, crop_size=24, config=config, seed=4, epochs=1, views=2
    )
    views = dataclasses.replace(views, sources=sources)
    pasted = 0
    for epoch, index in itertools.product(range(4), range(3)):
        rng, scene = view_rng(4, epoch, index), scenes[index]
        pastes = [draw_paste(rng, config.copy_paste) for _ in range(2)]
        own = dataclasses.replace(sources, index=index)
        for paste, view in zip(pastes, views[epoch, index][0], strict=True):
            drawn = draw_view((48, 48), config, rng, saliency=maps[index], paste=paste)
            expected = apply_view(
                scene.image, maps[index], 24, drawn, config.copy_paste, own
            )
            np.testing.assert_array_equal(view, expected)
            pasted += paste[0]
    assert 4 < pasted < 20


def test_the_views_of_an_image_and_its_index():
    views = Views(examples=Noise(4), crop_size=8, config=RISING, seed=4, epochs=1)
    stack, index = dataclasses.replace(views, views=3)[0, 2]
    assert (stack.shape, stack.dtype, index) == ((3, 8, 8, 3), np.uint8, 2)


def test_what_fails_an_image_names_it(tmp_path):
    for name in ("good.png", "bad.png"):
        image = np.full((40, 60, 3), 9, np.uint8)
        (tmp_path / name).write_bytes(encode_image(image))

    def find_map(name: str) -> np.ndarray:
        if name == "good.png":
            raise StoreError("good.png: a part is damaged")
        return np.ones((30, 20), np.float32)

    examples = SourceSet(
        source=ImageFiles(tmp_path, ["good.png", "bad.png", "none.png"]),
        find_map=find_map,
    )
    views = Views(examples=examples, crop_size=8, config=ALWAYS, seed=4, epochs=1)
    with pytest.raises(StoreError, match=r"good\.png: a part is damaged"):
        views[0, 0]
    with pytest.raises(
        ImageError, match=r"bad\.png: its map is 20 x 30, another shape"
    ):
        views[0, 1]
    with pytest.raises(ImageError, match=r"none\.png"):
        views[0, 2]
    never = replace(ALWAYS, **{"copy_paste.probability": 0.0})
    assert dataclasses.replace(views, config=never)[0, 0][1] == 0  # needs no map


def test_a_background_that_cannot_be_made_names_the_image(tmp_path):
    PIL.Image.new("RGB", (8, 8)).save(tmp_path / "whole.png")
    pasting = {"background": "texture", "textures": str(tmp_path)}
    config = replace(
        ALWAYS, copy_paste=CopyPasteConfig(ramp=0, probability=1, **pasting)
    )
    views = Views(
        examples=Noise(2),
        crop_size=8,
        config=config,
        seed=4,
        epochs=1,
        sources=open_sources(config.copy_paste),
    )
    (tmp_path / "whole.png").unlink()
    with pytest.raises(
        DiloError, match=r"^1\.png: 10 pictures in a row cannot be read"
    ):
        views[0, 1]
    assert list(views.take_failures()) == [str(tmp_path / "whole.png")]
    assert not views.take_failures()


def test_backgrounds_of_other_images_depend_on_the_stream_alone():
    examples = Noise(6, broken=[2])
    pasting = CopyPasteConfig(probability=1.0, ramp=0.0, background="other")
    views = Views(
        examples=examples,
        crop_size=8,
        config=ViewConfig(copy_paste=pasting),
        seed=1,
        epochs=2,
        sources=BackgroundSources(others=examples),
    )
    first = [stack(views, 1, index) for index in (0, 1, 3)]
    again = [stack(views, 1, index) for index in (3, 1, 0)]
    for one, two in zip(first, reversed(again), strict=True):
        np.testing.assert_array_equal(one, two)
    assert (first[0] != stack(views, 0, 0)).any()


def test_an_image_that_fails_twice_in_a_batch_is_replaced_twice():
    views = Views(
        examples=Noise(5, broken=[1]), crop_size=8, config=RISING, seed=4, epochs=1
    )
    batches = Loader(views, lambda step: [[(0, 1), (0, 2), (0, 1), (0, 0)]], 0)
    ((stacks, indices),) = batches(0)
    assert indices.tolist() == [2, 0, 2, 2]
    for place in (2, 3):
        np.testing.assert_array_equal(stacks[place], stacks[0])
    assert list(batches.failures) == ["1.png"]
