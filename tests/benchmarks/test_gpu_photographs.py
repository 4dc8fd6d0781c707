import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from dilo.config import replace
from dilo.data.image_set import reduce_short_side
from dilo.data.labels import read_train_val
from dilo.data.synthetic import SceneConfig, write_scenes
from dilo.folder import list_images
from dilo.image import read_image, read_mask
from dilo.pretrain import PretrainConfig, pretrain
from dilo.runs import Run

SETTINGS = (
    "--seeds=0",
    "--seconds=100",
    "--set",
    "arch=conv6",
    "epochs=1",
    "crop_size=16",
    "workers=0",
    "embedding_dim=8",
)


@pytest.fixture(scope="module", autouse=True)
def _benchmarks_on_path() -> Iterator[None]:
    """The benchmarks are scripts: their folder is on the path when they run."""
    folder = str(Path(__file__).parents[2] / "benchmarks")
    sys.path.insert(0, folder)
    yield
    sys.path.remove(folder)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    for split, count in (("train", 24), ("val", 8)):
        write_scenes(folder, SceneConfig(size=32), count, split)
    return folder


@pytest.fixture(scope="module")
def packed(scenes: Path) -> Path:
    """A pack whose estimated maps are the exact ones."""
    import gpu_photographs

    pack = scenes.parent / "scenes.pack"
    gpu_photographs.main(["pack", str(scenes), str(scenes / "masks"), str(pack)])
    return pack


def test_a_pack_gives_back_images_maps_and_labels(
    scenes: Path, packed: Path, tmp_path: Path
) -> None:
    from photograph_pack import unpack

    data = unpack(packed, tmp_path)
    assert unpack(packed, tmp_path) == data  # a second call finds it ready
    names = list_images(data / "images")
    originals = list_images(scenes / "images")
    assert [Path(name).stem for name in names] == [Path(n).stem for n in originals]
    for name, original in zip(names, originals, strict=True):
        error = read_image(data / "images" / name) - read_image(
            scenes / "images" / original
        ).astype(float)
        assert np.sqrt(np.mean(error**2)) < 25  # WebP halves the colours' resolution
        mask = read_mask(scenes / "masks" / original)
        assert (read_mask(data / "masks" / name) == mask).all()
        assert (read_mask(data / "rbd" / name) == mask).mean() > 0.95
    kept = read_train_val(data / "labels.csv", data / "labels.csv")
    given = read_train_val(scenes / "labels.csv", scenes / "labels.csv")
    for ours, theirs in zip(kept, given, strict=True):
        assert [Path(n).stem for n in ours.names] == [
            Path(n).stem for n in theirs.names
        ]
        assert (ours.labels == theirs.labels).all()
        assert ours.classes == theirs.classes


def test_a_pack_reduces_large_images_and_measures_the_loss(tmp_path: Path) -> None:
    from photograph_pack import SHORT_SIDE, unpack, write_pack

    scene = tmp_path / "scene"
    write_scenes(scene, SceneConfig(size=2 * SHORT_SIDE), 2)
    shutil.copytree(scene / "masks", tmp_path / "maps")
    rows = (scene / "labels.csv").read_text().splitlines()
    rows[2] = rows[1].replace("000000", "000001").replace("train,", "val,")
    (scene / "labels.csv").write_text("\n".join(rows) + "\n")
    notes = write_pack(scene, tmp_path / "maps", tmp_path / "small.pack")
    assert notes["images"] == 2
    assert notes["loss"]["images PSNR"] > 25
    assert notes["loss"]["masks IoU"] > 0.98
    data = unpack(tmp_path / "small.pack", tmp_path)
    for name in list_images(data / "images"):
        before = read_image((scene / "images" / name).with_suffix(".png"))
        after = read_image(data / "images" / name)
        assert after.shape == reduce_short_side(before, SHORT_SIDE).shape


def one_after_the_other(
    configs: Mapping[str, PretrainConfig], folder: Path, processes: int
) -> dict[str, Run]:
    """Do what `train_all` does, in this process."""
    return {
        name: pretrain(config, folder / name).run for name, config in configs.items()
    }


def test_finished_runs_are_read_out_once_and_the_rest_goes_on(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gpu_photographs

    monkeypatch.setattr(gpu_photographs, "train_all", one_after_the_other)
    first, second = tmp_path / "first", tmp_path / "second"
    paths = [str(packed), str(first), f"--work={tmp_path / 'work'}"]
    none = f"--done={tmp_path / 'none.json'}"
    gpu_photographs.main(["run", *paths, none, "--rows", "baseline", *SETTINGS])
    done = first / gpu_photographs.NAME
    runs = json.loads(done.read_text())["figures"]["runs"]
    assert list(runs) == ["baseline-seed0"]
    assert 0 <= runs["baseline-seed0"]["scores"]["knn"] <= 100

    # As on a fresh machine: the runs are gone, what is finished is known from --done.
    shutil.rmtree(tmp_path / "work")
    paths[1] = str(second)
    gpu_photographs.main(
        ["run", *paths, f"--done={done}", "--rows", "baseline", "exact", *SETTINGS]
    )
    result = json.loads((second / gpu_photographs.NAME).read_text())
    assert list(result["figures"]["runs"]) == ["baseline-seed0", "exact-seed0"]
    assert result["figures"]["runs"]["baseline-seed0"] == runs["baseline-seed0"]
    assert not (tmp_path / "work" / "baseline-seed0").exists()
    assert set(result["figures"]["summary"]) == {"baseline", "exact"}


def test_results_of_another_recipe_are_refused(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gpu_photographs

    monkeypatch.setattr(gpu_photographs, "train_all", one_after_the_other)
    words = ["run", str(packed), str(tmp_path), f"--work={tmp_path / 'work'}"]
    words += [f"--done={tmp_path / 'none.json'}", "--rows", "baseline", *SETTINGS]
    gpu_photographs.main(words)
    with pytest.raises(SystemExit, match="another recipe"):
        gpu_photographs.main([*words, "temperature=0.2"])


def test_a_slice_ends_when_its_time_is_over(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gpu_photographs

    def wait(*_: object, **__: object) -> None:
        import time

        time.sleep(60)

    monkeypatch.setattr(gpu_photographs, "train_all", wait)
    words = ["run", str(packed), str(tmp_path / "out"), f"--work={tmp_path / 'work'}"]
    gpu_photographs.main([*words, f"--done={tmp_path / 'none.json'}", "--seconds=0.5"])
    assert not (tmp_path / "out").exists()


def test_rows_differ_in_what_is_pasted_alone() -> None:
    import gpu_photographs

    rows = gpu_photographs.configs(Path("data"), gpu_photographs.ROWS, ["lr=0.02"])
    baseline = rows["baseline"]
    assert (baseline.model.arch, baseline.model.crop_size) == ("resnet18", 112)
    assert baseline.optimizer.lr == 0.02
    for row in ("rbd-sharp", "exact"):
        assert rows[row].data.masks is not None
        pasting = rows[row].view.copy_paste
        assert (
            replace(
                baseline, **{"masks": rows[row].data.masks, "view.copy_paste": pasting}
            )
            == rows[row]
        )
