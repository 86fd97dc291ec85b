# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Spherical harmonic transforms of shear and convergence, on all or some of the pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lensmap.sphere._pixels import HealpixPixels, import_ducc
from lensmap.utils import ParameterError, check_count, n_threads

__all__ = ["SphericalTransform", "e_over_kappa", "multipoles"]


def multipoles(lmax: int) -> np.ndarray:
    """Return the multipole of each coefficient up to ``lmax``, in the order of healpy, int."""
    return np.concatenate([np.arange(m, lmax + 1) for m in range(lmax + 1)])


def e_over_kappa(ell: np.ndarray) -> np.ndarray:
    """Return the ratio of the E-mode of the shear to the convergence at multipoles.

    It is 0 below 2, where the shear has no modes (Wallis et al. 2022, MNRAS 509, 4480).
    """
    number = np.maximum(ell, 2).astype(float)
    factor = np.sqrt((number + 2) * (number - 1) / (number * (number + 1)))
    return np.where(np.asarray(ell) < 2, 0.0, factor)


class SphericalTransform:
    r"""Transforms between maps on HEALPix pixels and their spherical harmonic coefficients.

    Shear is complex, :math:`\gamma_1 + i \gamma_2`, in the celestial basis (x to the east, y to the
    north). The coefficients of the convergence are

    .. math:: \kappa_{\ell m} = \sqrt{\frac{\ell (\ell + 1)}{(\ell + 2) (\ell - 1)}}\; E_{\ell m}

    and 0 for :math:`\ell < 2`, because the shear has no such modes; those of the B-mode are the
    same with :math:`B_{\ell m}`. Here, E and B belong to the shear in the basis of HEALPix (x to
    the south, y to the east), whose two components are minus those of the celestial basis.

    Coefficients are complex arrays ``(..., n_modes)`` for :math:`m \ge 0`, in the order of healpy:
    all l for m = 0, then all l for m = 1, and so on.

    Parameters
    ----------
    pixels : HealpixPixels
        The pixels of the sphere.
    index : array_like or None
        The nested indices of the pixels of the maps, ``(n,)``, each at most once. The transforms
        are computed on the rings of pixels that contain them. None stands for all pixels.
    lmax : int or None
        The highest multipole. None is ``2 * nside``, above which the pixels are too coarse for the
        quadrature.

    Raises
    ------
    ImportError
        If ``ducc0`` is not installed.
    ValueError
        If ``lmax`` is not from 2 to ``4 * nside``.

    References
    ----------
    Reinecke & Seljebotn 2013, A&A 554, A112 (transforms); Wallis et al. 2022, MNRAS 509, 4480
    (convergence on the sphere).
    """

    def __init__(
        self, pixels: HealpixPixels, index: ArrayLike | None = None, lmax: int | None = None
    ) -> None:
        self.pixels = pixels
        self.lmax = 2 * pixels.nside if lmax is None else check_count(lmax, "lmax", minimum=2)
        if self.lmax > 4 * pixels.nside:
            raise ParameterError(
                "lmax", f"at most 4 times nside, {4 * pixels.nside}", str(self.lmax),
                "use smaller pixels",
            )
        self._sht = import_ducc().sht
        base = import_ducc().healpix.Healpix_Base(pixels.nside, "RING")
        rings = base.sht_info()
        nested = np.arange(pixels.n_pixels) if index is None else np.asarray(index, np.int64)
        ring_index = pixels.to_ring(nested)
        start = rings["ringstart"].astype(np.int64)
        self._is_whole = bool(len(nested) == pixels.n_pixels and np.all(nested[1:] > nested[:-1]))
        if self._is_whole:
            used, new_start = np.arange(len(start)), start
            self._position, self._n_in_rings = ring_index, len(ring_index)
        else:
            ring = np.searchsorted(start, ring_index, side="right") - 1
            is_used = np.zeros(len(start), dtype=bool)
            is_used[ring] = True
            used = np.flatnonzero(is_used)
            ends = np.cumsum(rings["nphi"][used], dtype=np.int64)
            new_start = np.concatenate([[0], ends[:-1]])
            moved = np.zeros_like(start)
            moved[used] = new_start - start[used]
            # The position of each pixel in the concatenated rings that are used.
            self._position = ring_index + moved[ring]
            self._n_in_rings = int(ends[-1])
        self._geometry = {
            "theta": rings["theta"][used],
            "phi0": rings["phi0"][used],
            "nphi": rings["nphi"][used],
            "ringstart": new_start.astype(np.uint64),
        }
        #: The multipole of each coefficient, int, ``(n_modes,)``.
        self.ell = multipoles(self.lmax)
        #: The number of real modes that each coefficient stands for, counting m and -m.
        self.multiplicity = np.full(len(self.ell), 2.0)
        self.multiplicity[: self.lmax + 1] = 1.0
        self._e_over_kappa = e_over_kappa(self.ell)
        self._kappa_over_e = np.zeros(len(self.ell))
        np.divide(1.0, self._e_over_kappa, out=self._kappa_over_e, where=self.ell > 1)

    @property
    def n_pixels(self) -> int:
        """The number of pixels of the maps."""
        return len(self._position)

    # --- scalars ----------------------------------------------------------------------------

    def to_map(self, coefficients: np.ndarray) -> np.ndarray:
        """Return a scalar map from its coefficients.

        Parameters
        ----------
        coefficients : `numpy.ndarray`
            The coefficients, complex, ``(n_modes,)``.

        Returns
        -------
        `numpy.ndarray`
            The values at the centers of the pixels, ``(n,)``.
        """
        return self._synthesis(coefficients[np.newaxis], 0)[0]

    def to_coefficients(self, values: np.ndarray) -> np.ndarray:
        """Return the coefficients of a scalar map, by one quadrature with equal weights.

        Parameters
        ----------
        values : `numpy.ndarray`
            The values of the pixels, ``(n,)``. All other pixels of the sphere count as 0.

        Returns
        -------
        `numpy.ndarray`
            The coefficients, complex, ``(n_modes,)``.
        """
        return self.pixels.area * self._adjoint(np.asarray(values)[np.newaxis], 0)[0]

    # --- shear ------------------------------------------------------------------------------

    def to_shear(self, kappa: np.ndarray, kappa_b: np.ndarray | None = None) -> np.ndarray:
        """Return the shear of a convergence.

        Parameters
        ----------
        kappa : `numpy.ndarray`
            The coefficients of the convergence, complex, ``(n_modes,)``.
        kappa_b : `numpy.ndarray` or None
            The coefficients of the B-mode, complex, ``(n_modes,)``. None has no B-mode.

        Returns
        -------
        `numpy.ndarray`
            The shear in the celestial basis, complex, ``(n,)``.
        """
        zero = np.zeros_like(kappa)
        modes = np.stack([kappa, zero if kappa_b is None else kappa_b]) * self._e_over_kappa
        q, u = self._synthesis(modes, 2)
        return -(q + 1j * u)

    def to_convergence(self, shear: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the convergence of a shear map, by one quadrature with equal weights.

        Parameters
        ----------
        shear : `numpy.ndarray`
            The shear in the celestial basis, complex, ``(n,)``. All other pixels of the sphere
            count as 0.

        Returns
        -------
        kappa, kappa_b : `numpy.ndarray`
            The coefficients of the convergence and of the B-mode, complex, ``(n_modes,)``.
        """
        modes = self._adjoint((shear.real, shear.imag), 2)
        kappa, kappa_b = modes * (-self.pixels.area * self._kappa_over_e)
        return kappa, kappa_b

    def adjoint_of_shear(self, shear: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Apply the adjoint of `to_shear`.

        Parameters
        ----------
        shear : `numpy.ndarray`
            Values of the pixels in the celestial basis, complex, ``(n,)``.

        Returns
        -------
        kappa, kappa_b : `numpy.ndarray`
            The coefficients, complex, ``(n_modes,)``. Products of coefficients count each one as
            often as `multiplicity` says.
        """
        modes = self._adjoint((shear.real, shear.imag), 2) * -self._e_over_kappa
        return modes[0], modes[1]

    def smooth_shear(self, values: np.ndarray, transfer: np.ndarray) -> np.ndarray:
        """Convolve a spin-2 field with an isotropic kernel.

        Parameters
        ----------
        values : `numpy.ndarray`
            The field in the celestial basis, complex, ``(n,)``; 0 in all other pixels of the
            sphere.
        transfer : `numpy.ndarray`
            The factor for each multipole, ``(lmax + 1,)``.

        Returns
        -------
        `numpy.ndarray`
            The convolved field, complex, ``(n,)``.
        """
        modes = self._adjoint((values.real, values.imag), 2)
        q, u = self._synthesis(modes * (self.pixels.area * transfer[self.ell]), 2)
        return q + 1j * u

    def smooth(self, values: np.ndarray, transfer: np.ndarray) -> np.ndarray:
        """Convolve a scalar field, ``(n,)``, with an isotropic kernel, as `smooth_shear`."""
        return self.to_map(self.to_coefficients(values) * transfer[self.ell])

    def power(self, one: np.ndarray, other: np.ndarray | None = None) -> np.ndarray:
        """Return the power of coefficients, or the cross-power of two sets, per multipole.

        Parameters
        ----------
        one, other : `numpy.ndarray`
            The coefficients, complex, ``(n_modes,)``. If ``other`` is None, it is ``one``.

        Returns
        -------
        `numpy.ndarray`
            The mean of the products over all m, steradian, ``(lmax + 1,)``.
        """
        products = (one * np.conj(one if other is None else other)).real * self.multiplicity
        total = np.bincount(self.ell, products, minlength=self.lmax + 1)
        return total / (2 * np.arange(self.lmax + 1) + 1)

    # --- on rings ---------------------------------------------------------------------------

    def _synthesis(self, modes, spin):
        """Return maps, ``(n_components, n)``, of coefficients ``(n_components, n_modes)``."""
        on_rings = self._sht.synthesis(
            alm=np.ascontiguousarray(modes, complex), spin=spin, lmax=self.lmax,
            nthreads=n_threads(), **self._geometry,
        )
        return on_rings[:, self._position]

    def _adjoint(self, values, spin):
        """Apply the adjoint of `_synthesis` to ``n_components`` maps, ``(n,)`` each."""
        on_rings = np.zeros((len(values), self._n_in_rings))
        if self._is_whole:  # reading in another order is faster than writing
            nested = self.pixels.from_ring(np.arange(self._n_in_rings))
            for row, component in zip(on_rings, values, strict=True):
                np.take(component, nested, out=row, mode="clip")
        else:
            for row, component in zip(on_rings, values, strict=True):
                row[self._position] = component
        return self._sht.adjoint_synthesis(
            map=on_rings, spin=spin, lmax=self.lmax, nthreads=n_threads(), **self._geometry
        )
