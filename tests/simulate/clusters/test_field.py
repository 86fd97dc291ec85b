# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Fields of known clusters, against formulas and sums that do not share their code."""

import json
import pickle

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.cosmology import SourceRedshifts, sigma_crit
from lensmap.grid import PixelFrame
from lensmap.halos import HaloLens, NFWHalo
from lensmap.simulate import (
    ClusterField,
    Filament,
    HaloModelField,
    LensingField,
    MockSurvey,
    draw_fields,
)
from lensmap.simulate.clusters._filaments import arm_lensing
from lensmap.simulate.clusters._halo_pixels import radial_nodes
from lensmap.simulate.clusters._substructure import (
    draw_subhalos,
    mean_subhalo_mass,
    replaced_profile,
)

PIXEL = 0.41 * u.arcmin
NEAR = NFWHalo(7.4e14 * u.solMass, 3.9, 0.0231)
FAR = NFWHalo(1e15 * u.solMass, 4.0, 0.3)
SMALL = {"shape": (128, 128), "dtype": "float64"}


def polar(shape, x=None, y=None):
    """Return distance (pixels) and angle (from +x to +y) of pixels from a point."""
    ny, nx = shape
    x, y = (nx - 1) / 2 if x is None else x, (ny - 1) / 2 if y is None else y
    dy, dx = np.mgrid[:ny, :nx] - np.array([y, x])[:, None, None]
    return np.hypot(dx, dy), np.arctan2(dy, dx)


def tangential(gamma, angle):
    turned = -gamma * np.exp(-2j * angle)
    return turned.real, turned.imag


# --- one halo ---------------------------------------------------------------------------------


@pytest.mark.parametrize("truncation", [None, 2.5])
@pytest.mark.parametrize("halo", [NEAR, FAR], ids=["near", "far"])
def test_shear_is_that_of_the_nfw_halo(halo, truncation):
    """To 0.1 % of the mean over a pixel from 2 pixels on; from 5 on, to 1 % of its center.

    A mean of tangential shear over a pixel is smaller by about 1 / (6 r^2) than at its center:
    that is the pixel's doing, 3 % at 2.5 pixels and 0.7 % at 5.
    """
    halo = NFWHalo(halo.m200c, halo.c200c, halo.z_lens, truncation=truncation)
    field = ClusterField(halo, shape=(384, 384), dtype="float64").draw()
    r, angle = polar(field.shape)
    shear, cross = tangential(field.gamma, angle)
    expected = halo.tangential_shear(r * PIXEL, 1.0)
    kappa = halo.kappa(r * PIXEL, 1.0)
    for nearest, tolerance in ((8, 3e-3), (20, 6e-4), (41, 1.2e-4)):
        good = r > nearest
        np.testing.assert_allclose(shear[good], expected[good], rtol=tolerance)
        np.testing.assert_allclose(field.kappa.data[good], kappa[good], rtol=3 * tolerance)
    ring = (r > 5) & (r < 6)
    np.testing.assert_allclose(shear[ring], expected[ring], rtol=0.01)
    near = np.s_[182:202, 182:202]
    points = (np.arange(20) + 0.5) / 20 - 0.5
    offsets = np.arange(182, 202) - 191.5
    fine = (offsets[:, None] + points).ravel()
    dx, dy = np.meshgrid(fine, fine)
    means = -halo.tangential_shear(np.hypot(dx, dy) * PIXEL, 1.0) * np.exp(2j * np.arctan2(dy, dx))
    means = means.reshape(20, 20, 20, 20).mean(axis=(1, 3))
    good = r[near] > 2
    np.testing.assert_allclose(
        shear[near][good], tangential(means, angle[near])[0][good], rtol=1e-3
    )
    assert np.abs(cross[r > 2]).max() < 1e-3 * shear.max()
    assert field.kappa.data.min() > 0


