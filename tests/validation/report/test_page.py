# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The page of a report: its text is escaped, and its colors belong to estimators."""

import html
import re
from html.parser import HTMLParser

import pytest
from astropy.table import QTable

from lensmap.validation.report._page import ReportPage
from lensmap.validation.report._styles import styles_of

EVIL = "<script>alert('x')</script>\"&"


class Reader(HTMLParser):
    """Collect the elements and the text of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def page(tmp_path):
    return ReportPage("A report", tmp_path, styles_of(["ks", "wiener"]))


def test_text_of_users_is_never_markup(tmp_path):
    page = ReportPage(EVIL, tmp_path, styles_of([EVIL]))
    page.conclude([(EVIL, EVIL)])
    page.section(EVIL, EVIL)
    page.subsection(EVIL, EVIL)
    page.code(EVIL)
    page.table((EVIL, EVIL), [(EVIL, EVIL)], words=True)
    page.estimator_table(QTable([{"estimator": EVIL, "r": 0.5}]), [EVIL], [(EVIL, "r", 2)])
    reader = Reader(page.render())
    assert "script" not in {tag for tag, _ in reader.tags}
    assert "".join(reader.text).count(EVIL) >= 13
    assert all("alert" not in str(value) for _, attrs in reader.tags for value in attrs.values())


def test_numbers_and_missing_numbers(page):
    table = QTable([{"estimator": "ks", "a": -0.5, "a_err": 0.01, "b": float("nan"), "c": 1.0},
                    {"estimator": "wiener", "a": 0.25, "a_err": 0.0, "b": float("nan"),
                     "c": float("nan")}])
    columns = [("first", "a", 2), ("second", "b", 2), ("third", "c", 1)]
    page.estimator_table(table, ["wiener", "ks", "absent"], columns)
    text = html.unescape(page.render())
    cells = [re.sub(r"<[^>]*>", "", cell).replace("\N{NO-BREAK SPACE}", " ")
             for cell in re.findall(r"<td>(.*?)</td>", text)]
    assert cells == ["0.25", "–", "−0.50 ± 0.01", "1.0"]
    assert "second" not in text and "absent" not in text  # nothing to show


def test_the_color_of_an_estimator_stands_beside_its_name(page):
    page.table(("", "r"), [("ks", page.number(0.5)), ("other", page.number(0.6))])
    colors = [attrs["style"] for tag, attrs in Reader(page.render()).tags if tag == "span"]
    assert colors == [f"background: {page.styles['ks'].color}"]


def test_styles_differ():
    styles = styles_of([f"estimator {i}" for i in range(60)])
    assert len(set(styles.values())) == 61
    assert len({style.color for style in list(styles.values())[:11]}) == 11
    first = list(styles.values())[1:8]
    assert len({style.marker for style in first}) == 7  # for readers without colors


def test_contents_lead_to_sections(page):
    page.section("One", "Text.")
    page.section("Two")
    reader = Reader(page.render())
    links = [attrs["href"] for tag, attrs in reader.tags if tag == "a"]
    anchors = [attrs["id"] for tag, attrs in reader.tags if tag == "h2"]
    assert links == [f"#{anchor}" for anchor in anchors] and len(links) == 2


def test_it_is_made_for_print(page):
    sheet = page.render()
    assert "@media print" in sheet and "break-inside: avoid" in sheet
