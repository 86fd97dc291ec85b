# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`CNNReconstructor` and `MaskedCNN`: pixels, domain, errors, messages; the laws are elsewhere."""

import subprocess
import sys
import warnings
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from catalogs import shear_catalog
from keras import layers
from lenses import tangent_wcs

from lensmap import (
    CNNReconstructor,
    HaloModelField,
    KaiserSquires,
    MaskedCNN,
    MockSurvey,
    ShearCatalog,
    ShearGrid,
    SkyMask,
    WienerFilter,
    make_wcs,
)
from lensmap.estimators._network_domain import scale_in_domain
from lensmap.networks import Domain, Network, available_networks, load_network
from lensmap.simulate import star_holes
from lensmap.utils import MapWarning

SURVEY = MockSurvey.preset("cha2025")
MODEL = HaloModelField(z_source=1.5, shape=(192, 192))
# of the middle of the field: the galaxies go on around it
PART = MODEL.wcs[48:144, 32:160]


@pytest.fixture(scope="module")
def field():
    return MODEL.draw(3)


@pytest.fixture(scope="module")
def catalog(field):
    return SURVEY.observe(field, rng=4)


@pytest.fixture(scope="module")
def kappa(catalog):
    return CNNReconstructor(uncertainty="network").reconstruct(catalog, MODEL.wcs)


def _r(kappa, truth):
    good = ~kappa.mask
    return np.corrcoef(kappa.data[good], truth[good])[0, 1]


class TestMap:
    def test_is_nearer_to_the_truth_than_linear_maps(self, kappa, field, catalog):
        truth = field.kappa.data
        best = max(
            _r(estimator.reconstruct(catalog, MODEL.wcs), truth)
            for estimator in (KaiserSquires(smoothing="1.1 arcmin"), WienerFilter(z_source=1.5))
        )
        assert _r(kappa, truth) > best + 0.02

    def test_says_where_it_comes_from(self, kappa):
        card = load_network("lensmap").card
        assert kappa.meta["estimator"] == "CNNReconstructor" and kappa.kappa_b is None
        assert kappa.meta["weights"] == card["sha256"]
        assert kappa.meta["weights_edition"] == "lensmap-2"
        assert kappa.meta["parameters"]["network"] == "lensmap"
        assert kappa.meta["uncertainty"] == "total" and kappa.meta["confidence"] == 0.68

    @pytest.mark.slow
    def test_errors_hold_what_they_say(self):
        """On average: a field with much structure has larger errors than one with little."""
        narrow = CNNReconstructor(uncertainty="network")
        wide, covered = narrow.replace(confidence=0.95), []
        for seed in range(8):
            field = MODEL.draw(seed)
            grid = SURVEY.observe_grid(field, rng=seed)
            one, other = narrow.reconstruct(grid), wide.reconstruct(grid)
            error = np.abs(field.kappa.data - one.data)
            covered.append([np.mean(error < m.uncertainty.array) for m in (one, other)])
            np.testing.assert_array_equal(other.data, one.data)
        assert other.meta["confidence"] == 0.95
        small, large = np.mean(covered, axis=0)
        assert small == pytest.approx(0.68, abs=0.05) and large == pytest.approx(0.95, abs=0.02)

    def test_a_grid_will_do(self, kappa, catalog):
        grid = ShearGrid.from_catalog(catalog, MODEL.wcs)
        found = CNNReconstructor(uncertainty="network").reconstruct(grid)
        np.testing.assert_allclose(found.data, kappa.data, atol=2e-3 * kappa.data.std())

    def test_tiles(self, kappa, catalog):
        tiled = CNNReconstructor(tile_size=64).reconstruct(catalog, MODEL.wcs)
        assert np.abs(tiled.data - kappa.data).max() < 0.02 * kappa.data.std()

    def test_symmetrized(self, kappa, catalog):
        found = CNNReconstructor(symmetrize=True).reconstruct(catalog, MODEL.wcs)
        assert 0 < np.std(found.data - kappa.data) < 0.1 * kappa.data.std()

    def test_no_signal_is_little_map(self):
        grid = SURVEY.observe_grid(None, MODEL.wcs, rng=5)
        found = CNNReconstructor().reconstruct(grid)
        assert np.abs(found.data).max() < 0.06 and abs(found.data.mean()) < 0.002

    def test_float32(self, kappa):
        assert kappa.data.dtype == np.float32


