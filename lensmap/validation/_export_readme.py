# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The description of exported fields, which lies beside them as ``README.txt``."""

__all__ = ["README"]

#: The text, with placeholders for `str.format`.
README = """Simulated lensing fields for maps of the convergence, exported by lensmap {version}

Number of fields: {n}. Those of the parts fields, null and masked have {nx} x {ny} pixels (x, y)
of {scale:.6g} arcmin.

Files
  shear/NAME-shear.fits   the data: binned reduced shear, noise and mask of the field NAME
  truth/NAME-truth.fits   the true convergence. For comparison only: do not use it to make maps.
  export.json             the settings, and the list of all fields
  settings.json, data/    the state of the export, with which it can be extended

Names: PART-NUMBER, such as {first}
  fields                  fields of the set-up
  null                    galaxies that are not lensed; the true convergence is 0
  masked                  the same skies as fields, with a part of each field masked
  coma, coma_without_arms mocks of the Coma cluster with and without its filaments (no truth)

Images in a shear file (FITS extensions; the array order is [y, x], y is the second FITS axis)
  G1, G2    mean reduced shear of the galaxies in a pixel, with respect to the pixel axes x and y,
            not to north or east. Around a mass, -(G1 cos 2p + G2 sin 2p) is positive, where p is
            the angle from +x toward +y.
  SIGMA     standard deviation of the noise of G1, and of G2; infinite in pixels without galaxies
  WEIGHT    sum of the weights of the galaxies; 0 in pixels without galaxies, where G1 = G2 = 0
  COUNT     number of galaxies
  MASK      1 in masked pixels, which have no galaxies and are not scored; 0 elsewhere
  SUM_W2, SUM_W2VE, SUM_W2VM   further sums for estimators of lensmap, see lensmap.grid.ShearGrid
Each image has the celestial WCS of the field. Shear and convergence have no unit. Programs that
need a catalog can take each pixel with WEIGHT > 0 as a galaxy: its pixel coordinates times the
pixel scale are positions on a plane, and SIGMA is the error of each component.

Maps
  Make one folder for each program inside this folder, such as "glimpse" (or anywhere, with a copy
  of export.json in it), and one map for each field in it: NAME.fits, such as {first}.fits.
  The map is the convergence, not its negative: a two-dimensional image in the first HDU with data,
  with the pixels and the WCS of the field (copy the WCS cards from the header of G1). NaN is
  allowed in masked pixels only. Optional extensions: MASK, not 0 in further masked pixels, and
  UNCERT, the standard deviation of the map about the truth.

Scores
  lensmap validate -o report --maps glimpse=THIS_FOLDER/glimpse [the options of the export]
"""
