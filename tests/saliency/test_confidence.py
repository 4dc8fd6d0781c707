"""Confidence: laws of the number, and that it ranks maps by how good they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.stats import spearmanr

from dilo.data.synthetic import SceneConfig, make_scene
from dilo.errors import InputError
from dilo.image import read_image, read_map, read_mask, resize
from dilo.saliency import rbd
from dilo.saliency.confidence import confidence, is_empty

SCENES = SceneConfig(size=96)
UNIT = st.floats(0, 1, width=32)
MAPS = arrays(
    np.float32, array_shapes(min_dims=2, max_dims=2, max_side=40), elements=UNIT
)


def disc(level=1.0, floor=0.0, height=120, width=160):
    """A map of a soft-edged disc in the middle."""
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(y - height / 2 + 0.5, x - width / 2 + 0.5)
    inside = np.clip((height / 3 - distance) / 10, 0, 1)
    return (floor + (level - floor) * inside).astype(np.float32)


def soft_iou(saliency, truth):
    shared = float(saliency[truth].sum())
    return shared / (float(saliency.sum()) + truth.sum() - shared)


@pytest.fixture(scope="module")
def scenes():
    """RBD maps of scenes and of their empty backdrops, and how good the former are."""
    made = [make_scene(SCENES, number) for number in range(80)]
    maps = [rbd(scene.image) for scene in made]
    quality = [soft_iou(s, scene.mask) for s, scene in zip(maps, made, strict=True)]
    return maps, quality, [rbd(scene.backdrop) for scene in made]


@given(MAPS)
def test_is_a_share_for_any_map(saliency):
    assert 0 <= confidence(saliency) <= 1
    assert isinstance(is_empty(saliency), bool)


@pytest.mark.parametrize("level", [0.0, 0.3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (12, 16), (37, 101)])
def test_a_flat_map_is_empty_whatever_its_level(shape, level):
    saliency = np.full(shape, level, np.float32)
    assert confidence(saliency) == pytest.approx(0, abs=1e-6)
    assert is_empty(saliency)


def test_a_blank_map_has_no_confidence_at_all():
    assert confidence(np.zeros((30, 40), np.float32)) == 0


def test_known_answers():
    sure = np.zeros((160, 160), np.float32)
    sure[40:120, 40:120] = 1
    assert confidence(sure) == pytest.approx(1)
    halves = np.full((160, 160), 0.2, np.float32)
    halves[:, 80:] = 0.8
    assert confidence(halves) == pytest.approx(0.3**2 / 0.5**2)


def test_a_faint_map_is_empty_however_clear_its_outline():
    assert is_empty(disc(level=0.45))
    assert not is_empty(disc(level=0.55))


@settings(max_examples=50)
@given(MAPS)
def test_flips_and_turns_change_nothing(saliency):
    expected = confidence(saliency)
    for turned in (saliency[::-1], saliency[:, ::-1], saliency.T):
        turned = np.ascontiguousarray(turned)
        assert confidence(turned) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("scale", [0.25, 0.6, 1.7, 4])
def test_resizing_changes_little(scale):
    saliency = disc()
    height, width = (round(scale * side) for side in saliency.shape)
    resized = resize(saliency, height, width)
    assert confidence(resized) == pytest.approx(confidence(saliency), abs=0.02)


def test_storing_small_and_in_four_bits_changes_little(scenes):
    for saliency in scenes[0]:
        stored = np.rint(resize(saliency, 64, 64) * 15).astype(np.float32) / 15
        assert confidence(stored) == pytest.approx(confidence(saliency), abs=0.05)


@pytest.mark.parametrize("level", [0.0, 0.2, 0.7, 1.0])
def test_blending_with_a_uniform_map_only_lowers_it(level, scenes):
    mixed = np.float32(level)
    for saliency in (disc(), disc(0.8, 0.1), scenes[0][0]):
        values = [
            confidence(saliency * np.float32(1 - share) + mixed * np.float32(share))
            for share in (0, 0.2, 0.4, 0.6, 0.8, 1)
        ]
        assert values == sorted(values, reverse=True)
        assert values[-1] == pytest.approx(0, abs=1e-6)


def test_noise_beside_the_object_lowers_it():
    clean = disc()
    noise = np.random.default_rng(0).random(clean.shape, dtype=np.float32)
    half = clean.copy()
    half[:, 80:] = noise[:, 80:]
    assert confidence(noise) < 0.05
    assert confidence(noise) < confidence(half) < 0.7 * confidence(clean)


def test_specks_count_less_than_one_area_of_the_same_values():
    area = disc()
    specks = np.random.default_rng(0).permuted(area.ravel()).reshape(area.shape)
    assert confidence(specks) < 0.1 * confidence(area)
    assert is_empty(specks)


def test_the_background_taken_for_foreground_counts_nothing():
    assert confidence(disc()) > 0.8
    assert confidence(1 - disc()) == pytest.approx(0, abs=1e-6)


def test_ranks_maps_of_synthetic_scenes_by_their_quality(scenes):
    maps, quality, _ = scenes
    ranks = spearmanr([confidence(saliency) for saliency in maps], quality)
    assert ranks.statistic > 0.75  # .86 over 300 scenes


def test_scenes_without_object_have_less(scenes):
    with_object, _, without = scenes
    confident, unsure = (
        np.mean([confidence(saliency) for saliency in maps])
        for maps in (with_object, without)
    )
    assert unsure < confident - 0.1


def test_nothing_is_found_in_flat_images_and_noise():
    rng = np.random.default_rng(0)
    for spread in (0, 2, 10):
        noise = 128 + spread * rng.standard_normal((120, 160, 3))
        assert is_empty(rbd(noise.clip(0, 255).astype(np.uint8)))


def test_refuses_what_is_no_map():
    with pytest.raises(InputError, match="float32"):
        confidence(np.zeros((4, 4)))
    with pytest.raises(InputError, match=r"\[0, 1\]"):
        is_empty(np.full((4, 4), 2, np.float32))


@pytest.mark.realdata
@pytest.mark.parametrize(("method", "least"), [("rbd", 0.75), ("gs", 0.7), ("mc", 0.8)])
def test_ranks_and_foretells_quality_on_photographs(data_folder, method, least):
    files = sorted((data_folder.parent / "reference/ecssd200" / method).glob("*.png"))
    truths = data_folder / "ecssd200" / "masks"
    maps = [read_map(file) for file in files]
    quality = [
        soft_iou(saliency, read_mask(truths / file.name))
        for saliency, file in zip(maps, files, strict=True)
    ]
    judged = [confidence(saliency) for saliency in maps]
    assert len(judged) == 200
    assert spearmanr(judged, quality).statistic > least  # .79, .73, .83
    assert np.mean(judged) == pytest.approx(np.mean(quality), abs=0.08)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["brick", "grass", "gravel"])
def test_a_texture_is_empty(data_folder, name):
    assert is_empty(rbd(read_image(data_folder / "textures" / f"{name}.png")))
