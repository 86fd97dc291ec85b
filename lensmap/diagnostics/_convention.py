# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Test of the sign convention of a catalog on its galaxies.

The E and B power gives the handedness: lensing makes E-modes only, and in a mirrored catalog the
lensing power is spread evenly over E and B. The convergence at the positions of clusters gives the
handedness, too: it vanishes in a mirrored catalog. Power does not depend on the overall sign of the
ellipticities. The overall sign follows from the skewness of the convergence, or from the
convergence at the positions of clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from scipy import special

from lensmap.catalog import as_shear_catalog, convention_name, convention_signs
from lensmap.diagnostics._origins import origin_text
from lensmap.diagnostics._plane_maps import PlaneMaps
from lensmap.diagnostics._sphere_maps import SphereMaps, is_wide
from lensmap.utils import ParameterTypeError, as_generator, as_icrs, check_count, track

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lensmap.catalog import ShearCatalog
    from lensmap.typing import CatalogLike, ProgressLike, RNGLike

__all__ = ["check_convention", "ConventionCheck"]

_MIN_SIGMA = 3.0  # below this significance, a test with many random rotations is undecided


@dataclass(frozen=True)
class ConventionCheck:
    """The result of the test of a catalog's sign convention.

    A wrong convention mirrors the shear field (wrong handedness), reverses the sign of all shears
    (wrong overall sign), or does both.

    Attributes
    ----------
    convention : str
        The sign convention of the catalog, which is tested.
    origin : str
        The origin of the catalog's convention: ``"argument"``, ``"file"``, ``"survey"`` or
        ``"default"``, as in `lensmap.ShearCatalog`.
    survey : str or None
        The survey whose columns the catalog has.
    documented : str or None
        The convention that this survey documents. None if it is not known.
    handedness : str
        ``"confirmed"``, ``"mirrored"`` or ``"undecided"`` (below about 3 sigma, or if power and
        positions contradict each other).
    handedness_significance : float
        The significance of the handedness, in units of its scatter among random rotations of
        the galaxies. Positive values favor the handedness of ``convention``.
    handedness_from : str
        The more significant statistic of the handedness: ``"power"`` (E minus B power) or
        ``"positions"`` (kappa at the positions).
    power_significance : float
        The significance of the handedness from the E minus B power alone.
    sign : str
        The overall sign: ``"confirmed"``, ``"reversed"`` or ``"undecided"`` (below about 3 sigma,
        or if skewness and positions contradict each other). The test uses the handedness that was
        found or, if the handedness is undecided, that of ``convention``.
    sign_significance : float
        The significance of the overall sign, in units of its scatter among random rotations of
        the galaxies. Positive values favor the sign of ``convention``.
    sign_from : str
        The statistic of the sign test, ``"skewness"`` or ``"positions"``.
    n_positions : int
        The number of the given positions that lie on the map.
    choices : `~astropy.table.Table`
        The four possible conventions, one in each row, with statistics in sigma: the excess of E
        and B power over shape noise (``e_excess``, ``b_excess``), the skewness of the E map
        (``skewness``) and the mean kappa at the positions (``at_positions``; NaN without
        positions).
    """

    convention: str
    origin: str
    survey: str | None
    documented: str | None
    handedness: str
    handedness_significance: float
    handedness_from: str
    power_significance: float
    sign: str
    sign_significance: float
    sign_from: str
    n_positions: int
    choices: Table

    @property
    def verdict(self) -> str:
        """The verdict on the sign convention: ``"right"``, ``"wrong"`` or ``"undecided"``.

        The convention is right if handedness and overall sign are both confirmed, and wrong if one
        of them contradicts the convention, at about 3 sigma or more (see `check_convention`).
        """
        if self.handedness == "mirrored" or self.sign == "reversed":
            return "wrong"
        return "undecided" if "undecided" in (self.handedness, self.sign) else "right"

    @property
    def suggestions(self) -> list[str]:
        """The names of the sign conventions that the tests allow.

        If the convention of the catalog is allowed, it is the first in the list.

        One convention is allowed if the tests of handedness and overall sign are both decided, two
        if one test is undecided, and four if both are undecided.
        """
        s1, s2 = convention_signs(self.convention)
        hands = {"confirmed": [1], "mirrored": [-1], "undecided": [1, -1]}[self.handedness]
        signs = {"confirmed": [1], "reversed": [-1], "undecided": [1, -1]}[self.sign]
        return [convention_name((s1 * sign, s2 * sign * hand)) for sign in signs for hand in hands]

    @property
    def conclusion(self) -> str:
        """The verdict on the sign convention as one sentence, with the significances."""
        evidence = (
            f"handedness {self.handedness} at {self.handedness_significance:+.1f} sigma, overall "
            f"sign {self.sign} at {self.sign_significance:+.1f} sigma"
        )
        allowed = " or ".join(map(repr, self.suggestions))
        documented = ""
        if self.documented is not None and self.documented != self.convention:
            agrees = self.documented in self.suggestions
            documented = (
                f"; the survey {self.survey!r} documents {self.documented!r}, which the galaxies "
                f"{'allow' if agrees else 'contradict'}"
            )
        elif self.documented is not None and self.verdict == "wrong":
            documented = (
                f"; the survey {self.survey!r} documents {self.convention!r}: these columns were "
                "probably changed after their publication"
            )
        name = f"the convention {self.convention!r} ({origin_text(self.origin, self.survey)})"
        if self.verdict == "right":
            return f"{name} is right: {evidence}{documented}"
        if self.verdict == "wrong":
            return f"{name} is clearly wrong, it should be {allowed}: {evidence}{documented}"
        return (
            f"the galaxies do not decide whether {name} is right; possible: {allowed}: {evidence}"
            f"{documented}"
        )

    def __str__(self) -> str:
        positions = f"kappa at {self.n_positions} position{'s' if self.n_positions > 1 else ''}"
        hand_source = positions if self.handedness_from == "positions" else "E against B power"
        sign_source = f"mean {positions}" if self.sign_from == "positions" else "skewness of kappa"
        hand = f"{self.handedness_significance:+.1f} sigma, {hand_source}"
        if self.handedness_from == "positions":
            hand += f"; {self.power_significance:+.1f} sigma, E against B power"
        choices = self.choices.copy()
        if not self.n_positions:
            choices.remove_column("at_positions")
        lines = [
            f"convention: {self.convention} ({origin_text(self.origin, self.survey)})",
            f"handedness: {self.handedness} ({hand})",
            f"overall sign: {self.sign} ({self.sign_significance:+.1f} sigma, {sign_source})",
            "",
            *choices.pformat(max_lines=-1, max_width=-1),
            "",
            self.conclusion,
        ]
        b_mode = min(self.choices["b_excess"])
        if b_mode >= _MIN_SIGMA:
            lines.append(
                f"but B power is significant in every choice ({b_mode:+.1f} sigma and more): the "
                "catalog has systematics, or gaps that mix both modes, and the verdict is less "
                "certain than its sigmas"
            )
        return "\n".join(lines)


