"""Write a backbone for another program."""

from dataclasses import dataclass
from pathlib import Path

from dilo.errors import InputError, RunError
from dilo.files import write_atomic
from dilo.models.layouts import LAYOUTS, Model
from dilo.models.weights import FILE_NAME, load_backbone
from dilo.runs import Run
from dilo.torch_files import read_torch_file


@dataclass(frozen=True, kw_only=True)
class ExportReport:
    """What an export wrote."""

    path: Path
    arch: str
    input: str  # what the network sees of the colours
    usage: tuple[str, ...]  # lines of code that load it

    def summary(self) -> str:
        """Say what was written, how it is loaded, and what to mind."""
        lines = [f"{self.path}: the weights of {self.arch}, loaded by"]
        lines += [f"    {line}" for line in self.usage]
        if self.input != "rgb":
            lines.append(
                f"It knows {self.input} images only: before use, "
                f"dilo.models.inputs.with_input(network, {self.input!r})"
            )
        return "\n".join(lines)


def export(source: str | Path, out: Path, to: str) -> ExportReport:
    """Write a backbone for another program, without its classifier.

    Args:
        source: a finished run, or what else `load_backbone` takes.
        out: the file; an older one of that name is replaced.
        to: one of `LAYOUTS`.

    Raises:
        InputError: there is no such layout, `out` is no name for its files, or the
            program has no such network.
        RunError: the source is no backbone, or an unfinished run.
        ModuleNotFoundError: timm is needed, but not installed.
    """
    if to not in LAYOUTS:
        raise InputError(f"to must be one of {', '.join(LAYOUTS)}, got {to!r}")
    layout = LAYOUTS[to]
    if not out.name.endswith(layout.suffixes) or out.is_dir():
        choices = " or ".join(f"*{suffix}" for suffix in layout.suffixes)
        raise InputError(f"the file for {to} must be {choices}, got {out}")
    if out.resolve() in (Path(source).resolve(), Path(source, FILE_NAME).resolve()):
        raise InputError(f"{out}: is what is exported; name another file")
    model = read_model(source)
    exported = layout.write(model)
    write_atomic(out, exported.content)
    return ExportReport(
        path=out,
        arch=model.loaded.arch,
        input=model.loaded.input,
        usage=tuple(line.replace("FILE", repr(str(out))) for line in exported.usage),
    )


def read_model(source: str | Path) -> Model:
    """Load a backbone, and of a run the head as well.

    Raises:
        RunError: as for `load_backbone`, or the run's checkpoint is damaged.
    """
    loaded = load_backbone(source)
    if not Path(source, "config.json").is_file():
        return Model(loaded=loaded)
    run = Run.open(source)
    epochs = run.field("epochs")
    if not run.checkpoint.is_file():
        return Model(loaded=loaded, epochs=epochs)
    state = read_torch_file(run.checkpoint)
    try:
        head = {
            name.removeprefix("head."): value
            for name, value in state.get("task", state.get("objective")).items()
            if name.startswith("head.")
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{run.checkpoint}: not a checkpoint of ours") from error
    return Model(loaded=loaded, head=head, epochs=epochs)
