# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Maps of whole surveys, tile by tile."""

import warnings

import healsparse
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from small_survey import galaxies, kappa_at, write_survey

from lensmap import CNNReconstructor, KaiserSquires, MaximumEntropy, ShearCatalog, WienerFilter
from lensmap.catalog import HatsCatalog
from lensmap.estimators import (
    ApertureMass,
    Estimator,
    Inversion,
    KaiserSquiresPlus,
    MCALens,
    SparseReconstructor,
)
from lensmap.grid import tangent_wcs
from lensmap.sphere import HealpixPixels
from lensmap.survey import SurveyMap, map_survey, plan_survey

SMOOTHING = 6 * u.arcmin
KS = KaiserSquires(smoothing=SMOOTHING)
WHOLE = {
    "pixel_scale": 2 * u.arcmin, "nside": 1024, "tile_order": 4, "margin": 1.5 * u.deg, "workers": 1
}
# The map of the sphere takes most of the time of a small survey.
OPTIONS = {**WHOLE, "large_scales": False}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return HatsCatalog(write_survey(tmp_path_factory.mktemp("sky") / "hats", galaxies()))


@pytest.fixture(scope="module")
def survey(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("map") / "survey"
    return map_survey(source, KS, folder, also_map="psf_e1,psf_e2", **WHOLE)


@pytest.fixture(scope="module")
def plain(source, tmp_path_factory):
    """The map without the largest scales of the sphere."""
    return map_survey(source, KS, tmp_path_factory.mktemp("plain") / "survey", **OPTIONS)


@pytest.fixture(scope="module")
def whole(survey):
    return survey.to_map()


def truth_of(kappa):
    lon, lat = kappa.pixels.centers(kappa.index)
    return kappa_at(lon, lat, SMOOTHING.to_value("rad"))


def layers_of(survey):
    """Return all layers of a survey where the map has values, and the pixels."""
    order = HealpixPixels(survey.nside).order
    parts = {}
    for block in survey.blocks():
        used = np.isfinite(block.layers["kappa"])
        first = block.pixel << 2 * (order - block.order)
        parts.setdefault("index", []).append(first + np.flatnonzero(used))
        for name, values in block.layers.items():
            parts.setdefault(name, []).append(values[used])
    return {name: np.concatenate(values) for name, values in parts.items()}


def test_map_is_the_smoothed_convergence_of_the_sky(survey, whole):
    layers = layers_of(survey)
    inside = layers["edge"] > 0.2
    lon, lat = whole.pixels.centers(layers["index"])
    truth = kappa_at(lon, lat, SMOOTHING.to_value("rad"))[inside]
    found = layers["kappa"][inside]
    assert len(survey.tiles) > 3
    assert np.corrcoef(found, truth)[0, 1] > 0.97
    # The slope includes the largest scales, which a field of 5 degrees hardly has.
    assert np.polyfit(truth, found, 1)[0] == pytest.approx(1, abs=0.08)
    assert np.std(layers["kappa_b"][inside]) < 0.2 * np.std(truth)


@pytest.mark.slow
def test_aperture_masses_of_a_survey_are_those_of_a_field(source, tmp_path):
    """Tiles join without a seam, because galaxies beyond the aperture do not count."""
    estimator = ApertureMass(radius=30 * u.arcmin)
    survey = map_survey(source, estimator, tmp_path / "survey", **OPTIONS)
    layers = layers_of(survey)
    columns = galaxies()
    center = SkyCoord(np.median(columns["ra"]), np.median(columns["dec"]), unit="deg")
    wcs = tangent_wcs(center, (130, 130), 2 * u.arcmin)
    field = estimator.reconstruct(
        ShearCatalog({name: columns[name] for name in ("ra", "dec", "e1", "e2")},
                     convention="celestial", kind="shear"), wcs
    )
    lon, lat = HealpixPixels(survey.nside).centers(layers["index"])
    x, y = (np.rint(v).astype(int) for v in wcs.world_to_pixel(SkyCoord(lon, lat, unit="deg")))
    inside = (x > 20) & (y > 20) & (x < 110) & (y < 110)
    assert inside.sum() > 1000 and len(survey.tiles) > 3
    for found, expected in ((layers["kappa"], field.data), (layers["kappa_b"], field.kappa_b)):
        found, expected = found[inside], expected[y[inside], x[inside]]
        assert np.corrcoef(found, expected)[0, 1] > 0.97
        assert np.polyfit(expected, found, 1)[0] == pytest.approx(1, abs=0.06)
    assert survey.to_map().meta["quantity"] == "aperture mass"


def test_seams_do_not_show(survey):
    """Where tiles are blended, the map is as near to the truth as in their cores."""
    layers = layers_of(survey)
    inside = layers["edge"] > 0.2
    lon, lat = HealpixPixels(survey.nside).centers(layers["index"])
    error = layers["kappa"] - kappa_at(lon, lat, SMOOTHING.to_value("rad"))
    core, blended = inside & (layers["n_tiles"] == 1), inside & (layers["n_tiles"] > 1)
    assert core.sum() > 300 and blended.sum() > 1000
    assert np.std(error[blended]) < 1.3 * np.std(error[core])


def test_counts_are_all_galaxies(survey, source):
    layers = layers_of(survey)
    total = sum(block.layers["counts"].sum() for block in survey.blocks())
    assert total == source.n_rows == survey.plan["n_galaxies"]
    assert layers["density"][layers["edge"] > 0.3].mean() == pytest.approx(2.0, rel=0.05)


def test_other_columns_are_mapped_like_the_shear(survey):
    layers = layers_of(survey)
    inside = layers["edge"] > 0.3
    assert 0.01 < np.std(layers["psf_e"][inside]) / np.std(layers["kappa"][inside]) < 0.5
    assert abs(np.corrcoef(layers["psf_e"][inside], layers["kappa"][inside])[0, 1]) < 0.5


def test_quality_of_the_data(survey):
    layers = layers_of(survey)
    inside = layers["edge"] > 0.3
    assert layers["redshift"][inside].mean() == pytest.approx(0.8, abs=0.02)
    assert layers["kernel"][inside].min() > 0.97
    assert layers["kernel"].min() < 0.7
    assert np.all(layers["unmasked"] >= 0.5)
    assert layers["edge"].max() <= 0.75 + 1e-6  # half of the margin


def test_products_and_cutout(survey, whole):
    for name in ("kappa", "kappa_b", "counts", "quality"):
        assert (survey.folder / f"{name}.hsp").exists()
    wcs = tangent_wcs(SkyCoord(40, 30, unit="deg"), (30, 30), 4 * u.arcmin)
    cutout = survey.cutout(wcs)
    assert not cutout.mask.any()
    y, x = np.indices((30, 30))
    lon, lat = wcs.wcs_pix2world(np.stack([x.ravel(), y.ravel()], -1), 0).T
    truth = kappa_at(lon, lat, SMOOTHING.to_value("rad"))
    assert np.corrcoef(cutout.data.ravel(), truth)[0, 1] > 0.97
    survey.write(survey.folder / "all.fits")
    again = type(whole).read(survey.folder / "all.fits")
    np.testing.assert_allclose(again.data[~again.mask], whole.data[~whole.mask])


def test_footprint_is_the_unmasked_area(survey, whole):
    footprint = healsparse.HealSparseMap.read(str(survey.folder / "footprint.hsp"))
    np.testing.assert_array_equal(
        np.sort(footprint.valid_pixels), whole.index[~whole.mask]
    )


@pytest.mark.parametrize("in_memory", [False, True])
def test_other_columns_follow_the_convention_of_the_ellipticities(tmp_path, in_memory):
    columns = galaxies(side=2.0, density=1.0)
    mirrored = {name: -v if name in ("e2", "psf_e2") else v for name, v in columns.items()}
    mirrored["psf_e1"] = np.where(np.arange(len(mirrored["ra"])) == 7, np.nan, mirrored["psf_e1"])
    maps = []
    options = {**OPTIONS, "tile_order": 5, "margin": 0.8 * u.deg, "also_map": "psf_e1,psf_e2"}
    for name, table, convention in (
        ("one", columns, "celestial"), ("two", mirrored, "euclidean")
    ):
        source = ShearCatalog(
            Table(table), convention=convention, kind="shear",
            extra_columns=("psf_e1", "psf_e2"),
        )
        if not in_memory:
            Table(table).write(tmp_path / f"{name}.fits")
            source = tmp_path / f"{name}.fits"
            options |= {"convention": convention, "kind": "shear"}
        maps.append(layers_of(map_survey(source, KS, tmp_path / name, **options)))
    one, two = maps
    for name in ("kappa", "psf_e"):
        # The missing value of one galaxy changes little, and nothing far away.
        assert np.std(one[name] - two[name]) < 0.01 * np.std(one[name])


def test_same_call_keeps_what_is_finished(survey, source, monkeypatch):
    def fail(*args):
        raise AssertionError("a finished tile was mapped again")

    monkeypatch.setattr("lensmap.survey._run.map_tile", fail)
    again = map_survey(source, KS, survey.folder, also_map="psf_e1,psf_e2", **WHOLE)
    assert len(again.tiles) == len(survey.tiles)


def test_other_settings_are_refused(survey, source):
    with pytest.raises(ValueError, match="smoothing"):
        map_survey(source, KS.replace(smoothing=8 * u.arcmin), survey.folder,
                   also_map="psf_e1,psf_e2", **WHOLE)


def test_other_code_or_weights_of_the_estimator_are_refused(plain, source, monkeypatch):
    assert MeanShear().digest() != KS.digest() is None
    monkeypatch.setattr(KaiserSquires, "digest", lambda self: "of other weights")
    with pytest.raises(ValueError, match="estimator_sha256"):
        map_survey(source, KS, plain.folder, **OPTIONS)


def test_lost_tiles_are_mapped_again_with_the_same_bits(survey, source, whole):
    path = survey.folder / "tiles" / f"{survey.tiles['tile'][1]:06d}.npz"
    path.unlink()
    again = map_survey(source, KS, survey.folder, also_map="psf_e1,psf_e2", **WHOLE).to_map()
    np.testing.assert_array_equal(again.data, whole.data)
    np.testing.assert_array_equal(again.index, whole.index)


def test_lattice_has_little_influence(source, plain, tmp_path):
    """Tiles on other pixels give nearly the same map."""
    other = map_survey(source, KS, tmp_path / "moved", offset=(0.4, 0.7), turn="20deg", **OPTIONS)
    one, two = layers_of(plain), layers_of(other)
    common, i, j = np.intersect1d(one["index"], two["index"], return_indices=True)
    inside = one["edge"][i] > 0.2
    difference = (one["kappa"][i] - two["kappa"][j])[inside]
    assert np.std(difference) < 0.06 * np.std(one["kappa"][i][inside])


def test_only_a_region_is_mapped_with_the_numbers_of_the_whole(source, plain, tmp_path):
    from regions import CircleSkyRegion

    region = CircleSkyRegion(SkyCoord(38.5, 31, unit="deg"), 0.5 * u.deg)
    part = map_survey(source, KS, tmp_path / "part", only=region, **OPTIONS)
    assert 0 < len(part.tiles) < len(plain.tiles)
    whole = plain.to_map()
    found = part.to_map()
    center = found.at(SkyCoord(38.5, 31, unit="deg"))
    assert center == pytest.approx(whole.at(SkyCoord(38.5, 31, unit="deg")), rel=1e-5)
    with pytest.raises(ValueError, match="only must be a region with galaxies"):
        map_survey(source, KS, tmp_path / "part",
                   only=CircleSkyRegion(SkyCoord(200, -31, unit="deg"), 1 * u.deg), **OPTIONS)


def test_plan_reads_the_galaxies_and_maps_nothing(source, survey, tmp_path):
    plan = plan_survey(source, KS, tmp_path / "plan", **OPTIONS)
    assert list(plan.tiles) == list(survey.tiles["tile"])
    assert plan.area.to_value("deg2") == pytest.approx(25, rel=0.2)
    assert plan.density == pytest.approx(2.0, rel=0.1)
    assert plan.memory > 1e6 and plan.disk > 1e6
    assert not (tmp_path / "plan" / "tiles").exists()


def test_files_and_catalogs_in_memory_give_the_same_map(tmp_path):
    columns = {name: values for name, values in galaxies(side=2.5).items() if "psf" not in name}
    options = {**OPTIONS, "tile_order": 5, "margin": 1 * u.deg}
    paths = []
    for number, rows in enumerate((slice(0, 9000), slice(9000, None))):
        table = Table({name: values[rows] for name, values in columns.items()})
        table.write(tmp_path / f"part{number}.fits")
        paths.append(tmp_path / f"part{number}.fits")
    convention = {"convention": "celestial", "kind": "shear"}
    from_files = map_survey(paths, KS, tmp_path / "files", **convention, **options)
    catalog = ShearCatalog(Table(columns), **convention)
    in_memory = map_survey(catalog, KS, tmp_path / "memory", **options)
    one, two = from_files.to_map(), in_memory.to_map()
    np.testing.assert_array_equal(one.index, two.index)
    np.testing.assert_allclose(one.data, two.data, atol=1e-6)


@pytest.mark.slow
def test_changed_galaxies_are_refused_or_mapped_anew(tmp_path):
    columns = galaxies(side=3.5, density=1.0)
    folder, hats = tmp_path / "survey", tmp_path / "hats"
    options = {**OPTIONS, "tile_order": 5, "margin": 0.8 * u.deg}
    first = map_survey(write_survey(hats, columns), KS, folder, **options)
    before = {int(tile): first._files.any_facts(int(tile)) for tile in first.tiles["tile"]}
    whole = first.to_map()
    # The galaxies of one corner get a shear that they did not have.
    corner = (columns["ra"] > 41.2) & (columns["dec"] > 31.2)
    columns["e1"] = np.where(corner, columns["e1"] + 0.1, columns["e1"])
    for path in sorted(hats.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    hats.rmdir()
    write_survey(hats, columns)
    with pytest.raises(ValueError, match=r"has changed .* update=True"):
        map_survey(hats, KS, folder, **options)
    again = map_survey(hats, KS, folder, update=True, **options)
    after = {int(tile): again._files.any_facts(int(tile)) for tile in again.tiles["tile"]}
    changed = {tile for tile in after if after[tile]["galaxies"] != before[tile]["galaxies"]}
    assert 0 < len(changed) < len(after)
    kept = again.to_map()
    far = SkyCoord(38.6, 28.6, unit="deg")
    assert kept.at(far) == whole.at(far)


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator",
    [WienerFilter(), MaximumEntropy(dtype="float32", tolerance=1e-7),
     MCALens(dtype="float32", b_mode=False)],
    ids=["wiener", "me", "mcalens"],
)
def test_fitted_models_are_those_of_the_whole_survey(estimator, source, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        survey = map_survey(source, estimator, tmp_path / "w", **OPTIONS)
    layers = layers_of(survey)
    inside = layers["edge"] > 0.3
    lon, lat = HealpixPixels(survey.nside).centers(layers["index"])
    truth = kappa_at(lon, lat, 2e-4)
    assert np.corrcoef(layers["kappa"][inside], truth[inside])[0, 1] > 0.5
    assert (tmp_path / "w" / "data" / "frozen" / "000000.npz").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator",
    [KaiserSquiresPlus(smoothing="6 arcmin", n_iterations=10),
     SparseReconstructor(threshold=4, dtype="float32", b_mode=False)],
    ids=["ksplus", "sparse"],
)
def test_methods_without_a_model_are_mapped(estimator, source, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        survey = map_survey(source, estimator, tmp_path / "w", **OPTIONS)
    layers = layers_of(survey)
    inside = layers["edge"] > 0.3
    lon, lat = HealpixPixels(survey.nside).centers(layers["index"])
    truth = kappa_at(lon, lat, 2e-4)
    assert np.corrcoef(layers["kappa"][inside], truth[inside])[0, 1] > 0.5


class MeanShear(Estimator):
    """A user's own estimator: a tenth of the modulus of the shear."""

    def invert(self, grid, state):
        return Inversion(0.1 * np.abs(grid.shear), unsupported=grid.count == 0)


def test_own_estimators_are_mapped(source, tmp_path):
    survey = map_survey(source, MeanShear(), tmp_path / "own", **OPTIONS)
    layers = layers_of(survey)
    assert 0 < layers["kappa"].mean() < 0.1
    assert "kappa_b" not in layers


@pytest.mark.slow
def test_noise_of_blended_zones_is_that_of_the_maps(tmp_path):
    columns = galaxies(density=1.0, sigma_e=0.25)
    hats = write_survey(tmp_path / "hats", columns)
    ks = KS.replace(uncertainty="rotations", n_realizations=20)
    survey = map_survey(hats, ks, tmp_path / "map", **OPTIONS)
    layers = layers_of(survey)
    lon, lat = HealpixPixels(survey.nside).centers(layers["index"])
    pull = (layers["kappa"] - kappa_at(lon, lat, SMOOTHING.to_value("rad"))) / layers["error"]
    inside = layers["edge"] > 0.25
    for zone in (layers["n_tiles"] == 1, layers["n_tiles"] > 1):
        # Some hundred independent patches, and errors of 5 per cent from 40 maps.
        assert np.std(pull[inside & zone]) == pytest.approx(1, abs=0.15)
    core, blended = inside & (layers["n_tiles"] == 1), inside & (layers["n_tiles"] > 1)
    ratio = np.median(layers["error"][blended]) / np.median(layers["error"][core])
    assert 0.9 < ratio < 1.03


BAD = [
    ({"nside": 64}, ValueError, "nside must be at least 128"),
    ({"nside": 1000}, ValueError, "nside must be a power of 2"),
    ({"margin": 5 * u.deg}, ValueError, "margin must be smaller than a tile of order 4"),
    ({"tile_order": 9}, ValueError, "tile_order must be from 0 to 7"),
    ({"dither": 3}, ValueError, "dither"),
    ({"also_map": "psf_e1"}, TypeError, "pairs of columns"),
    ({"also_map": {"kappa": ("psf_e1", "psf_e2")}}, ValueError, "which another map has"),
    ({"also_map": "no_1,no_2"}, ValueError, "no_1"),
    ({"offset": 3}, TypeError, "offset must be two numbers"),
    ({"offset": (0.2, 40)}, ValueError, "two numbers of pixels from -16 to 16, not"),
    ({"offset": (float("nan"), 0)}, ValueError, "from -16 to 16"),
    ({"columns": "generic"}, TypeError, "give these parameters to HatsCatalog"),
    ({"mask": np.zeros((3, 3), bool)}, TypeError, "mask"),
]


@pytest.mark.parametrize("options, error, message", BAD, ids=[str(case[0])[:30] for case in BAD])
def test_bad_input_is_one_clear_error(source, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        map_survey(source, KS, tmp_path / "bad", **{**OPTIONS, **options})


def test_other_columns_need_a_linear_method(source, tmp_path):
    with pytest.raises(ValueError, match="also_map must be used with a linear method"):
        map_survey(source, CNNReconstructor(), tmp_path / "cnn", also_map="psf_e1,psf_e2")


def test_other_settings_of_the_catalog_are_refused(plain, source):
    other = HatsCatalog(source.folder, where="redshift < 1")
    with pytest.raises(ValueError, match="with another where"):
        map_survey(other, KS, plain.folder, **OPTIONS)


def test_estimators_for_the_sphere_are_refused(source, tmp_path):
    from lensmap.estimators import SphericalKaiserSquires

    with pytest.raises(TypeError, match="works on the sphere"):
        map_survey(source, SphericalKaiserSquires(), tmp_path / "sphere", **OPTIONS)


def test_folder_without_a_survey(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no survey map"):
        SurveyMap(tmp_path)
