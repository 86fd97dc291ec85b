# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Figures written to PNG and PDF files."""

import io
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from lensmap.typing import PathLike
from lensmap.utils import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["save_figure", "write_picture"]

# PNG files larger than this are reduced to 256 colors.
_MAX_PNG_BYTES = 300_000


def save_figure(
    figure: "Figure", path: PathLike, *, dpi: float = 110, overwrite: bool = False
) -> bytes:
    """Write a figure to a PNG and a PDF file, and close the figure.

    Parameters
    ----------
    figure : `~matplotlib.figure.Figure`
        The figure.
    path : path-like
        The path of both files, without the suffix.
    dpi : float
        The resolution of the PNG file, dots per inch.
    overwrite : bool
        Whether to replace existing files.

    Returns
    -------
    bytes
        The content of the PNG file.

    Raises
    ------
    FileExistsError
        If one of the files exists and ``overwrite`` is False.
    """
    path, buffer = Path(path), io.BytesIO()
    with _closed_after(figure):
        figure.savefig(buffer, format="png", dpi=dpi)
        # The layout is final. Repeating it for the PDF would take as long as drawing.
        figure.set_layout_engine("none")
        buffer = _reduce_colors(buffer)
        with atomic_write(path.with_name(path.name + ".png"), overwrite=overwrite) as temporary:
            temporary.write_bytes(buffer.getvalue())
        with atomic_write(path.with_name(path.name + ".pdf"), overwrite=overwrite) as temporary:
            # Without the creation date, identical figures give identical files.
            figure.savefig(temporary, format="pdf", metadata={"CreationDate": None})
    return buffer.getvalue()


def write_picture(figure: "Figure", path: "PathLike | IO[bytes]", *, tight: bool = False) -> None:
    """Write a figure to one file with 150 dots per inch, and close the figure.

    Parameters
    ----------
    figure : `~matplotlib.figure.Figure`
        The figure.
    path : path-like or file
        The path of the file, whose suffix gives the format; or a binary file, for PNG.
    tight : bool
        Whether to cut off the empty margin of the figure.
    """
    with _closed_after(figure):
        figure.savefig(path, dpi=150, bbox_inches="tight" if tight else None, pad_inches=0.3)


@contextmanager
def _closed_after(figure):
    """Close a figure after a ``with`` block, also after an error in the block."""
    from matplotlib.pyplot import close

    try:
        yield
    finally:
        close(figure)


def _reduce_colors(buffer):
    """Return a buffer with a PNG image, reduced to 256 colors if the image is large.

    The reduction makes the file three times smaller; maps look the same.
    """
    if len(buffer.getvalue()) < _MAX_PNG_BYTES:
        return buffer
    from PIL import Image  # a dependency of matplotlib

    reduced = io.BytesIO()
    with Image.open(buffer) as image:
        image.convert("RGB").quantize(256).save(reduced, format="png", optimize=True)
    return reduced