class TestPixels:
    def test_of_the_map_where_the_network_knows_them(self, kappa):
        assert "resampled_by" not in kappa.meta

    def test_chosen_by_the_density(self, catalog):
        found = CNNReconstructor().reconstruct(catalog)
        assert found.pixel_scale.to_value(u.arcmin) == pytest.approx(0.41, abs=0.01)

    def test_others_are_resampled(self, kappa, catalog):
        wcs = make_wcs(catalog, 1.2 * u.arcmin)
        found = CNNReconstructor(uncertainty="network").reconstruct(catalog, wcs)
        assert found.shape == wcs.array_shape and "resampled_by" in found.meta
        assert found.meta["uncertainty"] == "total" and found.meta["confidence"] == 0.68
        x, y = kappa.wcs.world_to_pixel(wcs.pixel_to_world(30, 25))
        near = kappa.data[int(y) - 1 : int(y) + 3, int(x) - 1 : int(x) + 3]
        assert near.min() - 0.01 < found.data[25, 30] < near.max() + 0.01
        error = found.uncertainty.array[5:-5, 5:-5]
        assert np.median(error) == pytest.approx(np.median(kappa.uncertainty.array), rel=0.1)

    def test_given(self, catalog):
        found = CNNReconstructor(pixel_scale=0.5 * u.arcmin).reconstruct(catalog, MODEL.wcs)
        assert found.shape == MODEL.shape and "resampled_by" in found.meta
        found = CNNReconstructor(pixel_scale=0.5 * u.arcmin).reconstruct(catalog)
        assert found.pixel_scale.to_value(u.arcmin) == pytest.approx(0.5, abs=0.01)

    def test_galaxies_next_to_the_map_help(self, kappa, catalog, field):
        found = CNNReconstructor().reconstruct(catalog, PART)
        assert found.shape == (96, 128)
        part = kappa[48:144, 32:160]
        assert np.std(found.data - part.data) < 0.05 * part.data.std()
        alone = CNNReconstructor().reconstruct(ShearGrid.from_catalog(catalog, PART))
        assert np.std(alone.data - part.data) > 2 * np.std(found.data - part.data)
        np.testing.assert_array_equal(found.counts, alone.counts)

    def test_a_mask_is_of_the_users_pixels(self, catalog):
        mask = np.zeros(PART.array_shape, dtype=bool)
        mask[20:30, 40:60] = True
        found = CNNReconstructor().reconstruct(catalog, PART, mask)
        assert np.all(found.mask[mask]) and found.mask.sum() < 1.5 * mask.sum()

    @pytest.mark.parametrize("kind", ["array", "list", "outside", "region"])
    def test_a_mask_of_whatever_kind_is_of_the_users_pixels(self, catalog, kind):
        from regions import CirclePixelRegion, PixCoord

        y, x = np.indices(PART.array_shape)
        disc = np.hypot(x - 30, y - 40) < 8
        mask = {
            "array": disc,
            "list": [disc],
            "outside": SkyMask(~disc, exclude="outside"),
            "region": CirclePixelRegion(PixCoord(30, 40), 8),
        }[kind]
        for scale in (None, 0.5 * u.arcmin):  # on the map's pixels, and resampled
            found = CNNReconstructor(pixel_scale=scale).reconstruct(catalog, PART, mask)
            assert np.all(found.mask[disc])
            assert found.mask[np.hypot(x - 30, y - 40) > 12].mean() < 0.01 or scale is not None

    def test_holes_smaller_than_the_pixels_of_the_work_stay_masked(self, catalog):
        wcs = make_wcs(catalog.skycoord[:50000], 0.12 * u.arcmin)
        rng = np.random.default_rng(1)
        mask = np.zeros(wcs.array_shape, dtype=bool)
        for y, x in rng.integers(20, min(mask.shape) - 20, (40, 2)):
            mask[y : y + 2, x : x + 2] = True
        found = CNNReconstructor().reconstruct(catalog, wcs, mask)
        assert "resampled_by" in found.meta and np.all(found.mask[mask])

    def test_galaxies_without_weight_do_not_count(self, catalog):
        weight = np.where(np.arange(len(catalog)) % 2, 1.0, 0.0)
        columns = {name: getattr(catalog, name) for name in ("ra", "dec", "e1", "e2")}
        halved = ShearCatalog({**columns, "weight": weight}, "generic", "celestial", "shear")
        found = CNNReconstructor().reconstruct(halved)
        wanted = 0.41 * np.sqrt(2)
        assert found.pixel_scale.to_value(u.arcmin) == pytest.approx(wanted, abs=0.02)

    @pytest.mark.slow
    def test_turned_maps_show_the_same_sky(self, kappa, catalog):
        turned = MODEL.wcs.deepcopy()
        turned.wcs.pc = [[0, -1], [1, 0]]
        turned.array_shape = MODEL.shape
        found = CNNReconstructor().reconstruct(catalog, turned)
        x, y = np.indices(MODEL.shape)[::-1]
        sky = turned.pixel_to_world(x, y)
        there = tuple(np.rint(v).astype(int) for v in kappa.wcs.world_to_array_index_values(
            sky.ra.deg, sky.dec.deg))
        difference = found.data - kappa.data[there]
        assert np.std(difference) < 0.08 * kappa.data.std()
        # and the same sky exactly with the mean over all orientations
        turn = CNNReconstructor(symmetrize=True)
        difference = turn.reconstruct(catalog, turned).data - (
            turn.reconstruct(catalog, MODEL.wcs).data[there]
        )
        assert np.std(difference) < 0.01 * kappa.data.std()

    @pytest.mark.parametrize(
        ("galaxies", "number", "suits"),
        [((1.0, 25.0), 1.4, False), ((1.0, 25.0), 1.6, True), ((2.0, 25.0), 1.6, False),
         ((1.0, 25.0), 26.0, False), ((0.3, 1.2), 1.0, True)],
    )
    def test_pixels_with_enough_galaxies(self, galaxies, number, suits):
        network = SimpleNamespace(domain=Domain((0.2, 1.0), galaxies))
        scale = 0.5 * u.arcmin
        assert scale_in_domain(network, scale, number / 0.25) == suits
        assert scale_in_domain(network, scale)


