"""Files of torch.save as people have them: read, and no code of theirs is run."""

import argparse
import collections
import functools
import os
import pathlib
import pickle

import numpy as np
import pytest
import torch

from dilo.errors import RunError
from dilo.torch_files import Inert, read_torch_file

WEIGHTS = {"conv1.weight": torch.arange(6.0)}
BESIDE = {
    "float64": np.float64(0.5),
    "int64": np.int64(3),
    "bool": np.bool_(True),
    "array": np.arange(5.0),
    "array of texts": np.array(["a", "b"]),
    "array of objects": np.array([{"a": 1}, None], dtype=object),
    "random state": np.random.RandomState(0).get_state(),
    "ordered": collections.OrderedDict(a=np.float32(1)),
    "default": collections.defaultdict(list, {"loss": [np.float64(1)]}),
    "path": pathlib.Path("/runs/a"),
    "path of Windows": pathlib.PureWindowsPath("c:/runs"),
    "flags": argparse.Namespace(out=pathlib.Path("a"), lr=np.float32(1)),
}


@pytest.mark.parametrize("name", BESIDE)
def test_the_usual_objects_beside_weights_are_passed_over(tmp_path, name):
    for content in (
        {"beside": BESIDE[name], "state_dict": WEIGHTS},
        collections.defaultdict(dict, {"state_dict": WEIGHTS, "beside": BESIDE[name]}),
    ):
        torch.save(content, tmp_path / "a.pth")
        read = read_torch_file(tmp_path / "a.pth")
        assert torch.equal(read["state_dict"]["conv1.weight"], WEIGHTS["conv1.weight"])


def test_plain_values_come_back_and_others_as_nothing(tmp_path):
    content = {"epoch": 3, "best": np.float64(0.5), "runs": {"a": [1.5, None]}}
    torch.save(content, tmp_path / "a.pth")
    read = read_torch_file(tmp_path / "a.pth")
    assert (read["epoch"], read["runs"]) == (3, {"a": [1.5, None]})
    assert type(read["best"]) is Inert


class Hostile:
    def __init__(self, *call) -> None:
        self.call = call

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    "call",
    [
        (os.mkdir, ("ran",)),
        (eval, ("__import__('os').mkdir('ran')",)),
        (getattr, (Inert, "__init__")),
        (functools.partial, (os.mkdir, "ran")),
    ],
)
def test_what_could_run_code_is_refused_with_the_remedy(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": WEIGHTS, "beside": Hostile(*call)}, "a.pth")
    with pytest.raises(RunError, match=r"torch.save\(model.state_dict\(\), FILE\)"):
        read_torch_file(pathlib.Path("a.pth"))
    assert not pathlib.Path("ran").exists()


def test_numpys_own_code_reads_nothing(tmp_path):
    """Not even a data type that is made of nonsense, which could harm the memory."""
    nonsense = Hostile(np.dtype, ("V8", False, True), (3, "|", "x", "y", 7, -1, 1, 99))
    torch.save({"state_dict": WEIGHTS, "beside": nonsense}, tmp_path / "a.pth")
    assert type(read_torch_file(tmp_path / "a.pth")["beside"]) is Inert


def test_another_protocol_is_refused_with_the_remedy(tmp_path):
    torch.save(WEIGHTS, tmp_path / "a.pth", pickle_protocol=pickle.HIGHEST_PROTOCOL)
    with pytest.raises(RunError, match=r"another protocol .* save the weights"):
        read_torch_file(tmp_path / "a.pth")
