import subprocess
import sys

import numpy as np
import PIL.Image
import pytest

from dilo.augment import BACKGROUNDS, BLENDINGS, CopyPasteConfig, ViewConfig
from dilo.cli import main
from dilo.errors import InputError, StoreError
from dilo.image import encode_image, encode_map, read_image
from dilo.masks import MaskStore, write_maps
from dilo.report import preview as module
from dilo.report.preview import PreviewConfig, preview
from dilo.report.sheet import CELL

SIZES = {
    "a.png": (40, 60),
    "sub/b.png": (300, 200),
    "c.png": (20, 20),
    "d.png": (3, 90),
}


@pytest.fixture
def images(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "images"
    (folder / "sub").mkdir(parents=True)
    for name, size in SIZES.items():
        image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        (folder / name).write_bytes(encode_image(image))
    return folder


@pytest.fixture
def masks(images, tmp_path):
    """Maps of a.png and sub/b.png, an empty one of c.png, none of d.png."""
    store = MaskStore.create(tmp_path / "masks", "by hand")
    maps = {}
    for name in ("a.png", "sub/b.png", "c.png"):
        maps[name] = np.zeros(SIZES[name], np.float32)
        if name != "c.png":
            maps[name][: SIZES[name][0] // 2] = 1
    write_maps(store, maps, failures={"d.png": "too dark"})
    return store


def contact_sheet(images, masks, config):
    """What `preview` draws."""
    out = images.parent / "drawn.png"
    preview(images, masks, out, config)
    return read_image(out)


@pytest.fixture
def rows(images, masks, monkeypatch):
    """The rows of a sheet by the first word of their labels: one of each blending."""

    def draw(config):
        seen = {}
        draw_sheet = module.draw_sheet

        def watch(heads, rows):
            for row in rows:
                seen.setdefault(row.label.split("   ")[0], []).append(row)
            return draw_sheet(heads, rows)

        monkeypatch.setattr(module, "draw_sheet", watch)
        contact_sheet(images, masks, config)
        return seen

    return draw


def pictures(rows):
    return [cell for row in rows for cell in row.cells]


def test_every_image_has_all_its_pictures(rows):
    seen = rows(PreviewConfig())
    assert sorted(seen) == sorted(SIZES)
    count = 3 + len(BACKGROUNDS) * len(BLENDINGS) + module.VIEWS
    for of_image in seen.values():
        assert [row.label.split()[-1] for row in of_image] == list(BLENDINGS)
        assert len(pictures(of_image)) == count
    assert "50 % pasted" in seen["a.png"][0].label


def test_an_image_without_foreground_or_map_stays_as_it_is(rows):
    seen = rows(PreviewConfig())
    empty, missing = pictures(seen["c.png"]), pictures(seen["d.png"])
    assert empty[1].note == "no foreground"
    assert missing[1].note == "no map"
    assert "too dark" in seen["d.png"][0].label
    for cells in (empty, missing):
        kept = [cell for cell in cells if cell.note == "original kept"]
        assert len(kept) == len(BACKGROUNDS) * len(BLENDINGS)
        for cell in kept:
            np.testing.assert_array_equal(cell.image, cells[0].image)


def test_composites_show_the_foreground_alone(rows):
    first = rows(PreviewConfig())["a.png"][list(BLENDINGS).index("none")]
    hard = first.cells[2 + list(BACKGROUNDS).index("grey")].image
    np.testing.assert_array_equal(hard[:20], first.cells[0].image[:20])
    assert np.ptp(hard[20:]) == 0


def test_backgrounds_of_a_folder_ask_for_it_or_show_it(images, rows):
    def of(name, config):
        place = 2 + list(BACKGROUNDS).index(name)
        return [row.cells[place] for row in rows(config)["a.png"]]

    assert {cell.note for cell in of("mined", PreviewConfig())} == {"needs --bank"}
    assert {cell.note for cell in of("texture", PreviewConfig())} == {
        "needs --textures"
    }
    given = CopyPasteConfig(bank=str(images))
    shown = of("mined", PreviewConfig(view=ViewConfig(copy_paste=given)))
    assert all(cell.image is not None for cell in shown)


def test_the_alpha_curve_is_that_of_the_config(images, masks, rows):
    saliency = np.full(SIZES["a.png"], 0.6, np.float32)
    masks.path("a.png").write_bytes(encode_map(saliency))
    config = CopyPasteConfig(alpha_low=0.1, alpha_high=0.5)
    shown = rows(PreviewConfig(view=ViewConfig(copy_paste=config)))["a.png"]
    assert "100 % pasted" in shown[0].label


def test_damaged_files_are_named_and_the_others_shown(images, masks, rows):
    (images / "bad.jpg").write_bytes(b"no image")
    masks.path("a.png").write_bytes(b"no map")
    masks.path("sub/b.png").write_bytes(encode_map(np.ones((10, 90), np.float32)))
    seen = rows(PreviewConfig())
    assert len(seen) == 5
    assert any("bad.jpg: not an image" in label for label in seen)
    assert seen["a.png"][0].cells[1].note == "unusable map"
    assert "a.png: " in seen["a.png"][0].label
    assert "90 x 10, another shape" in seen["sub/b.png"][0].label


def test_the_seed_draws_the_images_the_backgrounds_and_the_views(images, masks):
    few = [
        contact_sheet(images, masks, PreviewConfig(count=2, seed=seed))
        for seed in (0, 0)
    ]
    np.testing.assert_array_equal(*few)
    # With all images there, the seeds differ by what is drawn for each of them alone.
    all_of_them = [
        contact_sheet(images, masks, PreviewConfig(count=4, seed=seed))
        for seed in (0, 1)
    ]
    assert all_of_them[0].shape == all_of_them[1].shape
    assert (all_of_them[0] != all_of_them[1]).any()


def test_the_sheet_shows_images_drawn_by_the_seed(rows):
    shown = [tuple(rows(PreviewConfig(count=2, seed=seed))) for seed in range(6)]
    assert all(len(names) == 2 for names in shown)
    assert len(set(shown)) > 1


def test_names_of_any_kind_can_be_drawn(images, masks):
    (images / "a.png").rename(images / ("x\n日本" * 30 + ".png"))
    contact_sheet(images, masks, PreviewConfig())


def test_bad_requests_are_refused_and_nothing_written(images, masks, tmp_path):
    with pytest.raises(InputError, match=r"--out must be a \.png file, got .*x\.jpg"):
        preview(images, masks, tmp_path / "x.jpg", PreviewConfig())
    with pytest.raises(InputError, match="count must be at least 1, got 0"):
        preview(images, masks, tmp_path / "x.png", PreviewConfig(count=0))
    PIL.Image.new("L", (4, 4)).save(tmp_path / "alone.png")
    (tmp_path / "other").mkdir()
    (tmp_path / "alone.png").rename(tmp_path / "other/alone.png")
    other = MaskStore.open(tmp_path / "other")
    with pytest.raises(StoreError, match="holds no map of an image below"):
        preview(images, other, tmp_path / "x.png", PreviewConfig())
    assert not (tmp_path / "x.png").exists()


def test_the_command_writes_the_sheet_and_prints_its_path(
    images, masks, tmp_path, capsys
):
    out = tmp_path / "new/sheet.png"
    arguments = ["preview", images, masks.folder, "--out", out, "--count", 2]
    arguments += ["--alpha-low", 0.2]
    assert main([str(argument) for argument in arguments]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert read_image(out).shape[1] > 8 * CELL
    assert [path.name for path in out.parent.iterdir()] == ["sheet.png"]


def test_pictures_that_cannot_be_read_are_named(images, masks, tmp_path, capsys):
    textures = tmp_path / "textures"
    textures.mkdir()
    (textures / "whole.png").write_bytes(encode_image(np.zeros((9, 9, 3), np.uint8)))
    (textures / "wrong.jpg").write_bytes(b"no picture")
    arguments = ["preview", images, masks.folder, "--out", tmp_path / "sheet.png"]
    arguments += ["--textures", textures, "--background", "texture"]
    assert main([str(argument) for argument in arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(f"passed over: {textures / 'wrong.jpg'}: not an image")


def test_a_preview_needs_neither_torch_nor_jinja():
    code = (
        "import sys, dilo.report.preview; "
        "print('torch' in sys.modules, 'jinja2' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"]
