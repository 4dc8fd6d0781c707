"""The command demo."""

from pathlib import Path

from dilo.cli.output import say, show_table


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
    scores = [model.percentages() for model in result.results.values()]
    rows = [
        (name, *(f"{of_model[name]:.1f}" for of_model in scores)) for name in scores[0]
    ]
    show_table("percent", ["", *result.results], rows)
    say(f"report: {result.page.resolve()}")
