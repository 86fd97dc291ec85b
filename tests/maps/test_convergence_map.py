# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""ConvergenceMap: its parts stay together, and stay at their places on the sky."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.nddata import (
    CCDData,
    InverseVariance,
    NDData,
    StdDevUncertainty,
    UnknownUncertainty,
    VarianceUncertainty,
)
from astropy.wcs import WCS, Sip
from hypothesis import given, settings
from hypothesis import strategies as st

from lensmap import ConvergenceMap
from lensmap.utils import MapWarning

SHAPE = (30, 40)
SCALE = 0.5 * u.arcmin


def make_wcs(shape=SHAPE, *, center=(150.0, 2.0), scale=0.5 / 60, angle=0.0, parity=-1,
             projection="TAN", axes=("RA", "DEC")):
    """A WCS of square pixels, rotated by an angle (deg) and of either handedness."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"{name:-<5}{projection}" for name in axes]
    wcs.wcs.crval = center
    wcs.wcs.crpix = [(shape[1] + 1) / 2, (shape[0] + 1) / 2]
    wcs.wcs.cdelt = [parity * scale, scale]
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    wcs.wcs.pc = [[c, -s], [s, c]]
    wcs.array_shape = shape
    wcs.wcs.set()
    return wcs


def make_sip_wcs(shape=SHAPE):
    """A WCS with distortions that move the corners by about a pixel."""
    wcs = make_wcs(shape)
    wcs.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"]
    a = np.zeros((3, 3))
    a[2, 0], a[0, 2] = 1e-3, -5e-4
    wcs.sip = Sip(a, a.T.copy(), None, None, wcs.wcs.crpix)
    wcs.wcs.set()
    return wcs


def make_map(wcs=None, **changes):
    """A map of noise with all its parts."""
    wcs = make_wcs() if wcs is None else wcs
    shape = wcs.array_shape
    rng = np.random.default_rng(5)
    mask = np.zeros(shape, dtype=bool)
    mask[3:6, 4:9] = True
    parts = {
        "wcs": wcs,
        "mask": mask,
        "uncertainty": rng.uniform(0.1, 0.2, shape),
        "kappa_b": rng.normal(0, 0.1, shape),
        "counts": rng.poisson(4, shape),
        "meta": {"estimator": "Test", "uncertainty": "noise", "parameters": {"deep": [1, None]}},
    }
    return ConvergenceMap(rng.normal(0, 0.1, shape), **(parts | changes))


def bumps(wcs, peaks):
    """The sum of Gaussians of given position, sigma (arcmin) and height, on a WCS."""
    y, x = np.indices(wcs.array_shape)
    sky = wcs.pixel_to_world(x, y)
    return sum(
        height * np.exp(-0.5 * (sky.separation(place).arcmin / sigma) ** 2)
        for place, sigma, height in peaks
    )


def centroid(kappa):
    """The position of the center of mass of a map."""
    weight = np.where(kappa.mask, 0.0, kappa.data)
    y, x = np.indices(kappa.shape)
    return kappa.wcs.pixel_to_world(
        (x * weight).sum() / weight.sum(), (y * weight).sum() / weight.sum()
    )


class TestMaking:
    def test_one_rule_for_masked_pixels(self):
        data = np.zeros(SHAPE)
        data[0, 0] = np.inf
        kappa = make_map(mask=None)
        assert not kappa.mask.any()
        mask = np.zeros(SHAPE, dtype=bool)
        mask[1, 1] = True
        kappa = ConvergenceMap(
            data, wcs=make_wcs(), mask=mask, kappa_b=np.ones(SHAPE), uncertainty=np.ones(SHAPE)
        )
        assert np.argwhere(kappa.mask).tolist() == [[0, 0], [1, 1]]
        for plane in (kappa.data, kappa.kappa_b, kappa.uncertainty.array):
            np.testing.assert_array_equal(np.isnan(plane), kappa.mask)
        assert np.isinf(data[0, 0]) and np.isfinite(data[1, 1])  # the user's array is his

    def test_copy(self):
        parts = {name: np.ones(SHAPE) for name in ("kappa_b", "counts")}
        data = np.ones(SHAPE)
        kappa = ConvergenceMap(data, wcs=make_wcs(), copy=True, **parts)
        for array in (data, *parts.values()):
            array[:] = 7
        assert (kappa.data == 1).all() and (kappa.kappa_b == 1).all() and (kappa.counts == 1).all()

    def test_is_nddata_and_takes_nddata(self):
        kappa = make_map()
        assert isinstance(kappa, NDData)
        assert kappa.unit == u.dimensionless_unscaled
        again = ConvergenceMap(
            NDData(
                kappa.data, wcs=kappa.wcs, mask=kappa.mask, uncertainty=kappa.uncertainty,
                meta=kappa.meta,
            )
        )
        np.testing.assert_array_equal(again.data, kappa.data)
        np.testing.assert_array_equal(again.uncertainty.array, kappa.uncertainty.array)
        assert again.meta == kappa.meta and again.kappa_b is None
        again = ConvergenceMap(kappa, meta={"new": 1})
        np.testing.assert_array_equal(again.kappa_b, kappa.kappa_b)
        np.testing.assert_array_equal(again.counts, kappa.counts)
        assert again.meta == {"new": 1}

    def test_masked_arrays_bring_their_mask(self):
        held = np.zeros(SHAPE, dtype=bool)
        held[2, 3] = True
        mask = np.zeros(SHAPE, dtype=bool)
        mask[4, 5] = True
        masked = np.ma.array(np.ones(SHAPE), mask=held)
        assert ConvergenceMap(masked, wcs=make_wcs(), mask=mask).mask.sum() == 2
        integers = np.ma.array(np.ones(SHAPE, dtype=int), mask=held)
        np.testing.assert_array_equal(ConvergenceMap(integers, wcs=make_wcs()).mask, held)
        # numpy's "nomask" is no array
        plain = NDData(np.ma.array(np.ones(SHAPE)), wcs=make_wcs())
        assert not ConvergenceMap(plain).mask.any()

    @pytest.mark.parametrize(
        "uncertainty, expected",
        [
            (StdDevUncertainty(np.full(SHAPE, 2.0)), 2.0),
            (VarianceUncertainty(np.full(SHAPE, 4.0)), 2.0),
            (InverseVariance(np.full(SHAPE, 4.0)), 0.5),
            (StdDevUncertainty(np.full(SHAPE, 2.0), unit="percent"), 0.02),
            (np.full(SHAPE, 2.0), 2.0),
        ],
    )
    def test_uncertainty_is_a_standard_deviation(self, uncertainty, expected):
        kappa = ConvergenceMap(np.zeros(SHAPE), wcs=make_wcs(), uncertainty=uncertainty)
        assert isinstance(kappa.uncertainty, StdDevUncertainty)
        np.testing.assert_allclose(kappa.uncertainty.array, expected)

    @pytest.mark.parametrize(
        "changes, error, message",
        [
            ({"wcs": None}, TypeError, "wcs must be"),
            ({"wcs": WCS(naxis=2)}, ValueError, "celestial"),
            ({"wcs": make_wcs((3, 3))}, ValueError, "shape"),
            ({"mask": np.zeros((3, 3), bool)}, ValueError, r"mask must have .*, not \(3, 3\)"),
            ({"mask": np.zeros(SHAPE)}, TypeError, "mask must be boolean"),
            ({"kappa_b": np.zeros((3, 3))}, ValueError, "kappa_b must have the shape"),
            ({"counts": np.zeros((3, 3))}, ValueError, "counts must have the shape"),
            ({"uncertainty": np.zeros((3, 3))}, ValueError, "uncertainty must have the shape"),
            ({"uncertainty": UnknownUncertainty(np.ones(SHAPE))}, TypeError, "UnknownUncertainty"),
            ({"unit": "Jy"}, ValueError, "'Jy'"),
            ({"data": np.zeros(SHAPE) * u.Jy}, ValueError, "'Jy'"),
            ({"data": np.zeros(5)}, ValueError, "two-dimensional"),
            ({"data": np.zeros(SHAPE, complex)}, TypeError, "real numbers"),
        ],
    )
    def test_bad_input(self, changes, error, message):
        parts = {"data": np.zeros(SHAPE), "wcs": make_wcs()} | changes
        with pytest.raises(error, match=message):
            ConvergenceMap(**parts)

    def test_the_wcs_is_its_own(self):
        wcs = make_wcs()
        kappa = make_map(wcs)
        wcs.wcs.crval = [0, 0]
        assert kappa.wcs.wcs.crval[0] == 150.0

    @pytest.mark.parametrize(
        "duplicate", [copy.copy, copy.deepcopy, lambda kappa: pickle.loads(pickle.dumps(kappa))]
    )
    def test_duplicates_are_whole(self, duplicate):
        kappa = make_map()
        again = duplicate(kappa)
        assert type(again) is ConvergenceMap and type(again.wcs) is WCS
        assert again.wcs.array_shape == SHAPE and again.meta == kappa.meta
        for name in ("data", "mask", "kappa_b", "counts"):
            np.testing.assert_array_equal(getattr(again, name), getattr(kappa, name))
        np.testing.assert_array_equal(again.uncertainty.array, kappa.uncertainty.array)

    def test_repr(self):
        text = repr(make_map())
        assert text == (
            "<ConvergenceMap of 30 x 40 pixels of 0.5 arcmin; 1185 unmasked; with kappa_b, "
            "uncertainty, counts; by Test>"
        )
        assert "unknown" in repr(ConvergenceMap(np.zeros(SHAPE), wcs=make_wcs()))

    def test_pixel_scale_is_that_on_the_sky(self):
        # At declination 60 a plate carree pixel is half as wide as it is high.
        wcs = make_wcs(center=(10.0, 0.0), projection="CAR")
        wcs.wcs.crpix[1] -= 60 / wcs.wcs.cdelt[1]
        kappa = ConvergenceMap(np.zeros(SHAPE), wcs=wcs)
        assert kappa.pixel_scale.to_value(u.arcmin) == pytest.approx(0.5 * np.sqrt(0.5), rel=1e-4)

    def test_snr(self):
        kappa = make_map()
        good = ~kappa.mask
        np.testing.assert_allclose(
            kappa.snr[good], kappa.data[good] / kappa.uncertainty.array[good]
        )
        assert np.isnan(kappa.snr[kappa.mask]).all()
        with pytest.raises(ValueError, match="must have an uncertainty"):
            make_map(uncertainty=None).snr


slices = st.tuples(*(
    st.tuples(st.integers(0, n - 1), st.integers(1, n)).map(
        lambda pair, n=n: slice(pair[0], min(pair[0] + pair[1], n))
    )
    for n in SHAPE
))


class TestSlicing:
    @settings(max_examples=50)
    @given(view=slices)
    def test_all_that_belongs_to_it_comes_along(self, view):
        kappa = make_map()
        part = kappa[view]
        for name in ("data", "mask", "kappa_b", "counts"):
            np.testing.assert_array_equal(getattr(part, name), getattr(kappa, name)[view])
        np.testing.assert_array_equal(part.uncertainty.array, kappa.uncertainty.array[view])
        cut = {} if part.shape == kappa.shape else {"cutout_of": [30, 40]}
        assert part.meta == {**cut, **kappa.meta} and part.unit == kappa.unit
        assert type(part.wcs) is WCS and part.wcs.array_shape == part.shape
        # A pixel keeps its place on the sky.
        y0, x0 = view[0].start, view[1].start
        apart = part.wcs.pixel_to_world(2, 1).separation(kappa.wcs.pixel_to_world(x0 + 2, y0 + 1))
        assert apart < 1e-6 * u.arcsec

    def test_one_slice_and_negative_indices(self):
        kappa = make_map()
        assert kappa[5:].shape == (25, 40)
        np.testing.assert_array_equal(kappa[-5:, -7:-2].data, kappa.data[-5:, -7:-2])

    @pytest.mark.parametrize(
        "item", [3, (3, 4), np.s_[::2], np.s_[:, :, :], "kappa", np.s_[5:5], np.s_[50:], ...]
    )
    def test_what_is_no_cut(self, item):
        with pytest.raises(IndexError, match="map"):
            make_map()[item]

    def test_sip_terms_stay_at_their_place(self):
        kappa = make_map(make_sip_wcs())
        part = kappa[8:, 11:30]
        apart = part.wcs.pixel_to_world(3, 4).separation(kappa.wcs.pixel_to_world(14, 12))
        assert apart < 1e-6 * u.arcsec


class TestReplace:
    def test_what_is_not_named_stays(self):
        kappa = make_map()
        new = kappa.replace(data=2 * kappa.data)
        np.testing.assert_array_equal(new.data, 2 * kappa.data)
        for name in ("mask", "kappa_b", "counts"):
            np.testing.assert_array_equal(getattr(new, name), getattr(kappa, name))
        np.testing.assert_array_equal(new.uncertainty.array, kappa.uncertainty.array)
        assert new.meta == kappa.meta and new is not kappa

    def test_none_drops_a_part(self):
        kappa = make_map()
        bare = kappa.replace(uncertainty=None, kappa_b=None, counts=None)
        assert bare.uncertainty is bare.kappa_b is bare.counts is None
        # and what meta said about it
        assert "uncertainty" not in bare.meta and bare.meta["estimator"] == "Test"
        assert kappa.meta["uncertainty"] == "noise" and kappa.uncertainty is not None
        assert kappa.replace(meta=None).meta == {}

    def test_masks(self):
        kappa = make_map()
        more = kappa.mask.copy()
        more[0] = True
        masked = kappa.replace(mask=more)
        np.testing.assert_array_equal(masked.mask, more)
        assert np.isnan(masked.data[0]).all() and np.isnan(masked.uncertainty.array[0]).all()
        # without a mask, what is not finite stays masked
        np.testing.assert_array_equal(masked.replace(mask=None).mask, more)
        filled = kappa.replace(data=np.ones(SHAPE), mask=None)
        assert not filled.mask.any()

    def test_other_pixels(self):
        kappa = make_map()
        wcs = make_wcs(angle=30.0)
        assert kappa.replace(wcs=wcs).wcs.wcs.compare(wcs.wcs)
        with pytest.raises(ValueError, match="shape"):
            kappa.replace(data=np.zeros((3, 4)))

    @pytest.mark.parametrize("name", ["kappa", "unit", "error"])
    def test_what_is_no_part(self, name):
        with pytest.raises(TypeError, match=f"{name} must be the name of a part: the parts are"):
            make_map().replace(**{name: None})


class TestCutout:
    def test_place_and_size(self):
        kappa = make_map()
        place = kappa.wcs.pixel_to_world(20, 12)
        part = kappa.cutout(place, 3 * u.arcmin)
        assert part.shape == (6, 6)
        x, y = part.wcs.world_to_pixel(place)
        assert part.data[round(float(y)), round(float(x))] == kappa.data[12, 20]
        # (height, width), any frame, words
        assert kappa.cutout(place.galactic, (2, 4) * u.arcmin).shape == (4, 8)
        assert kappa.cutout(place, ("2 arcmin", 3 * u.arcmin)).shape == (4, 6)
        assert kappa.cutout(place, "2 arcmin").shape == (4, 4)

    def test_sizes_are_those_on_the_sky(self):
        wcs = make_wcs((100, 100), center=(10.0, 0.0), projection="CAR")
        wcs.wcs.crpix[1] -= 60 / wcs.wcs.cdelt[1]
        kappa = ConvergenceMap(np.zeros((100, 100)), wcs=wcs)
        part = kappa.cutout(wcs.pixel_to_world(50, 50), 10 * u.arcmin)
        assert part.shape == (20, 40)

    def test_trimmed_at_the_edge(self):
        kappa = make_map()
        part = kappa.cutout(kappa.wcs.pixel_to_world(0, 0), 5 * u.arcmin)
        assert part.shape[0] < 10 and part.shape[1] < 10
        assert part.data[0, 0] == kappa.data[0, 0]

    @pytest.mark.parametrize("place", [(160.0, 2.0), (330.0, -2.0)])
    def test_elsewhere_and_on_the_other_side_of_the_sky(self, place):
        with pytest.raises(ValueError, match="does not overlap the map"):
            make_map().cutout(SkyCoord(*place, unit="deg"), 1 * u.arcmin)

    @pytest.mark.parametrize(
        "position, size, error",
        [
            ((3, 4), 1 * u.arcmin, TypeError),
            (SkyCoord([150, 151], [2, 2], unit="deg"), 1 * u.arcmin, TypeError),
            (SkyCoord(150, 2, unit="deg"), 5, TypeError),
            (SkyCoord(150, 2, unit="deg"), 5 * u.s, TypeError),
            (SkyCoord(150, 2, unit="deg"), -1 * u.arcmin, ValueError),
        ],
    )
    def test_bad_input(self, position, size, error):
        with pytest.raises(error, match="position|size"):
            make_map().cutout(position, size)


class TestArithmetic:
    @pytest.mark.parametrize("factor", [2, -0.5, np.float32(3), np.float64(-2), np.array(2.0),
                                        3 * u.dimensionless_unscaled, 50 * u.percent])
    def test_numbers_keep_the_uncertainty(self, factor):
        kappa = make_map()
        number = float(factor)
        good = ~kappa.mask
        for result in (kappa * factor, factor * kappa):
            assert type(result) is ConvergenceMap
            np.testing.assert_allclose(result.data[good], number * kappa.data[good])
            np.testing.assert_allclose(result.kappa_b[good], number * kappa.kappa_b[good])
            np.testing.assert_allclose(
                result.uncertainty.array[good], abs(number) * kappa.uncertainty.array[good]
            )
            np.testing.assert_array_equal(result.counts, kappa.counts)
            assert result.meta == kappa.meta
        np.testing.assert_allclose((kappa / factor).data[good], kappa.data[good] / number)
        np.testing.assert_allclose((-kappa).data[good], -kappa.data[good])

    def test_a_constant_moves_kappa_alone(self):
        kappa = make_map()
        good = ~kappa.mask
        for result, expected in (
            (kappa + 0.25, kappa.data + 0.25),
            (0.25 + kappa, kappa.data + 0.25),
            (kappa - 0.25, kappa.data - 0.25),
            (0.25 - kappa, 0.25 - kappa.data),
        ):
            np.testing.assert_allclose(result.data[good], expected[good])
            np.testing.assert_array_equal(result.uncertainty.array, kappa.uncertainty.array)
            np.testing.assert_array_equal(result.mask, kappa.mask)

    def test_the_sum_of_two_maps(self):
        mask = np.zeros(SHAPE, dtype=bool)
        mask[20:22] = True
        one, two = make_map(), make_map(mask=mask, kappa_b=np.ones(SHAPE))
        with pytest.warns(MapWarning, match="has no uncertainty") as record:
            result = one + two
        assert len(record) == 1
        assert record[0].filename == __file__  # it points at the user's line
        assert result.uncertainty is None and "uncertainty" not in result.meta
        assert result.meta["parameters"] == one.meta["parameters"]
        np.testing.assert_array_equal(result.mask, one.mask | two.mask)
        good = ~result.mask
        np.testing.assert_allclose(result.data[good], (one.data + two.data)[good])
        np.testing.assert_allclose(result.kappa_b[good], one.kappa_b[good] + 1)
        np.testing.assert_array_equal(result.counts, one.counts)

    def test_no_uncertainty_no_warning(self):
        one = make_map(uncertainty=None, kappa_b=None)
        other = make_map(uncertainty=None, counts=np.ones(SHAPE))
        result = one - other  # warnings are errors here
        assert not result.data[~result.mask].any()
        assert result.kappa_b is None and result.counts is None

    @pytest.mark.parametrize(
        "changes", [{"center": (150.001, 2.0)}, {"angle": 0.1}, {"parity": 1}, {"scale": 0.0084}]
    )
    def test_other_pixels_cannot_be_added(self, changes):
        with pytest.raises(ValueError, match="same pixels"):
            make_map() + make_map(make_wcs(**changes))
        with pytest.raises(ValueError, match="same pixels"):
            make_map() + make_map()[:-1]

    def test_the_same_pixels_in_other_words_can(self):
        wcs = make_wcs(angle=20)
        header = wcs.to_header()
        header["CD1_1"], header["CD1_2"] = wcs.pixel_scale_matrix[0]
        header["CD2_1"], header["CD2_2"] = wcs.pixel_scale_matrix[1]
        for name in [*header["PC*"], *header["CDELT*"]]:
            del header[name]
        assert WCS(header).wcs.has_cd()
        one, other = (make_map(w, uncertainty=None) for w in (wcs, _with_shape(WCS(header))))
        assert not (one - other).data[~one.mask].any()

    @pytest.mark.parametrize("other", ["1", None, np.ones(SHAPE), [1], 2 * u.Jy, 1j])
    def test_what_is_neither_number_nor_map(self, other):
        kappa = make_map()
        for operation in (
            lambda: kappa + other, lambda: other - kappa, lambda: kappa * other,
            lambda: other * kappa, lambda: kappa / other,
        ):
            with pytest.raises((TypeError, u.UnitsError)):
                operation()

    def test_maps_are_not_multiplied(self):
        with pytest.raises(TypeError):
            make_map() * make_map()


def _with_shape(wcs):
    wcs.array_shape = SHAPE
    return wcs


class TestSmooth:
    def test_widths_add_in_quadrature(self):
        wcs = make_wcs((120, 120))
        center = wcs.pixel_to_world(58.3, 61.2)
        kappa = ConvergenceMap(bumps(wcs, [(center, 3.0, 1.0)]), wcs=wcs)
        result = kappa.smooth(4 * u.arcmin)
        np.testing.assert_allclose(
            result.data, bumps(wcs, [(center, 5.0, 9 / 25)]), atol=2e-3
        )
        assert result.meta["smoothed_by"] == ["4.0 arcmin"]
        assert result.smooth("1 arcmin").meta["smoothed_by"] == ["4.0 arcmin", "1.0 arcmin"]
        assert "smoothed_by" not in kappa.meta

    def test_holes_have_no_influence(self):
        kappa = make_map()
        filled = ConvergenceMap(
            np.where(kappa.mask, 1e6, 0.3), wcs=kappa.wcs, mask=kappa.mask,
            kappa_b=np.where(kappa.mask, -1e6, 0.2),
        )
        result = filled.smooth(2 * u.arcmin)
        np.testing.assert_array_equal(result.mask, kappa.mask)
        np.testing.assert_allclose(result.data[~kappa.mask], 0.3, rtol=1e-12)
        np.testing.assert_allclose(result.kappa_b[~kappa.mask], 0.2, rtol=1e-12)

    def test_a_hole_of_the_b_mode_alone(self):
        b = np.full(SHAPE, 0.2)
        b[7, 7] = np.nan
        result = make_map(kappa_b=b, mask=None, uncertainty=None).smooth(1 * u.arcmin)
        assert np.argwhere(~np.isfinite(result.kappa_b)).tolist() == [[7, 7]]
        assert not result.mask.any()

    def test_precision_is_kept(self):
        kappa = ConvergenceMap(np.ones(SHAPE, np.float32), wcs=make_wcs())
        assert kappa.smooth(1 * u.arcmin).data.dtype == np.float32

    def test_the_uncertainty_is_dropped_with_one_warning(self):
        with pytest.warns(MapWarning, match="smoothed map has no uncertainty") as record:
            result = make_map().smooth(1 * u.arcmin)
        assert len(record) == 1 and result.uncertainty is None and "uncertainty" not in result.meta

    @pytest.mark.parametrize(
        "smoothing, error", [(1, TypeError), (1 * u.pix, TypeError), (-1 * u.arcmin, ValueError)]
    )
    def test_bad_smoothing(self, smoothing, error):
        with pytest.raises(error, match="smoothing"):
            make_map().smooth(smoothing)

    def test_pixels_that_are_no_squares(self):
        wcs = make_wcs()
        wcs.wcs.cdelt = [-0.01, 0.02]
        with pytest.raises(ValueError, match="stretched by a factor of 2"):
            ConvergenceMap(np.zeros(SHAPE), wcs=wcs).smooth(1 * u.arcmin)


WCS_OF_ALL_KINDS = {
    "mirrored": make_wcs((90, 90), parity=1),
    "rotated": make_wcs((90, 90), angle=33),
    "mirrored and rotated": make_wcs((90, 90), angle=-110, parity=1),
    "finer": make_wcs((170, 170), scale=0.25 / 60),
    "coarser": make_wcs((40, 40), scale=1 / 60, angle=10),
    "ZEA": make_wcs((90, 90), projection="ZEA", center=(150.2, 2.1)),
    "galactic": make_wcs(
        (90, 90), axes=("GLON", "GLAT"),
        center=tuple(getattr(SkyCoord(150, 2, unit="deg").galactic, n).deg for n in "lb"),
    ),
    "SIP": make_sip_wcs((90, 90)),
}


class TestReproject:
    @pytest.mark.parametrize("kind", list(WCS_OF_ALL_KINDS))
    def test_what_is_off_center_comes_back_at_its_place(self, kind):
        wcs = make_wcs((60, 60))
        # Neither symmetric under rotations nor under mirrors.
        peaks = [
            (wcs.pixel_to_world(38, 22), 1.5, 1.0),
            (wcs.pixel_to_world(43, 22), 1.5, 0.6),
            (wcs.pixel_to_world(38, 29), 1.5, 0.3),
        ]
        kappa = ConvergenceMap(
            bumps(wcs, peaks), wcs=wcs, kappa_b=2 * bumps(wcs, peaks), meta={"a": 1}
        )
        target = WCS_OF_ALL_KINDS[kind]
        result = kappa.reproject(target)
        assert result.shape == target.array_shape and type(result.wcs) is WCS
        truth = np.where(result.mask, np.nan, bumps(target, peaks))
        np.testing.assert_allclose(result.data, truth, atol=0.03)
        np.testing.assert_allclose(result.kappa_b, 2 * truth, atol=0.06)
        assert centroid(result).separation(centroid(kappa)) < 2 * u.arcsec
        assert result.meta["a"] == 1 and "bilinear" in result.meta["resampled_by"]

    @pytest.mark.parametrize("kind", list(WCS_OF_ALL_KINDS))
    def test_no_galaxy_is_lost(self, kind):
        target = WCS_OF_ALL_KINDS[kind]
        counts = np.random.default_rng(0).poisson(3.0, SHAPE)
        kappa = ConvergenceMap(np.zeros(SHAPE), wcs=make_wcs(), counts=counts)
        result = kappa.reproject(target)
        assert result.counts.sum() == pytest.approx(counts.sum(), rel=1e-12)
        assert result.counts.min() >= 0

    def test_counts_are_where_the_galaxies_are(self):
        wcs = make_wcs((60, 60))
        counts = np.zeros((60, 60))
        counts[22, 40] = 100
        kappa = ConvergenceMap(np.zeros((60, 60)), wcs=wcs, counts=counts)
        result = kappa.reproject(WCS_OF_ALL_KINDS["rotated"])
        y, x = np.unravel_index(np.argmax(result.counts), result.shape)
        assert result.wcs.pixel_to_world(x, y).separation(wcs.pixel_to_world(40, 22)) < SCALE

    @pytest.mark.parametrize("order", ["bilinear", "nearest-neighbor"])
    def test_masked_pixels_spread_nothing(self, order):
        wcs = make_wcs((60, 60))
        mask = np.zeros((60, 60), dtype=bool)
        mask[20:30, 25:45] = True
        data = np.where(mask, 1e9, 0.25)
        kappa = ConvergenceMap(data, wcs=wcs, mask=mask, kappa_b=data)
        result = kappa.reproject(WCS_OF_ALL_KINDS["rotated"], order=order)
        np.testing.assert_allclose(result.data[~result.mask], 0.25)
        np.testing.assert_allclose(result.kappa_b[~result.mask], 0.25)
        # All that is masked there is masked here, and little else within the map.
        y, x = np.indices(result.shape)
        old_x, old_y = wcs.world_to_pixel(result.wcs.pixel_to_world(x, y))
        hole = (abs(old_y - 24.5) < 5) & (abs(old_x - 34.5) < 10)
        assert result.mask[hole].all()
        near = (abs(old_y - 24.5) < 6.01) & (abs(old_x - 34.5) < 11.01)
        inside = (abs(old_y - 29.5) < 29) & (abs(old_x - 29.5) < 29)
        assert not result.mask[inside & ~near].any()

    def test_the_same_pixels_change_nothing(self):
        kappa = make_map(uncertainty=None)
        result = kappa.reproject(kappa.wcs)
        np.testing.assert_array_equal(result.mask, kappa.mask)
        np.testing.assert_allclose(result.data, kappa.data, atol=1e-6)
        np.testing.assert_allclose(result.counts, kappa.counts, atol=1e-6)

    def test_the_uncertainty_is_dropped_with_one_warning(self):
        with pytest.warns(MapWarning, match="resampled map has no uncertainty") as record:
            result = make_map().reproject(make_wcs(angle=5))
        assert len(record) == 1 and result.uncertainty is None

    def test_no_overlap(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # no talk of uncertainties before an error
            with pytest.raises(ValueError, match="does not overlap"):
                make_map().reproject(make_wcs(center=(160.0, 2.0)))

    @pytest.mark.parametrize(
        "wcs, order, error, message",
        [
            (WCS(naxis=2), "bilinear", ValueError, "celestial"),
            ("k.fits", "bilinear", TypeError, "wcs must be"),
            (make_wcs(angle=5), "bicubic", ValueError, "order must be one of"),
        ],
    )
    def test_bad_input(self, wcs, order, error, message):
        with pytest.raises(error, match=message):
            make_map().reproject(wcs, order=order)

    def test_a_wcs_without_a_shape(self):
        wcs = make_wcs()
        wcs.array_shape = None
        with pytest.raises(ValueError, match="array_shape"):
            make_map().reproject(wcs)


def test_ccddata_can_become_a_map():
    image = CCDData(np.ones(SHAPE), unit="", wcs=make_wcs(), meta={"object": "A"})
    assert ConvergenceMap(image).meta["object"] == "A"
