# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Kaiser-Squires with inpainted holes: parameters, maps, B-modes, reduced shear, noise."""

import pickle

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from lenses import NFW, catalog_columns, shear_of, tangent_wcs, uniform_sky

from lensmap import ConvergenceMap, KaiserSquires, ShearCatalog
from lensmap.estimators import KaiserSquiresPlus, make_estimator

CENTER = SkyCoord(200, 40, unit="deg")
SHAPE, SCALE = (60, 64), 0.5  # arcmin
PLANE = tangent_wcs(CENTER, SHAPE, SCALE)
LENS = CENTER.directional_offset_by(120 * u.deg, 3 * u.arcmin)


def _catalog(noise=0.25, n=30_000, seed=1, lens=None, reduced=False, factor=1, **columns):
    rng = np.random.default_rng(seed)
    sky = uniform_sky(CENTER, 0.36, n, rng)
    gamma, kappa = shear_of(sky, [(LENS, lens or NFW(kappa_s=0.15))])
    if reduced:
        keep = np.abs(gamma / (1 - kappa)) < 0.9
        sky, gamma, n = sky[keep], (gamma / (1 - kappa))[keep], keep.sum()
    e = factor * gamma + noise * (rng.normal(size=n) + 1j * rng.normal(size=n))
    return ShearCatalog(catalog_columns(sky, e, **columns), "generic", "celestial", "shear")


def _disk(y, x, radius):
    return np.hypot(*(np.indices(SHAPE) - np.array([y, x])[:, None, None])) < radius


def _lens_pixel(wcs=PLANE):
    return tuple(int(np.rint(v)) for v in wcs.world_to_pixel(LENS))[::-1]


HOLES = _disk(15, 15, 6) | _disk(45, 20, 5) | _disk(20, 50, 7) | _disk(48, 48, 6)
PLUS = KaiserSquiresPlus(dtype="float32")


# --- parameters -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"smoothing": 2}, TypeError, "smoothing"),
        ({"smoothing": "-1 arcmin"}, ValueError, "smoothing"),
        ({"padding": 0.5}, ValueError, "padding must be a finite number of at least 1, not 0.5"),
        ({"padding": np.inf}, ValueError, "padding must be a finite number"),
        ({"n_iterations": 1}, ValueError, "n_iterations must be at least 2, not 1"),
        ({"n_iterations": 2.5}, TypeError, "n_iterations must be a whole number"),
        ({"n_scales": -1}, ValueError, "n_scales must be at least 0"),
        ({"uncertainty": "analytic"}, ValueError, "one of None, 'rotations'"),
        ({"n_realizations": 1}, ValueError, "n_realizations must be at least 2"),
        ({"scheme": "tsc"}, ValueError, "scheme must be one of"),
        ({"dtype": "float16"}, ValueError, "dtype must be one of"),
    ],
)
def test_bad_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        KaiserSquiresPlus(**parameters)


def test_an_impossible_smoothing():
    with pytest.raises(ValueError, match="smoothing must be at most .* arcmin on this field"):
        PLUS.replace(smoothing=30 * u.deg).reconstruct(_catalog(n=500), PLANE)


def test_everything_masked_is_an_error():
    with pytest.raises(ValueError, match="no galaxy"):
        PLUS.reconstruct(_catalog(n=500), PLANE, np.ones(SHAPE, dtype=bool))


def test_names_and_copies():
    made = make_estimator("ksplus(n_iterations=50, smoothing='2 arcmin', free_b_mode=True)")
    assert made.get_params() == KaiserSquiresPlus(
        n_iterations=50, smoothing=2 * u.arcmin, free_b_mode=True
    ).get_params()
    assert eval(repr(made)).get_params() == made.get_params()
    assert pickle.loads(pickle.dumps(made)).get_params() == made.get_params()
    assert made.survey_pixel_scale(30) == 0.5 * u.arcmin
    assert made.replace(smoothing=None).survey_pixel_scale(30) == 0.4 * u.arcmin


# --- the map --------------------------------------------------------------------------------