def test_pixels_hold_means_over_their_area():
    """Against a brute-force mean over a pixel with 400 x 400 points."""
    model = ClusterField(FAR, shape=(16, 16), dtype="float64", positions=[0.1, 0.05] * u.arcmin)
    field = model.draw()
    x0, y0 = model._x[0], model._y[0]
    points = (np.arange(400) + 0.5) / 400 - 0.5
    for j, i in ((7, 7), (8, 8), (6, 8), (2, 12)):
        dy, dx = np.meshgrid(j + points - y0, i + points - x0, indexing="ij")
        r = np.hypot(dx, dy)
        kappa = FAR.kappa(r * PIXEL, 1.0).mean()
        gamma = -(FAR.tangential_shear(r * PIXEL, 1.0) * np.exp(2j * np.arctan2(dy, dx))).mean()
        assert field.kappa.data[j, i] == pytest.approx(kappa, rel=2e-4)
        assert abs(field.gamma[j, i] - gamma) < 2e-3 * abs(gamma)


def test_mass_of_the_map_is_that_of_the_halo():
    halo = NFWHalo(3e14 * u.solMass, 4.0, 0.5, truncation=1.0)
    field = ClusterField(halo, shape=(384, 384)).draw()
    area = (halo.cosmology.angular_diameter_distance(0.5) * PIXEL.to_value(u.rad)) ** 2
    mass = field.kappa.data.sum(dtype=float) * area * sigma_crit(0.5, 1.0, halo.cosmology)
    assert (mass / halo.total_mass).to_value(u.one) == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("ellipticity", [0.1, 0.3, 0.5])
def test_shear_of_an_elliptical_halo(ellipticity):
    """Against the sum over the mass of small squares (1 / r^2), which shares no formula."""
    halo = NFWHalo(3e14 * u.solMass, 5.0, 0.5, ellipticity=ellipticity, angle=30 * u.deg,
                   truncation=1.0)
    radius = radial_nodes((384, 384), 191.5, 191.5)
    round_kappa = halo.kappa(radius * PIXEL, 1.0)
    mean = round_kappa + halo.tangential_shear(radius * PIXEL, 1.0)
    lens = HaloLens(radius, round_kappa, mean, ellipticity, halo.angle)
    log_r, step = np.linspace(np.log(1e-3), np.log(300.0), 1500, retstep=True)
    r = np.exp(log_r)[:, None]
    phi = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    for x, y in ((4.0, 3.0), (-6.0, 1.0), (0.0, -12.0)):
        # Polar cells about the point itself: the ring nearest to it has no shear by symmetry.
        xs, ys = (x + r * np.cos(phi)) * PIXEL, (y + r * np.sin(phi)) * PIXEL
        rings = (halo.elliptical_kappa(xs, ys, 1.0) * np.exp(2j * phi)).mean(axis=1)
        total = -rings.sum() * 2 * step
        kappa, gamma = lens(np.array([x]), np.array([y]))
        assert abs(gamma[0] - total) < 2e-3 * abs(total)
        assert kappa[0] == pytest.approx(halo.elliptical_kappa(x * PIXEL, y * PIXEL, 1.0), rel=1e-4)


def test_distribution_of_sources():
    sources = SourceRedshifts.smail(0.3, 1.0)
    field = ClusterField(FAR, z_source=sources, **SMALL).draw()
    r, angle = polar(field.shape)
    far = r > 10
    expected = FAR.tangential_shear(r[far] * PIXEL, sources)
    np.testing.assert_allclose(tangential(field.gamma, angle)[0][far], expected, rtol=2e-3)
    assert field.z_source is sources


# --- several ----------------------------------------------------------------------------------


def test_clusters_add_up():
    offsets = np.array([[-10.0, 5.0], [8.0, -12.0]]) * u.arcmin
    both = ClusterField([NEAR, FAR], positions=offsets, **SMALL).draw()
    one, two = (
        ClusterField(h, positions=at, **SMALL).draw() for h, at in zip((NEAR, FAR), offsets)
    )
    np.testing.assert_allclose(both.kappa.data, one.kappa.data + two.kappa.data, rtol=1e-12)
    np.testing.assert_allclose(both.gamma, one.gamma + two.gamma, atol=1e-14)
    assert list(both.halos["m200c"]) == [NEAR.m200c, FAR.m200c]
    assert list(both.halos["kind"]) == ["cluster", "cluster"]


