# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Figures as files."""

import io
from pathlib import Path

from lensmap.utils import atomic_write

__all__ = ["save_figure"]

_LARGE = 300_000  # bytes


def save_figure(figure, path, *, dpi=110, overwrite=False):
    """Write a figure as PNG and as PDF, and close it.

    Parameters
    ----------
    figure : `~matplotlib.figure.Figure`
        The figure.
    path : path-like
        The files, without the suffix.
    dpi : float
        The resolution of the PNG.
    overwrite : bool
        Whether files that exist are replaced.

    Returns
    -------
    bytes
        The PNG.

    Raises
    ------
    FileExistsError
        If a file exists and ``overwrite`` is False.
    """
    from matplotlib.pyplot import close

    path, buffer = Path(path), io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    # All has its place now; to look for it again takes as long as to draw.
    figure.set_layout_engine("none")
    buffer = _in_few_colors(buffer)
    with atomic_write(path.with_name(path.name + ".png"), overwrite=overwrite) as temporary:
        temporary.write_bytes(buffer.getvalue())
    with atomic_write(path.with_name(path.name + ".pdf"), overwrite=overwrite) as temporary:
        # Without the date, the same figure is the same file.
        figure.savefig(temporary, format="pdf", metadata={"CreationDate": None})
    close(figure)
    return buffer.getvalue()


def _in_few_colors(buffer):
    """Return a large PNG with 256 colors, a third of its size: more is not seen in maps."""
    if len(buffer.getvalue()) < _LARGE:
        return buffer
    from PIL import Image  # which matplotlib brings

    small = io.BytesIO()
    with Image.open(buffer) as image:
        image.convert("RGB").quantize(256).save(small, format="png", optimize=True)
    return small
