# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`ReportPage`: the content of a report, rendered from a template as one HTML file."""

import base64
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from astropy.table import QTable

from lensmap.validation.report._numbers import rounded
from lensmap.validation.report._styles import Style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Number", "ReportPage"]


class Number(NamedTuple):
    """A table cell with a number and its error as text.

    Attributes
    ----------
    value, error : str
        The text of the number and the text of its error, both rounded. ``error`` is empty if the
        error is unknown.
    """

    value: str
    error: str


class ReportPage:
    """The content of a report, to which sections are added from top to bottom.

    All text is plain text; the template escapes it for HTML.

    Parameters
    ----------
    title : str
        The title of the page.
    folder : pathlib.Path
        The folder in which figures are also written as separate files.
    styles : dict
        The `Style` of each estimator, keyed by its name.
    overwrite : bool
        Whether to replace existing files of figures.
    """

    def __init__(
        self, title: str, folder: Path, styles: dict[str, Style], *, overwrite: bool = False
    ):
        self.title, self.styles, self._overwrite = title, styles, overwrite
        self.conclusions: list[tuple[str, str]] = []
        self._folder = folder
        self._blocks: list[dict[str, Any]] = []

    def conclude(self, conclusions: Iterable[tuple[str, str]]) -> None:
        """Add main results, which are shown above all sections.

        Parameters
        ----------
        conclusions : iterable of tuple
            Pairs of a heading and sentences.
        """
        self.conclusions += conclusions

    def section(self, heading: str, *paragraphs: str) -> None:
        """Begin a section.

        Parameters
        ----------
        heading : str
            The heading, listed in the contents.
        *paragraphs : str
            The first paragraphs.
        """
        n_sections = sum(block["kind"] == "section" for block in self._blocks)
        self._blocks.append({"kind": "section", "heading": heading,
                             "anchor": f"section-{n_sections + 1}"})
        self.text(*paragraphs)

    def subsection(self, heading: str, *paragraphs: str) -> None:
        """Begin a subsection.

        Parameters
        ----------
        heading : str
            The heading.
        *paragraphs : str
            The first paragraphs.
        """
        self._blocks.append({"kind": "subsection", "heading": heading})
        self.text(*paragraphs)

    def text(self, *paragraphs: str) -> None:
        """Add paragraphs.

        Parameters
        ----------
        *paragraphs : str
            The text.
        """
        self._blocks += [{"kind": "text", "text": text} for text in paragraphs]

    def code(self, text: str) -> None:
        """Add a code block.

        Parameters
        ----------
        text : str
            The lines of code.
        """
        self._blocks.append({"kind": "code", "text": text})

    def number(self, value: float, error: float | None = None, decimals: int = 3) -> Number:
        """Return a number and its error as a table cell.

        Parameters
        ----------
        value : float
            The number. The unit of a quantity is dropped.
        error : float or None
            The error of the number. The error counts as unknown if it is None, 0 or not finite.
        decimals : int
            The number of decimals. More decimals are shown if the error would round to 0.

        Returns
        -------
        Number
            The table cell.
        """
        plain = float(getattr(value, "value", value))
        return Number(*rounded(plain, getattr(error, "value", error), decimals))

    def table(
        self,
        headings: Sequence[str],
        rows: Iterable[Sequence[str | Number]],
        *,
        words: bool = False,
    ) -> None:
        """Add a table.

        Parameters
        ----------
        headings : sequence of str
            The headings of the columns.
        rows : iterable of sequence
            Rows of cells: strings or `Number`. If the first cell is the name of an estimator, it
            is shown in the color of this estimator.
        words : bool
            Whether the cells hold text, which may be wrapped.
        """
        self._blocks.append({"kind": "table", "headings": list(headings), "words": words,
                             "rows": [list(row) for row in rows]})

    def estimator_table(
        self, table: QTable, names: Sequence[str], columns: Sequence[tuple[str, str, int]]
    ) -> None:
        """Add a table with a row for each estimator.

        Parameters
        ----------
        table : `~astropy.table.QTable`
            The table, with a column ``estimator``, columns of quantities, and their errors in
            ``..._err``.
        names : sequence of str
            The names of the estimators in the order of the rows. Estimators that ``table`` lacks
            are left out.
        columns : sequence of tuple
            For each column, the heading, the quantity (a column of ``table``) and the number of
            decimals. Columns in which no number is finite are left out.
        """
        rows = {str(row["estimator"]): row for row in table}
        cells = {
            heading: [self._cell(rows[name], quantity, decimals) for name in names if name in rows]
            for heading, quantity, decimals in columns
        }
        filled = {heading: column for heading, column in cells.items()
                  if any(cell.value for cell in column)}
        self.table(("", *filled), [
            [name, *numbers]
            for name, *numbers in zip((name for name in names if name in rows), *filled.values(),
                                      strict=True)
        ])

    def _cell(self, row, quantity, decimals):
        error = f"{quantity}_err"
        return self.number(
            row[quantity], row[error] if error in row.colnames else None, decimals
        )

    def figure(self, name: str, figure: "Figure", caption: str) -> None:
        """Add a figure to the page, and write it as PNG and PDF files.

        Parameters
        ----------
        name : str
            The name of the files, without suffix.
        figure : `~matplotlib.figure.Figure`
            The figure, which is closed after writing.
        caption : str
            The caption, also used as the alternative text of the image.
        """
        from lensmap.plotting import save_figure

        width = float(figure.get_size_inches()[0])
        image = save_figure(figure, self._folder / name, overwrite=self._overwrite)
        png = base64.b64encode(image).decode()
        self._blocks.append({"kind": "figure", "png": png, "caption": caption, "width": width})

    def render(self) -> str:
        """Return the page as HTML.

        Returns
        -------
        str
            The HTML page, which does not refer to any other file.
        """
        from jinja2 import Environment, PackageLoader, StrictUndefined

        loader = PackageLoader("lensmap.validation.report")
        environment = Environment(
            loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.tests["number"] = lambda cell: isinstance(cell, Number)
        style_sheet = loader.get_source(environment, "report.css")[0]
        return environment.get_template("report.html").render(
            title=self.title, conclusions=self.conclusions, blocks=self._blocks,
            styles=self.styles, style_sheet=style_sheet,
        )
