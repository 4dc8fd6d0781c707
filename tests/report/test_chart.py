import math
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from dilo.report.chart import SIZE, Chart, draw_chart, line_styles

WIDTH, HEIGHT = (72 * inches for inches in SIZE)


def drawing(lines, level=None):
    chart = Chart(title="t", x_label="x", lines=lines, level=level)
    return draw_chart(chart, line_styles([chart]))


def lines(svg):
    """The unbroken parts of each line, which are lists of points."""
    paths = re.findall(r'd="([^"]*)"[^>]*style="fill: none; [^"]*var\(--line-', svg)
    return [[points(part) for part in re.findall(r"M[^M]*", path)] for path in paths]


def points(path):
    pairs = re.findall(r"[ML] (\S+) (\S+)", path)
    return [(float(x), float(y)) for x, y in pairs]


def dots(svg):
    places = re.findall(r'<use [^>]*x="(\S+)" y="(\S+)"[^>]*fill: var\(--line', svg)
    return [(float(x), float(y)) for x, y in places]


def texts(svg):
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_a_line_runs_up_from_the_left_to_the_dot_at_its_end():
    svg = drawing({"a": ([0, 10], [0, 100])})
    ((((left, low), (right, high)),),) = lines(svg)
    assert left < right
    assert low > high  # y runs down in SVG
    assert dots(svg) == [(right, high)]
    shown = texts(svg)
    assert shown[:6] == ["0", "2", "4", "6", "8", "10"]
    assert shown[6:] == ["0", "20", "40", "60", "80", "100"]


def test_a_missing_value_breaks_the_line():
    y = [1.0, 2.0, math.nan, 2.0, 1.0, math.inf, 1.0, 3.0]
    ((first, second, third),) = lines(drawing({"a": (range(8), y)}))
    assert [len(part) for part in (first, second, third)] == [2, 2, 2]


def test_a_series_without_any_value_is_not_drawn():
    empty = {"a": ([1], [math.nan])}
    assert drawing(empty) == ""
    svg = drawing(empty | {"b": ([1, 2], [2, 2])})
    assert len(lines(svg)) == len(dots(svg)) == 1
    assert "--line-1" in svg
    assert "--line-0" not in svg


def test_the_level_is_a_dotted_line_inside_the_chart():
    series = {"a": ([0, 1], [50, 60])}
    plain, svg = drawing(series), drawing(series, level=("chance", 10))
    assert "stroke-dasharray" not in plain
    (level,) = re.findall(r'd="M \S+ (\S+) [^"]*" [^>]*stroke-dasharray', svg)
    assert 0 < float(level) < HEIGHT
    assert float(level) > dots(svg)[0][1]


@settings(max_examples=5, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.floats(-1e9, 1e9, allow_subnormal=False)] * 2),
        min_size=1,
        max_size=5,
    )
)
def test_the_last_point_lies_inside_the_drawing(series):
    x, y = zip(*series, strict=True)
    svg = drawing({"a": (x, y)})
    ((across, down),) = dots(svg)
    assert 0 <= across <= WIDTH
    assert 0 <= down <= HEIGHT


def test_a_drawing_takes_the_colours_of_the_page_and_touches_nothing_else_of_it():
    names = "abcdef"
    svg = drawing({name: ([0, 1], [0, 1]) for name in names})
    assert re.findall(r"#[0-9a-f]{6}\b", svg) == []
    assert {f"--line-{number}" for number in range(6)} <= set(
        re.findall(r"--line-\d", svg)
    )
    assert "<style" not in svg
    assert "://" not in svg
    ids = re.findall(r' id="([^"]*)"', svg)
    used = re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', svg)
    assert set(ids) == {one or other for one, other in used}


def test_a_name_has_one_style_in_all_charts():
    first, second = (
        Chart(title="t", x_label="x", lines=dict.fromkeys(names, ([], [])))
        for names in ("ab", "bc")
    )
    styles = line_styles([first, second])
    assert list(styles) == ["a", "b", "c"]
    assert len(set(styles.values())) == 3
