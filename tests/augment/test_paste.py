import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dilo.augment.backgrounds import grey
from dilo.augment.box import Box
from dilo.augment.overlay import composite_view
from dilo.augment.paste import cut_stencil, paste_view
from dilo.augment.planes import join
from dilo.augment.resample import crop_resize
from dilo.augment.shown import sample, view_alpha
from dilo.image import Image, Map


def noise(seed: int, height: int, width: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def paste(
    image: Image, alpha: Map, box: Box, background: Image, flip: bool = False
) -> Image:
    stencil = cut_stencil(alpha, image.shape, box, background)
    return join(paste_view(image, box, stencil, flip=flip))


def patch(rng: np.random.Generator, height: int, width: int) -> Map:
    """An alpha that is nothing but a rectangle of noise anywhere."""
    alpha = np.zeros((height, width), np.float32)
    top, bottom = sorted(rng.integers(0, height + 1, 2))
    left, right = sorted(rng.integers(0, width + 1, 2))
    alpha[top:bottom, left:right] = rng.random((bottom - top, right - left))
    return alpha


def draw_box(rng: np.random.Generator, height: int, width: int) -> Box:
    rows, columns = rng.integers(1, height + 1), rng.integers(1, width + 1)
    return Box(
        top=int(rng.integers(height - rows + 1)),
        left=int(rng.integers(width - columns + 1)),
        height=int(rows),
        width=int(columns),
    )


@given(
    shape=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    alpha_shape=st.none() | st.tuples(st.integers(1, 20), st.integers(1, 20)),
    side=st.integers(1, 40),
    plain=st.booleans(),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=200, deadline=None)
def test_it_is_the_crop_composited(shape, alpha_shape, side, plain, seed):
    rng = np.random.default_rng(seed)
    image, alpha = noise(seed, *shape), patch(rng, *(alpha_shape or shape))
    box = draw_box(rng, *shape)
    background = grey(rng, side, side) if plain else noise(seed + 1, side, side)
    view = crop_resize(image, box, side)
    expected = composite_view(view, alpha, shape, box, background)
    made = paste(image, alpha, box, background)
    # Both take the sums of the same products, in another order.
    differences = np.abs(made.astype(int) - expected)
    assert differences.max() <= 1
    assert differences.mean() < 0.02
    mirrored = paste(image, alpha, box, background, flip=True)
    np.testing.assert_array_equal(mirrored, made[:, ::-1])


def test_where_nothing_is_shown_the_background_is_untouched():
    image, background = noise(0, 90, 120), noise(1, 64, 64)
    alpha = np.zeros((24, 32), np.float32)
    alpha[10:14, 10:20] = 1
    beside = Box(top=60, left=0, height=30, width=30)
    made = paste(image, alpha, beside, background)
    np.testing.assert_array_equal(made, background)
    made[:] = 0
    assert background.any()  # the view is no view of it
    around = Box(top=0, left=0, height=90, width=120)
    made = paste(image, alpha, around, background)
    np.testing.assert_array_equal(made[:22], background[:22])
    assert (made != background).any(axis=2)[28:36, 24:36].mean() > 0.9


def test_a_whole_object_hides_the_background():
    image, background = noise(0, 30, 40), noise(1, 8, 8)
    box = Box(top=3, left=5, height=20, width=30)
    made = paste(image, np.ones((3, 4), np.float32), box, background)
    np.testing.assert_array_equal(made, crop_resize(image, box, 8))


def test_an_image_that_is_a_part_of_another_is_pasted_alike():
    whole, background = noise(0, 80, 130), noise(1, 32, 32)
    part = whole[10:70, 20:110]
    alpha = patch(np.random.default_rng(3), 12, 18)
    box = Box(top=4, left=5, height=50, width=70)
    expected = paste(np.ascontiguousarray(part), alpha, box, background)
    made = paste(part, alpha, box, background)
    np.testing.assert_array_equal(made, expected)


@given(
    shape=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    alpha_shape=st.none() | st.tuples(st.integers(1, 40), st.integers(1, 40)),
    side=st.integers(1, 40),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=200, deadline=None)
def test_beside_the_window_nothing_is_shown(shape, alpha_shape, side, seed):
    rng = np.random.default_rng(seed)
    alpha, box = patch(rng, *(alpha_shape or shape)), draw_box(rng, *shape)
    weights = view_alpha(alpha, shape, box, (side, side))
    top, bottom, left, right = sample(alpha, shape, box, (side, side)).window
    assert 0 <= top <= bottom <= side
    assert 0 <= left <= right <= side
    weights[top:bottom, left:right] = 0
    assert not weights.any()


def test_the_window_is_no_larger_than_what_shows():
    alpha = np.zeros((24, 32), np.float32)
    alpha[10:14, 10:20] = 1
    whole, beside = (
        Box(top=0, left=0, height=96, width=128),
        Box(top=60, left=0, height=36, width=128),
    )
    seen = sample(alpha, (96, 128), whole, (48, 64)).window
    # Two pixels of the view are one of the map, and it fades to 0 over one of these.
    assert seen == (19, 29, 19, 41)
    unseen = sample(alpha, (96, 128), beside, (48, 48)).window
    assert unseen.top == unseen.bottom
