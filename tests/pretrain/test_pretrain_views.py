import dataclasses
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from dilo.augment import (
    CopyPasteConfig,
    ViewConfig,
    apply_view,
    centre_view,
    draw_view,
    train_view,
    view_chain,
    view_rng,
)
from dilo.augment.sources import Setting, Sources
from dilo.augment.views import draw_paste
from dilo.config import replace
from dilo.data.image_set import Example, SourceSet
from dilo.data.sampler import BatchSampler
from dilo.data.sources import ImageFiles
from dilo.data.synthetic import SceneConfig, make_scene
from dilo.errors import ImageError, RunError, StoreError
from dilo.foreground import Foreground
from dilo.image import Image, encode_image
from dilo.pretrain import views as module
from dilo.pretrain.views import ViewLoader, Views

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


def loader(examples: Noise, workers: int = 0, epochs: int = 2) -> ViewLoader:
    views = Views(examples=examples, crop_size=8, config=RISING, seed=4, epochs=epochs)
    count = len(examples.names)

    def sampler(first_step: int) -> BatchSampler:
        return BatchSampler(
            count=count, batch_size=4, epochs=epochs, seed=4, first_step=first_step
        )

    return ViewLoader(views, sampler, workers)


def stack(views: Views, epoch: int, index: int) -> Image:
    """The views of one image."""
    made = views[epoch, index]
    assert made.index == [index]
    return made.views[:, 0]


def test_a_view_depends_on_seed_epoch_and_index_alone():
    examples = Noise(10)
    seen = 0
    for step, batch in enumerate(loader(examples)(0)):
        for view, index in zip(batch.views[0], batch.index.tolist(), strict=True):
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


def test_a_batch_holds_the_views_of_its_images_one_behind_the_other():
    views = Views(examples=Noise(4), crop_size=8, config=RISING, seed=4, epochs=1)
    views = dataclasses.replace(views, views=2)
    batches = ViewLoader(
        views, lambda step: BatchSampler(count=4, batch_size=4, epochs=1, seed=4), 0
    )
    (batch,) = batches(0)
    assert batch.views.shape == (2, 4, 8, 8, 3)
    for place, index in enumerate(batch.index.tolist()):
        np.testing.assert_array_equal(batch.views[:, place], stack(views, 0, index))


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
@pytest.mark.parametrize("known", [None, (48, 48), (60, 60), (0, 48)], ids=str)
def test_what_is_drawn_before_an_image_is_read_is_what_its_view_draws(
    tmp_path, monkeypatch, pasting, known
):
    """Whether or not the mask store knows the image's size, or another one."""
    scenes = [make_scene(SceneConfig(size=48), index) for index in range(3)]
    for index, scene in enumerate(scenes):
        (tmp_path / f"{index}.png").write_bytes(encode_image(scene.image))
    examples = SourceSet(
        source=ImageFiles(tmp_path, [f"{index}.png" for index in range(3)]),
        find_map=lambda name: Foreground(
            scenes[int(name[0])].mask[::2, ::2].astype(np.float32), known
        ),
        find_shape=lambda name: known,
    )
    config = ViewConfig(copy_paste=CopyPasteConfig(ramp=0.0, **pasting))
    sources = Sources(others=examples)
    views = Views(
        examples=examples, crop_size=24, config=config, seed=4, epochs=1, views=2
    )
    views = dataclasses.replace(views, sources=sources)
    pasted = 0
    samples = [(epoch, index) for epoch in range(4) for index in range(3)]
    made = views.__getitems__(samples)
    assert made.index == [index for _, index in samples]
    monkeypatch.setattr(module, "LARGEST", 5000)  # of two maps
    np.testing.assert_array_equal(views.__getitems__(samples).views, made.views)
    for place, (epoch, index) in enumerate(samples):
        rng, example = view_rng(4, epoch, index), examples[index]
        pastes = [draw_paste(rng, config.copy_paste) for _ in range(2)]
        for paste, view in zip(pastes, made.views[:, place], strict=True):
            drawn = draw_view(
                (48, 48), config, rng, saliency=example.saliency, paste=paste
            )
            setting = Setting(index=index, sources=sources)
            expected = apply_view(
                example.image, example.saliency, 24, drawn, config.copy_paste, setting
            )
            np.testing.assert_array_equal(view, expected)
            pasted += paste.wanted
    assert 4 < pasted < 20


