"""The command demo."""

from pathlib import Path

from dilo.cli.output import say, show_columns


def demo(out: Path = Path("dilo-demo"), seed: int = 0) -> None:
    """Show the whole method on synthetic scenes: about five minutes on two cores.

    Makes scenes whose background often goes with the object, computes RBD masks, trains
    a baseline and two copy-paste models side by side, scores them, and writes a page
    with pictures: report.html. Called again, it goes on where it stopped.

    Examples:
        dilo demo
        dilo demo --out /tmp/demo --seed 1

    Args:
        out: folder for everything that the demo makes.
        seed: of the scenes and of the trainings.
    """
    from dilo.experiments.demo import DemoConfig
    from dilo.experiments.demo import demo as run_demo

    result = run_demo(out, DemoConfig(seed=seed))
    scores = {name: model.percentages() for name, model in result.results.items()}
    rows = [
        (score, [of_model[score] for of_model in scores.values()])
        for score in next(iter(scores.values()))
    ]
    show_columns("percent", list(scores), rows, digits=1)
    say(f"report: {result.page.resolve()}")
