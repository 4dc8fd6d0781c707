"""The registry and `estimate`: one contract for every method."""

import subprocess
import sys

import numpy as np
import pytest

from dilo.errors import InputError
from dilo.image import check_map, encode_image
from dilo.saliency import METHODS, estimate

IMAGE = np.full((60, 80, 3), (40, 90, 60), np.uint8)
IMAGE[20:40, 30:50] = (220, 60, 40)


@pytest.mark.parametrize("method", METHODS)
def test_map_contract(method):
    saliency = METHODS[method](IMAGE)
    check_map(saliency)
    assert saliency.shape == (60, 80)
    assert saliency[25:35, 35:45].mean() > saliency[:10].mean() + 0.5
    assert not METHODS[method](np.zeros_like(IMAGE)).any()
    assert IMAGE[0, 0].tolist() == [40, 90, 60]  # the image is left as it was


@pytest.mark.parametrize("method", METHODS)
def test_same_map_from_path_bytes_and_array(method, tmp_path):
    content = encode_image(IMAGE)
    (tmp_path / "a.png").write_bytes(content)
    expected = METHODS[method](IMAGE)
    for source in (content, tmp_path / "a.png", str(tmp_path / "a.png"), IMAGE):
        np.testing.assert_array_equal(estimate(source, method), expected)


def test_unknown_method_names_the_choices():
    with pytest.raises(InputError, match=r"no method 'best'; there are: .*rbd"):
        estimate(IMAGE, "best")


def test_importing_saliency_does_not_import_torch():
    code = "import dilo.saliency, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
