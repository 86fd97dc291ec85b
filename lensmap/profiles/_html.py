# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""HTML representation of a halo fit in notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u

from lensmap.utils import summary_html

if TYPE_CHECKING:
    from lensmap.profiles._nfw_result import NFWFit

__all__ = ["html_of_fit"]


def html_of_fit(fit: NFWFit) -> str:
    """Return a table of the results of a halo fit.

    Parameters
    ----------
    fit : `~lensmap.profiles.NFWFit`
        The fit.

    Returns
    -------
    str
        The HTML.
    """
    masses = (fit.m200c, fit.m200c_low, fit.m200c_high)
    columns = [np.atleast_1d(mass.to_value(1e14 * u.solMass)) for mass in masses]
    columns += [np.atleast_1d(fit.c200c), np.atleast_1d(fit.z_lens)]
    halos = list(zip(*columns, strict=True))
    rows = []
    for i, (mass, low, high, concentration, z_lens) in enumerate(halos):
        number = f" {i}" if len(halos) > 1 else ""
        rows.append((
            f"M200c{number}", f"{mass:.3g} ({low:.3g} to {high:.3g}) x 1e14 solar masses"
        ))
        rows.append((f"c200c{number}", f"{concentration:.2f}"))
        rows.append((f"redshift{number}", f"{z_lens:.4g}"))
    rows += [
        ("chi^2", f"{fit.chi2:.1f} for {fit.degrees_of_freedom} degrees of freedom"),
        ("free parameters", ", ".join(fit.names) or "none"),
        ("converged", "yes" if fit.success else f"no: {fit.message}"),
    ]
    return summary_html("NFWFit", rows)
