import json
from dataclasses import dataclass

import pytest

import dilo
import dilo.runs
from dilo.config import setting
from dilo.errors import RunError
from dilo.runs import Run, environment


@dataclass(frozen=True, kw_only=True)
class View:
    size: int = 8
    flip: bool = True
    jitter: tuple[float, ...] = (0.4, 0.1)


@dataclass(frozen=True, kw_only=True)
class Training:
    lr: float = 0.1
    view: View = View()
    workers: int = setting(0, free=True)


CONFIG = Training()


def test_a_run_says_what_it_was_made_with(tmp_path):
    run = Run.create(tmp_path / "run", CONFIG)
    view = {"size": 8, "flip": True, "jitter": [0.4, 0.1]}
    assert run.config == {"lr": 0.1, "view": view, "workers": 0}
    (written,) = run.environments
    assert written.keys() == environment().keys()
    assert written["libraries"]["numpy"]
    assert {"torch", "torchvision", "timm"} <= written["libraries"].keys()


def test_every_sitting_has_its_entry_with_the_facts_of_it(tmp_path):
    Run.create(tmp_path / "run", CONFIG, facts={"processes": 1})
    run = Run.create(tmp_path / "run", CONFIG, facts={"processes": 2})
    assert [entry["processes"] for entry in run.environments] == [1, 2]


def test_the_environment_of_version_0_1_is_the_first_entry(tmp_path):
    run = Run.create(tmp_path / "run", CONFIG)
    (run.folder / "environment.json").write_text('{"dilo": "0.1.0"}')
    assert run.environments == [{"dilo": "0.1.0"}]
    entries = Run.create(tmp_path / "run", CONFIG).environments
    assert [entry["dilo"] for entry in entries] == ["0.1.0", dilo.__version__]


def test_the_same_config_returns_to_the_run(tmp_path):
    Run.create(tmp_path / "run", CONFIG).log(step=1, loss=2.0)
    assert Run.create(tmp_path / "run", CONFIG).metrics == [{"step": 1, "loss": 2.0}]


def test_another_config_is_refused_by_the_name_of_the_field(tmp_path):
    Run.create(tmp_path / "run", CONFIG)
    other = Training(view=View(jitter=(0.4, 0.2)))
    with pytest.raises(
        RunError, match=r"another config \(view.jitter: \(0.4, 0.1\) -> \(0.4, 0.2\)\)"
    ):
        Run.create(tmp_path / "run", other)
    assert Run.open(tmp_path / "run").config["view"]["jitter"] == [0.4, 0.1]


def test_a_free_field_may_change_and_the_new_value_is_kept(tmp_path):
    Run.create(tmp_path / "run", Training())
    run = Run.create(tmp_path / "run", Training(workers=8))
    assert run.config["workers"] == run.field("workers") == 8
    with pytest.raises(RunError, match=r"another config \(view.size: 8 -> 9\)"):
        Run.create(tmp_path / "run", Training(view=View(size=9)))


def test_a_run_made_before_a_field_was_added_goes_on_with_its_default(tmp_path):
    run = Run.create(tmp_path / "run", Training())
    stored = run.config
    del stored["view"]["flip"]
    (run.folder / "config.json").write_text(json.dumps(stored))
    assert Run.create(tmp_path / "run", Training()).config["view"]["flip"] is True
    (run.folder / "config.json").write_text(json.dumps(stored))
    with pytest.raises(RunError, match=r"another config \(view.flip: True -> False\)"):
        Run.create(tmp_path / "run", Training(view=View(flip=False)))


def test_a_run_with_a_field_that_is_unknown_is_refused_by_name(tmp_path):
    run = Run.create(tmp_path / "run", Training())
    stored = run.config | {"sharpness": 2}
    (run.folder / "config.json").write_text(json.dumps(stored))
    with pytest.raises(RunError, match=r"Training has no field 'sharpness'.* version"):
        Run.create(tmp_path / "run", Training())