def test_offsets_and_sky_positions_are_the_same_place():
    """+x is to the west."""
    model = ClusterField(FAR, positions=[12.0, 4.0] * u.arcmin, **SMALL)
    sky = model.draw().halos
    assert sky["ra"][0] < model.center.ra and sky["dec"][0] > model.center.dec
    again = model.replace(positions=SkyCoord(sky["ra"], sky["dec"]))
    np.testing.assert_allclose(model.draw().kappa.data, again.draw().kappa.data, rtol=1e-6)


# --- filaments --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def arms():
    """Return a field with two arms only, and the same without."""
    filaments = [
        Filament(angle=110 * u.deg, length=45 * u.arcmin, width=3 * u.arcmin, excess=0.01,
                 start=10 * u.arcmin, taper=5 * u.arcmin),
        Filament(angle=340 * u.deg, length=45 * u.arcmin, width=3 * u.arcmin, excess=0.004,
                 outer_excess=0.008, start=10 * u.arcmin),
    ]
    model = ClusterField(
        NEAR, filaments=filaments, center=SkyCoord(150 * u.deg, 60 * u.deg), shape=(256, 256),
        dtype="float64", positions=[4.0, -10.0] * u.arcmin,
    )
    return model, model.draw(), model.replace(filaments=()).draw()


def test_excess_by_azimuth_is_what_was_asked_for(arms):
    """Measured on the sky: separation and position angle from the cluster, by the WCS."""
    model, with_arms, without = arms
    excess = with_arms.kappa.data - without.kappa.data
    sky = model.wcs.pixel_to_world(*np.meshgrid(np.arange(256), np.arange(256)))
    center = without.halos
    center = SkyCoord(center["ra"][0], center["dec"][0])
    radius, angle = center.separation(sky), center.position_angle(sky).deg
    ring = (radius > 20 * u.arcmin) & (radius < 35 * u.arcmin)
    for position_angle, expected in ((110.0, 0.01), (340.0, 0.006)):
        away = (angle - position_angle + 180) % 360 - 180
        on_axis = ring & (np.abs(away) < 0.5)
        assert excess[on_axis].mean() == pytest.approx(expected, rel=0.01)
        near = ring & (np.abs(away) < 40)
        middle = np.average(away[near], weights=excess[near])
        assert abs(middle) < 0.1  # deg
    between = ring & (np.abs(angle - 225) < 40)
    assert excess[between].max() < 1e-6


def test_mass_of_filaments(arms):
    model, with_arms, without = arms
    area = (NEAR.cosmology.angular_diameter_distance(0.0231) * PIXEL.to_value(u.rad)) ** 2
    total = (with_arms.kappa.data - without.kappa.data).sum() * area * sigma_crit(0.0231, 1.0)
    said = sum(arm["mass"] for arm in with_arms.kappa.meta["filaments"])
    assert total.to_value(u.solMass) == pytest.approx(said, rel=1e-4)
    first = with_arms.kappa.meta["filaments"][0]
    assert (first["angle"], first["excess"], first["length"]) == (110.0, 0.01, pytest.approx(45.0))


def test_shear_of_filaments_by_summing_over_pixels(arms):
    """Sums of 1 / r^2, far enough from the arms that pixels are points."""
    model, with_arms, without = arms
    kappa = with_arms.kappa.data - without.kappa.data
    gamma = with_arms.gamma - without.gamma
    y, x = np.mgrid[:256, :256]
    for i, j in ((20, 30), (128, 250), (200, 200), (5, 250), (250, 128)):
        z = (x - i) + 1j * (y - j)
        z[j, i] = 1e9
        assert kappa[j, i] < 1e-4
        expected = -(kappa / np.pi / np.conj(z) ** 2).sum()
        assert abs(gamma[j, i] - expected) < 0.01 * abs(expected)


def test_matter_outside_of_the_field_makes_shear(arms):
    model, *_ = arms
    arm = model._arms[0]._replace(x=64.0, y=64.0, direction=0.3, start=40.0, end=110.0)
    _, gamma = arm_lensing([arm], (128, 128))
    _, expected = arm_lensing([arm._replace(x=192.0, y=192.0)], (384, 384))
    np.testing.assert_allclose(gamma, expected[128:256, 128:256], atol=1e-7)


