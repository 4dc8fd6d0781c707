import json
from itertools import pairwise

import numpy as np
import pytest

from dilo.augment import (
    VIEW_CHAINS,
    CopyPasteConfig,
    ViewConfig,
    draw_view,
    view_chain,
    view_rng,
)
from dilo.augment.color_jitter import GREY
from dilo.augment.parameters import centre_crop
from dilo.config import from_dict, to_dict
from dilo.errors import InputError
from dilo.pretrain import PretrainConfig, recipe

LADDER = [name for name in VIEW_CHAINS if name.startswith("table1")]


def draws(chain: str, count: int = 300) -> list:
    return [
        draw_view((120, 160), VIEW_CHAINS[chain], view_rng(0, 0, index))
        for index in range(count)
    ]


def test_each_step_of_the_ladder_adds_one_augmentation():
    configs = [to_dict(VIEW_CHAINS[name]) for name in LADDER]
    assert len(configs) == 6
    changed = [
        {key for key in former if former[key] != latter[key]}
        for former, latter in pairwise(configs)
    ]
    assert changed == [
        {"flip_probability"},
        {"crop"},
        {"crop"},
        {"jitter_probability"},
        {"grey_probability"},
    ]
    assert VIEW_CHAINS[LADDER[-1]] == VIEW_CHAINS["instdisc"] == ViewConfig()


def test_centre_crops_are_all_the_same_and_spatial_ones_of_one_size():
    assert {view.box for view in draws("table1_flip")} == {centre_crop(120, 160)}
    boxes = {view.box for view in draws("table1_spatial_crop")}
    assert {(box.height, box.width) for box in boxes} == {(105, 105)}
    assert {box.top for box in boxes} == set(range(16))
    assert min(box.left for box in boxes) <= 2
    assert max(box.left for box in boxes) >= 53
    sizes = {(view.box.height, view.box.width) for view in draws("table1_scale_crop")}
    assert len(sizes) > 250


def test_moco_v2_blurs_half_of_the_views_and_greys_behind_the_jitter():
    views = draws("moco_v2", 1000)
    sigmas = [view.blur for view in views if view.blur]
    assert 430 < len(sigmas) < 570
    assert 0.1 <= min(sigmas) < 0.2
    assert 1.9 < max(sigmas) <= 2
    jittered = [view for view in views if len(view.colour) >= 4]
    assert 750 < len(jittered) < 850
    grey = [view for view in views if (GREY, 0.0) in view.colour]
    assert 150 < len(grey) < 250
    assert all(view.colour[-1] == (GREY, 0.0) for view in grey)
    hues = [factor for view in views for step, factor in view.colour if step == 3]
    assert max(np.abs(hues)) <= 0.1


def test_instdisc_greys_before_the_jitter_and_never_blurs():
    views = draws("instdisc")
    assert not any(view.blur for view in views)
    grey = [view for view in views if (GREY, 0.0) in view.colour]
    assert grey
    assert all(view.colour[0] == (GREY, 0.0) for view in grey)


def test_a_chain_by_name_pastes_as_asked():
    pasting = CopyPasteConfig(probability=0.2)
    chain = view_chain("moco_v2", pasting)
    assert chain.copy_paste == pasting
    assert chain.blur_probability == 0.5
    with pytest.raises(InputError, match=r"one of instdisc, moco_v1, .*got 'simclr'"):
        view_chain("simclr")


@pytest.mark.parametrize("name", VIEW_CHAINS)
def test_chains_are_settings_of_a_pretraining(name):
    config = recipe("instdisc", images="photographs", chain=name)
    again = json.loads(json.dumps(to_dict(config)))
    assert from_dict(PretrainConfig, again) == config


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("crop", "corner", "crop must be one of centre, spatial, scale, got 'corner'"),
        ("blur_probability", 1.5, r"blur_probability must be in \[0, 1\], got 1.5"),
        ("blur_sigma", (0.0, 2.0), "blur_sigma is the smallest and the largest"),
        ("blur_sigma", (2.0, 1.0), "got .2.0, 1.0."),
        ("blur_sigma", (1.0,), "blur_sigma"),
    ],
)
def test_bad_values_are_refused(field, value, message):
    with pytest.raises(InputError, match=message):
        ViewConfig(**{field: value})
