"""Public functions refuse what is not theirs before compiled code reads it."""

import inspect

import numpy as np
import pytest

from dilo import image as images
from dilo import saliency
from dilo.errors import InputError
from dilo.saliency import METHODS, scoring
from dilo.saliency.color import MC_SPACE, mc_mean_lab, mean_lab, pixel_lab
from dilo.saliency.confidence import confidence, is_empty
from dilo.saliency.connect import connect
from dilo.saliency.graph import region_graph
from dilo.saliency.superpixels import image_graph, mc_superpixels, slic
from pictures import object_on_ground

IMAGE, TRUTH = object_on_ground(40, 60)
MAP = np.random.default_rng(0).random((40, 60), np.float32)
LABELS = np.arange(2400, dtype=np.int32).reshape(40, 60) // 600
LAB = pixel_lab(IMAGE)
RGB = np.random.default_rng(0).random((9, 3)) * 255

OF_IMAGE = {
    **METHODS,
    "estimate": saliency.estimate,
    "estimate, exact": lambda image: saliency.estimate(image, exact=True),
    "rbd, no frame": lambda image: saliency.rbd(image, remove_frame=True),
    "gs, no frame": lambda image: saliency.gs(image, remove_frame=True),
    "encode_image": images.encode_image,
    "pixel_lab": pixel_lab,
    "pixel_lab of MC": lambda image: pixel_lab(image, MC_SPACE),
    "image_graph": lambda image: image_graph(image).rgb,
    "mc_superpixels": lambda image: mc_superpixels(image)[0].copy(),
    "region_graph": lambda image: region_graph(image, LABELS, 2).rgb,
}
OF_MAP = {
    "confidence": confidence,
    "is_empty": is_empty,
    "encode_map": images.encode_map,
    "to_bytes": images.to_bytes,
    "score_image": lambda saliency: scoring.score_image(saliency, TRUTH).f_curve,
    "s_measure": lambda saliency: scoring.s_measure(saliency, TRUTH),
    "weighted_f_measure": lambda saliency: scoring.weighted_f_measure(saliency, TRUTH),
}
OF_MASK = {
    "score_image": lambda truth: scoring.score_image(MAP, truth).f_curve,
    "s_measure": lambda truth: scoring.s_measure(MAP, truth),
    "weighted_f_measure": lambda truth: scoring.weighted_f_measure(MAP, truth),
}
OF_LABELS = {
    "connect": lambda labels: connect(labels, 3)[0].copy(),
    "region_graph": lambda labels: region_graph(IMAGE, labels, 2).rgb,
}
OF_LAB = {"slic": lambda lab: slic(lab, 6)[0].copy()}
OF_RGB = {"mean_lab": mean_lab, "mc_mean_lab": mc_mean_lab}
OF_PIXELS = {
    "resize": lambda pixels: images.resize(pixels, 13, 17),
    "resize, up": lambda pixels: images.resize(pixels, 130, 170),
}

NO_ARRAY = (None, [[1.0]], "map")
FLAWS = {  # of an array that is right: its shape, its type, its values
    "image": (
        *(IMAGE[..., 0], IMAGE[..., :2], IMAGE[None], IMAGE[:0], IMAGE[:, :0]),
        *(np.dstack([IMAGE, IMAGE]), IMAGE.astype(np.float32), IMAGE.astype(np.int64)),
        IMAGE > 9,
    ),
    "map": (
        *(MAP[0], MAP[..., None], MAP[:0], MAP.astype(np.float64)),
        *(MAP > 0.5, (MAP * 255).astype(np.uint8), MAP * 2, MAP - 1),
        *(MAP * np.float32("nan"), MAP + np.float32("inf")),
    ),
    "mask": (TRUTH.T, TRUTH[:-1], TRUTH[..., None], TRUTH.astype(np.uint8), TRUTH[:0]),
    "labels": (LABELS[0], LABELS[:0], LABELS[..., None], LABELS * 1.0, LABELS > 1),
    "lab": (LAB[0], LAB[:, :2], LAB[:0], LAB.swapaxes(1, 2), LAB.astype(np.int32)),
    "rgb": (RGB[0], RGB[:, :2], RGB[None], RGB.T),
    "pixels": (
        *(MAP[0], MAP[None, None], MAP[:0], MAP > 0.5, MAP.astype(np.int64)),
        MAP.astype(complex),
    ),
}
RIGHT = {
    "image": (IMAGE, OF_IMAGE),
    "map": (MAP, OF_MAP),
    "mask": (TRUTH, OF_MASK),
    "labels": (LABELS, OF_LABELS),
    "lab": (LAB, OF_LAB),
    "rgb": (RGB, OF_RGB),
    "pixels": (IMAGE, OF_PIXELS),
}
CASES = [
    pytest.param(kind, function, id=f"{name} of {kind}")
    for kind, (_, functions) in RIGHT.items()
    for name, function in functions.items()
]


@pytest.mark.parametrize(("kind", "function"), CASES)
def test_what_is_of_another_kind_is_refused(kind, function):
    for flawed in FLAWS[kind]:
        with pytest.raises(InputError, match=r"got|of one size|do not fit"):
            function(flawed)


@pytest.mark.parametrize(("kind", "function"), CASES)
def test_what_is_no_array_is_refused(kind, function):
    for value in NO_ARRAY:
        if isinstance(value, str) and function in OF_IMAGE.values():
            continue  # a path, where files are read
        with pytest.raises(InputError, match="got"):
            function(value)


@pytest.mark.parametrize(("kind", "function"), CASES)
def test_layout_and_the_right_to_write_do_not_matter(kind, function):
    right = RIGHT[kind][0]
    locked = right.copy()
    locked.flags.writeable = False
    strided = np.repeat(right, 2, axis=0)[::2]
    backwards = np.ascontiguousarray(right[::-1])[::-1]
    expected = function(right)
    for same in (locked, strided, backwards, np.asfortranarray(right)):
        np.testing.assert_array_equal(function(same), expected)
    np.testing.assert_array_equal(right, locked)  # left as it was


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: images.resize(IMAGE, 0, 5), "got 0 x 5"),
        (lambda: images.resize(IMAGE, 5, -1), "got 5 x -1"),
        (lambda: saliency.rbd(IMAGE, superpixels=0), "at least 1, got 0"),
        (lambda: slic(LAB, 0), "at least 1 pixel, got 0"),
        (lambda: slic(LAB, 6, (0, 1)), r"got \(0, 1\)"),
        (lambda: slic(LAB, 6, (5, 0)), r"got \(5, 0\)"),
        (lambda: region_graph(IMAGE[:-1], LABELS, 2), "do not fit"),
        (lambda: region_graph(IMAGE, LABELS - 1, 2), "start at 0, got -1"),
        (lambda: region_graph(IMAGE, LABELS + 1, 2), "no pixel has label 0"),
    ],
)
def test_numbers_and_arrays_must_belong_together(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_every_public_function_is_among_those_tested():
    tested = {name for _, functions in RIGHT.values() for name in functions}
    # They take what `score_image` and `resample` have returned.
    of_scores = {"f_measure", "intervals", "per_image_csv", "resample"}
    of_scores |= {"significantly_different", "summarise"}
    for module in (saliency, scoring):
        functions = {
            name for name in module.__all__ if inspect.isfunction(vars(module)[name])
        }
        assert functions - tested - of_scores == set()
