# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""One web page in one file: words, tables and pictures, with nothing that is elsewhere."""

import base64
import html
from math import isfinite

__all__ = ["HTMLPage", "number"]

_STYLE = """
:root { color-scheme: light dark; --line: #d8d8d8; --soft: #666; --box: #f6f6f6; }
@media (prefers-color-scheme: dark) {
  :root { --line: #444; --soft: #aaa; --box: #222; }
  figure img { background: white; }
}
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.7rem; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
p, li { max-width: 46rem; }
nav ul { columns: 2; padding-left: 1.2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.86rem; margin: 0.8rem 0; }
th, td { padding: 0.2rem 0.6rem; text-align: right; white-space: nowrap;
         border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
table.words td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
table.words td:first-child { white-space: nowrap; }
td small { color: var(--soft); }
figure { margin: 1rem 0; } figure img { max-width: 100%; height: auto; }
figcaption { color: var(--soft); font-size: 0.9rem; max-width: 46rem; }
pre { background: var(--box); padding: 0.6rem; white-space: pre-wrap; overflow-wrap: anywhere; }
@media (max-width: 40rem) { nav ul { columns: 1; } body { font-size: 15px; } }
"""


def number(value, error=None, decimals=3):
    """Return a number and its error as HTML.

    Parameters
    ----------
    value : float
        The number; where it is not finite there is a dash.
    error : float or None
        Its error; None says none, and one that is not known is not said.
    decimals : int
        How many.

    Returns
    -------
    str
        The HTML.
    """
    value = float(value)
    if not isfinite(value):
        return "&ndash;"
    text = f"{value:.{decimals}f}".replace("-", "&minus;")
    if error is None or not isfinite(float(error)):
        return text
    return f"{text} <small>&plusmn; {float(error):.{decimals}f}</small>"


class HTMLPage:
    """A page that is put together from top to bottom.

    Parameters
    ----------
    title : str
        What it is called.
    """

    def __init__(self, title):
        self.title = title
        self._parts, self._headings = [], []

    def section(self, heading, *paragraphs):
        """Begin a section.

        Parameters
        ----------
        heading : str
            What it is called.
        *paragraphs : str
            What it begins with.
        """
        mark = f"section-{len(self._headings) + 1}"
        self._headings.append((mark, heading))
        self._parts.append(f'<h2 id="{mark}">{html.escape(heading)}</h2>')
        self.text(*paragraphs)

    def text(self, *paragraphs):
        """Add paragraphs.

        Parameters
        ----------
        *paragraphs : str
            Plain text.
        """
        self._parts += [f"<p>{html.escape(text)}</p>" for text in paragraphs]

    def code(self, text):
        """Add what is typed.

        Parameters
        ----------
        text : str
            The lines.
        """
        self._parts.append(f"<pre>{html.escape(text)}</pre>")

    def table(self, headings, rows, *, words=False):
        """Add a table.

        Parameters
        ----------
        headings : sequence of str
            Of the columns.
        rows : sequence of sequence of str
            HTML, as `number` makes it; the first of a row is plain text.
        words : bool
            Whether the cells are words, which may be broken, and not numbers.
        """
        head = "".join(f"<th>{html.escape(text)}</th>" for text in headings)
        body = "".join(
            "<tr>" + f"<td>{html.escape(str(first))}</td>"
            + "".join(f"<td>{cell}</td>" for cell in rest) + "</tr>"
            for first, *rest in rows
        )
        kind = ' class="words"' if words else ""
        self._parts.append(
            f'<div class="wide"><table{kind}><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        )

    def picture(self, png, caption):
        """Add a picture.

        Parameters
        ----------
        png : bytes
            The file.
        caption : str
            What it shows; it stands for the picture where that cannot be seen.
        """
        data = base64.b64encode(png).decode()
        said = html.escape(caption)
        self._parts.append(
            f'<figure><img alt="{said}" src="data:image/png;base64,{data}">'
            f"<figcaption>{said}</figcaption></figure>"
        )

    def render(self):
        """Return the page.

        Returns
        -------
        str
            The HTML.
        """
        links = "".join(f'<li><a href="#{mark}">{html.escape(text)}</a></li>'
                        for mark, text in self._headings)
        title = html.escape(self.title)
        first = next((i for i, part in enumerate(self._parts) if part.startswith("<h2")), 0)
        parts = [*self._parts[:first], f"<nav><ul>{links}</ul></nav>", *self._parts[first:]]
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{title}</title><style>{_STYLE}</style></head>\n<body><h1>{title}</h1>\n"
            + "\n".join(parts) + "\n</body></html>\n"
        )
