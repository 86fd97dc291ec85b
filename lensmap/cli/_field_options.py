# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The options that describe simulated fields, and the model that they mean."""

from lensmap.cli._options import angle, source_redshift, sources_at

__all__ = [
    "add_field_arguments",
    "distribution_name",
    "given_options",
    "make_model",
    "model_parameters",
]


def add_field_arguments(parser, title="the fields", *, several=False):
    """Add the options that describe fields, of several source redshifts if that makes sense."""
    group = parser.add_argument_group(title)
    group.add_argument(
        "--z-source",
        type=source_redshift,
        nargs="+",
        metavar="Z|NAME",
        help="the redshift of the sources (default 1), or their distribution: lsst_y1 or lsst_y10"
        + ("; or several redshifts: one file for each, of the same matter" if several else ""),
    )
    group.add_argument(
        "--shape",
        type=int,
        nargs=2,
        metavar=("NY", "NX"),
        help="the number of pixels, even (default 512 512)",
    )
    group.add_argument(
        "--pixel-scale", type=angle, metavar="ANGLE", help="their side (default 0.41arcmin)"
    )
    group.add_argument(
        "--cosmology",
        metavar="NAME",
        help="massivenus (flat, Om0 0.3, sigma8 0.85; the default), or one of astropy's such as "
        "Planck18",
    )
    group.add_argument(
        "--resolution",
        metavar="NAME",
        help="massivenus: blur as the simulation of that name does; default: as sharp as the "
        "pixels",
    )


def given_options(arguments, names):
    """Return those of some options that were given, as the user writes them."""
    return [
        "--" + name.replace("_", "-") for name in names if getattr(arguments, name) is not None
    ]


def model_parameters(arguments):
    """Return what the options that were given mean, by the names of a model's parameters."""
    parameters = {}
    if arguments.z_source is not None:
        _check_sources(arguments.z_source)
        several = len(arguments.z_source) > 1
        parameters["z_source"] = arguments.z_source if several else sources_at(
            arguments.z_source[0]
        )
    for name in ("pixel_scale", "cosmology", "resolution"):
        if getattr(arguments, name) is not None:
            parameters[name] = getattr(arguments, name)
    if arguments.shape is not None:
        parameters["shape"] = tuple(arguments.shape)
    return parameters


def make_model(arguments, **parameters):
    """Return the `lensmap.simulate.HaloModelField` that the arguments describe."""
    from lensmap.simulate import HaloModelField

    return HaloModelField(**{**parameters, **model_parameters(arguments)})


def distribution_name(arguments):
    """Return the name of the distribution of the sources, None where they have redshifts."""
    (z_source, *more) = arguments.z_source or [None]
    return z_source if isinstance(z_source, str) and not more else None


def _check_sources(redshifts):
    if len(redshifts) > 1 and any(isinstance(z, str) for z in redshifts):
        raise ValueError(
            "--z-source must be redshifts or one distribution, not "
            f"{' '.join(map(str, redshifts))}"
        )
    for i, z in enumerate(redshifts):
        if z in redshifts[:i]:
            raise ValueError(f"--z-source names the redshift {z:g} twice")
