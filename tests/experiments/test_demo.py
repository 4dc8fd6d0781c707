import pytest

from dilo.config import replace
from dilo.errors import RunError
from dilo.experiments.demo import DemoConfig, demo, demo_configs
from dilo.experiments.runner import train_all

TINY = DemoConfig(train=48, val=24, epochs=2)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo")
    return out, demo(out, TINY)


@pytest.mark.slow
def test_the_demo_scores_three_models_and_writes_one_page(finished):
    out, result = finished
    assert list(result.results) == ["baseline", "RBD masks", "exact masks"]
    for scores in result.results.values():
        assert all(0 <= value <= 100 for value in scores.percentages().values())
    page = result.page.read_text()
    assert result.page == out / "report.html"
    for text in ("RBD map", "neighbour on same background", "<svg", "data:image/png"):
        assert text in page
    assert 'src="http' not in page  # self-contained


@pytest.mark.slow
def test_a_finished_demo_is_not_trained_again(finished):
    out, first = finished
    stamps = {
        path: path.stat().st_mtime_ns for path in out.glob("runs/*/checkpoint.pt")
    }
    page = first.page.read_bytes()
    again = demo(out, TINY)
    assert len(stamps) == 3
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert again.page.read_bytes() == page


@pytest.mark.slow
def test_a_demo_of_another_size_does_not_go_into_the_same_folder(finished):
    out, _ = finished
    with pytest.raises(RunError, match=r"train: 48 -> 49"):
        demo(out, replace(TINY, train=49))


@pytest.mark.slow
def test_a_training_that_fails_shows_the_end_of_its_log(finished, tmp_path):
    out, _ = finished
    broken = replace(demo_configs(out, TINY)["baseline"], images=str(tmp_path / "none"))
    with pytest.raises(
        RunError, match=r"(?s)broken\.log.*none: no such file or folder"
    ):
        train_all({"broken": broken}, tmp_path / "runs")


def test_the_models_of_the_demo_differ_in_their_masks_alone(tmp_path):
    configs = demo_configs(tmp_path, TINY)
    plain = [replace(config, masks=None) for config in configs.values()]
    assert plain[0] == plain[1] == plain[2]
    assert len({config.data.masks for config in configs.values()}) == 3