def check_convention(
    catalog: CatalogLike,
    positions: SkyCoord | None = None,
    *,
    n_rotations: int = 100,
    rng: RNGLike = None,
    progress: ProgressLike = None,
) -> ConventionCheck:
    """Test the sign convention of a catalog on its galaxies.

    A wrong convention mirrors the shear field (wrong handedness), reverses the sign of all shears
    (wrong overall sign), or does both.

    The test of the handedness compares the E minus B power of the catalog with that of its mirror
    image. If the positions of known masses are given, it also uses kappa at these positions, which
    vanishes in a mirrored catalog. The test of the overall sign uses the mean kappa at the
    positions or, without positions, the less sensitive skewness of the E map. Significances come
    from random rotations of the galaxies. Below a threshold a test is "undecided". The threshold is
    3 sigma for many random rotations; it is 3.2 sigma for 50, whose scatter is less certain, and
    3.4 sigma for the handedness where both power and positions test it.

    The maps of catalogs that extend more than 20 degrees from their mean position are on the sphere
    (HEALPix pixels of 27 arcmin), which needs the package ``ducc0``.

    An excess of E power alone proves nothing: a catalog with the wrong handedness has an excess of
    E power too, but with an equal excess of B power.

    Parameters
    ----------
    catalog : ShearCatalog or `~astropy.table.Table`
        The galaxies.
    positions : `~astropy.coordinates.SkyCoord` or None
        The positions of known masses, such as clusters. If None, the handedness is tested with
        the E and B power only, and the overall sign with the skewness of the E map.
    n_rotations : int
        The number of random rotations, at least 30.
    rng : None, int or `numpy.random.Generator`
        Seed or generator for the random rotations. None draws a new seed in each call.
    progress : None, bool or callable
        How to show the progress of the rotations, as for ``lensmap.utils.track``. None shows no
        progress.

    Returns
    -------
    ConventionCheck
        The result of the test, which ``print`` shows as text.

    Raises
    ------
    TypeError
        If a parameter has the wrong type.
    ValueError
        If ``n_rotations`` is below 30, or no position is on the map.
    ImportError
        If the catalog is wide, and ``ducc0`` is not installed.
    """
    catalog = as_shear_catalog(catalog)
    check_count(n_rotations, "n_rotations", minimum=30)
    if positions is not None and not isinstance(positions, SkyCoord):
        raise ParameterTypeError("positions", "a SkyCoord or None", type(positions).__name__)
    positions = None if positions is None else as_icrs(positions)
    maps = (SphereMaps if is_wide(catalog) else PlaneMaps)(catalog, positions)
    data = maps.statistics(maps.weighted)
    null = []
    generator = as_generator(rng)
    for _ in track(range(n_rotations), n_rotations, progress, "random rotations"):
        phases = np.exp(2j * np.pi * generator.random(len(catalog), dtype=np.float32))
        null.append(maps.statistics(maps.weighted * phases))
    return _verdict(catalog, maps, data, np.array(null))


