from dataclasses import replace

import numpy as np
import PIL.Image
import pytest

from dilo.augment import BACKGROUNDS, CopyPasteConfig, open_sources
from dilo.augment.background_sources import BackgroundSources
from dilo.data.image_set import Example
from dilo.errors import ImageError, InputError


class Others:
    """Images of one colour each, of which some have a white object and a map."""

    def __init__(self, count=5, broken=(), mapped=True):
        self.names = [f"{index}.png" for index in range(count)]
        self.broken = broken
        self.mapped = mapped

    def __getitem__(self, index):
        if index in self.broken:
            raise ImageError("broken")
        image = np.full((40, 50, 3), 20 * (index + 1), np.uint8)
        saliency = np.zeros((20, 25), np.float32)
        saliency[6:14, 8:16] = 1
        image[12:28, 16:32] = 255
        return Example(image=image, saliency=saliency if self.mapped else None)


OWN, NOTHING = Others()[0], BackgroundSources()


@pytest.fixture
def sources(tmp_path):
    for folder in ("textures", "bank"):
        picture = np.random.default_rng(0).integers(0, 256, (30, 20, 3), np.uint8)
        (tmp_path / folder).mkdir()
        PIL.Image.fromarray(picture).save(tmp_path / folder / "a.png")
    config = CopyPasteConfig(
        textures=str(tmp_path / "textures"), bank=str(tmp_path / "bank")
    )
    return replace(open_sources(config, Others()), index=0)


def make(name, sources=NOTHING, size=(24, 24), seed=1, of=OWN):
    rng = np.random.default_rng(seed)
    return BACKGROUNDS[name](rng, size, of.image, of.saliency, sources)


@pytest.mark.parametrize("shape", [(5, 7), (64, 64), (1, 1), (1, 9)])
@pytest.mark.parametrize("name", BACKGROUNDS)
def test_background_contract(name, sources, shape):
    background = make(name, sources, shape)
    assert background.shape == (*shape, 3)
    assert background.dtype == np.uint8
    np.testing.assert_array_equal(background, make(name, sources, shape))


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_backgrounds_are_drawn_anew_for_each_view(name, sources):
    made = [make(name, sources, seed=seed) for seed in range(8)]
    if name == "border":  # this image has a border of one colour
        assert all((background == 20).all() for background in made)
    else:
        assert any((background != made[0]).any() for background in made)


@pytest.mark.parametrize("name", ["texture", "mined", "painted_out", "other"])
def test_a_background_says_what_it_needs(name):
    with pytest.raises(InputError, match="needs"):
        make(name)


def test_grey_background_is_flat_and_reaches_both_ends():
    levels = set()
    for seed in range(3000):
        background = make("grey", size=(2, 2), seed=seed)
        assert (background == background[0, 0, 0]).all()
        levels.add(int(background[0, 0, 0]))
    assert {0, 255} <= levels


def test_the_object_of_another_image_is_painted_out(sources):
    for seed in range(20):
        background = make("painted_out", sources, seed=seed)
        level = background[0, 0, 0]
        assert level in (40, 60, 80, 100)  # never the image's own 20
        assert (background == level).all()  # and nothing of the white object


def test_another_image_shows_its_object(sources):
    assert (make("other", sources) == 255).any()


def test_images_that_cannot_be_used_are_passed_over():
    sources = BackgroundSources(others=Others(broken=(1, 2, 4)), index=0)
    rng = np.random.default_rng(0)
    levels = {int(sources.draw_other(rng).image[0, 0, 0]) for _ in range(30)}
    assert levels == {80}
    with pytest.raises(InputError, match=r"no other image can be read, of 100 drawn"):
        BackgroundSources(others=Others(broken=range(5))).draw_other(rng)
    without = BackgroundSources(others=Others(mapped=False), index=0)
    with pytest.raises(InputError, match="no other image has a foreground map"):
        without.draw_other(rng, mapped=True)


def test_every_other_image_is_drawn_alike_and_the_own_one_never():
    rng = np.random.default_rng(0)
    sources = BackgroundSources(others=Others(), index=2)
    levels = [int(sources.draw_other(rng).image[0, 0, 0]) for _ in range(800)]
    found, counts = np.unique(levels, return_counts=True)
    assert found.tolist() == [20, 40, 80, 100]
    assert (abs(counts - 200) < 50).all()


def test_a_single_image_has_no_others():
    one = BackgroundSources(others=Others(count=1))
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="needs the other images"):
        replace(one, index=0).draw_other(rng)
    assert one.draw_other(rng).image[0, 0, 0] == 20


def test_an_object_that_fills_the_image_leaves_its_least_covered_border():
    image = np.full((32, 32, 3), 200, np.uint8)
    image[:, :2] = 10
    alpha = np.ones((32, 32), np.float32)
    alpha[:, :2] = 0.2
    background = make("border", of=Example(image=image, saliency=alpha))
    assert (background == 10).all()


def test_a_picture_that_cannot_be_read_is_passed_over(tmp_path):
    PIL.Image.new("RGB", (8, 8), (9, 9, 9)).save(tmp_path / "whole.png")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    sources = open_sources(CopyPasteConfig(textures=str(tmp_path)))
    for seed in range(10):
        assert (make("texture", sources, seed=seed) == 9).all()


@pytest.mark.parametrize(("side", "kept"), [(512, 512), (513, 257), (1100, 367)])
def test_large_pictures_are_kept_at_a_short_side_of_512(tmp_path, side, kept):
    PIL.Image.new("RGB", (side + 40, side)).save(tmp_path / "large.png")
    sources = open_sources(CopyPasteConfig(textures=str(tmp_path)))
    assert len(sources.textures.draw(np.random.default_rng(0))) == kept


def test_a_folder_without_a_readable_picture_is_refused(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    config = CopyPasteConfig(textures=str(tmp_path))
    with pytest.raises(
        InputError, match=r"the first 10 pictures .*broken\.jpg.*proced"
    ):
        open_sources(config)
    PIL.Image.new("RGB", (8, 8)).save(tmp_path / "whole.png")
    sources = open_sources(config)
    (tmp_path / "whole.png").unlink()  # in the midst of a training
    with pytest.raises(ImageError, match="10 pictures in a row cannot be read"):
        make("texture", sources)


@pytest.mark.parametrize(
    ("field", "remedy"), [("textures", "procedural"), ("bank", "mine-backgrounds")]
)
def test_an_empty_folder_is_refused(tmp_path, field, remedy):
    with pytest.raises(InputError, match=f"no image files below .*{remedy}"):
        open_sources(CopyPasteConfig(**{field: str(tmp_path)}))
    missing = str(tmp_path / "nowhere")
    with pytest.raises(InputError, match=f"not a folder; .*{remedy}"):
        open_sources(CopyPasteConfig(**{field: missing}))
