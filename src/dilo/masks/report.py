"""What became of the images of a job, in numbers and in words."""

from dataclasses import dataclass, field

from dilo.errors import shortened
from dilo.masks.manifest import MANIFEST, MethodError
from dilo.progress import format_rate, format_seconds

FAILURES_SHOWN = 5
ERRORS_SHOWN = 3


@dataclass(frozen=True)
class MaskReport:
    """What became of the images of one call."""

    images: int  # found below the folder
    computed: int  # maps made by this call
    empty: int  # maps without foreground, of all that are there now
    doubtful: int  # maps of low confidence, of those that are not empty
    failures: dict[str, str]  # name -> reason
    seconds: float
    # What the method raised, other than that an image cannot be read: each once.
    errors: dict[str, MethodError] = field(default_factory=dict)

    @property
    def kept(self) -> int:
        """Count the maps that were there before."""
        return self.images - len(self.failures) - self.computed

    def summary(self) -> str:
        """Say what was done, what failed, and what to do about it."""
        rate = self.computed / max(self.seconds, 1e-9)
        maps = self.computed + self.kept
        lines = [
            f"{maps} of {self.images} images have a map: "
            f"{self.computed} made in {format_seconds(self.seconds)} "
            f"({format_rate(rate)} images/s), {self.kept} were there"
        ]
        if self.empty:
            share = self.empty / max(maps, 1)
            lines.append(
                f"{self.empty} ({share:.1%}) without foreground: flagged, they are "
                f"never pasted"
            )
        if self.doubtful:
            share = self.doubtful / max(maps, 1)
            lines.append(f"{self.doubtful} ({share:.1%}) of low confidence")
        if self.failures:
            lines.append(f"{len(self.failures)} failed and have no map:")
            shown = [f"{name}: {why}" for name, why in sorted(self.failures.items())]
            lines += [f"  {line}" for line in shortened(shown, FAILURES_SHOWN)]
            lines.append(
                f"All are listed in {MANIFEST}. Repair or remove them, then run again: "
                "only what is missing is computed."
            )
        if self.errors:
            lines.append(f"Errors of the method, all in {MANIFEST}:")
            shown = [
                f"{kind}, first at {error.image}:\n{error.traceback.rstrip()}"
                for kind, error in sorted(self.errors.items())
            ]
            lines += shortened(shown, ERRORS_SHOWN)
        return "\n".join(lines)
