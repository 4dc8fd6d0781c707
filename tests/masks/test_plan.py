"""What is left to do is cut as a killed job would cut it again."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dilo.folder import Names
from dilo.masks import MaskStore, write_maps
from dilo.masks.index import Index
from dilo.masks.manifest import Layout, Manifest, Origin
from dilo.masks.parts import Row, part_path, write_part
from dilo.masks.plan import make_plan

LAYOUT = Layout(format="arrow")


def names_of(count):
    return Names(f"{k:04d}.jpg" for k in range(count))


def write(folder, parts, failures=()):
    """Write parts as a job would, without maps."""
    for part in parts:
        failed = {name: "cut" for name in part.names if name in failures}
        done = [name for name in part.names if name not in failures]
        rows = [Row(name, 1, 1, float("nan"), False, b"") for name in done]
        write_part(part_path(folder, part.number), rows, failed, LAYOUT)


def plan_of(folder, names, failures=None):
    return make_plan(names, Index.read(folder, LAYOUT), failures or {}, 8)


def test_parts_hold_all_names_in_their_order():
    plan = make_plan(names_of(20), Index([]), {}, 8)
    parts = list(plan.parts())
    assert [part.number for part in parts] == [0, 1, 2]
    assert [name for part in parts for name in part.names] == list(names_of(20))
    assert plan.todo == 20


@given(done=st.sets(st.integers(0, 12)), seed=st.integers(0, 9))
def test_whatever_parts_a_kill_leaves_the_rest_comes_about_again(
    tmp_path_factory, done, seed
):
    folder = tmp_path_factory.mktemp("masks")
    names = names_of(100)
    rng = np.random.default_rng(seed)
    failures = {names[int(k)] for k in rng.integers(0, 100, 15)}
    parts = list(make_plan(names, Index([]), {}, 8).parts())
    write(folder, [part for part in parts if part.number in done], failures)
    again = [part for part in plan_of(folder, names).parts() if not part.late]
    assert again == [part for part in parts if part.number not in done]


def test_images_that_failed_come_last_and_in_parts_of_their_own(tmp_path):
    names = names_of(20)
    parts = list(plan_of(tmp_path, names).parts())
    write(tmp_path, parts[:2], failures={"0001.jpg", "0012.jpg"})
    plan = plan_of(tmp_path, names)
    new, late = plan.parts()
    assert (new.number, late.number) == (2, 3)
    assert late.late
    assert late.names == ("0001.jpg", "0012.jpg")
    assert plan.todo == 6


def test_images_of_which_a_map_is_missing_are_done_with_their_part(tmp_path):
    store = MaskStore.create(tmp_path, "toy")
    flat = np.ones((2, 2), np.float32)
    write_maps(store, {name: flat for name in names_of(20)})
    (tmp_path / "0010.png").unlink()
    index = Index.read(tmp_path, Layout())
    files = np.array([index.keys[0]])  # all others are missing
    plan = make_plan(names_of(20), index, {}, 8, files)
    assert [part.number for part in plan.parts()] == [0, 1, 2]
    assert all(part.take for part in plan.parts())
    report = [part.names for part in plan.parts()]
    assert report[1] == tuple(names_of(20)[8:16])


def test_the_size_of_parts_depends_on_the_job_alone():
    manifest = Manifest(Origin(method="toy"), Layout())
    for todo, size in ((5, 8), (1100, 8), (20_000, 156), (5000, 156), (10**7, 1024)):
        manifest.grow_parts(todo)
        assert manifest.part_size == size


def test_many_names_take_little_memory():
    names = Names(["b.jpg", "a/ü.png", "x\udcff.png"])
    assert list(names) == ["b.jpg", "a/ü.png", "x\udcff.png"]
    assert names[-1] == "x\udcff.png"
    assert names[:2] == ["b.jpg", "a/ü.png"]
    assert len(names._bytes) == 19