class TestMasked:
    def test_fills_holes(self, catalog):
        # of some size: little is lost in the smallest, whose neighborhood says what is in them
        radius = (2 * u.arcmin, 3 * u.arcmin)
        holes = star_holes(MODEL.wcs, 0.02 / u.arcmin**2, rng=2, radius=radius)
        filled = MaskedCNN(uncertainty="network").reconstruct(catalog, MODEL.wcs, holes)
        plain = CNNReconstructor().reconstruct(catalog, MODEL.wcs, holes)
        assert plain.mask.sum() > filled.mask.sum()
        both = ~plain.mask
        np.testing.assert_array_equal(filled.data[both], plain.data[both])
        bridged = plain.mask & ~filled.mask
        error = filled.uncertainty.array
        assert np.median(error[bridged]) > 1.01 * np.median(error[both])

    def test_needs_a_network_that_knows_masks(self, tmp_path):
        from lensmap.networks import Architecture, build, save_network

        options = {"widths": [4, 6], "blocks": [1, 1], "details": 4}
        network = Network(
            build("lensmap", **options), Architecture("multiscale"), card={"masks": False}
        )
        save_network(network, tmp_path / "w.h5", architecture="lensmap", options=options)
        with pytest.raises(ValueError, match="must be a network that was trained with masks, not"):
            MaskedCNN(network=str(tmp_path / "w.h5"))