@pytest.mark.parametrize("known", [None, (40, 60)])
def test_a_map_of_another_shape_fails_its_image(tmp_path, known):
    """Even where the mask store takes the image for one of its own size."""
    for name in ("good.png", "bad.png"):
        image = np.full((40, 60, 3), 9, np.uint8)
        (tmp_path / name).write_bytes(encode_image(image))
    maps = {
        "good.png": np.ones((20, 30), np.float32),
        "bad.png": np.ones((30, 20), np.float32),
    }
    examples = SourceSet(
        source=ImageFiles(tmp_path, list(maps)),
        find_map=lambda name: Foreground(maps[name], known),
    )
    views = Views(examples=examples, crop_size=8, config=ALWAYS, seed=4, epochs=1)
    made = views.__getitems__([(0, 0), (0, 1)])
    assert made.index == [0, 0]
    assert list(made.failures) == ["bad.png"]
    assert "its map is 20 x 30, another shape" in made.failures["bad.png"]


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_an_image_that_was_reduced_since_its_map_was_made_is_read_once(
    tmp_path, probability
):
    image = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    (tmp_path / "0.png").write_bytes(encode_image(image))
    read = []

    class Counted(ImageFiles):
        def read(self, index: int) -> Path:
            read.append(index)
            return super().read(index)

    examples = SourceSet(
        source=Counted(tmp_path, ["0.png"]),
        find_map=lambda name: Foreground(np.ones((15, 20), np.float32), (60, 80)),
        find_shape=lambda name: (60, 80),
    )
    config = replace(ALWAYS, **{"copy_paste.probability": probability})
    views = Views(examples=examples, crop_size=8, config=config, seed=4, epochs=1)
    made = views.__getitems__([(0, 0), (1, 0), (2, 0)])
    assert read == [0, 0, 0]
    unknown = dataclasses.replace(
        examples,
        find_map=lambda name: Foreground(np.ones((15, 20), np.float32)),
        find_shape=None,
    )
    same = dataclasses.replace(views, examples=unknown)
    np.testing.assert_array_equal(
        made.views, same.__getitems__([(0, 0), (1, 0), (2, 0)]).views
    )


def test_a_size_that_cannot_be_told_does_not_end_a_batch(tmp_path):
    image = np.full((30, 40, 3), 9, np.uint8)
    (tmp_path / "0.png").write_bytes(encode_image(image))

    def fail(name: str) -> None:
        raise StoreError("a part is damaged")

    source = ImageFiles(tmp_path, ["0.png"])
    never = replace(ALWAYS, **{"copy_paste.probability": 0.0})
    examples = SourceSet(source=source, find_map=fail, find_shape=fail)
    views = Views(examples=examples, crop_size=8, config=never, seed=4, epochs=1)
    assert views.__getitems__([(0, 0)]).index == [0]  # needs no map
    views = dataclasses.replace(views, config=ALWAYS)
    assert views.__getitems__([(0, 0)]).failures == {"0.png": "a part is damaged"}


@pytest.mark.slow
def test_workers_change_nothing():
    alone = list(loader(Noise(10))(1))
    helped = list(loader(Noise(10), workers=2)(1))
    assert len(alone) == len(helped) == 5
    for one, two in zip(alone, helped, strict=True):
        np.testing.assert_array_equal(one.views, two.views)
        assert one.index.tolist() == two.index.tolist()


@pytest.mark.slow
def test_workers_do_not_outlive_a_process_that_fails_beside_them(tmp_path):
    script = """
import sys
sys.path[:0] = [TESTS]
from test_pretrain_views import Noise, loader
batches = loader(Noise(40), workers=1)(0)  # a global, which is not let go
next(batches)
raise SystemExit(3)
"""
    script = script.replace("TESTS", repr(str(Path(__file__).parent)))
    ended = subprocess.run([sys.executable, "-c", script], timeout=120, cwd=tmp_path)
    assert ended.returncode == 3


def test_backgrounds_of_other_images_depend_on_the_stream_alone():
    examples = Noise(6, broken=[2])
    pasting = CopyPasteConfig(probability=1.0, ramp=0.0, background="other")
    views = Views(
        examples=examples,
        crop_size=8,
        config=ViewConfig(copy_paste=pasting),
        seed=1,
        epochs=2,
        sources=Sources(others=examples),
    )
    first = [stack(views, 1, index) for index in (0, 1, 3)]
    again = [stack(views, 1, index) for index in (3, 1, 0)]
    for one, two in zip(first, reversed(again), strict=True):
        np.testing.assert_array_equal(one, two)
    assert (first[0] != stack(views, 0, 0)).any()


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_batch_keeps_its_size_beside_unreadable_images(workers):
    batches = loader(Noise(10, broken=[1, 6, 9]), workers, epochs=1)
    drawn = list(batches(0))
    assert [len(batch.index) for batch in drawn] == [4, 4, 2]
    indices = {index for batch in drawn for index in batch.index.tolist()}
    assert indices == {0, 2, 3, 4, 5, 7, 8}
    assert batches.failures == {
        f"{index}.png": f"{index}.png: the file is empty" for index in (1, 6, 9)
    }


def test_an_image_that_fails_twice_in_a_batch_is_replaced_twice():
    views = Views(
        examples=Noise(3, broken=[1]), crop_size=8, config=RISING, seed=4, epochs=1
    )
    made = views.__getitems__([(0, 1), (0, 2), (0, 1), (0, 0)])
    assert made.index == [2, 0, 2, 2]
    for place in (2, 3):
        np.testing.assert_array_equal(made.views[:, place], made.views[:, 0])
    assert list(made.failures) == ["1.png"]


def test_a_batch_without_a_readable_image_is_an_error():
    with pytest.raises(
        RunError, match=r"not one image of a batch can be read: .*empty"
    ):
        list(loader(Noise(4, broken=range(4)))(0))
