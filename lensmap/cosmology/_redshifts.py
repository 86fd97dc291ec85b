# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`SourceRedshifts`: how the source galaxies are distributed in redshift."""

import numbers
from functools import cached_property

import numpy as np
from scipy.integrate import cumulative_trapezoid

from lensmap.utils import as_generator, look_up

__all__ = ["SourceRedshifts", "check_z_source", "farthest_source"]

# Smail et al. 1994 distributions, n(z) ~ z^2 exp(-(z / z0)^alpha): the LSST DESC requirements
# (Mandelbaum et al. 2018, arXiv:1809.01669, appendix D), source samples. (Their z0 = 0.28,
# alpha = 0.90 belong to the lenses.)
_PRESETS = {
    "lsst_y1": {"z0": 0.13, "alpha": 0.78},
    "lsst_y10": {"z0": 0.11, "alpha": 0.68},
}


class SourceRedshifts:
    """A distribution of source redshifts, linear between the points of a table.

    Parameters
    ----------
    z : array_like
        Redshifts, ``(n,)``, at least 2, rising, not negative.
    pdf : array_like
        The number of sources per unit redshift there, ``(n,)``, in any unit; not negative.
    name : str or None
        A name for stored settings and messages.

    Attributes
    ----------
    name : str or None
        As given.
    z : `numpy.ndarray`
        The redshifts, ``(n,)``.
    pdf : `numpy.ndarray`
        The probability density of redshift there: its integral is 1, ``(n,)``.

    Raises
    ------
    ValueError
        If the table is not of that kind.

    Examples
    --------
    >>> from lensmap.cosmology import SourceRedshifts
    >>> sources = SourceRedshifts.preset("lsst_y10")
    >>> print(f"mean {sources.mean:.2f}, median {sources.quantile(0.5):.2f}")
    mean 1.05, median 0.87
    """

    def __init__(self, z, pdf, *, name=None):
        self.name = name
        z, pdf = np.array(z, dtype=float), np.array(pdf, dtype=float)
        if z.ndim != 1 or z.shape != pdf.shape or len(z) < 2:
            raise ValueError(
                "z and pdf must be two one-dimensional arrays of the same length of at least "
                f"2, not of shapes {z.shape} and {pdf.shape}"
            )
        if not (np.all(np.isfinite(z)) and np.all(np.diff(z) > 0) and z[0] >= 0):
            raise ValueError("z must rise, be finite and not negative")
        if not np.all(np.isfinite(pdf)) or pdf.min() < 0 or pdf.max() == 0:
            raise ValueError("pdf must be finite, not negative, and positive somewhere")
        self.z = z
        self.pdf = pdf / np.trapezoid(pdf, z)
        self.z.flags.writeable = self.pdf.flags.writeable = False

    def get_params(self):
        """Return the parameters by name, for stored settings.

        Returns
        -------
        dict
            From names to values.
        """
        return {"name": self.name, "z": self.z, "pdf": self.pdf}

    @classmethod
    def smail(cls, z0, alpha, beta=2.0, *, z_max=None):
        r"""Make :math:`n(z) \propto z^\beta \exp(-(z / z_0)^\alpha)`.

        Parameters
        ----------
        z0, alpha, beta : float
            The parameters, all positive.
        z_max : float or None
            Where the table ends; None takes it so far that 1e-5 of the sources are lost, and no
            further than 6.

        Returns
        -------
        SourceRedshifts
            500 points.

        References
        ----------
        Smail, Ellis & Fitchett 1994, MNRAS 270, 245.
        """
        for name, value in (("z0", z0), ("alpha", alpha), ("beta", beta)):
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a positive number, not {value!r}")
        z = np.linspace(0.0, 6.0 if z_max is None else z_max, 6001)
        pdf = z**beta * np.exp(-((z / z0) ** alpha))
        if z_max is None:
            total = np.cumsum(pdf)
            z_max = z[np.searchsorted(total, (1 - 1e-5) * total[-1])]
        fine = np.linspace(0.0, z_max, 500)
        return cls(fine, fine**beta * np.exp(-((fine / z0) ** alpha)))

    @staticmethod
    def available_presets():
        """Return the names that `preset` takes.

        Returns
        -------
        list of str
            Such as ``"lsst_y10"``.
        """
        return list(_PRESETS)

    @classmethod
    def preset(cls, name):
        """Make a known distribution.

        Parameters
        ----------
        name : {"lsst_y1", "lsst_y10"}
            The LSST DESC source samples after one and ten years.

        Returns
        -------
        SourceRedshifts
            The distribution.

        References
        ----------
        LSST DESC 2018, arXiv:1809.01669, appendix D.
        """
        sources = cls.smail(**look_up(_PRESETS, name, "source redshift preset"))
        sources.name = name
        return sources

    def __repr__(self):
        return (
            f"<SourceRedshifts: mean {self.mean:.3g}, {self.z[0]:.3g} to {self.z[-1]:.3g}, "
            f"{len(self.z)} points>"
        )

    @cached_property
    def _cumulative(self):
        total = cumulative_trapezoid(self.pdf, self.z, initial=0)
        return total / total[-1]

    @property
    def mean(self):
        """The mean redshift."""
        a, b = self.z[:-1], self.z[1:]
        p, q = self.pdf[:-1], self.pdf[1:]
        return float(np.sum((b - a) * (p * (2 * a + b) + q * (a + 2 * b)) / 6))

    def quantile(self, fraction):
        """Return the redshift below which a fraction of the sources lies.

        Parameters
        ----------
        fraction : float or array_like
            Between 0 and 1.

        Returns
        -------
        float or `numpy.ndarray`
            The redshift.
        """
        fraction = np.asarray(fraction, dtype=float)
        if np.any((fraction < 0) | (fraction > 1)) or not np.all(np.isfinite(fraction)):
            raise ValueError(f"fraction must be between 0 and 1, not {fraction!r}")
        i = np.clip(np.searchsorted(self._cumulative, fraction, side="right") - 1,
                    0, len(self.z) - 2)
        # Within a step the pdf is linear: its integral is a quadratic, solved without loss.
        width = self.z[i + 1] - self.z[i]
        p, slope = self.pdf[i], (self.pdf[i + 1] - self.pdf[i]) / width
        area = np.clip(fraction - self._cumulative[i], 0.0, None)
        root = p + np.sqrt(np.clip(p**2 + 2 * slope * area, 0.0, None))
        step = np.divide(2 * area, root, out=np.zeros_like(root), where=root > 0)
        result = self.z[i] + np.minimum(step, width)
        return float(result) if result.ndim == 0 else result

    def sample(self, size, rng=None):
        """Draw redshifts.

        Parameters
        ----------
        size : int or tuple of int
            How many.
        rng : None, int or `numpy.random.Generator`
            The source of random numbers.

        Returns
        -------
        `numpy.ndarray`
            Redshifts.
        """
        return self.quantile(as_generator(rng).random(size))


def check_z_source(z_source):
    """Return a source redshift as a float, or a distribution as it is.

    Parameters
    ----------
    z_source : float or SourceRedshifts
        What was given.

    Returns
    -------
    float or SourceRedshifts
        The same.

    Raises
    ------
    TypeError
        If it is neither.
    ValueError
        If it is not a positive finite number.
    """
    if isinstance(z_source, SourceRedshifts):
        return z_source
    if isinstance(z_source, bool) or not isinstance(z_source, numbers.Real):
        raise TypeError(f"z_source must be a redshift or a SourceRedshifts, not {z_source!r}")
    if not (np.isfinite(z_source) and 0 < z_source < 100):
        raise ValueError(f"z_source must be a positive finite redshift, not {z_source!r}")
    return float(z_source)


def farthest_source(z_source):
    """Return the highest redshift of sources.

    Parameters
    ----------
    z_source : float or SourceRedshifts
        Their redshift, or their distribution.

    Returns
    -------
    float
        The redshift.
    """
    return float(z_source.z[-1]) if isinstance(z_source, SourceRedshifts) else z_source