class TestDomain:
    def test_sparse_galaxies(self):
        catalog = MockSurvey(density=0.4 / u.arcmin**2).observe(None, MODEL.wcs, rng=1)
        with pytest.warns(MapWarning, match=r"not trained for .* 0\.\d+ galaxies per pixel"):
            CNNReconstructor().reconstruct(catalog)

    def test_large_pixels(self):
        wcs = tangent_wcs(SkyCoord(10, 0, unit="deg"), (64, 64), 1.5)
        grid = MockSurvey(density=3 / u.arcmin**2).observe_grid(None, wcs, rng=1)
        with pytest.warns(MapWarning, match="not trained for .* pixels of 1.5 arcmin"):
            CNNReconstructor().reconstruct(grid)

    @pytest.mark.parametrize(
        ("sigma_e", "sigma_m", "seen"), [(0.1, "hsc", "0.11"), (0.45, 0.4, "0.60")]
    )
    def test_other_shape_noise(self, sigma_e, sigma_m, seen):
        survey = MockSurvey(sigma_e=sigma_e, measurement_error=sigma_m)
        grid = survey.observe_grid(None, MODEL.wcs, rng=1)
        with pytest.warns(MapWarning, match=f"ellipticities with a dispersion of {seen}"):
            CNNReconstructor().reconstruct(grid)

    @pytest.mark.parametrize("network", ["cha2025", "h21like"])
    @pytest.mark.parametrize(("sigma_m", "seen"), [(0.03, "0.03"), (0.055, None), (0.14, "0.14")])
    def test_other_measurement_errors(self, network, sigma_m, seen):
        """The networks of the paper have the measurement error as an input."""
        wcs = tangent_wcs(SkyCoord(10, 0, unit="deg"), (64, 64), 0.41)
        grid = MockSurvey(measurement_error=sigma_m).observe_grid(None, wcs, rng=1)
        with warnings.catch_warnings(record=True) as record:
            warnings.simplefilter("always")
            CNNReconstructor(network=network).check(grid)
        texts = [str(w.message) for w in record if issubclass(w.category, MapWarning)]
        assert len(texts) == (seen is not None)
        if seen is not None:
            assert f"a measurement error (sigma_m) of {seen}" in texts[0]
            assert "(trained for 0.0457 to 0.0714)" in texts[0]

    @pytest.mark.parametrize("network", ["cha2025", "h21like", "lensmap"])
    def test_the_survey_of_the_training(self, network):
        wcs = tangent_wcs(SkyCoord(10, 0, unit="deg"), (64, 64), 0.41)
        grid = MockSurvey.preset("cha2025").observe_grid(None, wcs, rng=1)
        CNNReconstructor(network=network).check(grid)  # without a warning

    def test_errors_of_distortions_are_those_of_their_shear(self):
        """The input of the network is in units of shear, whatever the kind of the catalog."""
        wcs = tangent_wcs(SkyCoord(10, 0, unit="deg"), (64, 64), 0.41)
        table = MockSurvey.preset("cha2025").observe(None, wcs, rng=1).table
        shears = ShearGrid.from_catalog(table, wcs)
        for name in {"sigma_m", "sigma_e"} & {*table.colnames}:
            table[name] = 1.7 * table[name]
        table["e1"], table["e2"] = 1.7 * table["e1"], 1.7 * table["e2"]
        table.meta["RESPONSE"] = 1.7
        scaled = ShearGrid.from_catalog(table, wcs)
        np.testing.assert_allclose(
            scaled.measurement_error, shears.measurement_error, rtol=1e-6, atol=1e-9
        )
        assert scaled.mean_measurement_error == pytest.approx(0.057, abs=0.002)
        CNNReconstructor(network="cha2025").check(scaled)

    def test_no_measurement_errors(self, catalog):
        columns = {name: getattr(catalog, name) for name in ("ra", "dec", "e1", "e2")}
        found = CNNReconstructor().reconstruct(shear_catalog(columns), MODEL.wcs)
        assert np.isfinite(found.data).all()  # the noise of each pixel is all it needs


