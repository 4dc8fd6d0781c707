import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dilo.cli import main
from dilo.errors import InputError, StoreError
from dilo.image import encode_image, encode_map, read_image
from dilo.masks import MaskStore, write_maps
from dilo.mining import (
    MiningConfig,
    cut_background,
    empty_square,
    mine_backgrounds,
)

SHAPE = (100, 150)
RULE = MiningConfig()


@pytest.fixture
def images(tmp_path):
    """Green images with a red object of which the map knows; one has no room."""
    folder = tmp_path / "images"
    (folder / "sub").mkdir(parents=True)
    store = MaskStore.create(tmp_path / "masks", "by hand")
    maps = {}
    for name in ("a.png", "sub/b.png", "full.png", "empty.png"):
        saliency = np.zeros(SHAPE, np.float32)
        if name != "empty.png":
            saliency[30:70, 60:90] = 1
        if name == "full.png":
            saliency[:, ::20] = 0.3
        image = np.full((*SHAPE, 3), (30, 120, 40), np.uint8)
        image[saliency == 1] = (250, 0, 0)
        (folder / name).write_bytes(encode_image(image))
        maps[name] = saliency
    (folder / "unmapped.png").write_bytes(encode_image(image))
    write_maps(store, maps)
    return folder


def mine(images, bank, config=RULE):
    return mine_backgrounds(
        images, MaskStore.open(images.parent / "masks"), bank, config
    )


def slow_square(free):
    """Side of the largest square of True: by trying all of them."""
    return max(
        (
            side
            for side in range(1, min(free.shape) + 1)
            for top in range(free.shape[0] - side + 1)
            for left in range(free.shape[1] - side + 1)
            if free[top : top + side, left : left + side].all()
        ),
        default=0,
    )


@given(height=st.integers(1, 9), width=st.integers(1, 9), seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_the_largest_square_is_found(height, width, seed):
    rng = np.random.default_rng(seed)
    saliency = (rng.random((height, width)) < 0.25).astype(np.float32)
    box = empty_square(saliency, 0.5)
    assert box.height == box.width == slow_square(saliency <= 0.5)
    inside = saliency[box.top : box.top + box.height, box.left : box.left + box.width]
    assert not (inside > 0.5).any()


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_the_crop_lies_where_the_map_is_empty(scale):
    saliency = np.zeros((40, 60), np.float32)
    saliency[:, 25:] = 1
    image = np.zeros((40 * scale, 60 * scale, 3), np.uint8)
    image[:, : 25 * scale] = 200
    crop = cut_background(image, saliency, MiningConfig(min_side=0.1))
    if scale == 1:
        assert crop is None  # 25 pixels are too few
    else:
        assert crop.shape == (25 * scale, 25 * scale, 3)
        assert (crop == 200).all()
    assert cut_background(image, np.ones((4, 6), np.float32), RULE) is None


def test_a_bank_holds_background_alone_and_tells_the_yield(images, tmp_path):
    (images / "broken.png").write_bytes(b"no image")
    report = mine(images, tmp_path / "bank")
    found = sorted(path.name for path in (tmp_path / "bank").rglob("*.jpg"))
    assert found == ["a.png.jpg", "b.png.jpg"]
    crop = read_image(tmp_path / "bank/sub/b.png.jpg")
    assert crop.shape == (60, 60, 3)
    assert np.abs(crop.astype(int) - (30, 120, 40)).max() < 8
    assert (report.crops, report.no_map, report.no_room) == (2, 3, 1)
    told = json.loads((tmp_path / "bank/bank.json").read_text())
    assert told["config"]["threshold"] == 0.05
    assert told["crops"] == 2
    assert "2 background crops" in report.summary()
    assert "fewer than 100 crops" in report.summary()


def test_mining_again_goes_on_and_another_rule_is_refused(images, tmp_path):
    bank = tmp_path / "bank"
    mine(images, bank)
    kept = bank / "a.png.jpg"
    kept.write_bytes(b"as it was")
    (bank / "sub/b.png.jpg").unlink()
    assert mine(images, bank).crops == 2
    assert kept.read_bytes() == b"as it was"
    assert (bank / "sub/b.png.jpg").exists()
    with pytest.raises(
        StoreError, match=r"another way \(config.threshold: 0.05 -> 0.2\)"
    ):
        mine(images, bank, MiningConfig(threshold=0.2))


def test_maps_of_another_origin_are_refused(images, tmp_path):
    bank = tmp_path / "bank"
    mine(images, bank)
    told = json.loads((bank / "bank.json").read_text())
    assert told["masks"]["method"] == "by hand"
    other = MaskStore.create(tmp_path / "other", "by hand", {"sigma": 3})
    saliency = np.zeros(SHAPE, np.float32)
    saliency[30:70, 60:90] = 1
    write_maps(other, {"a.png": saliency})
    with pytest.raises(StoreError, match=r"another way \(masks.parameters.sigma: None"):
        mine_backgrounds(images, MaskStore.open(tmp_path / "other"), bank, RULE)
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "a.png").write_bytes(encode_map(saliency))
    with pytest.raises(StoreError, match=r"masks.method: 'by hand' -> None"):
        mine_backgrounds(images, MaskStore.open(plain), bank, RULE)
    mine_backgrounds(images, MaskStore.open(plain), tmp_path / "new", RULE)
    (bank / "bank.json").write_text('{"config": {}}')
    with pytest.raises(StoreError, match=r"bank.json: damaged; delete the folder"):
        mine(images, bank)


