# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Completeness and purity, and what of them is chance."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, QTable, Table, vstack
from astropy.utils.masked import Masked

from lensmap import ConvergenceMap
from lensmap.grid import tangent_wcs
from lensmap.peaks import completeness, peaks_at_density, purity, unmasked_area

SHAPE = (200, 200)  # of 1 arcmin
WCS = tangent_wcs(SkyCoord(150, 2, unit="deg"), SHAPE, 1 * u.arcmin)


def _map(mask=None):
    return ConvergenceMap(np.zeros(SHAPE), mask=mask, wcs=WCS)


def _table(x, y, **columns):
    sky = WCS.pixel_to_world(x, y)
    return QTable({"ra": sky.ra.to(u.deg), "dec": sky.dec.to(u.deg), **columns})


@pytest.fixture
def halos():
    y, x = np.divmod(np.arange(16), 4)
    mass = np.repeat([1e14, 2e14, 4e14, 9e14], 4) * u.Msun
    return _table(20.0 + 40 * x, 20.0 + 40 * y, m200c=mass)


@pytest.mark.parametrize("kind", [MaskedColumn, Masked])
def test_masked_entries_are_in_no_bin(halos, kind):
    """The number under a mask is no mass."""
    mask = np.arange(16) % 4 == 1
    mass = halos["m200c"]
    if kind is MaskedColumn:
        halos = Table(halos)
        halos["m200c"] = MaskedColumn(mass.value, mask=mask, unit=mass.unit)
    else:
        halos["m200c"] = Masked(mass, mask=mask)
    bins = [1e14, 2e14, 4e14, 1e15]
    table = completeness(halos, halos, "2 arcmin", by="m200c", bins=bins)
    assert table["n"].tolist() == [3, 3, 6] == table["n_matched"].tolist()
    halos = QTable({"ra": halos["ra"], "dec": halos["dec"], "m200c": mass})
    halos["m200c"][3] = np.nan
    assert completeness(halos, halos, "2 arcmin", by="m200c", bins=bins)["n"][0] == 3


def test_counts_and_intervals(halos):
    found = halos[[0, 4, 5, 8, 9, 10, 12, 13, 14, 15]]
    table = completeness(found, halos, "2 arcmin", by="m200c", bins=[1e14, 2e14, 4e14, 9e14])
    # the upper edge belongs to the last bin
    assert table["n"].tolist() == [4, 4, 8] and table["n_matched"].tolist() == [1, 2, 7]
    np.testing.assert_allclose(table["rate"], [0.25, 0.5, 0.875])
    assert np.all((table["rate_low"] < table["rate"]) & (table["rate"] < table["rate_high"]))
    assert table["bin_low"].unit == u.Msun
    # what lies outside of the bins does not count
    inner = completeness(found, halos, "2 arcmin", by="m200c", bins=[2e14, 4e14])
    assert inner["n"].tolist() == [8] and inner["n_matched"].tolist() == [5]
    # Jeffreys' interval of 2 in 4 is that of a beta distribution of 2.5 and 2.5
    from scipy.stats import beta

    low, high = beta(2.5, 2.5).interval(0.682689492137086)
    assert (table["rate_low"][1], table["rate_high"][1]) == pytest.approx((low, high))
    assert np.all(np.isnan(table["chance"])) and np.all(np.isnan(table["corrected"]))


def test_all_together_and_an_empty_bin(halos):
    assert completeness(halos[:4], halos, "2 arcmin")["rate"].tolist() == [0.25]
    table = completeness(halos[:4], halos, "2 arcmin", by="m200c", bins=[1e15, 1e16] * u.Msun)
    assert table["n"].tolist() == [0] and np.isnan(table["rate"][0])


def test_purity_exchanges_the_parts(halos):
    peaks = _table(np.array([20.0, 60.0, 39.0]), np.array([20.0, 20.0, 39.0]), snr=[9.0, 5.0, 4.0])
    table = purity(peaks, halos, "2 arcmin", by="snr", bins=[3, 6, 10])
    assert table["n"].tolist() == [2, 1] and table["n_matched"].tolist() == [1, 1]
    with pytest.raises(ValueError, match="by must be the name of a column of peaks, not 'm200c'"):
        purity(peaks, halos, "2 arcmin", by="m200c", bins=[1e14, 1e15])


@pytest.mark.parametrize("masked", [False, True])
def test_chance_is_the_density_of_peaks(masked, halos):
    mask = np.zeros(SHAPE, dtype=bool)
    if masked:
        mask[:, 90:] = True
        halos = halos[np.arange(16) % 4 < 2]
    kappa, rng = _map(mask), np.random.default_rng(1)
    open_y, open_x = np.nonzero(~mask)
    some = rng.choice(len(open_y), 150 if masked else 300, replace=False)
    peaks = _table(open_x[some].astype(float), open_y[some].astype(float))
    table = completeness(peaks, halos, "2.4 arcmin", kappa=kappa, n_random=300, rng=2)
    density = len(peaks) / np.count_nonzero(~mask)
    expected = 1 - np.exp(-density * np.pi * 2.4**2)  # Poisson
    assert table["chance"][0] == pytest.approx(expected, rel=0.12)
    rate, chance = table["rate"][0], table["chance"][0]
    assert table["corrected"][0] == pytest.approx((rate - chance) / (1 - chance))