# --- substructure -----------------------------------------------------------------------------


def test_subhalos_have_the_mass_function_and_the_profile():
    halo = NFWHalo(1e15 * u.solMass, 4.0, 0.3, ellipticity=0.0)
    rng = np.random.default_rng(1)
    draws = [draw_subhalos(halo, 0.2, rng) for _ in range(600)]
    total = np.array([d.mass.sum() / halo.m200c for d in draws])
    assert total.mean() == pytest.approx(0.2, abs=4 * total.std() / np.sqrt(600))
    assert np.mean([len(d.mass) for d in draws]) == pytest.approx(
        0.2 / mean_subhalo_mass(), rel=0.03
    )
    mass = np.concatenate([d.mass.to_value(u.solMass) for d in draws]) / 1e15
    assert 1e-3 <= mass.min() and mass.max() <= 0.1
    low, high = 1e-3**-0.9, 0.1**-0.9
    assert (mass > 1e-2).mean() == pytest.approx((1e-2**-0.9 - high) / (low - high), rel=0.1)
    radius = np.concatenate([np.hypot(d.x, d.y).to_value(u.Mpc) for d in draws])
    assert radius.max() <= halo.r200c.to_value(u.Mpc)
    assert 0.3 < np.median(radius) / halo.r200c.to_value(u.Mpc) < 0.5


def test_substructure_conserves_mass():
    halo = NFWHalo(3e14 * u.solMass, 4.0, 0.5, truncation=1.0)
    model = ClusterField(halo, shape=(384, 384), substructure=0.3, dtype="float64").prepare()
    smooth = model.replace(substructure=0.0).draw().kappa.data
    for seed in (1, 2):
        field = model.draw(seed)
        assert np.count_nonzero(field.halos["kind"] == "subhalo") > 10
        assert field.kappa.data.sum() == pytest.approx(smooth.sum(), rel=1e-3)
        assert np.abs(field.kappa.data - smooth).max() > 0.01
        assert field.kappa.data.min() > 0
    assert field.halos["m200c"][0] == halo.m200c


def test_what_subhalos_replace_is_the_cut_nfw_halo():
    """Against the integral along the line of sight."""
    x = np.geomspace(1e-6, 50, 20_000)
    sigma, mean = replaced_profile(x, 4.0)
    for at in (0.01, 0.3, 1.0, 2.5, 3.9):
        along = np.linspace(0, np.sqrt(16 - at**2), 200_001)
        r = np.hypot(along, at)
        expected = np.trapezoid(1 / (r * (1 + r) ** 2), along)
        expected *= 2 / (4 * np.pi * (np.log(5) - 0.8))
        assert np.interp(at, x, sigma) == pytest.approx(expected, rel=1e-3)
    outside = x > 4
    assert np.all(sigma[outside] == 0)
    np.testing.assert_allclose(mean[outside] * np.pi * x[outside] ** 2, 1.0, rtol=1e-4)


@pytest.mark.slow
def test_substructure_changes_nothing_on_average():
    model = ClusterField(FAR, substructure=0.2, shape=(48, 48), pixel_scale=1 * u.arcmin)
    model.prepare()
    r, _ = polar((48, 48))
    rings = [r < 3, (r >= 3) & (r < 6), (r >= 6) & (r < 11), r >= 11]
    draws = np.array(
        [[model.draw(i).kappa.data[ring].mean() for ring in rings] for i in range(30)]
    )
    smooth = model.replace(substructure=0.0).draw().kappa.data
    expected = np.array([smooth[ring].mean() for ring in rings])
    error = draws.std(axis=0) / np.sqrt(len(draws))
    assert np.all(np.abs(draws.mean(axis=0) - expected) < 4 * error + 0.01 * expected)


# --- draws ------------------------------------------------------------------------------------


