# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Train one of the bundled networks.

    python scripts/train_network.py lensmap FOLDER

The fields are drawn into FOLDER/fields, where all networks share them. A training has one or more
stages; each continues from the weights of the stage before. The same command resumes an interrupted
run, in the folder of the fields as well as in the folders of the stages.

``lensmap`` is trained for the whole range of weak-lensing surveys, `SurveyRange.wide`, with pixels
from 0.2 to 1 arcmin. ``cha2025`` and ``h21like`` are trained for pixels of 0.41 arcmin and surveys
as deep as that of Cha et al. 2025 and less, with measurement errors from 0 to 0.3; the exponents of
the losses are those of the papers. The last stage uses whole fields, so that the network learns the
largest scales.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

from astropy import units as u
from astropy.cosmology import FlatLambdaCDM

from lensmap.cosmology import SourceRedshifts
from lensmap.networks import FieldSet, SurveyRange, train
from lensmap.simulate import HaloModelField

# The number of files of each set that the trainer uses to check the network.
HELD_BACK = 2


def sources(mean):
    """Return a Smail distribution of source redshifts with alpha 1.5, beta 2 and a given mean."""
    unit = SourceRedshifts.smail(1.0, 1.5).mean
    distribution = SourceRedshifts.smail(mean / unit, 1.5)
    return SourceRedshifts(distribution.z, distribution.pdf, name=f"smail {mean:g}")


# Mean redshifts of about those of KiDS or DES, of HSC, of Euclid, and of COSMOS.
DEEP = [0.6, 1.0, 2.0, sources(0.8), SourceRedshifts.preset("lsst_y10"), sources(1.2)]
SHALLOW = [0.6, 1.0, 1.5, sources(0.6), sources(0.8), SourceRedshifts.preset("lsst_y10")]


def cosmology(s8, omega_m):
    """Return a flat cosmology with S8 = sigma8 (Om0 / 0.3)^0.5."""
    sigma8 = s8 / (omega_m / 0.3) ** 0.5
    return FlatLambdaCDM(H0=70, Om0=omega_m, Ob0=0.046, Tcmb0=2.7255,
                         meta={"sigma8": round(sigma8, 4), "n": 0.97})


# Name of the set: pixel scale (arcmin), sources, further parameters. The cosmology of sets without
# one is that of MassiveNuS. The seed of a set is FIRST_SEED plus its position.
SETS = {
    "0.20-fiducial": (0.20, DEEP, {}),
    "0.20-low": (0.20, DEEP, {"cosmology": cosmology(0.72, 0.32)}),
    "0.29-fiducial": (0.29, DEEP, {}),
    "0.29-high": (0.29, DEEP, {"cosmology": cosmology(0.88, 0.29)}),
    "0.41-fiducial": (0.41, [0.6, 1.0, 2.5, *DEEP[3:]], {}),
    "0.41-low": (0.41, DEEP, {"cosmology": cosmology(0.74, 0.27)}),
    "0.41-massivenus": (0.41, [1.0, 2.5], {"resolution": "massivenus"}),
    "0.70-fiducial": (0.70, SHALLOW, {}),
    "0.70-high": (0.70, SHALLOW, {"cosmology": cosmology(0.86, 0.33)}),
    "1.00-fiducial": (1.00, SHALLOW, {"shape": (384, 384)}),
    "1.00-low": (1.00, SHALLOW, {"cosmology": cosmology(0.77, 0.30), "shape": (384, 384)}),
}
FIRST_SEED = 5001


@dataclass(frozen=True)
class Stage:
    """A part of a training: the steps, the learning rate, and the side of the cutouts."""

    steps: int
    learning_rate: float
    crop: int | None = None
    batch_size: int = 1


@dataclass(frozen=True)
class Recipe:
    """The training of a network: the share of each set, the surveys, the loss, the stages."""

    shares: dict
    survey: SurveyRange
    stages: tuple
    exponent: float = 0


