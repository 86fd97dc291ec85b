# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What the base class does for all estimators: parameters, arguments, other pixels."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.wcs import WCS
from catalogs import shear_catalog
from lenses import NFW, catalog_columns, shear_of, tangent_wcs, uniform_sky
from regions import PixCoord, RectanglePixelRegion

from lensmap import (
    CNNReconstructor,
    ConvergenceMap,
    KaiserSquires,
    ShearCatalog,
    ShearGrid,
    WienerFilter,
    make_wcs,
)
from lensmap.estimators import ROTATIONS, Estimator, Inversion, Uncertainty
from lensmap.grid import PixelFrame
from lensmap.utils import CatalogWarning, ConventionWarning, MapWarning

CENTER = SkyCoord(359.95, 30, unit="deg")
LENS = CENTER.directional_offset_by(70 * u.deg, 3 * u.arcmin)
PLANE = tangent_wcs(CENTER, (50, 60), 0.5)


def _catalog(n=20_000, seed=1, noise=0.0, **more):
    rng = np.random.default_rng(seed)
    sky = uniform_sky(CENTER, 0.4, n, rng)
    gamma, kappa = shear_of(sky, [(LENS, NFW(kappa_s=0.1))])
    e = gamma / (1 - kappa) + noise * (rng.normal(size=n) + 1j * rng.normal(size=n))
    return ShearCatalog(catalog_columns(sky, e, **more), "generic", "celestial", "shear")


def _peak(kappa):
    values = np.where(kappa.mask, -1, kappa.data)
    y, x = np.unravel_index(values.argmax(), values.shape)
    return kappa.wcs.pixel_to_world(x, y).icrs


class Halved(Estimator):
    """A user's own estimator: half the sum of g1 and g2."""

    def __init__(self, *, factor=0.5, uncertainty=None, n_realizations=4, rng=0):
        self.factor = factor
        self.uncertainty = uncertainty
        self.n_realizations = n_realizations
        self.rng = rng
        self.check_parameters()

    def invert(self, grid, state):
        return Inversion(self.factor * (grid.g1 + grid.g2), None, grid.count == 0)


def test_a_users_own_estimator_plugs_in():
    estimator = Halved(factor=2, uncertainty="rotations")
    assert repr(estimator) == "Halved(factor=2, uncertainty='rotations')"
    kappa = estimator.reconstruct(_catalog(), PLANE)
    assert kappa.kappa_b is None and kappa.uncertainty is not None
    assert kappa.meta["parameters"]["factor"] == 2
    assert estimator.replace(factor=3).get_params() == {
        "factor": 3, "uncertainty": "rotations", "n_realizations": 4, "rng": 0,
    }
    with pytest.raises(TypeError, match="unexpected keyword"):
        estimator.replace(smoothing=1)
    with pytest.raises(ValueError, match="uncertainty must be one of None, 'rotations'"):
        Halved(uncertainty="analytic")


def test_parameters_are_keyword_only_with_defaults():
    with pytest.raises(TypeError, match="keyword-only and have a default, but 'factor'"):
        type("Bad", (Estimator,), {"__init__": lambda self, factor=1: None})


def test_a_parameter_has_no_name_of_a_method():
    with pytest.raises(TypeError, match="must not have a parameter 'reach', because a method"):
        type("Bad", (Halved,), {"__init__": lambda self, *, reach=1: None})


def test_no_wcs_makes_one_that_covers_the_catalog():
    catalog = _catalog()
    kappa = KaiserSquires().reconstruct(catalog)
    assert kappa.shape == make_wcs(catalog).array_shape
    assert kappa.meta["n_galaxies"] == len(catalog) and kappa.meta["n_outside"] == 0
    assert _peak(kappa).separation(LENS) < 0.6 * u.arcmin


def test_a_grid_that_was_streamed_gives_the_same_map():
    catalog = _catalog(noise=0.2)
    estimator = KaiserSquires(uncertainty="analytic")
    parts = (catalog.select(slice(i, i + 6000)) for i in range(0, 20_000, 6000))
    chunks = ShearGrid.from_chunks(parts, PLANE)
    found, expected = estimator.reconstruct(chunks), estimator.reconstruct(catalog, PLANE)
    np.testing.assert_allclose(found.data, expected.data, atol=1e-12)
    np.testing.assert_allclose(found.uncertainty.array, expected.uncertainty.array, rtol=1e-9)
    with pytest.raises(TypeError, match="wcs and mask must be None"):
        estimator.reconstruct(chunks, PLANE)
    with pytest.raises(ValueError, match="rotates the single galaxies"):
        estimator.replace(uncertainty="rotations").reconstruct(chunks)


