# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Default shape, pixel scale and source redshift of simulated fields, and their largest size."""

from astropy import units as u

__all__ = ["DEFAULT_PIXEL_SCALE", "DEFAULT_SHAPE", "DEFAULT_Z_SOURCE", "MAX_SIDE_DEG"]

#: The shape in pixels, ``(ny, nx)``. With the default pixel scale, the field is 3.5 deg wide.
DEFAULT_SHAPE = (512, 512)

#: The side of a pixel.
DEFAULT_PIXEL_SCALE = 0.41 * u.arcmin

#: The source redshift.
DEFAULT_Z_SOURCE = 1.0

#: The largest side in degrees. On larger fields, the flat-sky approximation fails.
MAX_SIDE_DEG = 25.0
