import subprocess
import sys

import numpy as np
import PIL.Image
import pytest

from dilo import saliency
from dilo.errors import InputError
from dilo.masks import MaskStore, compute_masks
from dilo.methods import METHODS, load_method


def test_the_saliency_methods_come_first():
    assert list(METHODS)[: len(saliency.METHODS)] == list(saliency.METHODS)


@pytest.mark.parametrize("name", saliency.METHODS)
@pytest.mark.parametrize("exact", [False, True])
def test_a_method_makes_maps_for_a_store(tmp_path, name, exact):
    pixels = np.full((60, 80, 3), 220, np.uint8)
    pixels[20:45, 20:50] = (40, 60, 200)
    (tmp_path / "images").mkdir()
    PIL.Image.fromarray(pixels).save(tmp_path / "images/a.png")
    method = load_method(name, exact=exact)
    assert (method.supervision, method.weights) == ("none", None)
    assert method.parameters == ({"exact": True} if exact else {})
    store = MaskStore.create(tmp_path / "masks", name, method.parameters)
    compute_masks(tmp_path / "images", store, method.estimate, 1, method.confidence)
    expected = saliency.estimate(tmp_path / "images/a.png", name, exact)
    np.testing.assert_allclose(store["a.png"], expected, atol=0.5 / 255 + 1e-6)
    assert 0 <= store.confidence("a.png") <= 1


def test_an_unknown_method_is_named_with_the_choices():
    with pytest.raises(InputError, match="one of rbd, gs, mc, consensus, got 'u2net'"):
        load_method("u2net")


def test_methods_without_a_network_need_no_torch():
    code = "import sys, dilo.methods; dilo.methods.load_method('rbd'); "
    code += "print('torch' in sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
