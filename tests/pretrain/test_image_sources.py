import tarfile
from pathlib import Path

import pytest

from dilo.errors import InputError
from dilo.pretrain import pretrain


@pytest.fixture(scope="module")
def packed(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the scenes as shards, table and folder, each with masks."""
    folder = tmp_path_factory.mktemp("packed")
    names = sorted(path.name for path in (scenes / "images").iterdir())
    shares = {"x-0": names[:9], "x-1": names[9:]}
    rows = []
    (folder / "shards").mkdir()
    for shard, share in shares.items():
        with tarfile.open(folder / "shards" / f"{shard}.tar", "w") as archive:
            for name in reversed(share):
                rows.append(f"{shard}/{name}\n")
                for kind, suffix in (("images", ".png"), ("masks", ".mask.png")):
                    path = folder / kind / shard / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes((scenes / kind / name).read_bytes())
                    archive.add(path, path.stem + suffix)
    (folder / "list.csv").write_text("file\n" + "".join(rows))
    return folder


def test_folder_table_and_shards_of_the_same_images_train_the_same(
    tiny, packed, tmp_path
):
    shards = str(packed / "shards" / "x-{0..1}.tar")
    forms = {
        "folder": (str(packed / "images"), str(packed / "masks")),
        "table": (str(packed / "list.csv"), str(packed / "masks")),
        "shards": (shards, str(packed / "masks")),
        "masks in shards": (shards, shards),
        "in memory": (shards, shards),
    }
    weights, losses = [], []
    for form, (images, masks) in forms.items():
        cache_size = 32 if form == "in memory" else None  # their size
        changed = {"images": images, "masks": masks, "cache_size": cache_size}
        report = pretrain(tiny(epochs=2, **changed), tmp_path / form)
        assert (report.images, report.mapped, dict(report.failures)) == (22, 22, {})
        weights.append(report.run.backbone.read_bytes())
        losses.append([line["loss"] for line in report.run.metrics])
    assert losses.count(losses[0]) == len(forms)
    assert weights.count(weights[0]) == len(forms)


def test_workers_read_shards_as_one_process_does(tiny, packed, tmp_path):
    shards = str(packed / "shards")
    runs = [
        pretrain(tiny(images=shards, masks=shards, workers=n), tmp_path / str(n)).run
        for n in (0, 2)
    ]
    assert runs[0].backbone.read_bytes() == runs[1].backbone.read_bytes()


def test_shards_without_masks_and_labels_of_other_files_are_refused(
    tiny, packed, scenes, tmp_path
):
    bare = tmp_path / "bare.tar"
    with tarfile.open(bare, "w") as archive:
        for path in sorted((scenes / "images").iterdir())[:3]:
            archive.add(path, path.name)
    message = r"no map of any image of .*bare\.tar; .* would be bare/.*\.mask\.png"
    with pytest.raises(InputError, match=message):
        pretrain(tiny(images=str(bare), masks=str(bare)), tmp_path / "run")
    config = tiny(images=str(bare), masks=None, objective="supervised")
    with pytest.raises(InputError, match=r"no label for 3 of 3 images.*bare/train"):
        pretrain(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()
