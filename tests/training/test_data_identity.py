"""A run goes on with the images and maps of its start, or says what differs."""

import re

import pytest

from dilo.errors import RunError
from dilo.runs import Run
from dilo.training.config import LoopConfig
from dilo.training.data_identity import check_data, name_images

RBD, GS = {"masks": {"method": "rbd"}}, {"masks": {"method": "gs"}}


def run_of(folder, data) -> Run:
    run = Run.create(folder, LoopConfig(), {"data": data} if data else {})
    run.checkpoint.touch()
    return run


@pytest.mark.parametrize(
    ("names", "origin", "differs"),
    [
        (["b", "c", "za"], RBD, r"digest of their names: '\w{16}' -> '\w{16}'"),
        (["a", "b"], RBD, r"digest .*; images: 3 -> 2"),
        (["a", "bc", ""], RBD, r"digest"),
        (["a", "b", "c"], GS, r"\(masks.method: 'rbd' -> 'gs'\)"),
        (["a", "b", "c"], {}, r"\(masks: {'method': 'rbd'} -> None\)"),
    ],
)
def test_other_data_are_refused_with_what_differs(tmp_path, names, origin, differs):
    run = run_of(tmp_path, {**name_images(["a", "b", "c"]), **RBD})
    check_data(run, {**name_images(["a", "b", "c"]), **RBD})
    with pytest.raises(RunError) as refused:
        check_data(run, {**name_images(names), **origin})
    assert re.search(differs, str(refused.value))
    assert "--set other_data=true" in str(refused.value)


def test_a_run_that_did_not_note_its_data_goes_on(tmp_path):
    check_data(run_of(tmp_path, None), name_images(["a"]))


def test_before_the_first_checkpoint_data_may_change(tmp_path):
    run = run_of(tmp_path, name_images(["a"]))
    run.checkpoint.unlink()
    check_data(run, name_images(["b"]))


def test_names_that_are_no_valid_text_have_a_digest():
    name_images(["\udcff.jpg"])