@pytest.mark.parametrize("smoothing", ["1 arcmin", None])
def test_a_complete_periodic_field_is_kaiser_squires(smoothing):
    """Without holes and surroundings, nothing is inpainted, whatever the weights."""
    rng = np.random.default_rng(2)
    catalog = _catalog(n=150_000, weight=rng.uniform(0.2, 2, 150_000))
    one, other = (
        cls(smoothing=smoothing, padding=1).reconstruct(catalog, PLANE)
        for cls in (KaiserSquiresPlus, KaiserSquires)
    )
    assert other.counts.min() > 0
    np.testing.assert_allclose(one.data, other.data, atol=1e-12)
    np.testing.assert_allclose(one.kappa_b, other.kappa_b, atol=1e-12)


def test_holes_near_a_halo():
    """Holes around a halo lower a Kaiser-Squires map and have B-modes; inpainted, they do not."""
    y, x = _lens_pixel()
    mask = HOLES | _disk(y + 9, x, 5) | _disk(y - 9, x + 2, 5) | _disk(y, x - 10, 6)
    catalog = _catalog(noise=0.0, n=100_000)
    truth = KaiserSquires().reconstruct(catalog, PLANE)
    good = ~mask & (_disk(y, x, 20))
    errors, b_modes = [], []
    for cls in (KaiserSquiresPlus, KaiserSquires):
        kappa = cls().reconstruct(catalog, PLANE, mask)
        assert kappa.mask[mask & ~_disk(y, x, 3)].any()
        seen = good & ~kappa.mask
        errors.append(np.std((kappa.data - truth.data)[seen]))
        b_modes.append(np.std(kappa.kappa_b[seen]))
    assert errors[0] < 0.4 * errors[1]
    assert b_modes[0] < 0.4 * b_modes[1]


def test_inpainted_holes_are_unmasked_if_enclosed_by_data(tmp_path):
    mask = HOLES.copy()
    mask[:10, 30:40] = True  # at the edge
    catalog = _catalog()
    hidden = PLUS.reconstruct(catalog, PLANE, mask)
    shown = PLUS.replace(fill_holes=True).reconstruct(catalog, PLANE, mask)
    assert hidden.mask[mask].all()
    np.testing.assert_array_equal(shown.mask, mask & ~HOLES)
    assert np.isfinite(shown.data[HOLES]).all()
    np.testing.assert_array_equal(shown.data[~mask], hidden.data[~mask])
    assert shown.meta["holes"] == "inpainted"
    assert shown.meta["missing_fraction"] == pytest.approx(mask.mean())
    shown.write(tmp_path / "k.fits")
    assert ConvergenceMap.read(tmp_path / "k.fits").meta == shown.meta


def test_galaxies_on_part_of_the_pixels():
    """The pixels beyond the galaxies are masked, not filled."""
    wide = tangent_wcs(CENTER, (60, 150), SCALE)
    kappa = PLUS.replace(fill_holes=True).reconstruct(_catalog(n=20_000), wide)
    assert kappa.mask[:, :20].all() and kappa.mask[:, -20:].all()
    assert not kappa.mask[10:50, 50:100].any()


def test_sparse_galaxies():
    """Most pixels have no galaxy; the noise is about that of Kaiser-Squires."""
    lens = NFW(kappa_s=0.3, theta_s=2.5)
    sparse, dense = _catalog(n=3000, lens=lens, noise=0.1), _catalog(n=100_000, lens=lens, noise=0)
    errors = []
    for cls in (KaiserSquiresPlus, KaiserSquires):
        noisy, smooth = (cls(smoothing="1.5 arcmin").reconstruct(c, PLANE) for c in (sparse, dense))
        errors.append(np.std((noisy.data - smooth.data)[8:-8, 8:-8]))
    assert errors[0] < 1.15 * errors[1]


