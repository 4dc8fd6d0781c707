import csv
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as PillowImage

from dilo.data.synthetic import (
    BACKGROUNDS,
    CLASSES,
    OBJECTS,
    SPLIT_STARTS,
    SceneConfig,
    make_scene,
    paint_background,
    scene_label,
    write_scenes,
)
from dilo.image import check_image

ALL = SceneConfig(size=48, classes=len(CLASSES))


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_there_are_enough_classes_and_backgrounds_under_unique_names():
    assert len(set(CLASSES)) == len(CLASSES) >= 10
    assert len(set(BACKGROUNDS)) == len(BACKGROUNDS) >= 20


def test_each_background_belongs_to_one_class_and_each_class_owns_two():
    owned = [kind for thing in OBJECTS.values() for kind in thing.backgrounds]
    assert sorted(owned) == sorted(BACKGROUNDS)


@pytest.mark.parametrize("kind", BACKGROUNDS)
def test_a_background_is_an_image_that_its_generator_alone_decides(kind):
    picture = paint_background(kind, 32, np.random.default_rng(5))
    check_image(picture)
    assert picture.shape == (32, 32, 3)
    assert picture.std() > 4  # not one colour
    assert np.array_equal(picture, paint_background(kind, 32, np.random.default_rng(5)))
    other = paint_background(kind, 32, np.random.default_rng(6))
    assert not np.array_equal(picture, other)


@pytest.mark.parametrize("size", [16, 33, 96])
def test_a_scene_has_the_size_asked_for(size):
    scene = make_scene(SceneConfig(size=size), 3)
    check_image(scene.image)
    assert scene.image.shape == scene.backdrop.shape == (size, size, 3)
    assert scene.mask.shape == (size, size)
    assert scene.mask.dtype == np.bool_


def test_a_scene_does_not_depend_on_the_scenes_made_before():
    forth = [make_scene(ALL, index) for index in range(12)]
    back = [make_scene(ALL, index) for index in reversed(range(12))]
    assert all(same(a, b) for a, b in zip(forth, reversed(back), strict=True))


def test_another_seed_gives_other_scenes():
    first, second = make_scene(ALL, 0), make_scene(replace(ALL, seed=1), 0)
    assert not np.array_equal(first.mask, second.mask)


def test_the_image_differs_from_its_backdrop_on_the_mask_and_its_rim_only():
    for index in range(36):
        scene = make_scene(ALL, index)
        changed = (scene.image != scene.backdrop).any(axis=2)
        grown = scene.mask.copy()
        for axis in (0, 1):
            for shift in (-1, 1):
                grown |= np.roll(scene.mask, shift, axis)
        diagonal = np.roll(np.roll(grown, 1, 0), 1, 1) | np.roll(grown, -1, 0)
        assert (changed & ~(grown | diagonal)).mean() < 0.004  # thin tips
        assert changed[scene.mask].mean() > 0.97


def test_the_mask_is_where_the_object_covers_half_of_the_pixel():
    # before black and before white, a pixel shows (1 - coverage) of the difference
    for index in range(12):
        scenes = [make_scene(ALL, index, kind) for kind in ("night", "snow")]
        shown, behind = (
            abs(np.subtract(*pair, dtype=np.float64)).sum(axis=2)
            for pair in (
                [scene.image for scene in scenes],
                [scene.backdrop for scene in scenes],
            )
        )
        clear = behind > 150
        coverage = 1 - shown[clear] / behind[clear]
        mask = scenes[0].mask[clear]
        assert (coverage[mask] > 0.47).all()
        assert (coverage[~mask] < 0.53).all()


def test_labels_are_balanced_in_every_round_and_do_not_come_in_order():
    config = SceneConfig(classes=10)
    labels = [scene_label(config, index) for index in range(200)]
    for start in range(0, 200, 10):
        assert sorted(labels[start : start + 10]) == list(range(10))
    assert labels[:10] != labels[10:20]
    assert labels[7] == make_scene(config, 7).label


def test_objects_cover_a_fifth_to_a_third_of_the_image():
    areas = [make_scene(ALL, index).mask.mean() for index in range(240)]
    assert 0.2 < np.mean(areas) < 0.35
    assert min(areas) > 0.08
    assert max(areas) < 0.55


def test_objects_are_often_off_centre():
    places = []
    for index in range(120):
        rows, columns = np.nonzero(make_scene(ALL, index).mask)
        places.append((rows.mean() / 48, columns.mean() / 48))
    assert (np.std(places, axis=0) > 0.08).all()
    assert np.allclose(np.mean(places, axis=0), 0.5, atol=0.05)


def test_full_correlation_always_gives_a_kind_of_the_class():
    config = replace(ALL, correlation=1.0, size=16)
    for index in range(60):
        scene = make_scene(config, index)
        own = OBJECTS[CLASSES[scene.label]].backgrounds
        assert BACKGROUNDS[scene.background] in own


