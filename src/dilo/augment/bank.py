"""A bank: a folder of background crops, with the origin and the yield of its mining."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dilo.config import difference
from dilo.errors import InputError, StoreError, shortened
from dilo.files import write_json_atomic

MANIFEST = "bank.json"
LEAST_SIDE = 32  # pixels; a smaller crop would be a blur behind the object
LEAST_CROPS = 100  # below, the same backgrounds come back too often


@dataclass(frozen=True, kw_only=True)
class MiningConfig:
    """What counts as a crop without saliency response, and how it is kept."""

    # On RBD maps of DUTS-TR: of 77 % of the images a crop; one in seven shows more than
    # 1 % of true foreground. At 0.1 it is 83 % and one in five, at 0.02 69 % and one in
    # ten (benchmarks/mining.py).
    threshold: float = 0.05
    # Of the image's short side. At 0.5 only 12 % of the images have a crop.
    min_side: float = 0.3
    side: int = 256  # larger crops are reduced to this, in pixels
    quality: int = 92  # of the JPEG files

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            InputError: a value lies outside its range.
        """
        for name, low, high in (
            ("threshold", 0, 1),
            ("min_side", 0, 1),
            ("side", LEAST_SIDE, 4096),
            ("quality", 1, 100),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"{name} must be in [{low}, {high}], got {value}")


@dataclass(frozen=True, kw_only=True)
class MiningReport:
    """What became of every image."""

    bank: Path
    images: int
    crops: int
    no_map: int  # without a map, or with one that holds no foreground
    no_room: int  # without a square that is empty and large enough
    failures: dict[str, str]

    def summary(self) -> str:
        """Say it in a few lines."""
        mapped = self.images - self.no_map - len(self.failures)
        share = 100 * self.crops / max(mapped, 1)
        lines = [
            f"{self.crops} background crops in {self.bank}, of {share:.0f} % of the "
            f"{mapped} images with a foreground map"
        ]
        if self.no_map:
            lines.append(f"{self.no_map} images have no map or no foreground in it")
        lines += [f"  {reason}" for reason in shortened(self.failures.values())]
        if self.crops < LEAST_CROPS:
            lines.append(
                f"fewer than {LEAST_CROPS} crops will come back often; a higher "
                "threshold or a smaller min_side finds more"
            )
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class BankOrigin:
    """What all crops of a bank have in common, as it stands in `bank.json`."""

    config: MiningConfig
    masks: Mapping[str, Any]  # how the maps were made that say where background is


def check_bank(bank: Path, origin: BankOrigin) -> None:
    """Refuse a folder that holds something else; claim a free one.

    Raises:
        StoreError: it holds other files, or was mined by another rule or other maps.
    """
    path = bank / MANIFEST
    if path.is_file():
        former = _read_origin(path)
        differences = difference(former["config"], asdict(origin.config))
        differences += difference({"masks": former["masks"]}, {"masks": origin.masks})
        if not differences:
            return
        # Where another one has found nothing, there is nothing to be mixed up.
        if any(bank.rglob("*.jpg")):
            raise StoreError(
                f"{bank}: was mined in another way ({'; '.join(differences)}); "
                "give a new folder"
            )
    elif bank.exists() and (not bank.is_dir() or any(bank.iterdir())):
        raise StoreError(f"{bank}: holds other files; give a new folder")
    write_json_atomic(path, asdict(origin))


def write_report(origin: BankOrigin, report: MiningReport) -> None:
    """Tell the origin and the yield in the bank's manifest."""
    told = {key: value for key, value in asdict(report).items() if key != "bank"}
    write_json_atomic(report.bank / MANIFEST, {**asdict(origin), **told})


def _read_origin(path: Path) -> dict[str, dict[str, Any]]:
    try:
        content = json.loads(path.read_text())
        return {"config": dict(content["config"]), "masks": dict(content["masks"])}
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path}: damaged; delete the folder") from error