def test_a_name_as_long_as_can_be_gets_its_crop(images, tmp_path):
    longest = f"{'a' * 251}.png"
    saliency = np.zeros(SHAPE, np.float32)
    saliency[30:70, 60:90] = 1
    (images / "a.png").rename(images / longest)
    write_maps(MaskStore.open(tmp_path / "masks"), {longest: saliency})
    report = mine(images, tmp_path / "bank")
    assert (report.crops, report.failures) == (2, {})
    assert mine(images, tmp_path / "bank").crops == 2


def test_a_map_of_another_aspect_is_named(images, tmp_path):
    upright = np.zeros((150, 100, 3), np.uint8)
    (images / "a.png").write_bytes(encode_image(upright))
    report = mine(images, tmp_path / "bank")
    assert report.crops == 1
    assert list(report.failures) == ["a.png"]
    assert "a.png: its map is 150 x 100, another shape" in report.summary()


def test_a_folder_without_a_single_crop_is_an_error(images, tmp_path):
    (images / "a.png").unlink()
    (images / "sub/b.png").unlink()
    with pytest.raises(InputError, match="no background crop in 3 images; a higher"):
        mine(images, tmp_path / "bank")
    # As the message says, with the same folder.
    assert mine(images, tmp_path / "bank", MiningConfig(threshold=0.4)).crops == 1


def test_what_cannot_be_a_bank_is_refused(images, tmp_path):
    with pytest.raises(StoreError, match="holds other files; give a new folder"):
        mine(images, images)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="holds other files"):
        mine(images, tmp_path / "file")
    other = tmp_path / "other"
    other.mkdir()
    (other / "x.png").write_bytes((images / "a.png").read_bytes())
    with pytest.raises(StoreError, match="holds no map of an image below"):
        mine_backgrounds(other, MaskStore.open(tmp_path / "masks"), tmp_path, RULE)


@pytest.mark.parametrize(
    ("field", "value"),
    [("threshold", 1.5), ("min_side", float("nan")), ("side", 8), ("quality", 0)],
)
def test_bad_values_are_refused(field, value):
    with pytest.raises(InputError, match=f"{field} must be in .* got {value}"):
        MiningConfig(**{field: value})


def test_the_command_mines(images, tmp_path, capsys):
    words = ["mine-backgrounds", images, tmp_path / "masks", "--out", tmp_path / "new"]
    words += ["--threshold", 0.2]
    assert main([str(word) for word in words]) == 0
    assert "2 background crops" in capsys.readouterr().out
    bank = json.loads((tmp_path / "new" / "bank.json").read_text())
    assert bank["config"]["threshold"] == 0.2


def test_what_is_no_image_or_no_map_is_refused():
    image, saliency = np.zeros((60, 80, 3), np.uint8), np.zeros((60, 80), np.float32)
    with pytest.raises(InputError, match="an image is"):
        cut_background(image[..., 0], saliency, MiningConfig())
    with pytest.raises(InputError, match="a map is float32"):
        cut_background(image, saliency[..., np.newaxis], MiningConfig())
