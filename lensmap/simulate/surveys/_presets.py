# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Parameters of known surveys, with references."""

from __future__ import annotations

from typing import Any

from astropy import units as u

from lensmap.utils import look_up

__all__ = ["SURVEYS", "survey_parameters"]

#: The parameters of `MockSurvey`, keyed by the name of the survey. An effective density already
#: accounts for measurement errors, so the galaxies of these surveys have no measurement errors.
SURVEYS: dict[str, dict[str, Any]] = {
    # Cha et al. 2025: 33 galaxies per square arcminute, which is i < 24.5 at the depth of
    # Subaru/HSC, an intrinsic dispersion of 0.24, and the measurement errors of HSC. These values
    # are the defaults of `MockSurvey`.
    "cha2025": {
        "density": 33 / u.arcmin**2,
        "sigma_e": 0.24,
        "measurement_error": "hsc",
        "magnitude_limit": 24.5,
        "m5": 27.0,
    },
    # LSST DESC 2018, arXiv:1809.01669, appendix D: effective densities, and a dispersion of 0.26
    # per component.
    "lsst_y1": {
        "density": 10 / u.arcmin**2,
        "sigma_e": 0.26,
        "measurement_error": 0.0,
        "z_source": "lsst_y1",
    },
    "lsst_y10": {
        "density": 27 / u.arcmin**2,
        "sigma_e": 0.26,
        "measurement_error": 0.0,
        "z_source": "lsst_y10",
    },
    # Li et al. 2022, PASJ 74, 421: an effective density of 19.9. The intrinsic dispersion is that
    # of Cha et al. 2025.
    "hsc_y3": {"density": 19.9 / u.arcmin**2, "sigma_e": 0.24, "measurement_error": 0.0},
    # The HST catalog of COSMOS: the observed dispersion of 0.305 per component includes
    # measurement errors.
    "cosmos": {"density": 64 / u.arcmin**2, "sigma_e": 0.305, "measurement_error": 0.0},
}


def survey_parameters(name: str) -> dict[str, Any]:
    """Return the parameters of `MockSurvey` for the preset of a known survey.

    Parameters
    ----------
    name : str
        The name of the survey, a key of `SURVEYS`.

    Returns
    -------
    dict
        The parameters. If there is a ``z_source``, it is the name of a preset of
        `lensmap.cosmology.SourceRedshifts`.

    Raises
    ------
    ValueError
        If the preset does not exist.
    """
    return dict(look_up(SURVEYS, name, "survey preset"))
