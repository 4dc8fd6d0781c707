"""Fixtures of all tests; its place also lets every test import `reference`."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of photographs that tests marked `realdata` need."""
    if "DILO_DATA" not in os.environ:
        pytest.skip("DILO_DATA is not set")
    return Path(os.environ["DILO_DATA"])
