import numpy as np
import PIL.Image
import pytest

from dilo.errors import InputError, StoreError
from dilo.masks import MaskStore, compare_with_truth


def mean_of_map(saliency, mask):
    assert saliency.shape == mask.shape
    assert saliency.dtype == np.float32
    return float(saliency.mean())


def fill(folder, **levels):
    """Write a flat picture of 6 x 8 pixels for each name."""
    for name, level in levels.items():
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.new("L", (8, 6), level).save(path)
    return MaskStore.open(folder)


@pytest.fixture
def truth(tmp_path):
    return fill(tmp_path / "truth", a=255, b=0, c=255)


def test_values_come_for_each_store_in_the_order_of_names(truth, tmp_path):
    stores = [
        fill(tmp_path / "x", a=51, b=102, c=153),
        fill(tmp_path / "y", a=0, b=0, c=255),
    ]
    comparison = compare_with_truth(stores, truth, mean_of_map)
    assert comparison.names == ["a.png", "b.png", "c.png"]
    np.testing.assert_allclose(comparison.values, [[0.2, 0.4, 0.6], [0, 0, 1]])
    assert comparison.summary() == ""


@pytest.mark.parametrize("workers", [1, 3])
def test_results_do_not_depend_on_the_number_of_workers(truth, tmp_path, workers):
    store = fill(tmp_path / "x", a=51, b=102, c=153)
    comparison = compare_with_truth([store], truth, mean_of_map, workers)
    np.testing.assert_allclose(comparison.values, [[0.2, 0.4, 0.6]])


def test_names_agree_up_to_the_suffix(truth, tmp_path):
    (tmp_path / "x").mkdir()
    PIL.Image.new("L", (8, 6), 51).save(tmp_path / "x/b.bmp")
    store = MaskStore.open(tmp_path / "x")
    assert compare_with_truth([store], truth, mean_of_map).names == ["b.png"]


def test_only_images_that_all_have_are_measured_and_the_others_named(truth, tmp_path):
    x = fill(tmp_path / "x", a=0, b=0)
    y = fill(tmp_path / "y", b=0, c=0, d=0)
    comparison = compare_with_truth([x, y], truth, mean_of_map)
    assert comparison.names == ["b.png"]
    assert comparison.summary().splitlines() == [
        f"Not compared: 1 of {truth.folder} without a map in {x.folder}: c.png",
        f"Not compared: 1 of {truth.folder} without a map in {y.folder}: a.png",
        f"Not compared: 1 of {y.folder} without truth: d.png",
    ]


def test_many_names_are_counted(tmp_path):
    truth = fill(tmp_path / "truth", **{f"n{k}": 255 for k in range(9)})
    store = fill(tmp_path / "x", n0=0)
    summary = compare_with_truth([store], truth, mean_of_map).summary()
    assert "8 of" in summary
    assert summary.endswith("n1.png, n2.png, n3.png, n4.png, n5.png, and 3 more")


def test_maps_of_another_size_are_scaled_and_named(truth, tmp_path):
    store = fill(tmp_path / "x", a=0, b=0, c=0)
    ramp = np.uint8([[0, 0, 255, 255]] * 3)
    PIL.Image.fromarray(ramp).save(tmp_path / "x/b.png")
    PIL.Image.new("L", (24, 18), 255).save(tmp_path / "x/c.png")
    comparison = compare_with_truth([store], truth, mean_of_map)
    np.testing.assert_allclose(comparison.values, [[0, 0.5, 1]], atol=1e-6)
    assert comparison.summary() == (
        f"Scaled to the size of their truth: 2 maps of {store.folder}: b.png, c.png"
    )


def test_unreadable_files_are_named_and_leave_the_others(truth, tmp_path):
    store = fill(tmp_path / "x", a=0, b=0, c=51)
    (tmp_path / "x/a.png").write_bytes(b"no image")
    (truth.folder / "b.png").write_bytes(b"")
    comparison = compare_with_truth([store], truth, mean_of_map)
    assert comparison.names == ["c.png"]
    assert "Not compared: 2 that cannot be read:" in comparison.summary()
    assert "x/a.png: not an image" in comparison.summary()
    assert "truth/b.png: the file is empty" in comparison.summary()


def test_a_bug_in_the_measure_is_no_unreadable_file(truth):
    with pytest.raises(ZeroDivisionError):
        compare_with_truth([truth], truth, lambda saliency, mask: 1 / 0)


def test_nothing_to_compare_is_an_error(truth, tmp_path):
    with pytest.raises(InputError, match="no stores"):
        compare_with_truth([], truth, mean_of_map)
    with pytest.raises(InputError, match="workers must be at least 1, got 0"):
        compare_with_truth([truth], truth, mean_of_map, workers=0)
    other = fill(tmp_path / "x", z=0)
    with pytest.raises(
        StoreError, match=r"no name occurs both in .*\(z\.png, \.\.\.\)"
    ):
        compare_with_truth([other], truth, mean_of_map)
    apart = [fill(tmp_path / "y", a=0), fill(tmp_path / "z", b=0)]
    with pytest.raises(StoreError, match="no image has a map in all"):
        compare_with_truth(apart, truth, mean_of_map)
    (tmp_path / "y/a.png").write_bytes(b"")
    with pytest.raises(StoreError, match=r"none of 1 images .* first, a\.png: .*empty"):
        compare_with_truth(apart[:1], truth, mean_of_map)
