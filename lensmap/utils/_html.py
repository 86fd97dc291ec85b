# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""HTML representations of objects in notebooks."""

import base64
from collections.abc import Iterable
from html import escape

from lensmap.utils._text import printable

__all__ = ["summary_html"]

# The table inherits colors and fonts, so that it suits light and dark notebooks.
_CELL = "text-align: left; padding: 1px 12px 1px 0; vertical-align: top"


def summary_html(
    title: str, rows: Iterable[tuple[str, object]], picture: bytes | None = None
) -> str:
    """Return a table of an object's most important numbers in HTML, with a picture.

    Parameters
    ----------
    title : str
        The title.
    rows : iterable of tuple
        The rows of the table: a name and its value. Rows whose value is None are left out.
    picture : bytes or None
        The picture to the left of the table, the content of a PNG file. None shows no picture.

    Returns
    -------
    str
        The HTML, without any script. All texts are escaped.
    """
    cells = "".join(
        f'<tr><td style="{_CELL}">{escape(name)}</td>'
        f'<td style="{_CELL}">{escape(printable(str(value)))}</td></tr>'
        for name, value in rows if value is not None
    )
    image = ""
    if picture is not None:
        data = base64.b64encode(picture).decode("ascii")
        image = f'<img src="data:image/png;base64,{data}" alt="{escape(title)}">'
    return (
        '<div style="display: flex; gap: 16px; align-items: flex-start">'
        f"{image}<div><b>{escape(title)}</b><table>{cells}</table></div></div>"
    )
