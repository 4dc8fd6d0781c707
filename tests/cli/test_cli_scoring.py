import csv
import re
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from dilo.cli import main
from dilo.cli.scoring import distinct_names


@pytest.fixture
def folders(tmp_path):
    """Truth of four squares; good maps, poor maps, and maps of half the size."""
    rng = np.random.default_rng(0)
    for number in range(4):
        truth = np.zeros((24, 32), np.uint8)
        truth[4 : 12 + number, 6:20] = 255
        noise = rng.integers(0, 256, truth.shape)
        kinds = {
            "truth": truth,
            "good": np.uint8(0.9 * truth + 0.1 * noise),
            "poor": np.uint8(0.3 * truth + 0.7 * noise),
            "small": truth[::2, ::2],
        }
        for name, pixels in kinds.items():
            path = tmp_path / name / f"a/{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            PIL.Image.fromarray(pixels).save(path)
    return tmp_path


def run(*words):
    return main(["score", *map(str, words)])


def test_one_store_gets_every_metric_with_its_interval(folders, capsys):
    assert run(folders / "good", folders / "truth") == 0
    out = capsys.readouterr().out
    assert f"{folders}/good: 4 maps against {folders}/truth" in out
    assert re.search(r"maxF +1\.0000 +1\.000-1\.000", out)
    for name in ("mean F", "weighted F", "MAE", "S-measure", "max E", "adaptive E"):
        assert re.search(rf"{name} +0\.\d{{4}} +0\.\d{{3}}-|{name} +1\.\d+", out), name
    assert max(map(len, out.splitlines()[1:])) <= 80


def test_several_stores_stand_side_by_side_and_the_best_is_marked(folders, capsys):
    stores = [folders / "poor", folders / "good", folders / "small"]
    assert run(*stores, folders / "truth") == 0
    out = capsys.readouterr().out
    assert "4 maps of each of 3 stores" in out
    head = next(line for line in out.splitlines() if "poor" in line)
    assert head.split() == ["poor", "good", "small"]
    assert re.search(r"maxF +0\.\d{4} +\* 1\.0000", out)
    table = out.partition("Scaled")[0].splitlines()[1:]
    assert max(map(len, table)) <= 80
    assert "Scaled to the size of their truth: 4 maps of" in out


def test_a_table_wider_than_the_screen_has_no_intervals_but_every_number(
    folders, tmp_path, capsys
):
    stores = [tmp_path / f"a store with a long name, number {k}" for k in range(8)]
    for store in stores:
        store.symlink_to(folders / "good")
    assert run(*stores, folders / "truth") == 0
    out = capsys.readouterr().out
    assert len(re.findall(r"\* [01]\.\d{4}", out)) == 10 * 8
    assert "\u2026" not in out  # nothing is cut
    assert "interval" not in out


def test_equally_good_stores_are_all_marked(folders, capsys):
    assert run(folders / "good", folders / "good/../good", folders / "truth") == 0
    assert re.search(r"maxF +\* 1\.0000 +\* 1\.0000", capsys.readouterr().out)


def test_what_cannot_be_compared_is_named_and_counted(folders, capsys):
    PIL.Image.new("L", (5, 5)).save(folders / "truth/alone.png")
    PIL.Image.new("L", (5, 5)).save(folders / "good/extra.png")
    (folders / "good/a/0.png").unlink()
    (folders / "poor/a/1.png").write_bytes(b"no image")
    (folders / "truth/a/2.png").write_bytes(b"")
    assert run(folders / "good", folders / "poor", folders / "truth") == 0
    out = capsys.readouterr().out
    assert "1 maps of each of 2 stores" in out
    good, truth = folders / "good", folders / "truth"
    assert f"2 of {truth} without a map in {good}: a/0.png, alone.png" in out
    assert f"1 of {good} without truth: extra.png" in out
    assert "Not compared: 2 that cannot be read:" in out
    assert re.search(r"a/1\.png: .*poor.a.1\.png: not an image", out)
    assert re.search(r"a/2\.png: .*truth.a.2\.png: the file is empty", out)


def test_the_csv_has_a_line_for_each_store_and_image(folders, tmp_path, capsys):
    table = tmp_path / "new/scores.csv"
    stores = [folders / "poor", folders / "good"]
    assert run(*stores, folders / "truth", "--csv", table) == 0
    assert str(table) in capsys.readouterr().out
    with table.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 8
    assert (lines[0]["masks"], lines[0]["name"]) == ("poor", "a/0.png")
    assert float(lines[-1]["max_f"]) == 1


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_plot_is_written(folders, tmp_path, kind):
    pytest.importorskip("matplotlib")
    plot = tmp_path / f"curves.{kind}"
    assert run(folders / "poor", folders / "truth", "--plot", plot) == 0
    assert plot.stat().st_size > 1000


def test_without_matplotlib_the_plot_says_what_to_install(folders, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # importing it now fails
    assert run(folders / "poor", folders / "truth", "--plot", "curves.png") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "needs matplotlib" in captured.err
    assert "pip install 'dilo[plot]'" in captured.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "missing: MASKS, TRUTH"),
        ("good", "missing: TRUTH"),
        ("good nowhere", "nowhere: not a folder"),
        ("good good truth", "good: given twice"),
        ("good truth --plot curves.gif", "a plot is one of .png, .pdf, .svg"),
        ("good truth --workers 0", "workers must be at least 1, got 0"),
        ("good truth --csv poor", "poor: is a folder"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    folders, monkeypatch, capsys, words, message
):
    monkeypatch.chdir(folders)
    before = sorted(folders.rglob("*"))
    assert run(*words.split()) == 2
    error = capsys.readouterr().err
    assert error.startswith("dilo: error: ")
    assert message in error
    assert error.count("\n") == 1
    assert sorted(folders.rglob("*")) == before


def test_folders_are_named_by_as_much_as_tells_them_apart():
    assert distinct_names([Path("a/gs"), Path("a/mc")]) == ["gs", "mc"]
    assert distinct_names([Path("a/gs"), Path("b/gs")]) == ["a/gs", "b/gs"]
    assert distinct_names([Path("gs"), Path("b/gs")]) == ["gs", "b/gs"]
