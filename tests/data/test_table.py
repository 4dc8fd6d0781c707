"""Tables as spreadsheets and scripts write them, against what is read of them."""

import codecs

import pytest

from dilo.data.table import read_rows
from dilo.errors import InputError

PLAIN = "file,label\na.jpg,cat\nb/é.jpg,dog\n"
READ = [("a.jpg", ["cat"]), ("b/é.jpg", ["dog"])]

UNDERSTOOD = {
    "plain": PLAIN.encode(),
    "utf-8 with a mark": PLAIN.encode("utf-8-sig"),
    "utf-16, little end first": codecs.BOM_UTF16_LE + PLAIN.encode("utf-16-le"),
    "utf-16, big end first": codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be"),
    "utf-16 without a mark": PLAIN.encode("utf-16-le"),
    "big end first without a mark": PLAIN.encode("utf-16-be"),
    "semicolons": PLAIN.replace(",", ";").encode(),
    "tabs": PLAIN.replace(",", "\t").encode(),
    "tabs in utf-16": PLAIN.replace(",", "\t").encode("utf-16"),
    "lines of Windows": PLAIN.replace("\n", "\r\n").encode(),
    "lines of old Macs": PLAIN.replace("\n", "\r").encode(),
    "no last line end": PLAIN.rstrip().encode(),
    "blank lines": PLAIN.replace("\n", "\n\n").encode(),
    "blanks around texts": PLAIN.replace(",", " , ").encode(),
    "capitals and blanks in the header": PLAIN.replace("file,", " File ,").encode(),
    "quotation marks": b'"FILE","Label"\n"a.jpg","cat"\n"b/\xc3\xa9.jpg","dog"\n',
    "empty cells beyond the header": b"file,label\na.jpg,cat,,\nb/\xc3\xa9.jpg,dog,\n",
    "columns in another order": b"n,label,file\n1,cat,a.jpg\n2,dog,b/\xc3\xa9.jpg\n",
}


@pytest.mark.parametrize("content", UNDERSTOOD.values(), ids=UNDERSTOOD)
def test_the_same_table_in_many_forms_is_the_same_table(tmp_path, content):
    table = tmp_path / "labels.csv"
    table.write_bytes(content)
    rows = read_rows(table, ["label", "class"], optional="split")
    assert [(row.file, row.texts) for row in rows] == READ


def test_a_separator_of_another_kind_is_part_of_a_text(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text('file;label\na,b.jpg;cat\n"c;d.jpg";dog\n')
    rows = read_rows(table, ["label"])
    assert [(row.line, row.file) for row in rows] == [(2, "a,b.jpg"), (3, "c;d.jpg")]


REFUSED = {
    "cell beyond the header": (
        b"file,label\na.jpg,cat\nb,c.jpg,dog\n",
        "line 3: 3 cells below a header of 2 .'b,c.jpg,dog'.; put quotation marks",
    ),
    "cell that is missing": (
        b"file,label\na.jpg\n",
        "line 2: the column label is empt",
    ),
    "another separator below": (b"file,label\na.jpg;cat\n", "empty .'a.jpg;cat'.; fil"),
    "no header": (b"a.jpg,cat\n", "line 1: the header needs a column file, got 'a.jpg"),
    "two columns of one name": (
        b"file,label,Label\na,b,c\n",
        "line 1: .* 2 columns lab",
    ),
    "open quotation mark": (
        b'file,label\na.jpg,cat\n"b.jpg,dog\nc.jpg,cat\n',
        "line 3: not a CSV .unexpected end of data.; close the quotation mark",
    ),
    "latin-1": (
        "file,label\na.jpg,cat\né.jpg,dog\n".encode("latin-1"),
        "line 3: not a CSV in UTF-8 or UTF-16 .byte 0xe9.; save it as CSV in UTF-8",
    ),
    "cut utf-16": (PLAIN.encode("utf-16")[:-1], "line 3: not a CSV in UTF-8 or UTF-16"),
    "nothing below the header": (b"file,label\n\n", "lists no image below its header"),
    "nothing": (b"", "line 1: the header needs a column file, got ''"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_another_table_is_refused_with_line_and_remedy(tmp_path, content, message):
    table = tmp_path / "labels.csv"
    table.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_rows(table, ["label"])
    assert str(caught.value).startswith(str(table))
    assert "\n" not in str(caught.value)