def test_galaxies_of_little_weight_hardly_count():
    catalog, rng = _catalog(noise=0.05, n=60_000), np.random.default_rng(3)
    poor = rng.uniform(size=60_000) < 0.5
    e = catalog.e1 + 1j * catalog.e2
    e[poor] += 0.3 * (rng.normal(size=poor.sum()) + 1j * rng.normal(size=poor.sum()))
    columns = {"ra": catalog.ra, "dec": catalog.dec, "e1": e.real, "e2": e.imag}
    without, *maps = (
        PLUS.reconstruct(ShearCatalog(
            {**columns, "weight": np.where(poor, weight, 1.0)}, "generic", "celestial", "shear"
        ), PLANE, HOLES).data
        for weight in (0.0, 1e-3, 1.0)
    )
    little, full = (np.nanstd(one - without) for one in maps)
    assert little < 0.35 * full


@pytest.mark.parametrize("orientation", [{"flip": True}, {"angle": 33.0}])
def test_mirrored_and_rotated_pixels_show_the_same_halo(orientation):
    catalog = _catalog(noise=0.05)
    heights = []
    for wcs in (PLANE, tangent_wcs(CENTER, SHAPE, SCALE, **orientation)):
        y, x = _lens_pixel(wcs)
        heights.append(PLUS.reconstruct(catalog, wcs).data[y - 1 : y + 2, x - 1 : x + 2].mean())
    assert heights[1] == pytest.approx(heights[0], rel=0.05)


def test_b_modes():
    """Shear rotated by 45 degrees shows the halo in the B-mode, also next to holes."""
    y, x = _lens_pixel()
    mask = _disk(y + 8, x, 5)
    straight, rotated = (
        PLUS.replace(free_b_mode=True).reconstruct(_catalog(noise=0.02, factor=f), PLANE, mask)
        for f in (1, 1j)
    )
    height = straight.data[y, x]
    assert height > 0.1 and abs(straight.kappa_b[y, x]) < 0.15 * height
    # The basis of the ellipticities is celestial, with x to the west in the image.
    assert abs(rotated.kappa_b[y, x]) == pytest.approx(height, rel=0.15)
    fixed = PLUS.reconstruct(_catalog(noise=0.02, factor=1j), PLANE, mask)
    assert np.sign(fixed.kappa_b[y, x]) == np.sign(rotated.kappa_b[y, x])


def test_reduced_shear():
    """The halo of a map from reduced shear is that of a map from shear."""
    lens = NFW(kappa_s=0.35, theta_s=2.0)
    y, x = _lens_pixel()
    mask = HOLES | _disk(y + 9, x, 5)

    def height(estimator, **options):
        catalog = _catalog(noise=0.02, lens=lens, n=60_000, **options)
        data = estimator.reconstruct(catalog, PLANE, mask).data
        return data[y - 1 : y + 2, x - 1 : x + 2].mean()

    truth = height(PLUS)
    plain = height(PLUS, reduced=True)
    corrected = height(PLUS.replace(reduced_shear=True), reduced=True)
    assert truth > 0.3 and plain > 1.08 * truth
    assert abs(corrected - truth) < 0.35 * (plain - truth)


def test_rotations_are_the_noise_of_the_map():
    catalog = _catalog(n=20_000)
    estimator = PLUS.replace(uncertainty="rotations", n_realizations=12)
    kappa = estimator.reconstruct(catalog, PLANE, HOLES)
    assert kappa.meta["uncertainty"] == "noise"
    rng = np.random.default_rng(7)
    squares = []
    for _ in range(12):
        e = (catalog.e1 + 1j * catalog.e2) * np.exp(2j * np.pi * rng.uniform(size=len(catalog)))
        columns = {"ra": catalog.ra, "dec": catalog.dec, "e1": e.real, "e2": e.imag}
        noise = PLUS.reconstruct(
            ShearCatalog(columns, "generic", "celestial", "shear"), PLANE, HOLES
        )
        squares.append(noise.data**2)
    scatter = np.sqrt(np.nanmean(squares))
    assert np.sqrt(np.nanmean(kappa.uncertainty.array**2)) == pytest.approx(scatter, rel=0.1)
