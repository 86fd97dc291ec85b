# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""HTML representation of a map in notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u

from lensmap.utils import summary_html

if TYPE_CHECKING:
    from lensmap.maps._convergence_map import ConvergenceMap

__all__ = ["html_of_map"]


def html_of_map(kappa: ConvergenceMap) -> str:
    """Return a picture of a map and a table of its most important numbers.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.

    Returns
    -------
    str
        The HTML. There is no picture if matplotlib is not installed.
    """
    from lensmap.plotting import thumbnail  # here, because matplotlib is slow to import

    (ny, nx), scale = kappa.shape, kappa.pixel_scale
    height, width = (n * scale.to_value(u.deg) for n in (ny, nx))
    center = kappa.wcs.pixel_to_world((nx - 1) / 2, (ny - 1) / 2).icrs
    meta = kappa.meta
    smoothing = kappa.smoothing
    rows = [
        ("pixels", f"{ny} x {nx} (ny x nx) of {scale.to(u.arcmin):.3g}"),
        ("field", f"{width:.3g} x {height:.3g} deg about RA {center.ra.deg:.4f}, "
                  f"Dec {center.dec.deg:+.4f} deg"),
        ("masked", f"{np.mean(kappa.mask):.1%} of the pixels"),
        *_values(kappa),
        ("uncertainty", _uncertainty(kappa)),
        ("galaxies", meta.get("n_galaxies")),
        ("method", meta.get("estimator")),
        ("smoothing", None if smoothing is None else f"{smoothing:.3g}"),
        ("convention", meta.get("convention")),
        ("versions", _versions(meta.get("versions"))),
    ]
    return summary_html("ConvergenceMap", rows, thumbnail(kappa))


def _values(kappa):
    """Return the rows of the range and the scatter of the convergence and the B-mode."""
    planes = {"kappa": kappa.data, "B-mode": kappa.kappa_b}
    return [
        (name, f"{np.nanmin(values):.3g} to {np.nanmax(values):.3g}, scatter "
               f"{np.nanstd(values):.3g}")
        for name, values in planes.items() if values is not None and np.isfinite(values).any()
    ]


def _uncertainty(kappa):
    """Return the median uncertainty and its meaning, or None."""
    if kappa.uncertainty is None or kappa.mask.all():
        return None
    text = f"{np.nanmedian(kappa.uncertainty.array):.3g} (median)"
    meaning = kappa.meta.get("uncertainty")
    return text if meaning is None else f"{text}, {meaning}"


def _versions(versions):
    if not isinstance(versions, dict):
        return None
    return ", ".join(f"{name} {version}" for name, version in versions.items())
