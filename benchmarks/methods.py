# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The time of a map of 512 x 512 pixels by each method, from gridded data.

The field has 33 galaxies per square arcminute, pixels of 0.41 arcmin and a few holes.
"""

import numpy as np
from astropy import units as u
from timing import report, timed

from lensmap import KaiserSquires, MaximumEntropy, WienerFilter
from lensmap.estimators import (
    ApertureMass,
    KaiserSquiresPlus,
    MCALens,
    SparseReconstructor,
)
from lensmap.simulate import HaloModelField, MockSurvey

PIXEL = 0.41 * u.arcmin
PRIOR = {"z_source": 1.0}

# The estimator and the target in seconds; None where there is none.
METHODS = {
    "Kaiser-Squires": (KaiserSquires(), None),
    "Wiener filter": (WienerFilter(**PRIOR), None),
    "Kaiser-Squires plus": (KaiserSquiresPlus(smoothing=1.5 * u.arcmin), 6),
    "maximum entropy, without B-mode": (MaximumEntropy(b_mode=False, **PRIOR), 15),
    "maximum entropy": (MaximumEntropy(**PRIOR), None),
    "maximum entropy, reduced shear, without B-mode": (
        MaximumEntropy(reduced_shear=True, b_mode=False, **PRIOR), 30
    ),
    "MCALens, without B-mode": (MCALens(b_mode=False, **PRIOR), 8),
    "MCALens": (MCALens(**PRIOR), None),
    "sparse, without B-mode": (SparseReconstructor(b_mode=False), 10),
    "sparse": (SparseReconstructor(), None),
    "aperture mass, radius of 60 pixels": (
        ApertureMass(radius=60 * PIXEL, uncertainty=None), 0.3
    ),
}


def main():
    """Print the times."""
    rng = np.random.default_rng(0)
    field = HaloModelField(z_source=1.0, shape=(512, 512), pixel_scale=PIXEL).draw(rng)
    y, x = np.indices(field.shape)
    centers = rng.uniform(0, 512, (20, 2))
    holes = np.any([np.hypot(y - j, x - i) < 6 for j, i in centers], axis=0)
    survey = MockSurvey(density=33 / u.arcmin**2, sigma_e=0.26, mask=holes)
    grid = survey.observe_grid(field, rng=rng)
    for name, (estimator, target) in METHODS.items():
        data = grid
        if estimator.extra_sums or getattr(estimator, "scheme", grid.scheme) != grid.scheme:
            catalog = survey.observe(field, rng=1)
            data = type(grid).from_catalog(
                catalog, field.wcs, scheme=estimator.scheme, extra_sums=estimator.extra_sums
            )
        report(name, timed(lambda: estimator.reconstruct(data), repeats=3), target)


if __name__ == "__main__":
    main()