def test_reproducible_and_the_same_in_other_processes():
    model = ClusterField(NEAR, substructure=0.2, shape=(64, 64))
    one, two, other = model.draw(3), model.draw(3), model.draw(4)
    assert np.array_equal(one.gamma, two.gamma) and not np.array_equal(one.gamma, other.gamma)
    there = pickle.loads(pickle.dumps(model.prepare())).draw(3)
    assert np.array_equal(one.kappa.data, there.kappa.data)
    first, second = draw_fields(model, 2, seed=5, workers=1)
    kappa, halos = second
    assert kappa.data.dtype == np.float32 and second.gamma.dtype == np.complex64
    assert not np.array_equal(first.kappa.data, kappa.data)


def test_on_top_of_large_scale_structure():
    pixels = {"shape": (64, 64), "pixel_scale": 1 * u.arcmin}
    background = HaloModelField(**pixels)
    behind = background.draw(7)
    field = ClusterField(FAR, background=background, dtype="float64", **pixels).draw(7)
    alone = ClusterField(FAR, dtype="float64", **pixels).draw()
    np.testing.assert_allclose(field.kappa.data, alone.kappa.data + behind.kappa.data, rtol=1e-6)
    np.testing.assert_allclose(field.gamma, alone.gamma + behind.gamma, atol=1e-8)
    kinds = list(field.halos["kind"])
    assert kinds == ["cluster"] + ["background"] * len(behind.halos)
    assert field.halos["cluster"][0] == 0 and np.all(field.halos["cluster"][1:] == -1)
    # Made inside, it is the same; and it follows when something else changes.
    inside = ClusterField(FAR, background=True, **pixels)
    assert np.array_equal(inside._background_model.draw(7).kappa.data, behind.kappa.data)
    assert inside.replace(z_source=2.0)._background_model.z_source == 2.0


@pytest.mark.parametrize("suffix", ["fits", "h5"])
def test_truth_survives_files(tmp_path, arms, suffix):
    _, field, _ = arms
    json.dumps(field.kappa.meta)
    field.write(tmp_path / f"field.{suffix}")
    again = LensingField.read(tmp_path / f"field.{suffix}")
    assert again.kappa.meta["filaments"] == field.kappa.meta["filaments"]
    assert again.kappa.meta["clusters"] == field.kappa.meta["clusters"]
    assert list(again.halos["kind"]) == list(field.halos["kind"])


# --- Coma -------------------------------------------------------------------------------------


def test_coma():
    model = ClusterField.preset("coma")
    field = model.draw(1)
    side = 512 * field.kappa.pixel_scale
    assert side.to_value(u.deg) == pytest.approx(3.5, abs=0.01)
    coma = field.halos[0]
    assert coma["m200c"] == 7.4e14 * u.solMass and coma["redshift"] == 0.0231
    assert [arm["angle"] for arm in field.kappa.meta["filaments"]] == [110.0, 340.0, 225.0]
    assert field.kappa.data.min() > 0 and field.kappa.data.max() < 0.5
    catalog = MockSurvey(density=1 / u.arcmin**2).observe(field, rng=1)
    # Tangential in the celestial basis about NGC 4874, on the sky.
    x, y = PixelFrame(field.wcs).positions(catalog["ra"], catalog["dec"])
    r, angle = np.hypot(x - 255.5, y - 255.5), np.arctan2(y - 255.5, 255.5 - x)
    g = catalog["g1_true"] + 1j * catalog["g2_true"]
    shear, cross = tangential(g, angle)
    ring = (r > 50) & (r < 160)
    expected = model.clusters[0].reduced_shear(r[ring] * PIXEL, 1.0).mean()
    assert shear[ring].mean() == pytest.approx(expected, rel=0.15)
    assert abs(cross[ring].mean()) < 0.03 * expected


# --- errors -----------------------------------------------------------------------------------

