import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dilo.errors import InputError
from dilo.report.chart import (
    HEIGHT,
    WIDTH,
    Chart,
    Series,
    draw_chart,
    nice_ticks,
    series_styles,
)


def chart(*series, level=None):
    return Chart(title="t", x_label="x", y_label="y", series=series, level=level)


def test_a_line_runs_from_corner_to_corner():
    box = draw_chart(chart(Series(name="a", x=[0, 10], y=[0, 100])))
    assert box.lines[0].path == f"M{box.left} {box.bottom}L{box.right} {box.top}"
    assert [tick.text for tick in box.x_ticks] == ["0", "2", "4", "6", "8", "10"]
    assert [tick.text for tick in box.y_ticks] == ["0", "20", "40", "60", "80", "100"]


def test_a_missing_value_breaks_the_line():
    y = [1.0, 2.0, math.nan, 2.0, math.inf, 1.0]
    box = draw_chart(chart(Series(name="a", x=range(6), y=y)))
    assert box.lines[0].path.count("M") == 3
    assert box.lines[0].path.count("L") == 1


def test_a_series_without_any_value_is_not_drawn():
    empty = Series(name="a", x=[1], y=[math.nan])
    assert draw_chart(chart(empty)).lines == ()
    box = draw_chart(chart(empty, Series(name="b", x=[1], y=[2])))
    assert [line.name for line in box.lines] == ["b"]


def test_the_level_is_inside_the_chart():
    box = draw_chart(chart(Series(name="a", x=[0, 1], y=[50, 60]), level=("c", 10)))
    assert box.top <= box.level <= box.bottom


finite = st.floats(-1e9, 1e9, allow_subnormal=False)


@given(st.lists(st.tuples(finite, finite), min_size=1, max_size=5))
def test_every_point_and_tick_lies_inside_the_drawing(points):
    x, y = zip(*points, strict=True)
    box = draw_chart(chart(Series(name="a", x=x, y=y)))
    assert 0 <= box.lines[0].end[0] <= WIDTH
    assert 0 <= box.lines[0].end[1] <= HEIGHT
    assert all(0 <= tick.place <= WIDTH for tick in box.x_ticks)
    assert 2 <= len(box.y_ticks) <= 8


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 100, [0, 20, 40, 60, 80, 100]),
        (0.1, 0.9, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-3, 7, [-4, -2, 0, 2, 4, 6, 8]),
    ],
)
def test_ticks_are_round_numbers(low, high, expected):
    assert nice_ticks(low, high) == pytest.approx(expected)


def test_a_name_has_one_style_in_all_charts():
    first = chart(*(Series(name=name, x=[], y=[]) for name in "ab"))
    second = chart(*(Series(name=name, x=[], y=[]) for name in "bc"))
    styles = series_styles([first, second])
    assert list(styles) == ["a", "b", "c"]
    assert len(set(styles.values())) == 3


def test_series_check_their_lengths():
    with pytest.raises(InputError, match="a: 2 values of x, 1 of y"):
        Series(name="a", x=[0, 1], y=[0])
