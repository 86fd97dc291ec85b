# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Mock catalogs of 1.4 million galaxies, and 512 x 512 grids for training."""

import numpy as np
from astropy import units as u
from floors import drawing, transforms
from timing import report, say_machine, timed

from lensmap import ShearGrid
from lensmap.simulate import MockSurvey, random_mask, read_field

SIDE = 512  # pixels, of 0.41 arcmin


def main():
    """Print the table."""
    say_machine()
    values = np.random.default_rng(0).normal(0, 0.03, (SIDE, SIDE)).astype(np.float32)
    field = read_field(values, width=3.5 * u.deg, z_source=2.5)
    survey = MockSurvey.preset("cha2025")
    seeds = iter(range(10**6))
    catalog = survey.observe(field, rng=0)
    print(f"{len(catalog)} galaxies\n")
    report("shear of a convergence map, twofold padding, float32",
           timed(lambda: read_field(values, width=3.5 * u.deg), 7),
           floor=transforms((SIDE, SIDE), (2 * SIDE, 2 * SIDE)))
    floor = drawing(2 * len(catalog), 2 * len(catalog))
    report("observe: a catalog", timed(lambda: survey.observe(field, rng=next(seeds)), 5), 2,
           floor)
    report("the same, nearest pixel",
           timed(lambda: survey.replace(interpolation="nearest").observe(field, rng=0), 3))
    report("the same, without lensing",
           timed(lambda: survey.observe(None, field.wcs, rng=next(seeds)), 3))
    report("binning it", timed(lambda: ShearGrid.from_catalog(catalog, field.wcs), 3))
    report("observe_grid", timed(lambda: survey.observe_grid(field, rng=next(seeds)), 25, 2), 0.03,
           drawing(0, 2 * SIDE**2))
    report("the same, one error for all",
           timed(lambda s=survey.replace(measurement_error=0.0):
                 s.observe_grid(field, rng=next(seeds)), 25, 2), 0.03)
    report("the same, a new survey each time",
           timed(lambda: survey.replace(sigma_e=0.24).observe_grid(field, rng=next(seeds)), 3))
    report("random_mask", timed(lambda: random_mask(field.wcs, rng=next(seeds)), 7))


if __name__ == "__main__":
    main()
