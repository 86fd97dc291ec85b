# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The fields and surveys of named validation set-ups."""

from astropy import units as u

from lensmap.cosmology import SourceRedshifts
from lensmap.simulate import HaloModelField, MockSurvey
from lensmap.utils import look_up

__all__ = ["available_presets", "preset_parameters"]

# Cha et al. 2025: sources at redshift 2.5, MassiveNuS simulations (Liu et al. 2018).
_PAPER_SKY = {"z_source": 2.5, "resolution": "massivenus"}

# Every preset of MockSurvey that has source redshifts is also a preset here. This dict holds the
# presets that set more than the survey, or whose survey has no redshifts. HSC and COSMOS: galaxies
# brighter than i = 24.5 and 26, with n(z) ~ z^2 exp(-z / z0) of Coil et al. 2004.
_PRESETS = {
    "cha2025": {"sky": _PAPER_SKY},
    "masked": {"survey": "cha2025", "sky": _PAPER_SKY, "mask_fraction": 1 / 3},
    "hsc_y3": {"sky": {"z_source": SourceRedshifts.smail(0.278, 1.0)}},
    "cosmos": {
        "sky": {
            "z_source": SourceRedshifts.smail(0.340, 1.0),
            "shape": (192, 192),
            "pixel_scale": 0.4 * u.arcmin,
        }
    },
}


def available_presets() -> list[str]:
    """Return the names of all presets of validation set-ups.

    Returns
    -------
    list of str
        The names, such as ``"masked"``.
    """
    return list(_all_presets())


def _all_presets():
    surveys = MockSurvey.available_presets()
    return {**_PRESETS, **{
        name: {} for name in surveys
        if name not in _PRESETS and MockSurvey.preset(name).z_source is not None
    }}


def preset_parameters(name: str) -> dict:
    """Return the parameters of `ValidationSetup` for a named preset.

    Parameters
    ----------
    name : str
        One of the names returned by `available_presets`. Hyphens and underscores are equivalent.

    Returns
    -------
    dict
        ``sky``, the model of the convergence; ``survey``, the mock survey; and ``mask_fraction``,
        the masked fraction of each field.

    Raises
    ------
    ValueError
        If there is no preset with this name.
    """
    preset = look_up(_all_presets(), name, "validation preset")
    survey = MockSurvey.preset(preset.get("survey", name))
    sky = {"z_source": survey.z_source, **preset.get("sky", {})}
    return {
        "sky": HaloModelField(**sky),
        "survey": survey,
        "mask_fraction": preset.get("mask_fraction", 0.0),
    }