@pytest.fixture(scope="module")
def model():
    """A model that takes g1 for the convergence."""
    inputs = keras.Input((None, None, 3))
    kernel = np.zeros((3, 3, 3, 1))
    kernel[1, 1, 0, 0] = 1
    layer = layers.Conv2D(1, 3, padding="same", use_bias=False)
    model = keras.Model(inputs, layer(inputs))
    layer.set_weights([kernel])
    return model


class TestOwnNetwork:
    def test_a_keras_model(self, model, catalog):
        grid = ShearGrid.from_catalog(catalog, MODEL.wcs)
        found = CNNReconstructor(network=model).reconstruct(grid)
        np.testing.assert_allclose(found.data, grid.g1, atol=1e-6)
        assert found.meta["parameters"]["network"] == "a Functional"

    def test_has_no_errors_of_its_own(self, model, catalog):
        message = "uncertainty must be 'rotations' or None with this network, not 'network'"
        with pytest.raises(ValueError, match=message):
            CNNReconstructor(network=model, uncertainty="network").reconstruct(catalog, MODEL.wcs)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"network": "deepmass"}, ValueError, "lensmap has 'cha2025', 'h21like', 'lensmap'"),
        ({"network": "none.h5"}, FileNotFoundError, "there is no card 'none.json'"),
        ({"pixel_scale": 0.4}, TypeError, "pixel_scale must be an angle with a unit"),
        ({"confidence": 0.5}, ValueError, "confidence must be one of 0.68, 0.95"),
        ({"uncertainty": "analytic"}, ValueError, "one of None, 'network', 'posterior', 'rot"),
        ({"sigma_e": -1}, ValueError, "sigma_e must be None or a positive number"),
        ({"tile_size": 10}, ValueError, "tile_size must be at least 64"),
    ],
)
def test_bad_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        CNNReconstructor(**parameters)


def test_the_bundled_networks_are_small_enough():
    from lensmap.networks._cards import BUNDLED

    assert available_networks() == ["cha2025", "h21like", "lensmap"]
    assert sum(path.stat().st_size for path in BUNDLED.iterdir()) < 40e6


BLOCKED = """
import sys
sys.modules["tensorflow"] = None
from lensmap import CNNReconstructor, KaiserSquires, MockSurvey, make_wcs
from astropy import units as u
from astropy.coordinates import SkyCoord
wcs = make_wcs(SkyCoord([10.0, 10.2], [-0.1, 0.1], unit="deg"), 0.4 * u.arcmin)
catalog = MockSurvey().observe(None, wcs, rng=1)
KaiserSquires().reconstruct(catalog, wcs)
estimator = CNNReconstructor()
try:
    estimator.reconstruct(catalog, wcs)
except ImportError as error:
    print(error)
"""


def test_without_tensorflow_it_says_what_to_install():
    run = subprocess.run([sys.executable, "-c", BLOCKED], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "a neural network needs" in run.stdout and "pip install tensorflow" in run.stdout


def test_making_one_does_not_load_tensorflow():
    code = "import sys, lensmap; lensmap.CNNReconstructor(); print('tensorflow' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_wcs_is_not_changed(catalog):
    wcs = WCS(MODEL.wcs.to_header())
    wcs.array_shape = MODEL.shape
    before = wcs.to_header_string()
    CNNReconstructor().reconstruct(catalog, wcs)
    assert wcs.to_header_string() == before and wcs.array_shape == MODEL.shape


def test_digest_is_that_of_the_weights():
    from lensmap.networks import read_card

    digests = [CNNReconstructor(network=name).digest() for name in ("lensmap", "cha2025")]
    assert digests == [read_card(name)["sha256"] for name in ("lensmap", "cha2025")]
    assert len(set(digests)) == 2
