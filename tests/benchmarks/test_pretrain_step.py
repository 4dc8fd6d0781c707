import sys
from pathlib import Path

import pytest
import torch

from dilo.pretrain import recipe

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize("objective", ["instdisc", "moco_v2"])
def test_a_case_times_a_step_and_its_bare_passes(monkeypatch, objective):
    monkeypatch.syspath_prepend(FOLDER)  # the benchmarks are scripts
    monkeypatch.delitem(sys.modules, "pretrain", raising=False)
    from pretrain import Case

    config = recipe(
        objective,
        images="",
        arch="conv6",
        crop_size=16,
        batch_size=8,
        negatives=16,
        **({"shuffle_groups": 2} if "moco" in objective else {}),
    )
    figures = Case(config, torch.device("cpu")).measure(rounds=2, steps=1)
    names = {"whole step / bare passes"}
    if objective == "moco_v2":
        names |= {
            "whole step / bare passes in groups",
            "bare passes in groups / bare passes",
        }
    assert figures["ratios"].keys() == names
    assert all(0 < ratio < 100 for ratio in figures["ratios"].values())
    assert figures["images per second"] > 0