# The surveys of the networks that have the measurement error as an input: half as deep to twice as
# deep as that of Cha et al. 2025. Empty fields keep maps of noise close to 0.
PAPER_SURVEYS = SurveyRange(
    usual=0.3, galaxies_per_pixel=(2.7, 11.0), sigma_e=(0.22, 0.28), other_errors=0.5,
    varied_errors=0.3, max_error=0.3, masked=0.0, small=0.0, null=0.05, faint=0.1,
)

PAPER_SHARES = {"0.41-fiducial": 0.4, "0.41-low": 0.1, "0.41-massivenus": 0.5}

RECIPES = {
    "lensmap": Recipe(
        {"0.20-fiducial": 0.08, "0.20-low": 0.05, "0.29-fiducial": 0.12, "0.29-high": 0.07,
         "0.41-fiducial": 0.20, "0.41-low": 0.08, "0.41-massivenus": 0.10, "0.70-fiducial": 0.09,
         "0.70-high": 0.06, "1.00-fiducial": 0.09, "1.00-low": 0.06},
        SurveyRange.wide(), (Stage(6000, 3e-4),),
    ),
    "cha2025": Recipe(
        PAPER_SHARES, PAPER_SURVEYS, (Stage(3000, 3e-4, crop=256), Stage(900, 1e-4)), exponent=6,
    ),
    "h21like": Recipe(
        PAPER_SHARES, PAPER_SURVEYS, (Stage(3000, 3e-4, crop=256), Stage(900, 1e-4)), exponent=1,
    ),
}


def draw_fields(folder, names, n_files, workers):
    """Draw the fields that are missing, and return the sets by name."""
    sets = {}
    for number, (name, (scale, z_source, more)) in enumerate(SETS.items()):
        if name in names:
            model = HaloModelField(z_source=z_source, pixel_scale=scale * u.arcmin, **more)
            sets[name] = FieldSet.draw(
                folder / name, model, n_files, seed=FIRST_SEED + number, workers=workers,
                progress=True, take_over=True,
            )
            print(f"{name}: {len(sets[name])} files, scatter {sets[name].variances ** 0.5}",
                  flush=True)
    return sets


def main():
    """Draw the fields that are missing, and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=RECIPES, help="the network")
    parser.add_argument("folder", type=Path, help="the folder of the fields and of the stages")
    parser.add_argument("--fields", type=int, default=30, help="files in each set (default 30)")
    parser.add_argument("--workers", type=int, help="processes that draw fields (default all)")
    parser.add_argument("--start", help="the initial weights, or 'none' (default: the network)")
    parser.add_argument("--steps", type=int, nargs="+", help="the steps of each stage")
    parser.add_argument("--check-every", type=int, default=250)
    parser.add_argument("--name", help="the name of the folders of the stages (default: network)")
    arguments = parser.parse_args()
    recipe = RECIPES[arguments.network]
    stages = recipe.stages
    if arguments.steps is not None:
        stages = [replace(stage, steps=n) for stage, n in zip(stages, arguments.steps)]
    sets = draw_fields(arguments.folder / "fields", recipe.shares, arguments.fields,
                       arguments.workers)
    start = arguments.start or arguments.network
    for number, stage in enumerate(stages, 1):
        folder = arguments.folder / f"{arguments.name or arguments.network}-{number}"
        network = train(
            arguments.network, {sets[name]: share for name, share in recipe.shares.items()},
            folder, steps=stage.steps, start=None if start == "none" else start,
            survey=recipe.survey, exponent=recipe.exponent, learning_rate=stage.learning_rate,
            batch_size=stage.batch_size, crop=stage.crop, held_back=HELD_BACK,
            check_every=arguments.check_every, seed=1 + number, progress=True, take_over=True,
        )
        print(network.card["curve"][-1])
        start = folder / "weights.h5"


if __name__ == "__main__":
    main()
