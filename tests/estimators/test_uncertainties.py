# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The uncertainty of a map from its realizations, against numbers that are written down by hand."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from catalogs import shear_catalog
from lenses import catalog_columns, tangent_wcs

from lensmap import ShearGrid
from lensmap.estimators import ROTATIONS, Estimator, Inversion, Uncertainty

SHAPE = (6, 5)
WCS = tangent_wcs(SkyCoord(150, 2, unit="deg"), SHAPE, 1.0)
# The errors of the realizations, in the order in which they are made.
_ERRORS: list[float] = []
# The shear that is mapped for each of them.
_SHEARS: list[np.ndarray] = []


class Drawn(Estimator):
    """An estimator of a constant, whose errors are those that a test writes down."""

    uncertainties = (
        Uncertainty("posterior", "total"), Uncertainty("simulated", "noise"),
        Uncertainty("ready", "noise", with_map=True), ROTATIONS,
    )

    def __init__(self, *, b_mode: float | None = None, uncertainty=None, n_realizations=2, rng=0):
        self.b_mode = b_mode
        self.uncertainty = uncertainty
        self.n_realizations = n_realizations
        self.rng = rng
        self.check_parameters()

    def invert(self, grid, state):
        kappa = np.full(grid.shape, 3.0)
        b_mode = None if self.b_mode is None else np.full(grid.shape, self.b_mode)
        return Inversion(kappa, b_mode, uncertainty=np.full(grid.shape, 0.7))

    def noise(self, grid, state, rng):
        _SHEARS.append(grid.g1 + 1j * grid.g2)
        if self.uncertainty == "rotations":
            return super().noise(grid, state, rng)
        return [np.full(grid.shape, _ERRORS.pop(0)) for _ in range(2)]


