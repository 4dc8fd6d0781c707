import csv
import io

import numpy as np

from dilo.saliency.scoring import per_image_csv, score_image
from dilo.saliency.scoring.summary import CSV_COLUMNS

TRUTH = np.eye(4, dtype=bool)
PERFECT = score_image(TRUTH.astype(np.float32), TRUTH)
BLANK = score_image(np.zeros((4, 4), np.float32), TRUTH)


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_there_is_a_line_for_each_store_and_image():
    lines = read(per_image_csv(["a.png", "b/c.png"], {"x": [PERFECT, BLANK]}))
    assert [(line["masks"], line["name"]) for line in lines] == [
        ("x", "a.png"),
        ("x", "b/c.png"),
    ]
    assert list(lines[0]) == ["masks", "name", *CSV_COLUMNS]
    assert (lines[0]["mae"], lines[0]["max_f"]) == ("0.000000", "1.000000")
    assert (lines[1]["mae"], lines[1]["adaptive_e"]) == (
        "0.250000",
        f"{BLANK.adaptive_e:.6f}",
    )


def test_a_name_is_never_a_formula_and_stays_one_field():
    names = ["=1+1.png", "@x", "-a", "+a", '"a",b.png', "a\nb.png"]
    lines = read(per_image_csv(names, {"=gs": [BLANK] * len(names)}))
    written = [line["name"] for line in lines]
    assert written == ["./=1+1.png", "./@x", "./-a", "./+a", '"a",b.png', "a\nb.png"]
    assert {line["masks"] for line in lines} == {"./=gs"}
