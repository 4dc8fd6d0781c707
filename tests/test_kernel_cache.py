import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import dilo
from dilo.kernel_cache import is_private

VARIABLE = "NUMBA_CACHE_DIR"
posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes are of POSIX")
as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away"
)
NOBODY = 65534
STRANGER = 65533

PROBE = """
from dilo.kernel_cache import njit

@njit()
def add(a, b):
    return a + b
"""


@pytest.fixture
def place():
    """A folder that every user can reach, unlike `tmp_path`."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    subprocess.run(["chmod", "-R", "u+w", folder], check=True)
    shutil.rmtree(folder)


def copy_package(folder):
    """Install the package into a folder, with one small kernel."""
    copy = folder / "site/dilo"
    source = Path(dilo.__file__).parent
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "saliency/__init__.py").write_text("")
    (copy / "saliency/probe.py").write_text(PROBE)
    return copy


@pytest.fixture
def package(place):
    """A read-only installation."""
    copy = copy_package(place)
    subprocess.run(["chmod", "-R", "a-w", copy.parent], check=True)
    return copy


def as_user(user):
    """Start of a command that drops root's right to write everywhere.

    The right to read stays, for the interpreter may lie in root's home.
    """
    if user is None or os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root can write everywhere, and there is no setpriv")
    rights = ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]
    ids = ["--reuid", str(user), "--regid", str(user), "--clear-groups"]
    return ["setpriv", *ids, *rights]


def run_kernel(package, cwd, user=NOBODY, **variables):
    """Call the kernel as another user, to whom a read-only package is read-only.

    Returns:
        Its result, the folder of its cache, and whether it came from there.
    """
    code = (
        "import dilo; from dilo.saliency.probe import add; print(add(1, 2));"
        "print(add.stats.cache_path or '');"
        "print(bool(add.stats.cache_hits)); print(dilo.__file__)"
    )
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in (VARIABLE, "HOME", "XDG_CACHE_HOME", "TMPDIR")
    }
    environment |= {"PYTHONPATH": str(package.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*as_user(user), sys.executable, "-c", code],
        env=environment | {key: str(value) for key, value in variables.items()},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    result, cache, hit, file = done.stdout.splitlines()
    assert Path(file).parent == package  # the copy, not the one under test
    return int(result), cache, hit == "True"


def owned(folder, user=NOBODY, mode=0o700):
    """Make a folder of the user that `run_kernel` takes."""
    folder.mkdir(parents=True)
    if os.geteuid() == 0:
        os.chown(folder, user, user)
    folder.chmod(mode)
    return folder


def test_numba_stays_as_it_was_for_other_packages(place):
    probe = PROBE.replace("dilo.kernel_cache", "numba").replace("()", "(cache=True)")
    (place / "theirs.py").write_text(probe)
    code = (
        "import os, numba; state = lambda: (dict(vars(numba.config)),"
        "[item for item in os.environ.items() if item[0].startswith('NUMBA')],"
        "dict(vars(numba.core.registry.CPUDispatcher)));"
        "before = state();"
        "import dilo.saliency, dilo.augment, dilo.masks;"
        "assert before == state();"
        "import theirs; theirs.add(1, 2); print(theirs.add.stats.cache_path)"
    )
    environment = {key: value for key, value in os.environ.items() if key != VARIABLE}
    found = subprocess.check_output(
        [sys.executable, "-c", code], cwd=place, env=environment, text=True
    )
    assert Path(found.strip()) == place / "__pycache__"


def test_every_kernel_has_the_cache_of_dilo():
    for path in Path(dilo.__file__).parent.rglob("*.py"):
        if path.name != "kernel_cache.py":
            text = path.read_text()
            assert "from numba import njit" not in text, path
            assert "numba.njit" not in text, path


@pytest.mark.slow
@pytest.mark.parametrize("asked", [True, False])
def test_a_kernel_is_compiled_anew_when_its_callee_has_changed(tmp_path, asked):
    package = copy_package(tmp_path)
    inner = package / "saliency/inner.py"
    (package / "saliency/probe.py").write_text(
        "from dilo.kernel_cache import njit\nfrom dilo.saliency.inner import inner\n\n"
        "@njit()\ndef add(a, b):\n    return inner(a, b)\n"
    )
    variables = {VARIABLE if asked else "XDG_CACHE_HOME": tmp_path / "cache"}
    for sign, expected, hit in (("+", 3, False), ("+", 3, True), ("-", -1, False)):
        inner.write_text(
            "from dilo.kernel_cache import njit\n\n@njit()\n"
            f"def inner(a, b):\n    return a {sign} b\n"
        )
        result, _, from_cache = run_kernel(package, tmp_path, user=None, **variables)
        assert (result, from_cache) == (expected, hit)


def test_a_constant_of_an_imported_module_counts_as_a_callee(tmp_path):
    package = copy_package(tmp_path)
    (package / "saliency/probe.py").write_text(
        "from dilo.kernel_cache import njit\nfrom dilo.saliency.number import ONE\n\n"
        "@njit()\ndef add(a, b):\n    return a + b + ONE\n"
    )
    for one, expected in ((1, 4), (2, 5)):
        (package / "saliency/number.py").write_text(f"ONE = {one}\n")
        result, _, hit = run_kernel(package, tmp_path, None, XDG_CACHE_HOME=tmp_path)
        assert (result, hit) == (expected, False)


def test_kernels_that_are_long_unused_are_deleted(place):
    package, cache = copy_package(place), owned(place / "cache")
    old, new = (cache / "dilo" / f"masks-kernels-{name}" for name in "12")
    for folder in (old, new):
        folder.mkdir(parents=True)
        if os.geteuid() == 0:
            for path in (cache / "dilo", cache / "dilo", folder):
                os.chown(path, NOBODY, NOBODY)
    os.utime(old, (0, 0))
    run_kernel(package, place, XDG_CACHE_HOME=cache)
    assert not old.exists()
    assert new.exists()


@posix
def test_a_private_folder_is_ours_all_the_way_up(tmp_path):
    assert is_private(tmp_path)
    assert not is_private(Path(tempfile.gettempdir()))  # everybody's
    below = tmp_path / "open/below"
    below.mkdir(parents=True)
    assert is_private(below)
    below.parent.chmod(0o777)
    assert not is_private(below)  # anybody could put another in its place
    below.parent.chmod(0o1777)
    assert is_private(below)
    below.chmod(0o777)
    assert not is_private(below)


@posix
@as_root
def test_a_folder_of_another_user_is_not_private(tmp_path):
    theirs = owned(tmp_path / "theirs")
    assert not is_private(theirs)
    (theirs / "ours").mkdir()
    assert not is_private(theirs / "ours")


@posix
def test_a_read_only_package_caches_below_the_home(package, place):
    home = owned(place / "home")
    expected = home / ".cache/dilo"
    for hit in (False, True):
        result, cache, found = run_kernel(package, place, HOME=home)
        assert (result, found) == (3, hit)
        assert Path(cache).is_relative_to(expected)
    assert expected.stat().st_mode & 0o777 == 0o700


@posix
def test_without_a_home_it_caches_among_temporary_files(package, place):
    temporary = owned(place / "tmp", mode=0o1777)
    cwd = owned(place / "cwd")
    for home in ("/nonexistent", ""):
        result, cache, _ = run_kernel(package, cwd, HOME=home, TMPDIR=temporary)
        user = NOBODY if os.geteuid() == 0 else os.geteuid()
        assert result == 3
        assert Path(cache).is_relative_to(temporary / f"dilo-{user}")
    assert not list(cwd.iterdir())  # numba would make a folder "~"


@posix
def test_a_cache_that_others_can_write_is_passed_over(package, place):
    home = owned(place / "home")
    shared = owned(place / "shared", mode=0o777)
    result, cache, _ = run_kernel(package, place, HOME=home, NUMBA_CACHE_DIR=shared)
    assert result == 3
    assert Path(cache).is_relative_to(home / ".cache/dilo")
    mine = owned(place / "mine")
    result, cache, _ = run_kernel(package, place, HOME=home, NUMBA_CACHE_DIR=mine)
    assert result == 3
    assert Path(cache).is_relative_to(mine)
    assert not list(shared.iterdir())


@posix
@as_root
def test_a_cache_laid_out_by_another_user_is_not_read(package, place):
    temporary = owned(place / "tmp", user=0, mode=0o1777)
    trap = owned(temporary / f"dilo-{NOBODY}", user=STRANGER, mode=0o777)
    cwd = owned(place / "cwd")
    result, cache, hit = run_kernel(package, cwd, HOME="/nonexistent", TMPDIR=temporary)
    assert (result, cache, hit) == (3, "", False)
    assert not list(trap.iterdir())
    assert not list(cwd.iterdir())


@posix
@as_root
def test_two_users_share_a_package_and_no_cache(package, place):
    for user in (NOBODY, STRANGER):
        home = owned(place / f"home{user}", user)
        result, cache, hit = run_kernel(package, place, user, HOME=home)
        assert (result, hit) == (3, False)
        assert Path(cache).is_relative_to(home)
