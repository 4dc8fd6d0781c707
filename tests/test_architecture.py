import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import dilo

ROOT = Path(dilo.__file__).parent

# Design: a module imports its own folder and lower layers only.
LAYERS = {
    "__main__": 8,
    "cli": 7,
    "experiments": 6,
    "report": 5,
    **dict.fromkeys(("evaluate", "methods"), 4),
    **dict.fromkeys(("pretrain", "mining", "segmentation"), 3),
    **dict.fromkeys(("training", "attribution", "augment"), 2),
    **dict.fromkeys(("saliency", "masks", "data", "models"), 1),
    **dict.fromkeys(
        (
            "image",
            "image_file",
            "mask_files",
            "decoder_noise",
            "jpeg",
            "side_files",
            "folder",
            "files",
            "config",
            "charts",
            "cores",
            "progress",
            "runs",
            "errors",
            "evenly",
            "kernel_cache",
            "foreground",
            "workers",
            "locks",
            "torch_files",
        ),
        0,
    ),
    "__init__": 0,  # the package itself, for its version
}

# Modules of `augment` that are imported only when they are asked for.
NEED_TORCH = (*("soft_map", "transform"),)

MODULES = sorted(path.relative_to(ROOT) for path in ROOT.rglob("*.py"))


def area(path: Path) -> str:
    """The folder of a module, or the module itself if it lies at the top."""
    return path.parts[0].removesuffix(".py")


def imported_areas(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [node.module]
            if node.module == "dilo":
                names = [f"dilo.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            package, *rest = name.split(".")
            if package == "dilo":
                yield rest[0] if rest else "__init__"


def test_every_module_has_a_layer():
    assert {area(path) for path in MODULES} - set(LAYERS) == set()


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_point_down(path):
    own = area(path)
    for target in imported_areas(path):
        # Layer 0 is single modules, which form one folder.
        allowed = target == own or LAYERS[target] < max(LAYERS[own], 1)
        assert allowed, f"{path} imports dilo.{target}"


def module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(("dilo", *parts)).removesuffix(".__init__")


def test_saliency_masks_data_and_augmentation_need_no_torch():
    folders = ("saliency", "masks", "data", "augment")
    modules = [
        path for path in MODULES if area(path) in folders or LAYERS[area(path)] == 0
    ]
    need_torch = {f"dilo.augment.{name}" for name in NEED_TORCH}
    names = [name for name in map(module_name, modules) if name not in need_torch]
    code = "import sys, importlib\n"
    code += f"for name in {[*names, 'dilo.cli']!r}: importlib.import_module(name)\n"
    code += "print([name for name in ('torch', 'lightning') if name in sys.modules])"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
