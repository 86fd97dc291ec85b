# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Train the network ``lensmap`` for the whole range of weak-lensing surveys.

The training fields have pixels from 0.2 to 1 arcmin, cosmologies with S8 from 0.7 to 0.9, and
single source redshifts as well as the redshift distributions of surveys. The mock surveys are those
of `lensmap.networks.SurveyRange.wide`. The same command resumes an interrupted run, in the folder
of the fields as well as in the folder of the training.
"""

import argparse
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


# Name of the set: pixel scale (arcmin), sources, the share of the examples, further parameters.
# The cosmology of sets without one is that of MassiveNuS.
SETS = {
    "0.20-fiducial": (0.20, DEEP, 0.08, {}),
    "0.20-low": (0.20, DEEP, 0.05, {"cosmology": cosmology(0.72, 0.32)}),
    "0.29-fiducial": (0.29, DEEP, 0.12, {}),
    "0.29-high": (0.29, DEEP, 0.07, {"cosmology": cosmology(0.88, 0.29)}),
    "0.41-fiducial": (0.41, [0.6, 1.0, 2.5, *DEEP[3:]], 0.20, {}),
    "0.41-low": (0.41, DEEP, 0.08, {"cosmology": cosmology(0.74, 0.27)}),
    "0.41-massivenus": (0.41, [1.0, 2.5], 0.10, {"resolution": "massivenus"}),
    "0.70-fiducial": (0.70, SHALLOW, 0.09, {}),
    "0.70-high": (0.70, SHALLOW, 0.06, {"cosmology": cosmology(0.86, 0.33)}),
    "1.00-fiducial": (1.00, SHALLOW, 0.09, {"shape": (384, 384)}),
    "1.00-low": (1.00, SHALLOW, 0.06, {"cosmology": cosmology(0.77, 0.30), "shape": (384, 384)}),
}

# The seed of the series of the first set; the others follow.
FIRST_SEED = 5001


def main():
    """Draw the fields that are missing, and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the folder of the fields and of the training")
    parser.add_argument("--fields", type=int, default=30, help="files in each set (default 30)")
    parser.add_argument("--workers", type=int, help="processes that draw fields (default all)")
    parser.add_argument("--steps", type=int, default=6000, help="training steps (default 6000)")
    parser.add_argument("--start", default="lensmap", help="the initial weights, or 'none'")
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--check-every", type=int, default=250)
    parser.add_argument("--name", default="training", help="the folder of the training (within)")
    arguments = parser.parse_args()
    shares = {}
    for number, (name, (scale, z_source, share, more)) in enumerate(SETS.items()):
        model = HaloModelField(z_source=z_source, pixel_scale=scale * u.arcmin, **more)
        fields = FieldSet.draw(
            arguments.folder / "fields" / name, model, arguments.fields,
            seed=FIRST_SEED + number, workers=arguments.workers, progress=True, take_over=True,
        )
        shares[fields] = share
        print(f"{name}: {len(fields)} files, scatter {fields.variances ** 0.5}", flush=True)
    network = train(
        "lensmap", shares, arguments.folder / arguments.name, steps=arguments.steps,
        start=None if arguments.start == "none" else arguments.start, survey=SurveyRange.wide(),
        learning_rate=arguments.learning_rate, batch_size=arguments.batch_size,
        held_back=HELD_BACK, check_every=arguments.check_every, seed=2, progress=True,
        take_over=True,
    )
    print(network.card["curve"][-1])


if __name__ == "__main__":
    main()