@pytest.mark.parametrize("projection", ["CAR", "AIT", "wide pixels"])
def test_pixels_that_are_no_squares_are_resampled(projection):
    """At dec 30 the pixels of a plate carree are 1.15 : 1: inverting on them would be wrong."""
    wcs = WCS(naxis=2)
    if projection == "wide pixels":
        wcs = tangent_wcs(CENTER, (60, 30), 0.5)
        wcs.wcs.cdelt = [-1 / 60, 0.5 / 60]
    else:
        wcs.wcs.ctype = [f"RA---{projection}", f"DEC--{projection}"]
        wcs.wcs.crval, wcs.wcs.cdelt = [0, 0], [-0.5 / 60, 0.5 / 60]
        wcs.wcs.crpix = [0, 0]
        x, y = wcs.world_to_pixel(CENTER)
        wcs.wcs.crpix = [30 - x, 30 - y]
        wcs.array_shape = (60, 60)
    catalog = _catalog(noise=0.1)
    straight = KaiserSquires().reconstruct(catalog, tangent_wcs(CENTER, (90, 90), 0.5))
    kappa = KaiserSquires().reconstruct(catalog, wcs)
    assert kappa.shape == wcs.array_shape and _peak(kappa).separation(LENS) < 0.6 * u.arcmin
    x, y = kappa.wcs.world_to_pixel(LENS)
    sx, sy = straight.wcs.world_to_pixel(LENS)
    found = kappa.data[int(np.rint(y)), int(np.rint(x))]
    expected = straight.data[int(np.rint(sy)), int(np.rint(sx))]
    assert found == pytest.approx(expected, rel=0.15)
    with pytest.warns(MapWarning, match="the uncertainty is dropped"):
        KaiserSquires(uncertainty="analytic").reconstruct(catalog, wcs)
    grid = ShearGrid.from_catalog(catalog, wcs)
    with pytest.raises(ValueError, match="must be nearly square"):
        KaiserSquires().reconstruct(grid)


def test_a_mask_speaks_of_the_users_pixels():
    """Also where the map is made on other pixels than those."""
    wcs = tangent_wcs(CENTER, (60, 30), 0.5)
    wcs.wcs.cdelt = [-1 / 60, 0.5 / 60]
    mask = np.zeros((60, 30), dtype=bool)
    mask[40:, :] = True
    kappa = KaiserSquires().reconstruct(_catalog(noise=0.2), wcs, mask)
    assert kappa.mask[42:, 2:-2].all() and not kappa.mask[2:38, 2:-2].any()
    region = RectanglePixelRegion(PixCoord(14.5, 50), 30, 20.9)
    found = KaiserSquires().reconstruct(_catalog(noise=0.2), wcs, region)
    np.testing.assert_array_equal(found.mask, kappa.mask)


