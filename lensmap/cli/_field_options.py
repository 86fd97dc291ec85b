# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The options for simulated fields, and the model that they define."""

from lensmap.cli._messages import CombinationError, OptionError
from lensmap.cli._options import angle, source_redshift, sources_at

__all__ = [
    "add_field_arguments",
    "distribution_name",
    "given_options",
    "make_model",
    "model_parameters",
    "refuse_options",
]


def add_field_arguments(parser, title="field options", *, several=False, cluster=False):
    """Add the options for simulated fields to a parser, in a group with the given title.

    ``several`` is whether the command allows several source redshifts, for the help text, and
    ``cluster`` whether it simulates a cluster, whose resolution is that of the pixels and whose
    background always takes halofit.
    """
    from lensmap.cosmology import SourceRedshifts

    group = parser.add_argument_group(title)
    names = ", ".join(SourceRedshifts.available_presets())
    group.add_argument(
        "--z-source",
        type=source_redshift,
        nargs="+",
        metavar="Z|NAME",
        help="the redshift of the source galaxies (default 1), or the name of their redshift "
        f"distribution: {names}"
        + (
            "; for several redshifts, each field has one file for each redshift, with the same "
            "matter" if several else ""
        ),
    )
    group.add_argument(
        "--shape",
        type=int,
        nargs=2,
        metavar=("NY", "NX"),
        help="the numbers of pixels along y and x, both even (default 512 512)",
    )
    group.add_argument(
        "--pixel-scale", type=angle, metavar="ANGLE",
        help="the side of a square pixel (default 0.41arcmin)",
    )
    group.add_argument(
        "--cosmology",
        metavar="NAME",
        help="the cosmology: massivenus (flat, Om0 = 0.3, sigma8 = 0.85; the default), or the name "
        "of a cosmology in astropy, such as Planck18",
    )
    if cluster:
        return
    group.add_argument(
        "--power",
        metavar="NAME",
        help="what computes the matter power spectrum: halofit (the default), or camb, the package "
        "CAMB",
    )
    group.add_argument(
        "--resolution",
        metavar="NAME",
        help="the simulation whose resolution is imitated: massivenus smooths the field to the "
             "resolution of the MassiveNuS simulations (default: only the pixels limit the "
             "resolution)",
    )


def given_options(arguments, names):
    """Select the options that were given.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments of the command.
    names : iterable of str
        The ``dest`` names of the options to look at.

    Returns
    -------
    list of str
        The ``dest`` names of the options that were given.
    """
    return [name for name in names if getattr(arguments, name) is not None]


def refuse_options(arguments, names, reason):
    """Raise an error if any of several options was given.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments of the command.
    names : iterable of str
        The ``dest`` names of the options that are not allowed.
    reason : str
        The reason why the options are not allowed, a clause that follows "because" in the message.

    Raises
    ------
    OptionError
        If any of the options was given.
    """
    given = given_options(arguments, names)
    if given:
        options = ", ".join(arguments.option_names[name] for name in given)
        raise CombinationError(given[0], f"{options} cannot be given, because {reason}")


def model_parameters(arguments):
    """Return the parameters of a field model that the given options set, as a dict."""
    parameters = {}
    if arguments.z_source is not None:
        _check_sources(arguments.z_source)
        several = len(arguments.z_source) > 1
        parameters["z_source"] = arguments.z_source if several else sources_at(
            arguments.z_source[0]
        )
    for name in ("pixel_scale", "cosmology", "power", "resolution"):
        if getattr(arguments, name, None) is not None:
            parameters[name] = getattr(arguments, name)
    if arguments.shape is not None:
        parameters["shape"] = tuple(arguments.shape)
    return parameters


def make_model(arguments, **parameters):
    """Return the `lensmap.simulate.HaloModelField` that the options define.

    ``parameters`` are parameters of the model; the options take precedence over them.
    """
    from lensmap.simulate import HaloModelField

    return HaloModelField(**{**parameters, **model_parameters(arguments)})


def distribution_name(arguments):
    """Return the name of the source redshift distribution; None if ``--z-source`` names none."""
    (z_source, *more) = arguments.z_source or [None]
    return z_source if isinstance(z_source, str) and not more else None


def _check_sources(redshifts):
    if len(redshifts) > 1 and any(isinstance(z, str) for z in redshifts):
        words = " ".join(map(str, redshifts))
        raise OptionError(
            "z_source",
            "--z-source must be one or several redshifts, or the name of one distribution, not "
            f"{words!r}",
        )
    for i, z in enumerate(redshifts):
        if z in redshifts[:i]:
            raise OptionError(
                "z_source", f"--z-source must name each redshift once, but {z:g} is given twice"
            )