def test_without_correlation_the_kind_says_nothing_about_the_class():
    config = replace(ALL, size=16)
    scenes = [make_scene(config, index) for index in range(960)]
    kinds = Counter(scene.background for scene in scenes)
    assert len(kinds) == len(BACKGROUNDS)
    assert max(kinds.values()) < 70  # 40 expected
    own = [
        BACKGROUNDS[scene.background] in OBJECTS[CLASSES[scene.label]].backgrounds
        for scene in scenes
    ]
    assert np.mean(own) == pytest.approx(2 / len(BACKGROUNDS), abs=0.03)


def test_correlation_is_the_share_of_scenes_moved_to_own_kinds_and_keeps_objects():
    kept = 0
    for index in range(60):
        free = make_scene(replace(ALL, size=24), index)
        bound = make_scene(replace(ALL, size=24, correlation=0.5), index)
        assert np.array_equal(free.mask, bound.mask)
        assert free.label == bound.label
        kept += free.background == bound.background
    assert 15 < kept < 45


def test_the_same_object_comes_before_another_background_on_request():
    scene = make_scene(ALL, 4)
    other = make_scene(ALL, 4, background="brick")
    assert BACKGROUNDS[other.background] == "brick"
    assert np.array_equal(scene.mask, other.mask)
    inside = scene.mask & ~(scene.image == scene.backdrop).any(axis=2)
    nearly = np.abs(scene.image.astype(int) - other.image)[inside].max(axis=1) <= 2
    assert nearly.mean() > 0.7  # all but the rim


def test_the_mean_colour_of_the_background_does_not_tell_the_class():
    config = SceneConfig(size=24, classes=10)
    scenes = [make_scene(config, index) for index in range(600)]
    means = np.array([scene.backdrop.mean(axis=(0, 1)) for scene in scenes])
    labels = np.array([scene.label for scene in scenes])
    distance = np.linalg.norm(means[300:, None] - means[None, :300], axis=2)
    votes = labels[:300][np.argsort(distance, axis=1)[:, :9]]
    guess = np.array([np.bincount(row, minlength=10).argmax() for row in votes])
    assert (guess == labels[300:]).mean() < 0.2  # chance is 0.1


def test_written_scenes_are_what_make_scene_gives(tmp_path):
    config = SceneConfig(size=32, classes=4)
    write_scenes(tmp_path, config, 5)
    write_scenes(tmp_path, config, 3, split="val")
    with (tmp_path / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["file", "label", "split", "background"]
    assert [row["split"] for row in rows] == ["train"] * 5 + ["val"] * 3
    for place, row in enumerate(rows):
        number = place if place < 5 else place - 5
        scene = make_scene(config, SPLIT_STARTS[row["split"]] + number)
        assert row["label"] == CLASSES[scene.label]
        assert row["background"] == BACKGROUNDS[scene.background]
        with PillowImage.open(tmp_path / "images" / row["file"]) as image:
            assert np.array_equal(np.asarray(image), scene.image)
        with PillowImage.open(tmp_path / "masks" / row["file"]) as mask:
            assert mask.mode == "1"
            assert np.array_equal(np.asarray(mask), scene.mask)


def test_writing_again_changes_no_byte(tmp_path):
    def contents():
        files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
        return [(path, path.read_bytes()) for path in files]

    config = SceneConfig(size=16)
    write_scenes(tmp_path, config, 4)
    write_scenes(tmp_path, config, 2, split="val")
    before = contents()
    write_scenes(tmp_path, config, 4)
    assert contents() == before
    assert len(before) == 13  # nothing half-written beside them


def test_a_folder_of_other_labels_or_more_scenes_is_refused(tmp_path):
    config = SceneConfig(size=16)
    write_scenes(tmp_path / "more", config, 3)
    with pytest.raises(ValueError, match="1 more scenes of split 'train'"):
        write_scenes(tmp_path / "more", replace(config, seed=1), 2)
    with PillowImage.open(tmp_path / "more/images/train-000000.png") as image:
        assert np.array_equal(np.asarray(image), make_scene(config, 0).image)
    (tmp_path / "labels.csv").write_text("file,label\na.jpg,cat\n")
    with pytest.raises(ValueError, match="columns are not file, label, split"):
        write_scenes(tmp_path, config, 2)
    assert not (tmp_path / "images").exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [("size", 8), ("seed", -1), ("correlation", 1.5), ("classes", 1), ("classes", 99)],
)
def test_unusable_settings_are_refused(field, value):
    with pytest.raises(ValueError, match=f"{field} must .*got {value}"):
        SceneConfig(**{field: value})


def test_unknown_backgrounds_splits_and_indices_are_refused(tmp_path):
    with pytest.raises(ValueError, match="got 'lawn'"):
        make_scene(ALL, 0, background="lawn")
    with pytest.raises(ValueError, match="at least 8 pixels, got 4"):
        paint_background("sky", 4, np.random.default_rng(0))
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        make_scene(ALL, -1)
    with pytest.raises(ValueError, match="one of train, val, test, got 'all'"):
        write_scenes(tmp_path, ALL, 1, split="all")
    with pytest.raises(ValueError, match="count must be from 1"):
        write_scenes(tmp_path, ALL, 0)
