# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A test of the declared sign convention on the galaxies themselves.

Handedness first: gravity makes E-modes, and a mirrored catalog spreads them evenly over E and
B. Then the overall sign, to which powers are blind: mass has a skewed distribution, and is where
clusters are.
"""

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from lensmap.catalog import (
    Calibration,
    as_shear_catalog,
    convention_name,
    convention_signs,
    to_celestial,
)
from lensmap.flatsky import gaussian_smooth, normalized_smooth, shear_to_convergence
from lensmap.grid import PixelAssignment, make_wcs
from lensmap.utils import as_generator, check_count, track

__all__ = ["check_convention", "ConventionCheck"]

# Decisions need this many sigma.
_DECIDED = 3.0

# Gaussians (arcmin) from the scale of clusters to that of the large-scale structure.
_SCALES = (1.0, 2.0, 4.0)

# The map of a test needs no more pixels than this along a side.
_MAX_PIXELS = 512


@dataclass(frozen=True)
class ConventionCheck:
    """What the galaxies say of their declared convention.

    Attributes
    ----------
    declared : str
        The convention as declared.
    handedness : str
        ``"as declared"``, ``"mirrored"`` or ``"undecided"`` (below 3 sigma).
    handedness_significance : float
        In sigma of random rotations; positive speaks for the declared one.
    sign : str
        ``"as declared"``, ``"reversed"`` or ``"undecided"``: the overall sign, given the
        handedness that was decided (the declared one if none was).
    sign_significance : float
        In sigma of random rotations; positive speaks for the declared sign.
    sign_from : str
        ``"skewness"`` or ``"positions"``.
    n_positions : int
        How many of the given positions lie on the map.
    choices : `~astropy.table.Table`
        The four sign choices: ``convention``, the excess of E and B power over shape noise
        (``e_excess``, ``b_excess``), the skewness of E and the mean kappa at the positions
        (``skewness``, ``at_positions``; NaN without positions), all in sigma.
    """

    declared: str
    handedness: str
    handedness_significance: float
    sign: str
    sign_significance: float
    sign_from: str
    n_positions: int
    choices: Table

    @property
    def clearly_wrong(self):
        """Whether handedness or sign contradict the declaration at 3 sigma or more."""
        return self.handedness == "mirrored" or self.sign == "reversed"

    @property
    def suggestions(self):
        """The conventions that the galaxies allow, most likely first, a list of str.

        One if both tests decided; two if one did; all four names if none did.
        """
        s1, s2 = convention_signs(self.declared)
        hands = {"as declared": [1], "mirrored": [-1], "undecided": [1, -1]}[self.handedness]
        signs = {"as declared": [1], "reversed": [-1], "undecided": [1, -1]}[self.sign]
        return [convention_name((s1 * sign, s2 * sign * hand)) for sign in signs for hand in hands]

    def __str__(self):
        lines = [
            f"declared convention: {self.declared}",
            f"handedness: {self.handedness} ({self.handedness_significance:+.1f} sigma, E against "
            "B power)",
        ]
        source = (
            f"mean kappa at {self.n_positions} positions"
            if self.sign_from == "positions"
            else "skewness of kappa"
        )
        lines.append(f"overall sign: {self.sign} ({self.sign_significance:+.1f} sigma, {source})")
        shown = self.choices.copy()
        if not self.n_positions:
            shown.remove_column("at_positions")
        lines += ["", *shown.pformat(max_lines=-1, max_width=-1), ""]
        allowed = " or ".join(map(repr, self.suggestions))
        if self.clearly_wrong:
            lines.append(f"the declared convention is clearly wrong: it should be {allowed}")
        elif "undecided" in (self.handedness, self.sign):
            lines.append(f"nothing speaks clearly against the declaration; possible: {allowed}")
        else:
            lines.append("the declared convention is right")
        b_mode = min(self.choices["b_excess"])
        if b_mode >= _DECIDED:
            lines.append(
                f"but B power is significant in every choice ({b_mode:+.1f} sigma and more): "
                "something besides lensing is in the catalog, and the verdict is less sure than "
                "its sigmas"
            )
        return "\n".join(lines)


def check_convention(catalog, positions=None, *, n_rotations=100, rng=None, progress=None):
    """Test the declared convention of a catalog on its galaxies.

    The handedness is decided by the difference of E and B power, for the declared and for the
    mirrored catalog; the overall sign by the skewness of the E map or, better, by the mean
    kappa at positions of known masses. Significances come from random rotations of the galaxies.
    Below 3 sigma the verdict is "undecided". An excess of E power alone proves nothing: with the
    wrong handedness there is one, too, and as much of B.

    Parameters
    ----------
    catalog : ShearCatalog or `~astropy.table.Table`
        The galaxies.
    positions : `~astropy.coordinates.SkyCoord` or None
        Positions of known masses, such as clusters; None takes the skewness.
    n_rotations : int
        How many random rotations, at least 30.
    rng : None, int or `numpy.random.Generator`
        The source of random numbers.
    progress : None, bool or callable
        As for `lensmap.utils.track`.

    Returns
    -------
    ConventionCheck
        The verdict; ``print`` shows it.

    Raises
    ------
    TypeError, ValueError
        If an argument cannot be used, or no position is on the map.
    """
    catalog = as_shear_catalog(catalog)
    check_count(n_rotations, "n_rotations", minimum=30)
    if positions is not None and not isinstance(positions, SkyCoord):
        raise TypeError(f"positions must be a SkyCoord or None, not {type(positions).__name__}")
    maps = _TestMaps(catalog, positions)
    data = maps.statistics(maps.weighted)
    null = []
    generator = as_generator(rng)
    for _ in track(range(n_rotations), n_rotations, progress, "random rotations"):
        turns = np.exp(2j * np.pi * generator.random(len(catalog), dtype=np.float32))
        null.append(maps.statistics(maps.turned(turns)))
    return _verdict(catalog, positions, maps, data, null)


class _TestMaps:
    """E and B maps at several scales, of the declared catalog and of its mirror image."""

    def __init__(self, catalog, positions):
        wcs = make_wcs(catalog, _pixel_scale(catalog))
        self.catalog = catalog
        self.assignment = PixelAssignment(catalog, wcs)
        w = np.ones(len(catalog), dtype=np.float32) if catalog.weight is None else catalog.weight
        self.weight = self.assignment.sums(w)[0]
        self._share = w / max(float(np.sum(w, dtype=float)), np.finfo(float).tiny)
        e = np.empty(len(catalog), dtype=np.complex64)
        e.real, e.imag = catalog.e1, catalog.e2
        # make_wcs covers the catalog: each galaxy is used, in its order.
        frame = self._frame = self.assignment.frame
        self._rotation = frame.rotation(catalog.ra, catalog.dec, self.assignment.pixel)
        e -= _additive_bias(catalog)
        self.weighted = e * w
        self.scales = _SCALES / (frame.scales[0].to_value(u.arcmin))
        # Pixels with at least a few galaxies under the smallest kernel.
        occupied = self.assignment.counts() > 0
        density = gaussian_smooth(occupied.astype(float), self.scales[-1])
        self.good = density > 0.5 * density.max()
        self.at = None if positions is None else self._pixels_of(positions)

    def _pixels_of(self, positions):
        x, y = self._frame.positions(
            *(getattr(positions.transform_to(self.catalog.frame).spherical.reshape(-1), name).deg
              for name in ("lon", "lat"))
        )
        ny, nx = self.good.shape
        with np.errstate(invalid="ignore"):
            inside = (x > -0.5) & (x < nx - 0.5) & (y > -0.5) & (y < ny - 0.5)
        rows, columns = (np.rint(v[inside]).astype(int) for v in (y, x))
        on_map = self.good[rows, columns]
        if not on_map.any():
            raise ValueError(f"none of the {positions.size} positions lies within the catalog")
        return rows[on_map], columns[on_map]

    def turned(self, turns):
        """Return the weighted ellipticities after a random turn of each galaxy."""
        return self.weighted * turns

    def statistics(self, weighted):
        """Return the numbers for the declared catalog and for its mirror image, (2, n_scales, 5).

        The last axis: variance of E, variance of B, skewness of E, skewness of B, and the mean
        of E at the positions.
        """
        return np.array([self._of_one(w) for w in (weighted, _mirrored(weighted))])

    def _of_one(self, weighted):
        pixel = self._frame.to_pixel_basis(weighted, self._rotation)
        # A constant ellipticity is a bias, not lensing, but in a field that is no square it has
        # E and B; turned galaxies have none, so that it would seem significant.
        pixel = pixel - self._share * pixel.sum()
        real, imaginary = self.assignment.sums(pixel.real, pixel.imag)
        shear, _ = normalized_smooth(
            (real + 1j * imaginary).astype(np.complex64),
            self.weight.astype(np.float32),
            self.scales[0],
        )
        shear[~self.good] = 0.0
        kappa = shear_to_convergence(shear, padding=1.5)
        rows = []
        for scale in self.scales:
            extra = np.sqrt(max(scale**2 - self.scales[0] ** 2, 0.0))
            smooth = gaussian_smooth(kappa, extra)
            rows.append([*_moments(smooth[self.good]), self._mean_at(smooth)])
        return rows

    def _mean_at(self, smooth):
        return np.nan if self.at is None else float(smooth.real[self.at].mean())


def _additive_bias(catalog):
    """Return what c1 and c2 add to the ellipticities: c is one of shear, after the response."""
    c1, c2 = catalog["c1"], catalog["c2"]
    if c1 is None and c2 is None:
        return np.complex64(0)
    (r11, r12), (r21, r22) = Calibration.from_catalog(catalog).matrix
    c1, c2 = (0.0 if c is None else c for c in (c1, c2))
    return (r11 * c1 + r12 * c2 + 1j * (r21 * c1 + r22 * c2)).astype(np.complex64)


def _mirrored(e):
    """Return ellipticities of the other handedness."""
    e1, e2 = to_celestial(e.real, e.imag, "euclidean")
    return e1 + 1j * e2


def _moments(values):
    values = values - values.mean()
    variances = [float(np.mean(part * part)) for part in (values.real, values.imag)]
    # a product, because numpy's power is slow in single precision
    thirds = [float(np.mean(part * part * part)) for part in (values.real, values.imag)]
    skewness = [
        third / variance**1.5 if variance > 0 else 0.0
        for third, variance in zip(thirds, variances, strict=True)
    ]
    return [*variances, *skewness]


def _pixel_scale(catalog):
    """Return pixels that resolve the smallest scale, or fewer for a large field."""
    smallest = 0.5 * u.arcmin
    wcs = make_wcs(catalog, 10 * smallest)
    return max(smallest, 10 * smallest * max(wcs.array_shape) / _MAX_PIXELS)


def _combined(data, null):
    """Combine the scales of a statistic whose mean is 0 without a signal, in sigma.

    Parameters
    ----------
    data : `numpy.ndarray`
        ``(n_scales,)``.
    null : `numpy.ndarray`
        ``(n_rotations, n_scales)``.

    Returns
    -------
    float
        The sum over scales, each in units of its own scatter, in units of the scatter of that
        sum.
    """
    scatter = np.sqrt(np.mean(null**2, axis=0))
    scatter[scatter == 0] = np.inf
    total = (null / scatter).sum(axis=1)
    rms = np.sqrt(np.mean(total**2))
    return float((data / scatter).sum() / rms) if rms > 0 else 0.0


def _verdict(catalog, at, maps, data, null):
    null = np.array(null)  # (rotation, hand, scale, statistic)
    difference = data[..., 0] - data[..., 1]
    null_difference = null[..., 0] - null[..., 1]
    hand = _combined(
        difference[0] - difference[1], null_difference[:, 0] - null_difference[:, 1]
    )
    handedness = _word(hand, "as declared", "mirrored")
    chosen = 1 if handedness == "mirrored" else 0
    signs = [_combined(data[i, :, 2], _both(null, 2, 3)) for i in (0, 1)]
    sign, source, n_positions = signs[chosen], "skewness", 0
    positions = [np.nan, np.nan]
    if at is not None:
        positions = [_combined(data[i, :1, 4], _both(null, 4)[:, :1]) for i in (0, 1)]
        sign, source, n_positions = positions[chosen], "positions", len(maps.at[0])
    return ConventionCheck(
        declared=catalog.convention,
        handedness=handedness,
        handedness_significance=hand,
        sign=_word(sign, "as declared", "reversed"),
        sign_significance=sign,
        sign_from=source,
        n_positions=n_positions,
        choices=_choices(catalog, data, null, signs, positions),
    )


def _both(null, *indices):
    """Return the rotations' numbers for both hands (and E and B): samples of one distribution."""
    return np.concatenate([null[:, hand, :, i] for hand in (0, 1) for i in indices])


def _word(significance, yes, no):
    if abs(significance) < _DECIDED:
        return "undecided"
    return yes if significance > 0 else no


def _choices(catalog, data, null, signs, positions):
    s1, s2 = convention_signs(catalog.convention)
    noise = _both(null, 0, 1)
    mean = noise.mean(axis=0)
    rows = []
    for hand in (0, 1):
        excess = [_combined(data[hand, :, i] - mean, noise - mean) for i in (0, 1)]
        for sign in (1, -1):
            name = convention_name((s1 * sign, s2 * sign * (1 - 2 * hand)))
            rows.append((name, *excess, sign * signs[hand], sign * positions[hand]))
    table = Table(
        rows=rows, names=["convention", "e_excess", "b_excess", "skewness", "at_positions"]
    )
    for name in table.colnames[1:]:
        table[name].format = "+.1f"
    return table
