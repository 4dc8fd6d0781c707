import numpy as np
import pytest

from dilo.augment.textures import TEXTURES, paint_texture


@pytest.mark.parametrize("name", TEXTURES)
def test_a_family_gives_fields_from_0_to_1_that_vary(name):
    fields = [TEXTURES[name](np.random.default_rng(seed), 48) for seed in (1, 1, 2)]
    for field in fields:
        assert field.shape == (48, 48)
        assert field.dtype == np.float32
        assert field.min() == 0
        assert field.max() == 1
        assert field.std() > 0.05
    np.testing.assert_array_equal(fields[0], fields[1])
    assert (fields[0] != fields[2]).any()


@pytest.mark.parametrize("name", TEXTURES)
@pytest.mark.parametrize("side", [2, 3])
def test_the_smallest_sizes_work(name, side):
    assert np.isfinite(TEXTURES[name](np.random.default_rng(0), side)).all()


def test_textures_are_of_many_colours():
    means = [
        paint_texture(np.random.default_rng(seed), 24, 32).mean(axis=(0, 1))
        for seed in range(60)
    ]
    assert (np.ptp(means, axis=0) > 120).all()