ARM = {"angle": 0 * u.deg, "length": 10 * u.arcmin, "width": 2 * u.arcmin, "excess": 0.01}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"clusters": []}, ValueError, "at least one"),
        ({"clusters": [1e15]}, TypeError, "one NFWHalo, or a list or tuple"),
        (
            {"clusters": NFWHalo(1e14 * u.solMass, 4.0, 0.1, ellipticity=0.7)},
            ValueError, "ellipticity of at most 0.6, not 0.7",
        ),
        (
            {"clusters": [NEAR, NFWHalo(1e14 * u.solMass, 4.0, 0.1, cosmology="Planck18")]},
            ValueError, "the same cosmology",
        ),
        ({"z_source": 0.2}, ValueError, "z_lens must be lower than z_source"),
        ({"z_source": [1.0, 2.0]}, TypeError, "z_source"),
        ({"shape": (63, 64)}, ValueError, "shape must be two even"),
        ({"dtype": "int"}, ValueError, "dtype must be one of"),
        ({"positions": [40, 0] * u.arcmin}, ValueError, "cluster 0, .* x = 161.1, y = 63.5"),
        ({"positions": SkyCoord(0 * u.deg, 0 * u.deg)}, ValueError, "must lie in the field"),
        ({"positions": (1.0, 2.0)}, TypeError, "positions must be a SkyCoord"),
        ({"positions": [1, 2, 3] * u.arcmin}, ValueError, r"shape \(1, 2\)"),
        ({"positions": np.zeros((2, 2)) * u.arcmin}, ValueError, "one .* for each cluster, not 2"),
        ({"clusters": [NEAR, FAR]}, ValueError, "position for each of the 2 clusters, not None"),
        ({"substructure": 0.5}, ValueError, "mass from 0 to 0.3, not 0.5"),
        (
            {"clusters": NFWHalo(1e14 * u.solMass, 4.0, 0.1, truncation=0.8), "substructure": 0.1},
            ValueError, "truncated at 1 r200c or farther out, .* not at 0.8 r200c",
        ),
        ({"substructure": True}, ValueError, "mass from 0 to 0.3, not True"),
        ({"background": 1.0}, TypeError, "HaloModelField, True or None"),
        ({"background": HaloModelField(shape=(64, 64))}, ValueError, "shape is that of the Cl"),
        (
            {"background": HaloModelField(shape=(128, 128), z_source=2.0)},
            ValueError, "whose z_source is that of the ClusterField, 1.0, not 2.0",
        ),
        (
            {"background": HaloModelField(shape=(128, 128), center=SkyCoord(1, 1, unit="deg"))},
            ValueError, "whose center is that of the ClusterField",
        ),
        ({"filaments": [1]}, TypeError, "one Filament, or a list or tuple"),
        ({"filaments": Filament(**ARM)}, ValueError, "length must be at least start"),
        (
            {"filaments": Filament(**{**ARM, "length": 9 * u.deg})},
            ValueError, "twice the longer side of the field",
        ),
        (
            {"filaments": Filament(**{**ARM, "width": 1 * u.arcsec}, start=0 * u.arcmin)},
            ValueError, "width must be at least the side of a pixel",
        ),
        ({"filaments": Filament(**ARM, cluster=1)}, ValueError, "not cluster=1"),
    ],
)
def test_what_cannot_be(changes, error, message):
    parameters = {"clusters": FAR, "shape": (128, 128), **changes}
    with pytest.raises(error, match=message):
        ClusterField(**parameters)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"excess": -0.01}, ValueError, "excess must be a positive finite convergence, not -0.01"),
        ({"excess": "much"}, TypeError, "excess must be a number"),
        ({"outer_excess": 0.0}, ValueError, "outer_excess must be a positive"),
        ({"angle": 3.0}, TypeError, "angle must be an angle"),
        ({"angle": np.nan * u.deg}, ValueError, "one finite angle"),
        ({"length": 3.0}, TypeError, "length must be an angle or a length"),
        ({"width": 0 * u.Mpc}, ValueError, "width must be one positive"),
        ({"cluster": 0.5}, TypeError, "cluster must be the number"),
    ],
)
def test_filaments_that_cannot_be(changes, error, message):
    with pytest.raises(error, match=message):
        Filament(**{**ARM, **changes})


def test_unknown_preset_says_which_there_are():
    with pytest.raises(ValueError, match="no cluster preset 'virgo': choose one of 'coma'"):
        ClusterField.preset("virgo")
    assert ClusterField.available_presets() == ["coma"]
    assert repr(ClusterField([NEAR], background=True)).startswith(
        "<ClusterField of 1 cluster, large-scale structure; 512 x 512"
    )
