# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap simulate cluster``: simulate the field of a cluster of galaxies."""

from lensmap.cli._field_options import add_field_arguments, model_parameters, refuse_options
from lensmap.cli._file_types import OutputField, OutputTable
from lensmap.cli._files import open_outputs
from lensmap.cli._messages import CombinationError, OptionError
from lensmap.cli._options import position
from lensmap.cli._result import Result, numbers_of_table
from lensmap.cli.commands._simulate_survey import (
    numbers_of_catalog,
    observe,
    seeds_of,
    write_catalog,
)
from lensmap.cli.commands._simulate_survey import describe as describe_catalog

NAME = "cluster"
SUMMARY = (
    "make the convergence field of a cluster of galaxies and, if wanted, the mock shear catalog of "
    "a survey of this field"
)
DESCRIPTION = """Make the convergence and shear of a cluster of galaxies with its subhalos, with or
without large-scale structure along the line of sight. Optionally, make the mock shear
catalog of a survey of this field."""
EXAMPLES = """examples:
  lensmap simulate cluster -o coma.fits --preset coma --background --survey shear.fits
  lensmap simulate cluster -o cluster.fits --mass 5e14 --z-lens 0.3 --shape 128 128
  lensmap simulate survey -o lsst.fits --field cluster.fits --preset lsst_y10"""

# The options that define a cluster without a preset.
_OWN = ("m200c", "z_lens", "c200c", "ellipticity")

_NUMBERS = {"ra": "ra_deg", "dec": "dec_deg", "redshift": "redshift", "m200c": "m200c_msun",
            "c200c": "c200c"}


def add_arguments(parser):
    """Add the arguments and options of ``lensmap simulate cluster`` to its parser."""
    from lensmap.simulate import ClusterField

    parser.add_argument("-o", "--output", type=OutputField, required=True, metavar="FIELD",
                        help="write the field to this file (.fits, .h5)")
    group = parser.add_argument_group("cluster options")
    group.add_argument("--preset", metavar="NAME",
                       help="the name of a known cluster: "
                       f"{', '.join(ClusterField.available_presets())}")
    group.add_argument("--mass", dest="m200c", type=float, metavar="M",
                       help="the M200c of the cluster in solar masses, such as 7.4e14; --mass and "
                            "--z-lens define a cluster without --preset")
    group.add_argument("--z-lens", type=float, metavar="Z",
                       help="the redshift of the cluster, with --mass")
    group.add_argument(
        "--concentration",
        dest="c200c",
        type=float,
        metavar="C",
        help="the c200c of the cluster (default: the relation of Diemer & Joyce 2019 at its mass "
             "and redshift)",
    )
    group.add_argument(
        "--ellipticity", type=float, metavar="E",
        help="the ellipticity (a-b)/(a+b) of the contours of the cluster's surface density, with "
             "the major axis along x (default 0)",
    )
    group.add_argument(
        "--substructure",
        type=float,
        metavar="F",
        help="the fraction of the cluster's mass that is in subhalos (default: the fraction of the "
             "preset, else 0.1)",
    )
    group.add_argument(
        "--background", action="store_true",
        help="add random large-scale structure in front of the sources, with its halos",
    )
    add_field_arguments(parser, cluster=True)
    group = parser.add_argument_group("more options")
    group.add_argument("--center", type=position, metavar="RA,DEC",
                       help="the position of the field's center in degrees (default: the position "
                            "of the preset, else 180,0)")
    group.add_argument(
        "--survey",
        type=OutputTable,
        metavar="CAT",
        help="also write the mock catalog of a survey as deep as that of Cha et al. 2025; "
             "'lensmap simulate survey --field' makes catalogs of other surveys",
    )
    group.add_argument("--seed", type=int, default=0, metavar="N",
                       help="the seed of all random numbers (default 0)")


def run(arguments):
    """Run ``lensmap simulate cluster`` with parsed arguments, and return its `Result`."""
    from lensmap.simulate import MockSurvey, check_catalog_memory

    seeds = seeds_of(arguments.seed)
    with open_outputs(arguments) as temporary:
        model = make_model(arguments)
        survey = MockSurvey.preset("cha2025")
        if arguments.survey is not None:
            check_catalog_memory(survey, model.wcs)
        field = model.draw(seeds["field"])
        field.write(temporary[arguments.output], overwrite=True)
        text, numbers = _describe(field), _numbers(field)
        if arguments.survey is not None:
            catalog = observe(survey, None, field, field.wcs, seeds)
            write_catalog(catalog, temporary[arguments.survey], arguments.seed, lensed=True)
            text += f"\n{describe_catalog(catalog, field.wcs, field)}"
            numbers["catalog"] = numbers_of_catalog(catalog, field.wcs, field)
        return Result(text, numbers, tuple(temporary))


def make_model(arguments):
    """Return the `lensmap.simulate.ClusterField` that the options define."""
    from lensmap.simulate import ClusterField

    if arguments.z_source is not None and len(arguments.z_source) > 1:
        raise OptionError(
            "z_source",
            f"--z-source must be one redshift for a cluster, not {len(arguments.z_source)}",
        )
    parameters = model_parameters(arguments)
    cosmology = parameters.pop("cosmology", None)
    for name in ("center", "substructure"):
        if getattr(arguments, name) is not None:
            parameters[name] = getattr(arguments, name)
    if arguments.preset is not None:
        refuse_options(
            arguments, (*_OWN, "cosmology"), f"--preset {arguments.preset} defines this"
        )
        model = ClusterField.preset(arguments.preset, **parameters)
    else:
        halo = _halo(
            arguments.m200c, arguments.z_lens, arguments.c200c, arguments.ellipticity, cosmology
        )
        model = ClusterField(halo, **{"substructure": 0.1, **parameters})
    return model.replace(background=True) if arguments.background else model


def _halo(m200c, z_lens, c200c, ellipticity, cosmology):
    """Return the halo of a cluster that is defined without a preset."""
    from astropy import units as u

    from lensmap.halos import NFWHalo, concentration

    if m200c is None or z_lens is None:
        raise CombinationError(
            "preset", "the cluster is not defined: give --preset NAME, or both --mass and --z-lens"
        )
    mass = m200c * u.solMass
    if c200c is None:
        c200c = float(concentration(mass, z_lens, cosmology))
    options = {} if ellipticity is None else {"ellipticity": ellipticity}
    return NFWHalo(mass, c200c, z_lens, cosmology=cosmology, **options)


def _clusters(field):
    return field.halos[field.halos["kind"] == "cluster"]


def _describe(field):
    """Return the summary of the field as text for people."""
    from astropy import units as u

    (ny, nx), size = field.shape, field.kappa.pixel_scale.to(u.arcmin)
    lines = [f"{ny} x {nx} pixels of {size:.3g}; {len(field.halos)} halos in the field"]
    for row in _clusters(field):
        lines.append(
            f"cluster at {row['ra'].value:.4f} {row['dec'].value:.4f} (deg): z = "
            f"{row['redshift']:.4g}, M200c = {row['m200c']:.3g}, c200c = {row['c200c']:.2f}"
        )
    return "\n".join(lines)


def _numbers(field):
    """Return the summary of the field as numbers for a JSON record."""
    return {
        "shape": field.shape,
        "pixel_scale_arcmin": field.kappa.pixel_scale.to_value("arcmin"),
        "n_halos": len(field.halos),
        "clusters": numbers_of_table(_clusters(field), _NUMBERS),
        "catalog": None,
    }
