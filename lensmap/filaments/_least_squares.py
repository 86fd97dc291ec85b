# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Generalized least squares for the amplitudes of filaments in many directions."""

import numpy as np

from lensmap.flatsky import WienerSolver

__all__ = ["ArmAmplitudes"]


class ArmAmplitudes:
    r"""Linear estimates of the amplitude of a filament in each of many directions.

    For each direction, the shear is modeled as :math:`\kappa_0 t + M p + n` with the template t of
    the filament, the derivatives M of the shear of the cluster by its parameters p, which have
    Gaussian priors, and the noise n of the covariance C. The best linear estimate is

    .. math:: \hat\kappa_0 = \frac{t^T K d}{t^T K t}, \qquad
              K = C^{-1} - C^{-1} M (M^T C^{-1} M + P)^{-1} M^T C^{-1}

    with the inverse covariance P of the priors. Its variance is :math:`1 / (t^T K t)`.

    Parameters
    ----------
    solver : `lensmap.flatsky.WienerSolver`
        The covariance of the shear.
    variance : `numpy.ndarray`
        The variance of the shape noise per component, ``(ny, nx)``; infinite without data.
    templates : `numpy.ndarray`
        The shear of a filament of unit amplitude in each direction, complex,
        ``(n_directions, ny, nx)``.
    derivatives : `numpy.ndarray`
        The derivatives of the shear by the parameters of the cluster, complex, ``(n, ny, nx)``; n
        may be 0.
    precision : `numpy.ndarray`
        The inverse variance of the prior of each parameter, ``(n,)``.

    Attributes
    ----------
    error : `numpy.ndarray`
        The standard deviation of each amplitude, ``(n_directions,)``.
    cross_error : `numpy.ndarray`
        The standard deviation of each amplitude measured in the shear rotated by 45 degrees,
        ``(n_directions,)``.
    correlation : `numpy.ndarray`
        The correlation of the amplitudes, ``(n_directions, n_directions)``.
    """

    def __init__(
        self,
        solver: WienerSolver,
        variance: np.ndarray,
        templates: np.ndarray,
        derivatives: np.ndarray,
        precision: np.ndarray,
    ) -> None:
        n = len(templates)
        weighted = solver.weigh(templates)
        information = _products(weighted, templates)
        weights = _flat(weighted)
        self._pulls = np.zeros((n, len(precision)))
        if len(precision):
            nuisance = solver.weigh(derivatives)
            coupling = _products(templates, nuisance)
            matrix = _products(nuisance, derivatives) + np.diag(precision)
            gain = np.linalg.solve(matrix, coupling.T).T
            information = information - gain @ coupling.T
            weights = weights - gain @ _flat(nuisance)
            self._pulls = gain * precision
        information = (information + information.T) / 2
        diagonal = np.diag(information)
        weights = weights / diagonal[:, np.newaxis]
        self._conjugate = weights.conj()
        self._pulls /= diagonal[:, np.newaxis]
        self.error = diagonal**-0.5
        self.correlation = information * self.error * self.error[:, np.newaxis]
        # The prior has no B-mode, but holes and edges mix the E-mode of structure into the cross
        # component, whose variance is that of the weights rotated back.
        fields = weights.reshape(templates.shape)
        noise = np.where(np.isfinite(variance), variance, 0.0)
        shape_noise = np.sum(np.abs(fields) ** 2 * noise, axis=(1, 2))
        self.cross_error = np.sqrt(shape_noise + solver.signal_variance(-1j * fields))

    def measure(self, shear: np.ndarray, pull: np.ndarray | None = None) -> np.ndarray:
        """Return the amplitude in each direction.

        Parameters
        ----------
        shear : `numpy.ndarray`
            The complex shear minus that of the cluster, ``(ny, nx)``.
        pull : `numpy.ndarray` or None
            The mean of the prior minus the value at which the shear of the cluster was subtracted,
            for each parameter, ``(n,)``. None is 0.

        Returns
        -------
        `numpy.ndarray`
            The amplitudes, ``(n_directions,)``.
        """
        amplitude = self._product(shear)
        return amplitude if pull is None else amplitude - self._pulls @ pull

    def measure_cross(self, shear: np.ndarray) -> np.ndarray:
        """Return the amplitude of the shear rotated by 45 degrees, as for `measure`."""
        return self._product(1j * shear)

    def _product(self, shear):
        shear = shear.ravel().astype(self._conjugate.dtype, copy=False)
        return (self._conjugate @ shear).real.astype(float)


def _flat(fields):
    return fields.reshape(len(fields), -1)


def _products(fields, others):
    """Return the scalar products of complex fields, taken as real vectors."""
    return (_flat(fields).conj() @ _flat(others).T).real
