# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Calibration of ellipticities to reduced shear, applied to weighted means, not to galaxies."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from lensmap.catalog._convention import Response
from lensmap.catalog._scatter import (
    VarianceByWeight,
    add_scatter,
    no_scatter,
    scatter_by_weight,
    variance_by_weight,
)
from lensmap.catalog._shear_response import add_versions, response_of_versions

if TYPE_CHECKING:
    from lensmap.catalog._shear_catalog import ShearCatalog

__all__ = ["Calibration"]


@dataclass(frozen=True)
class Calibration:
    r"""The weighted sums of a catalog that calibrate its mean ellipticities.

    The mean reduced shear of galaxies with ellipticities e is

    .. math:: g = \frac{1}{1 + \langle m \rangle}
              \left(\mathsf{R}^{-1} \frac{\sum w e}{\sum w} - \frac{\sum w c}{\sum w}\right)

    where the response :math:`\mathsf{R}` is 1 for ``kind="shear"``,
    :math:`2 (1 - e_\mathrm{rms}^2)` for ``kind="distortion"``, and the mean 2 x 2 matrix of
    metacalibration if the catalog has response columns. :math:`\langle m \rangle` and
    :math:`\mathsf{R}` are means over the whole catalog; the mean additive bias c is subtracted in
    each pixel. If a catalog is read in chunks, the `Calibration` of the catalog is the sum of
    those of its chunks.

    Attributes
    ----------
    kind : str
        ``"shear"`` or ``"distortion"``.
    response : float or tuple or None
        A mean response that overrides the response columns: a number or
        ``((r11, r12), (r21, r22))``. It must include the selection response. If None, the response
        columns are used.
    has_response : bool
        Whether the catalog has response columns.
    sum_w, sum_w2 : float
        Sums of ``w`` and ``w**2``, where w is the weight of a galaxy.
    sum_we2, sum_w2e2 : float
        Sums of ``w (e1**2 + e2**2) / 2`` and of ``w**2 (e1**2 + e2**2) / 2``.
    sum_wm : float or None
        Sum of ``w m``. None if the catalog has no column ``m``; the bias is then taken as 0.
    sum_wc1, sum_wc2 : float or None
        Sums of ``w c1`` and ``w c2``. None if the catalog has no such column.
    sum_wr11, sum_wr12, sum_wr21, sum_wr22 : float
        Sums of the weight times each element of the response; 0 without response columns.
    sum_wv_m, sum_w2v_m : float or None
        Sums of ``w sigma_m**2`` and ``w**2 sigma_m**2``. None if the catalog has no column
        ``sigma_m``.
    sum_wv_e, sum_w2v_e : float or None
        Sums of ``w sigma_e**2`` and ``w**2 sigma_e**2``. None if the catalog has no column
        ``sigma_e``.
    sum_by_weight : `numpy.ndarray`
        Sums over the galaxies in narrow bins of weight, one row for each bin, ``(n_bins, 5)``: the
        index of the bin, the number of galaxies, and the sums of ``w``, of
        ``w (e1**2 + e2**2) / 2`` and of ``w sigma_m**2``. There are no rows if the catalog has the
        column ``sigma_e``. Comparisons of calibrations with ``==`` ignore this array.
    sum_versions : `numpy.ndarray` or None
        Sums of ``w``, ``w e1`` and ``w e2`` in patches of the sky, ``(n_patches, 4, 3)``, from
        which the response is measured. The second axis is the sheared version of the galaxies: the
        four versions are measured on images with the artificial shears +g1, -g1, +g2 and -g2. None
        if the catalog has no sheared versions. Comparisons of calibrations with ``==`` ignore this
        array.

    References
    ----------
    Bernstein & Jarvis 2002, AJ 123, 583 (responsivity); Mandelbaum et al. 2018, PASJ 70, S25,
    appendix A3 (distortions with m and c); Sheldon & Huff 2017, ApJ 841, 24 (metacalibration).
    """

    kind: str = "shear"
    response: Response | None = None
    has_response: bool = False
    sum_w: float = 0.0
    sum_w2: float = 0.0
    sum_we2: float = 0.0
    sum_w2e2: float = 0.0
    sum_wm: float | None = None
    sum_wc1: float | None = None
    sum_wc2: float | None = None
    sum_wr11: float = 0.0
    sum_wr12: float = 0.0
    sum_wr21: float = 0.0
    sum_wr22: float = 0.0
    sum_wv_m: float | None = None
    sum_w2v_m: float | None = None
    sum_wv_e: float | None = None
    sum_w2v_e: float | None = None
    sum_by_weight: np.ndarray = field(default_factory=no_scatter, repr=False, compare=False)
    sum_versions: np.ndarray | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_catalog(cls, catalog: ShearCatalog, *, by_weight: bool = True) -> Calibration:
        """Compute the weighted sums over the galaxies of a catalog.

        Parameters
        ----------
        catalog : ShearCatalog
            The galaxies.
        by_weight : bool
            Whether to compute the sums in bins of weight, which only the noise needs.

        Returns
        -------
        Calibration
            The calibration with the sums of the catalog.
        """
        w = catalog.weight
        half_e2 = 0.5 * (np.square(catalog.e1, dtype=float) + np.square(catalog.e2, dtype=float))
        n = len(catalog)

        def total(values: Any, power: int = 1) -> Any:
            if values is None:
                return None
            if w is None:
                return float(np.sum(values, dtype=float))
            factor = w if power == 1 else np.square(w, dtype=float)
            return float(np.sum(values * factor, dtype=float))

        def squared(values: Any) -> Any:
            return None if values is None else np.square(values, dtype=float)

        v_m, v_e = squared(catalog["sigma_m"]), squared(catalog["sigma_e"])
        r = {name: total(catalog[name]) for name in ("r11", "r12", "r21", "r22")}
        # Surveys with an isotropic response may have one column for both components.
        r11, r22 = (r[a] if r[a] is not None else r[b] for a, b in (("r11", "r22"), ("r22", "r11")))
        return cls(
            kind=catalog.kind,
            response=catalog.response if catalog._version_sums is None else None,
            has_response=r11 is not None,
            sum_w=float(n) if w is None else float(np.sum(w, dtype=float)),
            sum_w2=float(n) if w is None else float(np.sum(np.square(w, dtype=float))),
            sum_we2=total(half_e2),
            sum_w2e2=total(half_e2, 2),
            sum_wm=total(catalog["m"]),
            sum_wc1=total(catalog["c1"]),
            sum_wc2=total(catalog["c2"]),
            sum_wr11=r11 or 0.0,
            sum_wr12=r["r12"] or 0.0,
            sum_wr21=r["r21"] or 0.0,
            sum_wr22=r22 or 0.0,
            sum_wv_m=total(v_m),
            sum_w2v_m=total(v_m, 2),
            sum_wv_e=total(v_e),
            sum_w2v_e=total(v_e, 2),
            sum_by_weight=(
                scatter_by_weight(catalog) if v_e is None and by_weight else no_scatter()
            ),
            sum_versions=catalog._version_sums,
        )

    def __add__(self, other: Calibration) -> Calibration:
        if not isinstance(other, Calibration):
            return NotImplemented
        added: dict[str, Any] = {}
        for item in fields(self):
            first, second = getattr(self, item.name), getattr(other, item.name)
            if item.name == "sum_by_weight":
                added[item.name] = add_scatter(first, second)
            elif item.name == "sum_versions":
                added[item.name] = add_versions(first, second)
            elif not item.name.startswith("sum_"):
                if first != second:
                    raise ValueError(
                        f"catalogs of different {item.name} cannot be added: {first!r} and "
                        f"{second!r}"
                    )
                added[item.name] = first
            elif (first is None) != (second is None):
                columns = {"sum_wm": "m", "sum_wc1": "c1", "sum_wc2": "c2"}
                column = columns.get(item.name, f"sigma_{item.name[-1]}")
                raise ValueError(
                    f"catalogs cannot be added if only one of them has the column {column}"
                )
            else:
                added[item.name] = None if first is None else first + second
        return Calibration(**added)

    @property
    def m(self) -> float:
        """The weighted mean multiplicative bias; 0 if the catalog has no column ``m``."""
        if self.sum_wm is None:
            return 0.0
        m = self._mean(self.sum_wm)
        if not abs(m) < 1.0:
            raise ValueError(
                f"the mean multiplicative bias m must be between -1 and 1, but is {m:.3g}: does "
                "the column m hold something else, such as magnitudes?"
            )
        return m

    def _mean(self, total: Any) -> Any:
        self._require_weight()
        return total / self.sum_w

    def _require_weight(self) -> None:
        if not self.sum_w > 0.0:
            raise ValueError("the weighted mean is not defined: all weights are 0")

    @property
    def responsivity(self) -> float:
        """The responsivity 1 - e_rms**2 of distortions.

        Here e_rms is the intrinsic dispersion of the distortions per component.
        """
        if self.sum_wv_e is not None:
            variance = self._mean(self.sum_wv_e)
        else:
            variance = self._mean(self.sum_we2 - (self.sum_wv_m or 0.0))
        if not 0.0 <= variance < 1.0:
            raise ValueError(
                "the intrinsic dispersion of the distortions must be from 0 to 1 per component, "
                f"but its square is {variance:.3g}: are e1, e2 and sigma_m distortions?"
            )
        return 1.0 - variance

    @property
    def matrix(self) -> np.ndarray:
        """The mean response in the celestial basis, ``(2, 2)``, without the factor 1 + m."""
        if self.response is not None:
            response = np.asarray(self.response, dtype=float)
            return response * np.eye(2) if response.ndim == 0 else response
        if self.sum_versions is not None:
            return response_of_versions(self.sum_versions)[0]
        if self.has_response:
            sums = [[self.sum_wr11, self.sum_wr12], [self.sum_wr21, self.sum_wr22]]
            return self._mean(np.array(sums))
        if self.kind == "distortion":
            return 2.0 * self.responsivity * np.eye(2)
        return np.eye(2)

    @property
    def matrix_error(self) -> np.ndarray | None:
        """The standard error of `matrix`, ``(2, 2)``.

        None if the response was not measured from sheared versions of the galaxies.
        """
        if self.sum_versions is None:
            return None
        return response_of_versions(self.sum_versions)[1]

    def factors(self) -> tuple[complex, complex]:
        r"""Return the inverse of the mean response as two factors for complex ellipticities.

        Returns
        -------
        a, b : complex
            The factors in :math:`\mathsf{R}^{-1} e = a e + b e^*` for :math:`e = e_1 + i e_2` in
            the celestial basis. The factor b is 0 for an isotropic response.

        Raises
        ------
        ValueError
            If the determinant or the trace of the response is not positive.
        """
        matrix = self.matrix
        # The determinant of a response of -1 is positive.
        if (not np.all(np.isfinite(matrix)) or np.linalg.det(matrix) <= 1e-6
                or np.trace(matrix) <= 0):
            raise ValueError(f"the mean response must be positive, but it is {matrix.tolist()}")
        (i11, i12), (i21, i22) = np.linalg.inv(matrix)
        return complex(i11 + i22, i21 - i12) / 2.0, complex(i11 - i22, i21 + i12) / 2.0

    def shear(self, catalog: ShearCatalog) -> np.ndarray:
        r"""Return the contribution of each galaxy to the mean reduced shear.

        The values of single galaxies have no meaning: only their weighted mean over a set of
        galaxies is the calibrated reduced shear of the set.

        Parameters
        ----------
        catalog : ShearCatalog
            The galaxies.

        Returns
        -------
        `numpy.ndarray`
            The contributions :math:`g_1 + i g_2` in the celestial basis, complex, ``(n,)``.

        Raises
        ------
        ValueError
            As for `factors`, or if the mean of m is not between -1 and 1.
        """
        shear = self.over_response(catalog)
        for column, unit in (("c1", 1.0), ("c2", 1j)):
            if catalog[column] is not None:
                shear = shear - unit * catalog[column]
        return shear / (1.0 + self.m)

    def over_response(self, catalog: ShearCatalog) -> np.ndarray:
        r"""Return the ellipticities of galaxies, divided by the mean response of this calibration.

        Parameters
        ----------
        catalog : ShearCatalog
            The galaxies.

        Returns
        -------
        `numpy.ndarray`
            The ratios :math:`\mathsf{R}^{-1} e` in the celestial basis, complex, ``(n,)``; neither
            c is subtracted nor 1 + m divided out.

        Raises
        ------
        ValueError
            As for `factors`.
        """
        a, b = self.factors()
        e = catalog.e1 + 1j * catalog.e2
        return a * e if b == 0 else a * e + b * np.conj(e)

    @property
    def gain(self) -> float:
        """The ratio of the noise of the calibrated reduced shear to that of the ellipticity."""
        a, b = self.factors()
        return float(np.hypot(abs(a), abs(b))) / (1.0 + self.m)

    def noise_squares(self, sigma_e: float | None = None) -> tuple[float | None, bool]:
        """Return the intrinsic variance of ellipticities, and whether to add measurement errors.

        Both refer to the ellipticities before calibration.

        Parameters
        ----------
        sigma_e : float or None
            The intrinsic dispersion of the ellipticities per component. If None, the column
            ``sigma_e`` is used. Without this column, the dispersion is the scatter of the
            ellipticities minus the measurement errors, in quadrature.

        Returns
        -------
        intrinsic : float or None
            The intrinsic variance per component, a mean over all galaxies. None if it differs
            between galaxies and must be taken from the column ``sigma_e``.
        measurement : bool
            Whether to add the measurement variance of each galaxy, the square of the column
            ``sigma_m``.

        See Also
        --------
        variance_by_weight : The measured variance as a function of the weight.
        """
        has_m = self.sum_w2v_m is not None
        if sigma_e is not None:
            return float(sigma_e) ** 2, has_m
        if self.sum_w2v_e is not None:
            return None, has_m
        self._require_weight()
        measured = (self.sum_w2e2 - (self.sum_w2v_m or 0.0)) / self.sum_w2
        return max(measured, 0.0), has_m

    def variance_by_weight(self) -> VarianceByWeight | None:
        """Return the intrinsic variance per component as a function of the weight.

        Returns
        -------
        callable or None
            The function takes weights and returns the scatter of the uncalibrated ellipticities
            minus the measurement variance of the column ``sigma_m``, if present. None for a catalog
            with the column ``sigma_e``, with fewer than 60 galaxies, or with weights that are the
            same within 0.2 per cent; `noise_squares` then gives the variance.
        """
        return variance_by_weight(self.sum_by_weight)

    def noise_variance(self, catalog: ShearCatalog) -> np.ndarray:
        """Return the noise variance of the contribution of each galaxy to the mean reduced shear.

        Parameters
        ----------
        catalog : ShearCatalog
            The galaxies.

        Returns
        -------
        `numpy.ndarray`
            The variance per component, float, ``(n,)``, from the columns ``sigma_e`` and
            ``sigma_m``. Without ``sigma_e``, `variance_by_weight` gives the intrinsic part.

        Raises
        ------
        ValueError
            As for `factors`, or if all weights are 0.
        """
        variance = self.intrinsic_variance(catalog)
        if self.sum_w2v_m is not None:
            variance += np.square(catalog["sigma_m"], dtype=float)
        return variance * self.gain**2

    def intrinsic_variance(
        self, catalog: ShearCatalog, sigma_e: float | None = None
    ) -> np.ndarray:
        """Return the intrinsic variance of the ellipticity of each galaxy, before calibration.

        Parameters
        ----------
        catalog : ShearCatalog
            The galaxies.
        sigma_e : float or None
            The intrinsic dispersion per component. If None, as for `noise_squares`, and as a
            function of the weight where `variance_by_weight` is.

        Returns
        -------
        `numpy.ndarray`
            The variance per component, float, ``(n,)``.
        """
        intrinsic, _ = self.noise_squares(sigma_e)
        if intrinsic is None:
            return np.square(catalog["sigma_e"], dtype=float)
        by_weight = self.variance_by_weight() if sigma_e is None else None
        if by_weight is None:
            return np.full(len(catalog), intrinsic)
        weight = catalog.weight
        return by_weight(np.ones(len(catalog)) if weight is None else weight)