def _significance(data: np.ndarray, null: np.ndarray) -> float:
    """Return the significance of a statistic, combined over the smoothing scales.

    The statistic at each scale is divided by its scatter among the random rotations, and the
    ratios are summed. The significance is this sum divided by its own scatter.

    Parameters
    ----------
    data : `numpy.ndarray`
        The statistic of the catalog at each smoothing scale, ``(n_scales,)``.
    null : `numpy.ndarray`
        The statistic of each random rotation, ``(n_rotations, n_scales)``. Its expected mean is 0.

    Returns
    -------
    float
        The significance in sigma.
    """
    scatter = np.sqrt(np.mean(null**2, axis=0))
    scatter[scatter == 0] = np.inf
    total = (null / scatter).sum(axis=1)
    rms = np.sqrt(np.mean(total**2))
    return float((data / scatter).sum() / rms) if rms > 0 else 0.0


def _verdict(
    catalog: ShearCatalog, maps: PlaneMaps | SphereMaps, data: np.ndarray, null: np.ndarray
) -> ConventionCheck:
    """Compare the statistics of a catalog with those of its random rotations.

    Parameters
    ----------
    catalog : ShearCatalog
        The catalog.
    maps : PlaneMaps or SphereMaps
        The E and B maps of the catalog and of its mirror image.
    data : `numpy.ndarray`
        The statistics of the maps, ``(2, n_scales, 5)``, as returned by ``PlaneMaps.statistics``.
    null : `numpy.ndarray`
        The same statistics for each random rotation of the galaxies,
        ``(n_rotations, 2, n_scales, 5)``.

    Returns
    -------
    ConventionCheck
        The result of the test.
    """
    difference = data[..., 0] - data[..., 1]
    null_difference = null[..., 0] - null[..., 1]
    power = _significance(
        difference[0] - difference[1], null_difference[:, 0] - null_difference[:, 1]
    )
    at_positions, from_positions, n_positions = [np.nan, np.nan], 0.0, 0
    if maps.indices is not None:
        at_positions = [_significance(data[i, :1, 4], _pool(null, 4)[:, :1]) for i in (0, 1)]
        from_positions, n_positions = _handedness_at(*at_positions), len(maps.indices[0])
    hand, hand_source = power, "power"
    if abs(from_positions) > abs(power):
        hand, hand_source = from_positions, "positions"
    n_rotations = len(null)
    handedness = _decision(
        hand, _threshold(n_rotations, 2 if n_positions else 1), "confirmed", "mirrored",
        others=(power, from_positions),
    )
    index = 1 if handedness == "mirrored" else 0
    skewness = [_significance(data[i, :, 2], _pool(null, 2, 3)) for i in (0, 1)]
    sign, sign_source = skewness[index], "skewness"
    if n_positions:
        sign, sign_source = at_positions[index], "positions"
    return ConventionCheck(
        convention=catalog.convention,
        origin=catalog.origins["convention"],
        survey=catalog.survey,
        documented=catalog.documented.get("convention"),
        handedness=handedness,
        handedness_significance=hand,
        handedness_from=hand_source,
        power_significance=power,
        sign=_decision(
            sign, _threshold(n_rotations), "confirmed", "reversed", others=[skewness[index]]
        ),
        sign_significance=sign,
        sign_from=sign_source,
        n_positions=n_positions,
        choices=_choices(catalog, data, null, skewness, at_positions),
    )


