"""Fixtures of all tests; its place also lets every test import `reference`."""

import os
from pathlib import Path

import pytest

# Read when torch is loaded, which is after this: on tiny arrays more threads gain
# nothing, and on a busy machine they wait for each other. Processes inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of photographs that tests marked `realdata` need."""
    if "DILO_DATA" not in os.environ:
        pytest.skip("DILO_DATA is not set")
    return Path(os.environ["DILO_DATA"])
