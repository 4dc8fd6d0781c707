"""Print the lowest version of each dependency in pyproject.toml, as pip constraints."""

import re
import sys
import tomllib
from itertools import chain
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def lowest(text: str) -> list[str]:
    """Turn every `name>=version` of a pyproject.toml into `name==version`."""
    project = tomllib.loads(text)["project"]
    extras = project["optional-dependencies"]
    wanted = chain(project["dependencies"], *(extras[name] for name in extras))
    found = (re.fullmatch(r"([\w.-]+)>=([\w.]+)", each) for each in wanted)
    return sorted({f"{match[1]}=={match[2]}" for match in found if match})


if __name__ == "__main__":
    sys.stdout.write("\n".join(lowest(PROJECT.read_text())) + "\n")