def _catalog():
    sky = WCS.pixel_to_world(np.arange(30) % 5, np.arange(30) // 5)
    e = 0.2 * np.exp(1j * np.arange(30))
    return shear_catalog(catalog_columns(sky, e))


def _uncertainty(**parameters):
    kappa = Drawn(**parameters).reconstruct(_catalog(), WCS)
    assert np.ptp(kappa.uncertainty.array) == 0
    return kappa.uncertainty.array[0, 0], kappa


# Quantiles of the t distribution for 68.27 per cent, with 4 and 20 degrees of freedom: table G.2 of
# the Guide to the expression of uncertainty in measurement (JCGM 100:2008).
@pytest.mark.parametrize(("n", "factor"), [(2, 1.14), (10, 1.03)])
def test_the_interval_of_a_posterior_has_68_per_cent(n, factor):
    _ERRORS[:] = [1.0, 7.0] * n
    error, kappa = _uncertainty(uncertainty="posterior", n_realizations=n)
    # The root mean square is that about 0, not about the mean of the realizations.
    assert error == pytest.approx(5.0 * factor, abs=0.025)
    assert not _ERRORS and kappa.meta["uncertainty"] == "total" and kappa.noise_peaks is None
    if n == 2:
        square = (error / 5.0) ** 2 / 4
        # The distribution function of t with 4 degrees of freedom, in closed form.
        inside = 0.75 * (error / 5.0) / np.sqrt(1 + square) * (1 - square / (1 + square) / 3)
        assert inside == pytest.approx(0.6826895, abs=1e-6)


def test_noise_is_the_root_mean_square_of_both_modes():
    """The noise is not widened: its interval is that of one sigma of many maps."""
    _ERRORS[:] = [1.0, 7.0] * 10
    error, kappa = _uncertainty(uncertainty="simulated", n_realizations=10)
    assert error == pytest.approx(5.0, rel=1e-12) and kappa.noise_peaks is None
    assert _uncertainty(uncertainty="rotations", n_realizations=4)[0] == 3.0
    error, kappa = _uncertainty(b_mode=4.0, uncertainty="rotations", n_realizations=4)
    assert error == pytest.approx(np.sqrt(12.5), rel=1e-12)
    assert kappa.meta["uncertainty"] == "noise"
    peaks = kappa.noise_peaks.meta  # a constant has none, but that is on record
    assert peaks["n_in_uncertainty"] == 8 and peaks["n_maps"] == 6


def test_galaxies_are_rotated_for_rotations_only():
    """Each pixel has one galaxy, whose ellipticity keeps its modulus."""
    shear = 0.2 * np.exp(-1j * np.arange(30)).reshape(SHAPE)  # x is to the west on the grid
    for name in ("rotations", "posterior"):
        _ERRORS[:], _SHEARS[:] = [1.0, 7.0] * 3, []
        _uncertainty(uncertainty=name, n_realizations=3)
        assert len(_SHEARS) == 3
        for k, found in enumerate(_SHEARS):
            np.testing.assert_allclose(np.abs(found), 0.2, rtol=1e-6)
            for other in (shear, _SHEARS[k - 1]):
                angle = np.abs(np.angle(found / other))
                assert angle.max() > 1.5 if name == "rotations" else angle.max() < 1e-3


@pytest.mark.parametrize("name", ["posterior", "simulated", "rotations"])
def test_realizations_have_the_scatter_of_the_map(name):
    estimator = Drawn(uncertainty=name, n_realizations=2)
    _ERRORS[:] = [0.1, -0.2, 0.3, 0.4]
    kappa = estimator.reconstruct(_catalog(), WCS)
    _ERRORS[:] = [0.1, -0.2, 0.3, 0.4]
    errors = list(estimator.realizations(_catalog(), WCS))
    if name != "rotations":
        assert [error[0, 0] for error in errors] == [0.1, -0.2, 0.3, 0.4]
    square = np.mean(np.square(errors), axis=0)
    # The error of a posterior is that of a t distribution with 4 degrees of freedom.
    factor = 1.1416 if name == "posterior" else 1
    np.testing.assert_allclose(kappa.uncertainty.array, factor * np.sqrt(square), rtol=2e-4)


def test_realizations_on_the_pixels_of_the_map():
    _ERRORS[:] = [0.1, -0.2, 0.3, 0.4]
    mask = np.zeros(SHAPE, dtype=bool)
    mask[1, 2] = True
    estimator = Drawn(uncertainty="simulated", n_realizations=2)
    errors = list(estimator.realizations(_catalog(), WCS, mask))
    assert len(errors) == 4 and all(np.array_equal(np.isnan(error), mask) for error in errors)


@pytest.mark.parametrize("name", [None, "ready"])
def test_realizations_need_an_uncertainty_that_is_made_from_them(name):
    with pytest.raises(ValueError, match="uncertainty must be 'posterior' or 'simulated' or 'rot"):
        Drawn(uncertainty=name).realizations(_catalog(), WCS)


def test_other_uncertainties():
    error, kappa = _uncertainty(uncertainty="ready")
    assert error == 0.7 and kappa.noise_peaks is None
    assert Drawn().reconstruct(_catalog(), WCS).uncertainty is None
    _ERRORS[:] = [1.0, 7.0] * 2
    grid = ShearGrid.from_catalog(_catalog(), WCS)  # no galaxies are needed
    kappa = Drawn(uncertainty="posterior").reconstruct(grid)
    np.testing.assert_allclose(kappa.uncertainty.array, 5.0 * 1.1416, rtol=1e-3)


def test_what_holds_without_parameters():
    assert (Estimator.n_realizations, Estimator.rng, Estimator.fill_holes) == (100, 0, False)
    assert not Estimator.linear and Estimator.uncertainty is None
    assert Drawn().chosen_uncertainty is None
    assert Drawn(uncertainty="ready").chosen_uncertainty.with_map
    assert Drawn(rng=np.random.SeedSequence(3)).rng.entropy == 3
    with pytest.raises(ValueError, match="n_realizations must be at least 2"):
        Drawn(n_realizations=1)
    with pytest.raises((TypeError, ValueError), match="rng"):
        Drawn(rng=-1)
    described = Drawn(b_mode=0.5, rng=np.random.SeedSequence(3)).describe_params()
    assert described["b_mode"] == 0.5 and described["rng"].startswith("SeedSequence(")


def test_a_class_with_other_defaults():
    class Seeded(Drawn, defaults={"rng": 5}):
        pass

    assert Seeded().rng == 5 and Seeded(rng=6).rng == 6 and Drawn().rng == 0
