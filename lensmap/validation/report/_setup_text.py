# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Description of the set-up of a validation in sentences, from the stored settings."""

from collections.abc import Mapping
from math import prod

__all__ = ["describe_quantities", "describe_setup"]

_RESOLUTIONS = {"massivenus": "with the resolution of the MassiveNuS simulations"}


def describe_setup(setup: Mapping) -> list[str]:
    """Describe the fields and the survey of a validation in sentences.

    Parameters
    ----------
    setup : dict
        The parameters of the set-up as plain values, as returned by `setup_facts`.

    Returns
    -------
    list of str
        The paragraphs of the description.
    """
    paragraphs = [_sky(setup["sky"]), _survey(setup["survey"])]
    if setup["mask_fraction"]:
        paragraphs.append(f"{_percent(setup['mask_fraction'])} of each field is masked by holes "
                          "and a ragged edge.")
    return paragraphs


def describe_quantities(estimators: Mapping[str, Mapping]) -> str:
    """State which estimators make maps of another quantity than the convergence.

    Parameters
    ----------
    estimators : dict
        The facts of the estimators, as returned by `estimator_facts`, keyed by name.

    Returns
    -------
    str
        A sentence for each quantity; empty if all maps are of the convergence.
    """
    names: dict[str, list[str]] = {}
    for name, facts in estimators.items():
        if "quantity" in facts:
            names.setdefault(facts["quantity"], []).append(name)
    return " ".join(
        f"The maps of {' and '.join(some)} are of {quantity}, which is not compared with the true "
        "convergence: only detections of clusters, time and memory are measured."
        for quantity, some in names.items()
    )


def _percent(fraction):
    return f"{100 * fraction:.3g} per cent"


def _sky(sky):
    ny, nx = sky["shape"]
    scale = sky["pixel_scale_arcmin"]
    area = prod(sky["shape"]) * (scale / 60) ** 2
    pixels = f"{nx} x {ny} pixels of {scale:.4g} arcmin ({area:.3g} square degrees)"
    if sky["class"] == "GivenFields":
        origin = f"True maps from files, the first of them {sky['first_file']}"
    elif sky["class"] == "HaloModelField":
        origin = "Simulated fields of a halo model"
    else:
        origin = f"Fields of {sky['class']}"
    text = f"{origin}: {pixels}, for sources at {_redshift(sky['z_source'])}"
    resolution = sky["resolution"]
    if resolution is not None:
        text += f", {_RESOLUTIONS.get(resolution, f'with the resolution {resolution}')}"
    cosmology = sky["cosmology"]
    name = cosmology.get("name") or cosmology["class"] if isinstance(cosmology, Mapping) else (
        cosmology)
    return f"{text}. Cosmology: {name}."


def _redshift(z_source):
    if isinstance(z_source, Mapping):
        return f"redshifts with a mean of {z_source['mean']:.2f}"
    return f"redshift {z_source:g}"


def _survey(survey):
    text = (f"{survey['density_per_arcmin2']:.4g} galaxies per square arcminute with an intrinsic "
            f"ellipticity dispersion of {survey['sigma_e']:g} per component")
    error = survey["measurement_error"]
    if error == "hsc":
        return (f"{text} and the measurement errors of Subaru/HSC (limiting magnitude "
                f"{survey['magnitude_limit']:g}, 5 sigma depth {survey['m5']:g}).")
    if isinstance(error, str):
        return f"{text} and the measurement errors of {error}."
    if error:
        return f"{text} and measurement errors of {error:g}."
    return f"{text} and no further measurement errors."