@pytest.mark.slow
def test_what_is_found_at_random_is_nothing(halos):
    rates = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        peaks = _table(rng.uniform(0, 199, 200), rng.uniform(0, 199, 200))
        table = completeness(peaks, halos, "2.4 arcmin", kappa=_map(), rng=seed)
        rates.append(table["corrected"][0])
    assert abs(np.mean(rates)) < 3 * np.std(rates) / np.sqrt(len(rates))


def test_equal_density(halos):
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:100] = True
    kappa = _map(mask)
    area = 100 * 200 / 3600 * u.deg**2
    assert unmasked_area(kappa).to_value(u.deg**2) == pytest.approx(area.value, rel=1e-3)
    assert np.all(peaks_at_density(halos, 8 / area, kappa)["ra"] == halos["ra"][:8])
    message = "peak_density must be at most 2.88 1 / deg2, the density of all given peaks, not 3.6"
    with pytest.raises(ValueError, match=message):
        peaks_at_density(halos, 20 / area, kappa)
    with pytest.raises(TypeError, match="peak_density must be a number per solid angle"):
        peaks_at_density(halos, 8, kappa)


@pytest.mark.parametrize("masked", [False, True])
def test_lists_that_reach_beyond_the_map(masked, halos):
    # 9 times the area of the map, at the same density
    rng = np.random.default_rng(4)
    mask = np.zeros(SHAPE, dtype=bool)
    if masked:
        mask[:, 90:] = True
    peaks = _table(rng.uniform(-200, 400, 2700), rng.uniform(-200, 400, 2700), snr=np.ones(2700))
    far = _table(np.array([-30.0, 220.0, 100.0]), np.array([50.0, 50.0, -3.0]),
                 m200c=np.full(3, 9e14) * u.Msun)
    table = completeness(peaks, vstack([halos, far]), "2.4 arcmin", by="m200c",
                         bins=[1e14, 4e14, 9e14], kappa=_map(mask), n_random=200, rng=2)
    assert table["n"].tolist() == ([4, 4] if masked else [8, 8])
    density = 2700 / 600**2
    expected = 1 - np.exp(-density * np.pi * 2.4**2)
    assert table["chance"].mean() == pytest.approx(expected, rel=0.15)
    pure = purity(peaks, vstack([halos, far]), "2.4 arcmin", kappa=_map(mask), n_random=20, rng=0)
    x, y = WCS.world_to_pixel(SkyCoord(peaks["ra"], peaks["dec"]))
    on_map = (np.abs(x - 99.5) < 100) & (np.abs(y - 99.5) < 100)
    assert pure["n"].tolist() == [np.count_nonzero(on_map & (x < 89.5) if masked else on_map)]


def test_the_seed_of_chance_is_in_the_meta(halos):
    far = _table(np.linspace(5, 190, 40), np.linspace(190, 5, 40))
    table = completeness(far, halos, "8 arcmin", kappa=_map())
    again = completeness(far, halos, "8 arcmin", kappa=_map(), rng=table.meta["seed"])
    assert 0 < table["chance"][0] == again["chance"][0]
    assert "seed" not in completeness(far, halos, "8 arcmin").meta


def test_what_is_left_out_takes_no_counterpart_from_others():
    # The halo in the first column has the peak there, not the closer halo off the map.
    both = _table(np.array([-0.6, 1.0]), np.array([50.0, 50.0]))
    peak = _table(np.array([0.0]), np.array([50.0]))
    assert completeness(peak, both, "2 arcmin")["rate"].tolist() == [0.5]
    table = completeness(peak, both, "2 arcmin", kappa=_map(), rng=0)
    assert table["n"].tolist() == [1] and table["rate"].tolist() == [1.0]


def test_nothing_is_left_on_the_map(halos):
    # Off the map, and on the other side of the sky, where the WCS has no pixel.
    off = QTable({"ra": [160.0, 330.0] * u.deg, "dec": [2.0, -2.0] * u.deg})
    none = completeness(off, halos, "2 arcmin", kappa=_map(), rng=0)
    assert none["n"].tolist() == [16]
    assert [none[c][0] for c in ("rate", "chance", "corrected")] == [0, 0, 0]
    none = completeness(halos, off, "2 arcmin", kappa=_map(), rng=0)
    assert none["n"].tolist() == [0] and none["n_matched"].tolist() == [0]
    assert all(np.isnan(none[c][0]) for c in ("rate", "rate_low", "chance", "corrected"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"by": "mass"}, "column of reference, not 'mass': reference has the columns 'ra'"),
        ({"bins": [1, 2]}, "by must be given if bins are given"),
        ({"by": "m200c"}, "bins must be given if by is given"),
        ({"by": "m200c", "bins": [2, 1]}, "strictly increasing"),
        ({"by": "m200c", "bins": [1, 2] * u.Mpc}, "units of the column 'm200c'"),
        ({"kappa": _map(np.ones(SHAPE, dtype=bool))}, "at least one unmasked pixel"),
        ({"kappa": _map(), "n_random": 0}, "n_random must be at least 1"),
    ],
)
def test_bad_parameters(change, message, halos):
    with pytest.raises(ValueError, match=message):
        completeness(halos, halos, "2 arcmin", **change)
