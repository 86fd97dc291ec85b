# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pickles from which each WCS comes back with the same numbers.

astropy pickles a WCS as a FITS header, which rounds its numbers. Positions on the sky would then
differ in the last digit between processes. Exceptions are the coefficients of TPV and TPD
distortions, which wcslib keeps to itself.
"""

import io
import pickle
from typing import Any

import numpy as np
from astropy.wcs import WCS, Sip

__all__ = ["exact_dumps"]


def exact_dumps(value: Any) -> bytes:
    """Pickle an object; `pickle.loads` reads the result.

    Parameters
    ----------
    value : object
        The object, which may hold WCS objects at any depth.

    Returns
    -------
    bytes
        The pickled object.
    """
    buffer = io.BytesIO()
    _Pickler(buffer).dump(value)
    return buffer.getvalue()


class _Pickler(pickle.Pickler):
    """A pickler that adds the exact numbers to each WCS."""

    def reducer_override(self, obj):
        if type(obj) is not WCS:
            return NotImplemented
        return _rebuild, (*obj.__reduce__()[:2], *_numbers_of(obj))


def _numbers_of(wcs):
    """Return the numbers of a WCS that a header would round."""
    low, sip = wcs.wcs, wcs.sip
    # astropy ignores CDELT, with a warning, beside a CD matrix.
    names = ["crpix", "crval", *(["cd"] if low.has_cd() else ["cdelt", "pc"])]
    numbers = {name: np.array(getattr(low, name)) for name in names}
    numbers |= {name: getattr(low, name) for name in ("lonpole", "latpole")
                if np.isfinite(getattr(low, name))}
    return (
        numbers,
        low.get_pv(),
        None if sip is None else (sip.a, sip.b, sip.ap, sip.bp, sip.crpix),
    )


def _rebuild(function, arguments, numbers, pv, sip):
    """Return the WCS that astropy makes from ``function`` and ``arguments``, with exact numbers."""
    wcs = function(*arguments)
    if "cd" in numbers:
        del wcs.wcs.pc  # the header has the CD matrix as a PC matrix, which would be preferred
    for name, value in numbers.items():
        setattr(wcs.wcs, name, value)
    if pv:
        wcs.wcs.set_pv(pv)
    if sip is not None:
        wcs.sip = Sip(*sip)
    return wcs