def _handedness_at(tested: float, mirrored: float) -> float:
    """Return the significance of the handedness from kappa at positions of known masses.

    Masses give a mean kappa of unknown height and sign in the right handedness, and 0 in the other
    one, each with unit scatter. The significance is the root of twice the logarithm of the ratio of
    the two maximum likelihoods.

    Parameters
    ----------
    tested, mirrored : float
        The mean kappa, in sigma, at the positions of known masses: in the map of the catalog, and
        in the map of its mirror image.

    Returns
    -------
    float
        The significance in sigma, positive if it favors the handedness of the catalog.
    """
    ratio = tested**2 - mirrored**2
    return float(np.copysign(np.sqrt(abs(ratio)), ratio))


def _pool(null: np.ndarray, *indices: int) -> np.ndarray:
    """Return the statistics of random rotations, pooled over both handednesses and ``indices``.

    In noise, both handednesses have the same distribution, and so do the E and B statistics.
    ``null`` has the shape ``(n_rotations, 2, n_scales, 5)``; ``indices`` select statistics on its
    last axis. The result has the shape ``(n_pooled, n_scales)``.
    """
    return np.concatenate([null[:, hand, :, i] for hand in (0, 1) for i in indices])


def _threshold(n_rotations: int, n_tests: int = 1) -> float:
    """Return the threshold of a test: the significance above which the test is decided.

    Noise exceeds the threshold as rarely as a Gaussian variate exceeds 3 sigma. The threshold is
    higher than 3, because the scatter is estimated from a finite number of random rotations, so
    that the significance of noise follows Student's distribution. The threshold is still higher if
    the largest of several significances is taken.

    Parameters
    ----------
    n_rotations : int
        The number of random rotations.
    n_tests : int
        The number of significances from which the largest is taken.

    Returns
    -------
    float
        The threshold in units of the estimated scatter.
    """
    probability = -np.expm1(np.log1p(-2 * special.ndtr(-_MIN_SIGMA)) / n_tests)
    return float(-special.stdtrit(n_rotations, probability / 2))


def _decision(
    significance: float,
    threshold: float,
    positive: str,
    negative: str,
    others: Iterable[float] = (),
) -> str:
    """Return the result of a test: ``positive``, ``negative`` or ``"undecided"``.

    The sign of the significance (in sigma) decides. The test is undecided below the threshold, or
    if one of the ``others``, significances of other statistics, exceeds the threshold with the
    opposite sign.
    """
    contradicted = any(abs(other) >= threshold and other * significance < 0 for other in others)
    if abs(significance) < threshold or contradicted:
        return "undecided"
    return positive if significance > 0 else negative


def _choices(
    catalog: ShearCatalog,
    data: np.ndarray,
    null: np.ndarray,
    skewness: Sequence[float],
    at_positions: Sequence[float],
) -> Table:
    """Return the table of the four possible sign conventions, with the test statistics in sigma.

    ``data`` and ``null`` are the statistics of the catalog and of its random rotations, as for
    `_verdict`. ``skewness`` and ``at_positions`` are the significances of the skewness of E and of
    kappa at the positions, for the handedness of the catalog and for the opposite one.
    """
    s1, s2 = convention_signs(catalog.convention)
    noise = _pool(null, 0, 1)
    mean = noise.mean(axis=0)
    rows = []
    for hand in (0, 1):
        excess = [_significance(data[hand, :, i] - mean, noise - mean) for i in (0, 1)]
        for sign in (1, -1):
            name = convention_name((s1 * sign, s2 * sign * (1 - 2 * hand)))
            rows.append((name, *excess, sign * skewness[hand], sign * at_positions[hand]))
    table = Table(
        rows=rows, names=["convention", "e_excess", "b_excess", "skewness", "at_positions"]
    )
    for name in table.colnames[1:]:
        table[name].format = "+.1f"
    return table
