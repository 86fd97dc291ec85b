# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Shear and convergence as arrays on HEALPix pixels of the sphere.

The package is to the sphere what `lensmap.flatsky` is to a plane. Its transforms are those of the
package ``ducc0`` (``pip install 'lensmap[survey]'``).
"""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
