import re

import numpy as np
import pytest

from dilo.errors import InputError
from dilo.report.chart import Chart
from dilo.report.page import (
    Curves,
    Gallery,
    Measured,
    Picture,
    Report,
    Section,
    Table,
    render,
)

HOSTILE = "<script>alert('x')</script>\" onload=\"alert(1)\" & </style> 'quoted'"


def picture(side=8, **fields):
    return Picture(image=np.full((side, side, 3), 90, np.uint8), **fields)


def report_of(*blocks, text=""):
    return Report(
        title="Title", sections=[Section(heading="A", text=text, blocks=blocks)]
    )


def full_report(text="text"):
    """Every kind of block, with `text` wherever a text may stand."""
    chart = Chart(
        title=text,
        x_label=text,
        lines={text: ([0, 1], [0.0, 1.0])},
        level=(text, 0.5),
    )
    row = [picture(caption=text, tag=text, mark="bad"), picture(200)]
    blocks = [
        Table(header=[text], rows=[[text]], caption=text, note=text),
        Curves(charts=[chart]),
        Gallery(rows=[row], labels=[text], groups=[(text, 2)], caption=text),
    ]
    section = Section(heading=text, text=text, blocks=blocks)
    return Report(title=text, summary=text, sections=[section])


def test_the_same_report_gives_the_same_page():
    assert render(full_report()) == render(full_report())


def test_no_text_becomes_markup():
    page = render(full_report(HOSTILE))
    assert page.count("<script") == 0
    assert page.count("</style>") == 1
    assert 'onload="' not in page
    tags = re.sub(r"<[^<>]*>", "", page)  # what is left is text: no lone < or >
    assert "<" not in tags


def test_the_page_asks_for_nothing_outside():
    page = render(full_report())
    assert "://" not in page
    assert set(re.findall(r"url\((.)", page)) == {"#"}  # parts of the page itself
    assert "<link" not in page
    assert "default-src 'none'" in page
    sources = re.findall(r'src="([^"]{5})', page)
    assert sources == ["data:", "data:"]


def test_a_page_of_broken_file_names_can_be_written():
    page = render(full_report("br\udce9ken \x00 \u202e name"))
    page.encode("utf-8")
    assert "\\udce9" in page


def test_the_best_of_each_column_is_marked():
    def cell(mean, better="high"):
        return Measured(mean=mean, std=0.25, digits=1, better=better)

    rows = [
        ["a", cell(61.24), cell(3.0, "low"), Measured(mean=9.0)],
        ["b", cell(61.18), cell(2.0, "low"), Measured(mean=8.0)],
        ["c", cell(float("nan")), cell(-2.5, "low"), Measured(mean=7.0)],
    ]
    page = render(report_of(Table(header=["", "x", "y", "z"], rows=rows)))
    best = re.findall(r'class="number best">\s*([^ <]+)', page)
    assert best == ["61.2", "61.2", "\u22122.5"]  # both 61.2: they look alike
    assert "\u00b1 0.2" in page
    assert page.count(">\u2013</td>") == 1


def test_a_single_number_wins_no_contest():
    cell = Measured(mean=1.0, better="high")
    page = render(report_of(Table(header=["x", "y"], rows=[[cell, None]])))
    assert "(best)" not in page


def test_pictures_are_counted_and_marked():
    rows = [[picture(), picture(mark="good"), picture(mark="bad")] for _ in range(4)]
    gallery = Gallery(rows=rows, groups=[("query", 1), ("model", 2)])
    page = render(report_of(gallery))
    assert page.count("<img") == 12
    assert page.count('aria-label="right"') == page.count('aria-label="wrong"') == 4
    assert page.count(">query</div>") == 4


def test_blocks_may_be_empty():
    page = render(
        report_of(
            Table(header=["a", "b"], rows=[]),
            Curves(charts=[Chart(title="t", x_label="x", lines={})]),
            Gallery(rows=[]),
        )
    )
    assert "No measurements." in page
    assert "No pictures." in page


def test_blank_lines_part_paragraphs():
    page = render(report_of(text="one\n\n\n\ntwo 5 %\n"))
    assert "<p>one</p>" in page
    assert "<p>two 5\u00a0%</p>" in page


def test_blocks_check_their_shape():
    with pytest.raises(InputError, match="row 1 has 1 cells, the header 2"):
        Table(header=["a", "b"], rows=[["x", "y"], ["x"]])
    with pytest.raises(InputError, match="row 0 has 1 pictures, the groups together 2"):
        Gallery(rows=[[picture()]], groups=[("a", 2)])
    with pytest.raises(InputError, match="an image is uint8"):
        Picture(image=np.zeros((4, 4), np.uint8))
