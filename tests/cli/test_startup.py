import subprocess
import sys

import pytest

HEAVY = ("numba", "torch", "cv2", "scipy", "pyarrow", "ray", "PIL")


def loaded(code):
    """Name the heavy modules that a new process has imported after `code`."""
    code = f"""
import contextlib, io, sys
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    {code}
print([name for name in {HEAVY} if name in sys.modules])
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["masks", "--help"], ["masks", "a", "--no"]]
)
def test_help_and_wrong_usage_import_nothing_heavy(words):
    assert loaded(f"from dilo.cli import main; main({words})") == "[]"


@pytest.mark.parametrize(
    "words",
    [
        ["pretrain", "--help"],
        ["pretrain", "--objective", "moco_v2", "--help"],
        ["pretrain", "photos", "--outt", "run"],
        ["preview", "--help"],
    ],
)
def test_help_and_wrong_usage_of_configs_import_no_torch(words):
    assert "torch" not in loaded(f"from dilo.cli import main; main({words})")


def test_importing_mask_stores_imports_neither_arrow_nor_ray():
    modules = loaded("import dilo.masks")
    assert not any(name in modules for name in ("torch", "pyarrow", "ray"))


def test_importing_the_package_imports_nothing_heavy():
    assert loaded("import dilo") == "[]"


def test_the_first_map_needs_neither_torch_nor_arrow_nor_ray():
    modules = loaded("from dilo.saliency import estimate")
    assert not any(name in modules for name in ("torch", "pyarrow", "ray"))
