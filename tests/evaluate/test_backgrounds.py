import numpy as np
import PIL.Image
import pytest
from torch import nn

from dilo.data.labels import read_train_val
from dilo.errors import InputError
from dilo.evaluate.backgrounds import background_scores
from dilo.masks import MaskStore
from dilo.models.inference import LoadedBackbone

OBJECTS = ((250, 60, 60), (60, 250, 60), (60, 60, 250))
GROUNDS = ((0, 0, 40), (40, 0, 0), (0, 40, 0))


class Colours(nn.Module):
    """Sees bright pixels only, or dark pixels only: the mean colour of those."""

    def __init__(self, bright: bool) -> None:
        super().__init__()
        self.bright = bright

    def forward(self, images):
        bright = images.amax(dim=1, keepdim=True) > 0
        seen = bright if self.bright else ~bright
        mean = images.mean(dim=(2, 3), keepdim=True)
        return (images * seen).sum(dim=(2, 3)) / seen.sum(dim=(2, 3)).clamp(min=1) + (
            0.01 * mean[:, :, 0, 0]
        )


@pytest.fixture
def data(tmp_path):
    """Three classes of bright squares, each class on its own dark background."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 4)):
        for label, (colour, ground) in enumerate(zip(OBJECTS, GROUNDS, strict=True)):
            for index in range(count):
                image = np.full((24, 24, 3), ground, np.uint8)
                mask = np.zeros((24, 24), np.uint8)
                mask[6 : 13 + index, 8:15] = 255
                image[mask > 0] = colour
                image = image + rng.integers(0, 5, image.shape).astype(np.uint8)
                name = f"{split}/c{label}/{index}.png"
                for folder, pixels in (("images", image), ("truth", mask)):
                    path = tmp_path / folder / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    PIL.Image.fromarray(pixels).save(path)
    train, val = read_train_val(tmp_path / "images", tmp_path / "images")
    return train, val, MaskStore.open(tmp_path / "truth/val")


def load(bright: bool) -> LoadedBackbone:
    return LoadedBackbone(module=Colours(bright), arch="colours", crop_size=16)


def test_a_network_that_sees_objects_has_no_gap(data):
    scores = background_scores(load(bright=True), *data)
    for accuracies in (scores.knn, scores.linear):
        for variant in ("original", "mixed_same", "mixed_rand", "only_fg"):
            assert accuracies[variant].top1 == 1.0
    assert scores.knn_gap == scores.linear_gap == 0.0
    assert scores.retrieval.found.same_class == 1.0
    assert scores.left_out == ()


def test_a_network_that_sees_backgrounds_has_the_largest_gap(data):
    scores = background_scores(load(bright=False), *data)
    assert scores.knn["original"].top1 == scores.knn["only_bg"].top1 == 1.0
    assert scores.knn["mixed_rand"].top1 == 0.0
    assert scores.knn_gap == 1.0
    assert scores.retrieval.found.same_background == 1.0


def test_images_that_cannot_take_part_are_named(data):
    train, val, truth = data
    truth.path("c0/0.png").unlink()
    PIL.Image.new("L", (24, 24), 255).save(truth.path("c1/1.png"))
    (val.root / "c2/2.png").write_bytes(b"no image")
    scores = background_scores(
        load(bright=True), train, val, MaskStore.open(truth.folder)
    )
    assert scores.knn["original"].images == 9
    left_out = "\n".join(scores.left_out)
    assert "c0/0.png" in left_out
    assert "c1/1.png: the object's box fills more than 90% of it" in left_out
    assert "2.png: not an image" in left_out


def test_too_few_images_are_refused(data):
    train, val, truth = data
    with pytest.raises(InputError, match="swapping backgrounds needs two classes"):
        background_scores(load(bright=True), train, val.take([0, 1, 4]), truth)