def test_sizes_that_differ_over_the_map_are_resampled():
    """Mercator is conformal, and a degree has more pixels at dec 50 than at dec 30."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---MER", "DEC--MER"]
    wcs.wcs.crval, wcs.wcs.cdelt, wcs.wcs.crpix = [0, 0], [-0.15, 0.15], [40, -209]
    wcs.array_shape = (178, 80)
    peaks = []
    for dec in (33, 47):
        lens = SkyCoord(0, dec, unit="deg")
        sky = uniform_sky(lens, 2.5, 30_000, np.random.default_rng(1))
        gamma, _ = shear_of(sky, [(lens, NFW(kappa_s=0.1, theta_s=30))])
        catalog = ShearCatalog(catalog_columns(sky, gamma), "generic", "celestial", "shear")
        kappa = KaiserSquires(smoothing=0.5 * u.deg).reconstruct(catalog, wcs)
        assert "resampled_by" in kappa.meta
        peaks.append(np.nanmax(kappa.data))
    assert peaks[0] == pytest.approx(peaks[1], rel=0.05)


def test_make_wcs_of_a_wide_field_is_taken_as_it_is():
    sky = uniform_sky(CENTER, 15, 5000, np.random.default_rng(2))
    with pytest.warns(CatalogWarning, match="0.0019 per square arcminute"):
        catalog = shear_catalog(catalog_columns(sky, np.full(5000, 0.1j)))
    wcs = make_wcs(catalog, 15 * u.arcmin)
    kappa = KaiserSquires(smoothing=1 * u.deg, uncertainty="analytic").reconstruct(catalog, wcs)
    assert kappa.uncertainty is not None and "resampled_by" not in kappa.meta


def test_a_mask_of_another_field_is_warned_about():
    far = Table({"ra": [100.0], "dec": [-50.0], "radius": [0.1]})
    with pytest.warns(MapWarning, match="mask excludes no galaxy and no pixel"):
        KaiserSquires().reconstruct(_catalog(500), PLANE, far)


def test_an_estimator_that_returns_something_else_is_told_so():
    class Wrong(Halved):
        def invert(self, grid, state):
            return grid.g1

    with pytest.raises(TypeError, match=r"Wrong.invert must return an Inversion, not ndarray"):
        Wrong().reconstruct(_catalog(500), PLANE)


def test_rotations_are_resampled_with_the_map():
    wcs = tangent_wcs(CENTER, (60, 30), 0.5)
    wcs.wcs.cdelt = [-1 / 60, 0.5 / 60]
    catalog = _catalog(noise=0.2)
    estimator = KaiserSquires(uncertainty="rotations", n_realizations=20)
    kappa = estimator.reconstruct(catalog, wcs)
    straight = estimator.reconstruct(catalog, tangent_wcs(CENTER, (60, 60), 0.5))
    assert kappa.meta["uncertainty"] == "noise"
    found, expected = (
        np.nanmedian(k.uncertainty.array[15:-15, 8:-8]) for k in (kappa, straight)
    )
    assert found == pytest.approx(expected, rel=0.05)


def _counted(monkeypatch, cls, name):
    """Return a list that grows with each call of a method."""
    calls, method = [], getattr(cls, name)

    def counting(self, *args, **kwargs):
        calls.append(self)
        return method(self, *args, **kwargs)

    monkeypatch.setattr(cls, name, counting)
    return calls


@pytest.mark.parametrize(
    ("estimator", "n_frames"),
    [
        (KaiserSquires(uncertainty="rotations", n_realizations=3), 1),
        (WienerFilter(z_source=1.0, uncertainty="posterior", n_realizations=2), 1),
        # with the cells in which the density is measured, and the map with what lies next to it
        (CNNReconstructor(pixel_scale=0.5 * u.arcmin), 3),
    ],
)
def test_pixels_are_projected_once(monkeypatch, estimator, n_frames):
    catalog = _catalog(noise=0.25)
    frames = _counted(monkeypatch, PixelFrame, "__init__")
    estimator.reconstruct(catalog, PLANE)
    assert len(frames) == n_frames


def test_noise_on_other_pixels_makes_no_maps(monkeypatch):
    wcs = tangent_wcs(CENTER, (60, 30), 0.5)
    wcs.wcs.cdelt = [-1 / 60, 0.5 / 60]
    maps = _counted(monkeypatch, ConvergenceMap, "__init__")
    KaiserSquires(uncertainty="rotations", n_realizations=5).reconstruct(_catalog(), wcs)
    assert len(maps) == 2  # without its uncertainty, and with it


class Steps(Halved):
    """Halved, with a line for each step; what is fitted is the mean weight of a galaxy."""

    extra_sums = ("sum_w2e2",)
    seen: list = []

    def check(self, grid):
        self.seen.append("check")

    def measure(self, grid):
        self.seen.append("measure")
        return np.array([grid.sum_w.sum(), grid.count.sum()])

    def fit(self, sums):
        self.seen.append(("fit", sums[1]))
        return sums[0] / sums[1]

    def prepare(self, grid, fitted):
        self.seen.append("prepare")
        return {"mean weight": fitted, "sums": list(grid.extra)}

    def invert(self, grid, state):
        self.seen.append(state)
        return super().invert(grid, state)._replace(meta={"mean_weight": state["mean weight"]})


def test_steps_are_called_in_order_and_state_is_passed():
    Steps.seen.clear()
    catalog = _catalog(n=3000, weight=np.full(3000, 2.5))
    kappa = Steps(uncertainty="rotations", n_realizations=2).reconstruct(catalog, PLANE)
    n, state = kappa.meta["n_galaxies"], {"mean weight": 2.5, "sums": ["sum_w2e2"]}
    assert Steps.seen == ["check", "measure", ("fit", n), "prepare", *[state] * 3]
    assert kappa.meta["mean_weight"] == 2.5 and kappa.meta["quantity"] == "kappa"


def test_sums_that_a_method_needs_come_with_the_grid():
    catalog = _catalog(n=3000, noise=0.2, weight=np.linspace(1, 2, 3000))
    grid = ShearGrid.from_catalog(catalog, PLANE, extra_sums=("sum_w2e2",))
    x, y = PLANE.world_to_pixel(catalog.skycoord)
    inside = (abs(2 * x - 59) < 60) & (abs(2 * y - 49) < 50)
    e2 = np.array(catalog.e1) ** 2 + np.array(catalog.e2) ** 2
    expected = np.sum((catalog["weight"] ** 2 * e2)[inside])
    assert grid.extra["sum_w2e2"].sum() == pytest.approx(expected, rel=1e-6)
    parts = ShearGrid.from_chunks(
        [catalog.select(slice(1000)), catalog.select(slice(1000, None))], PLANE,
        extra_sums=("sum_w2e2",),
    )
    np.testing.assert_allclose(parts.extra["sum_w2e2"], grid.extra["sum_w2e2"], rtol=1e-9)
    both = grid + grid
    np.testing.assert_allclose(both.extra["sum_w2e2"], 2 * grid.extra["sum_w2e2"])
    plain = ShearGrid.from_catalog(catalog, PLANE)
    with pytest.raises(ValueError, match="has the sum 'sum_w2e2': make both with"):
        grid + plain
    Steps().reconstruct(grid)
    with pytest.raises(ValueError, match="catalog must be a grid with the sums 'sum_w2e2'"):
        Steps().reconstruct(plain)
    with pytest.raises(ValueError, match="one of 'sum_w2e2', 'sum_w2e2_whole', not 'sum_e'"):
        ShearGrid.from_catalog(catalog, PLANE, extra_sums=("sum_e",))


class Spherical(Halved):
    """An estimator for other pixels."""

    geometry = "sphere"


def test_another_geometry_is_one_clear_error():
    message = "wcs must be HealpixPixels for Spherical, which works on the sphere, not WCS"
    with pytest.raises(TypeError, match=message):
        Spherical().reconstruct(_catalog(500), PLANE)
    message = "catalog must be binned on a sphere for Spherical, not on a plane"
    with pytest.raises(TypeError, match=message):
        Spherical().reconstruct(ShearGrid.from_catalog(_catalog(500), PLANE))


class Told(Halved):
    """An estimator that says how wrong it may be, or forgets to."""

    uncertainties = (Uncertainty("own", "total", with_map=True), ROTATIONS)

    def __init__(self, *, error: float | None = 0.1, uncertainty=None):
        self.error = error
        self.uncertainty = uncertainty
        self.check_parameters()

    def invert(self, grid, state):
        error = None if self.error is None else np.full(grid.shape, self.error)
        return Inversion(np.asarray(grid.g1), unsupported=grid.count == 0, uncertainty=error)


def test_an_uncertainty_that_comes_with_the_map():
    catalog = _catalog(noise=0.2)
    kappa = Told(uncertainty="own").reconstruct(catalog, PLANE)
    assert np.nanmax(kappa.uncertainty.array) == 0.1 and kappa.meta["uncertainty"] == "total"
    # it is not shown where it was not chosen
    assert Told().reconstruct(catalog, PLANE).uncertainty is None
    # an error about the truth is as smooth as the map, and is resampled with it
    wide = tangent_wcs(CENTER, (60, 30), 0.5)
    wide.wcs.cdelt = [-1 / 60, 0.5 / 60]
    resampled = Told(uncertainty="own").reconstruct(catalog, wide)
    assert np.nanmax(resampled.uncertainty.array) == pytest.approx(0.1)
    with pytest.raises(TypeError, match="declares the uncertainty 'own' with_map=True"):
        Told(error=None, uncertainty="own").reconstruct(catalog, PLANE)


def test_planes_of_other_shapes_are_refused():
    class Small(Halved):
        def invert(self, grid, state):
            return Inversion(grid.g1, kappa_b=np.zeros((2, 2)))

    with pytest.raises(TypeError, match=r"\(50, 60\) \(ny, nx\), but the shape of 'kappa_b' is"):
        Small().reconstruct(_catalog(500), PLANE)


def test_a_forgotten_check_is_made_with_the_map():
    class Careless(Halved):
        def __init__(self, *, uncertainty=None):
            self.factor, self.uncertainty = 1, uncertainty

    with pytest.raises(ValueError, match="uncertainty must be one of None, 'rotations'"):
        Careless(uncertainty="network").reconstruct(_catalog(500), PLANE)


def test_a_field_too_large_for_a_plane_is_refused():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---CAR", "DEC--CAR"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = [0, 0], [30, 30], [-1, 1]
    wcs.array_shape = (60, 60)
    with pytest.raises(ValueError, match="too large for a flat sky"):
        KaiserSquires(smoothing=3 * u.deg).reconstruct(_catalog(), wcs)


# --- bad input: a clear error each ----------------------------------------------------------


def _plain(**changes):
    wcs = WCS(naxis=2)
    for name, value in changes.items():
        setattr(wcs.wcs, name, value)
    return wcs


@pytest.mark.parametrize(
    ("wcs", "error", "message"),
    [
        ("TAN", TypeError, "wcs must be an astropy.wcs.WCS or .*, not str"),
        (_plain(ctype=["LINEAR", "LINEAR"]), ValueError, "wcs must have celestial axes"),
        (_plain(ctype=["RA---TAN", "DEC--TAN"]),
         ValueError, r"shape .*, not None: set wcs.array_shape = \(ny, nx\)"),
    ],
)
def test_bad_wcs(wcs, error, message):
    with pytest.raises(error, match=message):
        KaiserSquires().reconstruct(_catalog(100), wcs)


def test_cube_wcs_is_told_what_to_do():
    wcs = WCS(naxis=3)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN", "FREQ"]
    wcs.array_shape = (2, 5, 5)
    with pytest.raises(ValueError, match=r"two axes, not 3: give wcs.celestial"):
        KaiserSquires().reconstruct(_catalog(100), wcs)


def test_catalog_outside_the_map():
    wcs = tangent_wcs(SkyCoord(100, -30, unit="deg"), (20, 20), 1.0)
    message = "no galaxy is left on the map: of the 500 galaxies, 500 lie outside wcs"
    with pytest.raises(ValueError, match=message):
        KaiserSquires().reconstruct(_catalog(500), wcs)


def test_all_galaxies_masked():
    with pytest.raises(ValueError, match=r"0 lie outside wcs and 500 are masked"):
        catalog = _catalog(500)
        wcs = make_wcs(catalog)
        KaiserSquires().reconstruct(catalog, wcs, np.ones(wcs.array_shape, dtype=bool))


def test_mask_of_another_shape():
    with pytest.raises(ValueError, match=r"the mask has the shape \(4, 5\), but the map has"):
        KaiserSquires().reconstruct(_catalog(100), PLANE, np.zeros((4, 5), dtype=bool))


def test_all_weights_zero():
    with pytest.raises(ValueError, match="must have a weight above 0"):
        KaiserSquires().reconstruct(_catalog(100, weight=np.zeros(100)), PLANE)


def test_zero_weights_count_for_nothing():
    half = np.arange(20_000) % 2 == 0
    catalog = _catalog(noise=0.2)
    found = KaiserSquires().reconstruct(_catalog(noise=0.2, weight=half.astype(float)), PLANE)
    expected = KaiserSquires().reconstruct(catalog.select(half), PLANE)
    np.testing.assert_allclose(found.data, expected.data, atol=1e-12)


def test_one_galaxy_makes_its_own_map():
    """A single galaxy sees a mass across from its long axis, and nothing breaks."""
    catalog = ShearCatalog(
        {"ra": [CENTER.ra.deg], "dec": [CENTER.dec.deg], "e1": [0.3], "e2": [0.0]},
        "generic", "celestial", "shear"
    )
    kappa = KaiserSquires(uncertainty="analytic").reconstruct(catalog, PLANE)
    assert np.isfinite(kappa.data[~kappa.mask]).all() and (~kappa.mask).sum() > 4
    assert kappa.counts.sum() == 1
    for uncertainty in ("analytic", "rotations"):
        alone = KaiserSquires(uncertainty=uncertainty).reconstruct(catalog)
        assert alone.shape == (1, 1)


def test_duplicate_positions_count_twice():
    catalog = _catalog(2000, noise=0.2)
    table = catalog.table
    doubled = shear_catalog(Table({n: np.repeat(table[n], 2) for n in table.colnames}))
    kappa = KaiserSquires().reconstruct(doubled, PLANE)
    expected = KaiserSquires().reconstruct(catalog, PLANE)
    np.testing.assert_allclose(kappa.data, expected.data, atol=1e-9)
    assert kappa.counts.max() % 2 == 0


def test_a_table_that_does_not_say_its_convention_is_warned_about():
    with pytest.warns(ConventionWarning, match="'celestial' and kind 'shear' are assumed"):
        KaiserSquires().reconstruct(Table(catalog_columns(CENTER.reshape(1), np.array([0.1j]))))
    with pytest.raises(TypeError, match="catalog must be a ShearCatalog or an astropy table"):
        KaiserSquires().reconstruct([1, 2, 3])


def test_progress_is_called():
    seen = []
    KaiserSquires(uncertainty="rotations", n_realizations=3).reconstruct(
        _catalog(500), PLANE, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(TypeError, match="progress must be True, False, None or a function of"):
        KaiserSquires(uncertainty="rotations").reconstruct(_catalog(500), PLANE, progress=3)
