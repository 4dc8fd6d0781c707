"""What is left to do is cut as a killed job would cut it again."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dilo.folder import Names
from dilo.masks.index import Index, Remaining
from dilo.masks.manifest import Layout, Manifest, Origin
from dilo.masks.parts import Row, digest, part_path, write_part

LAYOUT = Layout(format="arrow")


def names_of(count):
    return Names(f"{k:04d}.jpg" for k in range(count))


def write(folder, parts, failures=()):
    """Write parts as a job would, without maps."""
    for part in parts:
        failed = {image.name: "cut" for image in part.images if image.name in failures}
        done = [image for image in part.images if image.name not in failures]
        rows = [Row(*image[:2], 1, 1, float("nan"), False, b"") for image in done]
        write_part(part_path(folder, part.number), LAYOUT, rows, failed)


def remaining_of(names, folder, files=None):
    index = Index(folder, LAYOUT)
    return Remaining(Names(names), index, files=files)


def parts_of(names, folder, files=None):
    return list(remaining_of(names, folder, files).parts(8))


def map_names(parts):
    return {image.name: image.map_name for part in parts for image in part.images}


def test_parts_hold_all_names_in_their_order(tmp_path):
    parts = parts_of(names_of(20), tmp_path)
    assert [part.number for part in parts] == [0, 1, 2]
    names = [image.name for part in parts for image in part.images]
    assert names == list(names_of(20))
    assert len(remaining_of(names_of(20), tmp_path)) == 20


@settings(max_examples=30, deadline=None)
@given(done=st.sets(st.integers(0, 12)), seed=st.integers(0, 9))
def test_whatever_parts_a_kill_leaves_the_rest_comes_about_again(
    tmp_path_factory, done, seed
):
    folder = tmp_path_factory.mktemp("masks")
    rng = np.random.default_rng(seed)
    suffixes = rng.choice(["jpg", "png", "png.jpg"], 100)
    names = sorted({f"{k // 2:04d}.{suffixes[k]}" for k in range(100)})
    failures = {str(name) for name in rng.choice(names, 15)}
    parts = parts_of(names, folder)
    assert len(set(map_names(parts).values())) == len(names)  # none overwrites another
    write(folder, [part for part in parts if part.number in done], failures)
    again = [part for part in parts_of(names, folder) if not part.late]
    assert again == [part for part in parts if part.number not in done]


def test_images_that_failed_come_last_and_in_parts_of_their_own(tmp_path):
    parts = parts_of(names_of(20), tmp_path)
    write(tmp_path, parts[:2], failures={"0001.jpg", "0012.jpg"})
    new, late = parts_of(names_of(20), tmp_path)
    assert (new.number, late.number) == (2, 3)
    assert late.late
    assert [image.name for image in late.images] == ["0001.jpg", "0012.jpg"]


def test_images_of_which_the_map_has_gone_come_last(tmp_path):
    write(tmp_path, parts_of(names_of(20), tmp_path))
    keys = Index(tmp_path, LAYOUT).column("key")
    gone = np.uint64(digest("0010"))
    (late,) = parts_of(names_of(20), tmp_path, files=keys[keys != gone])
    assert (late.number, late.late) == (3, True)
    assert late.images == (("0010.jpg", "0010", False),)


def test_of_images_with_one_stem_the_first_has_the_plain_name(tmp_path):
    names = ["a.jpg", "a.png", "a.webp", "b.png"]
    expected = {"a.jpg": "a", "a.png": "a.png", "a.webp": "a.webp", "b.png": "b"}
    assert map_names(parts_of(names, tmp_path)) == expected


def test_an_image_that_came_first_keeps_the_plain_name(tmp_path):
    write(tmp_path, parts_of(["a.png"], tmp_path))
    assert map_names(parts_of(["a.jpg", "a.png"], tmp_path)) == {"a.jpg": "a.jpg"}
    write(tmp_path, parts_of(["a.jpg", "a.png"], tmp_path))
    index = Index(tmp_path, LAYOUT)
    assert dict(index.map_names()) == {"a": "a.png", "a.jpg": "a.jpg"}
    assert not parts_of(["a.jpg", "a.png"], tmp_path)
    assert not parts_of(["a.jpg"], tmp_path)  # nor does it change its name later


def test_a_whole_name_may_be_the_stem_of_a_third_image(tmp_path):
    names = ["a.jpg", "a.png", "a.png.jpg"]
    expected = {"a.jpg": "a", "a.png": "a.png~", "a.png.jpg": "a.png"}
    assert map_names(parts_of(names, tmp_path)) == expected
    write(tmp_path, parts_of(names[:2], tmp_path))
    assert map_names(parts_of(names, tmp_path)) == {"a.png.jpg": "a.png.jpg"}


def test_an_image_takes_the_plain_name_of_one_that_has_gone(tmp_path):
    write(tmp_path, parts_of(["a.jpg"], tmp_path))
    (part,) = parts_of(["a.png"], tmp_path)
    assert (part.number, part.late) == (1, True)  # the last part holds
    assert part.images == (("a.png", "a", False),)


def test_files_are_kept_only_where_none_but_their_image_can_have_made_them(tmp_path):
    names = ["a.jpg", "a.png", "b.jpg", "c.png.jpg"]
    (part,) = parts_of(names, tmp_path)
    kept = [image.name for image in part.images if image.keep]
    assert kept == ["b.jpg"]


def test_the_size_of_parts_depends_on_the_job_alone():
    manifest = Manifest(Origin(method="toy"), Layout())
    for todo, size in ((5, 8), (1100, 8), (20_000, 156), (5000, 156), (10**7, 1024)):
        manifest.grow_parts(todo)
        assert manifest.part_size == size
    manifest = Manifest(Origin(method="toy"), Layout())
    manifest.grow_parts(5, batch_size=32)
    assert manifest.part_size == 32


def test_many_names_take_little_memory():
    names = Names(["b.jpg", "a/ü.png", "x\udcff.png"])
    assert list(names) == ["b.jpg", "a/ü.png", "x\udcff.png"]
    assert names[-1] == "x\udcff.png"
    assert names[:2] == ["b.jpg", "a/ü.png"]
