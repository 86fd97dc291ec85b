# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap simulate cluster``: the field of a cluster of galaxies that is known."""

from contextlib import ExitStack
from pathlib import Path

from lensmap.cli._field_options import add_field_arguments, given_options, model_parameters
from lensmap.cli._options import position
from lensmap.cli._tables import table_format
from lensmap.cli.commands._simulate_survey import describe as describe_catalog
from lensmap.cli.commands._simulate_survey import observe, seeds_of, write_catalog
from lensmap.utils import atomic_write

NAME = "cluster"
SUMMARY = "make the field of a cluster of galaxies, with its catalog"
DESCRIPTION = """Make convergence and shear of a cluster of galaxies with its substructure, alone or
on large-scale structure, and, if wanted, the catalog that a survey would have."""
EXAMPLES = """examples:
  lensmap simulate cluster -o coma.fits --preset coma --background --survey shear.fits
  lensmap simulate cluster -o cluster.fits --mass 5e14 --z-lens 0.3 --shape 128 128
  lensmap simulate survey -o lsst.fits --field cluster.fits --preset lsst_y10

exit codes: 0 done, 1 an error (nothing is written), 2 wrong usage"""

# What describes a cluster that is no preset.
_OWN = ("mass", "z_lens", "concentration", "ellipticity")


def add_arguments(parser):
    """Add the command's arguments."""
    parser.add_argument(
        "-o", "--output", required=True, metavar="FIELD", help="the field (.fits, .h5)"
    )
    group = parser.add_argument_group("the cluster")
    group.add_argument("--preset", metavar="NAME", help="a cluster that is known: coma")
    group.add_argument(
        "--mass", type=float, metavar="M", help="or its M200c in solar masses, such as 7.4e14"
    )
    group.add_argument("--z-lens", type=float, metavar="Z", help="its redshift")
    group.add_argument(
        "--concentration",
        type=float,
        metavar="C",
        help="its c200c (default: that of Diemer & Joyce 2019 at its mass and redshift)",
    )
    group.add_argument(
        "--ellipticity", type=float, metavar="E", help="(a-b)/(a+b), long along x (default 0)"
    )
    group.add_argument(
        "--substructure",
        type=float,
        metavar="F",
        help="which part of the mass is in subhalos (default: that of the preset, else 0.1)",
    )
    group.add_argument(
        "--background", action="store_true", help="add large-scale structure with its halos"
    )
    add_field_arguments(parser, "the field")
    parser.add_argument(
        "--center", type=position, metavar="RA,DEC", help="put the field there, in degrees"
    )
    group = parser.add_argument_group("what else")
    group.add_argument(
        "--survey",
        metavar="CAT",
        help="write the catalog of Cha et al. 2025, too; 'lensmap simulate survey --field' "
        "makes those of other surveys",
    )
    group.add_argument("--seed", type=int, default=0, help="of what is random (default 0)")
    group.add_argument("--overwrite", action="store_true", help="replace files that exist")


def run(arguments):
    """Run the command."""
    seeds = seeds_of(arguments.seed)
    outputs = _outputs(arguments)
    with ExitStack() as stack:
        # Whatever can be wrong is asked before the work begins.
        temporary = [
            stack.enter_context(atomic_write(path, overwrite=arguments.overwrite))
            for path in outputs
        ]
        field = make_model(arguments).draw(seeds["field"])
        field.write(temporary[0], overwrite=True)
        said = describe(field)
        if arguments.survey:
            said += "\n" + _write_catalog(field, temporary[1], seeds, arguments.seed)
    print(said)
    print(f"written: {', '.join(map(str, outputs))}")
    return 0


def _outputs(arguments):
    """Return the files that will be written, the field first."""
    from lensmap.simulate import field_format

    field_format(arguments.output)
    outputs = [Path(arguments.output)]
    if arguments.survey:
        table_format(arguments.survey)
        outputs.append(Path(arguments.survey))
        if outputs[0].resolve() == outputs[1].resolve():
            raise ValueError("--output and --survey are the same file")
    return outputs


def make_model(arguments):
    """Return the `lensmap.simulate.ClusterField` that the arguments describe."""
    from lensmap.simulate import ClusterField

    if arguments.z_source is not None and len(arguments.z_source) > 1:
        raise ValueError("--z-source must be one redshift here")
    if arguments.resolution is not None:
        raise ValueError("--resolution: clusters are as sharp as the pixels")
    parameters = model_parameters(arguments)
    cosmology = parameters.pop("cosmology", None)
    for name in ("center", "substructure"):
        if getattr(arguments, name) is not None:
            parameters[name] = getattr(arguments, name)
    if arguments.preset is not None:
        given = given_options(arguments, (*_OWN, "cosmology"))
        if given:
            raise ValueError(f"{', '.join(given)}: --preset says this by itself")
        model = ClusterField.preset(arguments.preset, **parameters)
    else:
        model = ClusterField(_halo(arguments, cosmology), **{"substructure": 0.1, **parameters})
    return model.replace(background=True) if arguments.background else model


def _halo(arguments, cosmology):
    """Return the cluster that is no preset."""
    from astropy import units as u

    from lensmap.halos import NFWHalo, concentration

    if arguments.mass is None or arguments.z_lens is None:
        raise ValueError("give the cluster as --preset NAME, or its --mass and --z-lens")
    mass = arguments.mass * u.solMass
    c200c = arguments.concentration
    if c200c is None:
        c200c = float(concentration(mass, arguments.z_lens, cosmology))
    options = {} if arguments.ellipticity is None else {"ellipticity": arguments.ellipticity}
    return NFWHalo(mass, c200c, arguments.z_lens, cosmology=cosmology, **options)


def _write_catalog(field, path, seeds, seed):
    """Write the catalog of the survey of Cha et al. 2025; return what there is to say of it."""
    from lensmap.simulate import MockSurvey

    catalog = observe(MockSurvey.preset("cha2025"), None, field, field.wcs, seeds)
    write_catalog(catalog, path, seed, lensed=True)
    return describe_catalog(catalog, field.wcs, field)


def describe(field):
    """Return what there is to say of a cluster's field, for people."""
    from astropy import units as u

    (ny, nx), size = field.shape, field.kappa.pixel_scale.to(u.arcmin)
    clusters = field.halos[field.halos["kind"] == "cluster"]
    lines = [f"{ny} x {nx} pixels of {size:.3g}; {len(field.halos)} halos in the field"]
    for row in clusters:
        lines.append(
            f"cluster at {row['ra'].value:.4f} {row['dec'].value:.4f} (deg): z = "
            f"{row['redshift']:.4g}, M200c = {row['m200c']:.3g}, c200c = {row['c200c']:.2f}"
        )
    return "\n".join(lines)
