"""The size that saliency is computed at: less work, the same answer, bounded memory."""

import io

import numpy as np
import PIL.Image
import pytest

from authors_maps import agreement
from dilo.errors import ImageError, InputError
from dilo.image import check_map, encode_image, read_image, read_reduced
from dilo.saliency import METHODS, estimate, working
from dilo.saliency.working import shrink, working_factor
from pictures import object_on_ground

# Median and 5th percentile of the correlation that other superpixels leave, as the
# methods' own sensitivity to noise suggests.
SIMILAR = {"rbd": (0.92, 0.65), "gs": (0.85, 0.60), "mc": (0.93, 0.78)}


def jpeg(image, **options):
    buffer = io.BytesIO()
    PIL.Image.fromarray(image).save(buffer, "JPEG", quality=95, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("size", "factor"),
    [
        ((1, 1), 1),
        ((192, 256), 1),
        ((300, 400), 2),
        ((375, 500), 2),
        ((3000, 4000), 16),
        ((3, 200_000), 1),
        ((70, 20_000), 2),
    ],
)
def test_working_factor(size, factor):
    assert working_factor(*size) == factor


@pytest.mark.parametrize("side", [142, 200, 283, 284, 999, 5000])
def test_working_size_stays_within_bounds(side):
    factor = working_factor(side, side)
    assert 20_000 <= side * side / factor**2 < 80_000


@pytest.mark.parametrize("size", [(300, 400), (301, 399), (640, 333)])
@pytest.mark.parametrize("method", METHODS)
def test_smaller_work_finds_the_same_object_at_full_size(size, method):
    image, truth = object_on_ground(*size)
    exact = METHODS[method](image)
    for source in (image, encode_image(image), jpeg(image)):
        saliency = estimate(source, method)
        check_map(saliency)
        assert saliency.shape == size
        assert np.corrcoef(saliency.ravel(), exact.ravel())[0, 1] > 0.9
        assert saliency[truth].mean() > saliency[~truth].mean() + 0.5


def test_exact_is_the_method_on_the_whole_image():
    image, _ = object_on_ground(300, 400)
    for source in (image, encode_image(image)):
        np.testing.assert_array_equal(
            estimate(source, exact=True), METHODS["rbd"](image)
        )


@pytest.mark.parametrize("size", [(300, 400), (301, 399), (125, 1201)])
@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8, 16])
def test_reduced_reading_equals_reading_and_shrinking(size, factor):
    smooth = np.linspace(0, 255, size[0] * size[1]).reshape(size)
    image = np.stack([smooth, smooth[::-1], 255 - smooth], axis=2).astype(np.uint8)
    for content, limit in ((encode_image(image), 0), (jpeg(image), 6 + factor)):
        reduced, full = read_reduced(content, lambda height, width: factor)
        assert full == size
        expected = shrink(read_image(content), factor)
        assert reduced.shape == expected.shape
        inside = np.s_[2:-2, 2:-2]  # at odd sizes the rim is shared differently
        difference = np.abs(reduced[inside].astype(int) - expected[inside])
        assert difference.max(initial=0) <= limit


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_rotated_photographs_give_upright_maps(orientation):
    image, truth = object_on_ground(300, 420)
    truth[:, 210:] = False  # so that upside down makes a difference
    image[:, 210:] = (40, 90, 60)
    turns = {1: 0, 3: 2, 6: 1, 8: 3}[orientation]
    exif = PIL.Image.Exif()
    exif[PIL.ExifTags.Base.Orientation] = orientation
    saliency = estimate(jpeg(np.rot90(image, turns).copy(), exif=exif))
    assert saliency.shape == truth.shape
    assert saliency[truth].mean() > saliency[~truth].mean() + 0.5


def test_damaged_files_are_refused_at_any_size():
    content = jpeg(object_on_ground(300, 400)[0])
    for exact in (False, True):
        with pytest.raises(ImageError, match="cannot be decoded"):
            estimate(content[: len(content) // 2], exact=exact)
        with pytest.raises(InputError, match="uint8"):
            estimate(np.zeros((9, 9, 3)), exact=exact)


@pytest.mark.parametrize("method", METHODS)
def test_work_on_huge_images_is_bounded(method, monkeypatch):
    monkeypatch.setattr(working, "MOST_PIXELS", 5_000)
    image, truth = object_on_ground(300, 400)
    saliency = METHODS[method](image)
    check_map(saliency)
    assert saliency.shape == (300, 400)
    assert saliency[truth].mean() > saliency[~truth].mean() + 0.5


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.parametrize("method", SIMILAR)
def test_at_half_size_maps_are_as_good(method, data_folder):
    similar, ours, theirs = agreement(
        lambda image: estimate(image, method), method, data_folder
    )
    median, fifth_percentile = SIMILAR[method]
    assert np.median(similar) >= median
    assert np.percentile(similar, 5) >= fifth_percentile
    assert ours[0] == pytest.approx(theirs[0], abs=0.02)
    assert ours[1] == pytest.approx(theirs[1], abs=0.006)
