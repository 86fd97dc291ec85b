# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The default pixels and sources of simulated fields."""

from astropy import units as u

__all__ = ["DEFAULT_PIXEL_SCALE", "DEFAULT_SHAPE", "DEFAULT_Z_SOURCE"]

#: ``(ny, nx)``; with the default pixels, a field of 3.5 deg.
DEFAULT_SHAPE = (512, 512)

#: The side of a pixel.
DEFAULT_PIXEL_SCALE = 0.41 * u.arcmin

#: The source redshift.
DEFAULT_Z_SOURCE = 1.0
