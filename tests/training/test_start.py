"""What is said before a training starts."""

import pytest

from dilo.errors import InputError
from dilo.runs import Run
from dilo.training.config import LoopConfig
from dilo.training.start import check_start, note_sitting


class Images:
    names = ("a", "b", "c")
    item_bytes = 10**15  # no machine has the room

    def __getitem__(self, sample):
        raise AssertionError("nothing is read")


@pytest.mark.parametrize(("batch_size", "said"), [(256, True), (3, False), (2, False)])
def test_a_batch_larger_than_the_set_is_said(tmp_path, capsys, batch_size, said):
    run, config = Run(tmp_path / "run"), LoopConfig(batch_size=batch_size)
    note_sitting(run, config, 3, {"processes": 1}, batch_size)
    message = "run: batches of 256, but 3 images: each step takes all 3"
    assert (message in capsys.readouterr().err) == said
    assert run.field("batch_size") == batch_size


def test_nothing_is_written_before_all_is_checked(tmp_path, monkeypatch):
    memory = "dilo.training.worker_memory._free_bytes"
    monkeypatch.setattr(memory, lambda: 64 * 10**6)
    run = Run(tmp_path / "run")
    with pytest.raises(InputError, match="shm has 64 MB free"):
        check_start(run, Images(), {}, LoopConfig(workers=2), 1)
    data = check_start(run, Images(), {"masks": "x"}, LoopConfig(workers=0), 1)
    assert (data["images"], data["masks"]) == (3, "x")
    with pytest.raises(InputError, match="less than two images each"):
        check_start(run, Images(), {}, LoopConfig(workers=0), 2)
    assert not run.folder.exists()