def test_checking_writes_nothing(tmp_path):
    assert Run.check(tmp_path / "run", CONFIG).folder == tmp_path / "run"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunError, match="is not empty and holds no run"):
        Run.create(tmp_path, CONFIG)
    with pytest.raises(RunError, match="is a file; a run needs a folder"):
        Run.create(tmp_path / "thesis.tex", CONFIG)


def test_a_start_that_was_killed_does_not_block_the_folder(tmp_path):
    (tmp_path / ".config.json-0a1b2c3d.99.partial").touch()
    assert Run.create(tmp_path, CONFIG).config["lr"] == 0.1


def test_what_is_no_run_cannot_be_opened(tmp_path):
    with pytest.raises(RunError, match=r"no run here \(there is no config.json\)"):
        Run.open(tmp_path)
    (tmp_path / "config.json").write_text('{"lr": ')
    with pytest.raises(RunError, match=r"config\.json: cannot be read"):
        _ = Run.open(tmp_path).config
    with pytest.raises(RunError, match=r"config\.json: cannot be read"):
        Run.create(tmp_path, CONFIG)


def test_a_line_cut_by_a_kill_is_passed_over(tmp_path):
    run = Run.create(tmp_path / "run", CONFIG)
    assert run.metrics == []
    run.log(step=1, loss=0.5)
    with (run.folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "lo')
    assert run.metrics == [{"step": 1, "loss": 0.5}]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("metrics.jsonl", '{"step": 1}\n{"st\n{"step": 3}\n', "jsonl, line 2: damaged"),
        (
            "metrics.jsonl",
            '{"step": 1}{"step": 2}\n',
            "jsonl, line 1: damaged .* delete",
        ),
        ("metrics.jsonl", '{"loss": 1}\n', "line 1: damaged"),
        ("metrics.jsonl", '7}\n{"step": 2}\n', "line 1: damaged"),
        ("environment.json", "7", "environment.json: damaged; it holds 7"),
        ("environment.json", "[", "environment.json: cannot be read"),
        ("config.json", "[]", r"config.json: damaged; it holds \[\]"),
        ("report.json", "null", "report.json: damaged; it holds None"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, file, content, message):
    run = Run.create(tmp_path / "run", CONFIG)
    (run.folder / file).write_text(content)
    with pytest.raises(RunError, match=message) as error:
        _ = run.metrics, run.environments, run.config, run.report
    assert "\n" not in str(error.value)


def test_bytes_that_are_no_text_are_a_damaged_line(tmp_path):
    run = Run.create(tmp_path / "run", CONFIG)
    (run.folder / "metrics.jsonl").write_bytes(b"\xff\x00}\n")
    with pytest.raises(RunError, match="line 1: damaged"):
        _ = run.metrics


def test_a_second_training_into_the_same_run_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(dilo.runs, "SECONDS_OF_PATIENCE", 0.1)
    run = Run.create(tmp_path / "run", CONFIG)
    with (
        run.locked(),
        pytest.raises(RunError, match=r"run: another training is writing .*process \d"),
        Run(run.folder).locked(),
    ):
        pass
    with run.locked():
        Run.check(run.folder, CONFIG)


def test_rewinding_forgets_what_will_be_computed_again(tmp_path):
    run = Run.create(tmp_path / "run", CONFIG)
    run.rewind(0)  # nothing was logged yet
    for step in (1, 2, 3):
        run.log(step=step, loss=1 / 3)
    run.rewind(2)
    run.log(step=3, loss=0.25)
    assert [line["loss"] for line in run.metrics] == [1 / 3, 1 / 3, 0.25]
    assert sorted(path.name for path in run.folder.iterdir()) == [
        "config.json",
        "environment.json",
        "metrics.jsonl",
    ]


def test_the_report_marks_a_finished_training(tmp_path):
    run = Run.create(tmp_path / "run", CONFIG)
    assert run.report is None
    run.finish({"images": 3})
    assert Run.open(run.folder).report == {"images": 3}
