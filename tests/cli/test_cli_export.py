import pytest
import torch

from dilo.cli import main
from dilo.models import backbone
from saved import save_backbone

ARCH = "timm/test_resnet"  # a ResNet of toy size


@pytest.fixture
def run_folder(tmp_path):
    torch.manual_seed(0)
    folder = tmp_path / "run"
    path = folder / "backbone.safetensors"
    save_backbone(path, backbone(ARCH), ARCH, False, 64)
    return folder


def test_export_prints_the_code_that_loads_the_file(run_folder, tmp_path, capsys):
    out = tmp_path / "x.safetensors"
    assert main(["export", str(run_folder), str(out), "--to", "timm"]) == 0
    assert out.is_file()
    printed = capsys.readouterr().out
    assert f"{out}: the weights of {ARCH}, loaded by\n    import timm\n" in printed
    assert (
        f'create_model("test_resnet", num_classes=0, checkpoint_path={str(out)!r})'
        in printed
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{run}", "x.pth", "--to", "timm"], "file for timm must be *.safetensors"),
        (["nowhere", "x.pkl", "--to", "detectron2"], "nowhere: no such file or folder"),
        (["{run}", "x.pkl"], "--to"),
    ],
)
def test_bad_input_of_export_is_one_line_and_status_two(
    words, message, run_folder, capsys
):
    assert main(["export", *(word.format(run=run_folder) for word in words)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("dilo: error: ")
    assert error.count("\n") == 1
    assert message in error
