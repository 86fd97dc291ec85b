# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The numbers of known surveys, with where they come from."""

from astropy import units as u

from lensmap.utils import look_up

__all__ = ["SURVEYS", "survey_parameters"]

# Where a density is an effective one, the noise of the measurement is in it already: fewer
# galaxies stand for more that are measured less well.
SURVEYS = {
    # Cha et al. 2025: 33 galaxies per square arcminute, which is i < 24.5 at the depth of
    # Subaru/HSC, sigma_e of 0.24 and its measurement errors on top.
    "cha2025": {
        "density": 33 / u.arcmin**2,
        "sigma_e": 0.24,
        "measurement_error": "hsc",
        "magnitude_limit": 24.5,
        "m5": 27.0,
    },
    # LSST DESC 2018, arXiv:1809.01669, appendix D: effective densities, 0.26 per component.
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
    # Li et al. 2022, PASJ 74, 421: 19.9 effective; intrinsic dispersion as in Cha et al. 2025.
    "hsc_y3": {"density": 19.9 / u.arcmin**2, "sigma_e": 0.24, "measurement_error": 0.0},
    # The HST catalog of COSMOS: 0.305 per component is what is observed, errors included.
    "cosmos": {"density": 64 / u.arcmin**2, "sigma_e": 0.305, "measurement_error": 0.0},
}


def survey_parameters(name):
    """Return what `MockSurvey` takes for a known survey.

    Parameters
    ----------
    name : str
        One of `SURVEYS`.

    Returns
    -------
    dict
        The parameters.

    Raises
    ------
    ValueError
        If it is not known.
    """
    return dict(look_up(SURVEYS, name, "survey preset"))
