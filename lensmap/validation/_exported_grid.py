# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The FITS files with the shear of exported fields, for other programs and for lensmap."""

import numpy as np
from astropy.io import fits

from lensmap.catalog import Calibration
from lensmap.grid import PixelFrame, ShearGrid
from lensmap.maps import celestial_header
from lensmap.typing import PathLike
from lensmap.utils import atomic_write, check_datasums, header_wcs, reading, write_hdus

__all__ = ["exported_grid", "identity_of", "is_same_field", "write_grid"]

_CONTENT, _SHEAR = "CONTENT", "shear of a field exported by lensmap"


def _shear(grid):
    """Return the mean shear in double precision, ``(ny, nx)``, also that of single-precision sums.

    Multiplied by the weight and rounded, it is the sum again, to the last bit.
    """
    total = grid.sum_wg.astype(complex)
    return np.divide(total, grid.sum_w, out=np.zeros_like(total), where=grid.sum_w > 0)


# The images of a file: their names and comments, and how to make them from the grid.
_IMAGES = {
    "G1": ("reduced shear, component 1, pixel axes", lambda grid: _shear(grid).real),
    "G2": ("reduced shear, component 2, pixel axes", lambda grid: _shear(grid).imag),
    "SIGMA": ("noise of G1 and of G2, inf: no galaxy", lambda grid: grid.sigma.astype("f4")),
    "WEIGHT": ("sum of weights, 0: no galaxy", lambda grid: grid.sum_w),
    "COUNT": ("number of galaxies", lambda grid: grid.count.astype("i4")),
    "MASK": ("1: masked", lambda grid: grid.mask.astype("u1")),
    "SUM_W2": ("sum of squared weights", lambda grid: grid.sum_w2),
    "SUM_W2VE": ("sum of (weight sigma_e)^2", lambda grid: grid.sum_w2v_e),
    "SUM_W2VM": ("sum of (weight sigma_m)^2", lambda grid: grid.sum_w2v_m),
}


def write_grid(grid: ShearGrid, path: PathLike, name: str) -> None:
    """Write the shear of an exported field to a FITS file.

    Parameters
    ----------
    grid : ShearGrid
        The binned shear, with the columns ``sigma_e`` and ``sigma_m`` of a mock survey.
    path : path-like
        The file, which is replaced if it exists.
    name : str
        The name of the field, for the header.
    """
    primary = fits.PrimaryHDU()
    primary.header[_CONTENT] = (_SHEAR, "see README.txt")
    primary.header["FIELD"] = (name, "name of the field and of its maps")
    hdus = [primary]
    header = celestial_header(grid.wcs)
    for key, (comment, image) in _IMAGES.items():
        hdus.append(fits.ImageHDU(np.asarray(image(grid)), header, name=key))
        hdus[-1].header.comments["EXTNAME"] = comment
    with atomic_write(path, overwrite=True) as temporary:
        write_hdus(hdus, temporary)


def exported_grid(path: PathLike) -> ShearGrid:
    """Read the shear of a field that `export_fields` wrote, for estimators of lensmap.

    Parameters
    ----------
    path : path-like
        The file, such as ``shear/fields-0000-shear.fits``.

    Returns
    -------
    ShearGrid
        The binned shear, with the mask and the noise.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not one of these files, or is damaged.
    """
    with reading(path, "exported field"), fits.open(path) as hdus:
        if hdus[0].header.get(_CONTENT) != _SHEAR or not set(_IMAGES) <= {h.name for h in hdus}:
            raise ValueError(
                f"{str(path)!r} is not the shear of a field that lensmap exported: the files are "
                "in the folder 'shear' and end in '-shear.fits'"
            )
        check_datasums(hdus, path, "exported field")
        planes = {
            name: np.array(hdus[name].data, dtype=hdus[name].data.dtype.newbyteorder("="))
            for name in _IMAGES
        }
        wcs = header_wcs(hdus["G1"].header, hdus)
    weight = planes["WEIGHT"]
    wcs.array_shape = weight.shape
    single = weight.dtype == np.float32
    sum_we = (planes["G1"] + 1j * planes["G2"]) * weight.astype(float)
    return ShearGrid(
        wcs=wcs,
        parity=PixelFrame(wcs, "icrs").parity,
        mask=planes["MASK"] != 0,
        sum_we=sum_we.astype(np.complex64 if single else complex),
        sum_w=weight,
        sum_w2=planes["SUM_W2"],
        sum_wc=None,
        sum_w2v_m=planes["SUM_W2VM"],
        sum_w2v_e=planes["SUM_W2VE"],
        count=planes["COUNT"],
        calibration=_calibration(planes),
        # The expectation for shapes whose scatter is the noise.
        extra={"sum_w2e2_whole": 2 * (planes["SUM_W2VE"] + planes["SUM_W2VM"])},
    )


def _calibration(planes):
    """Return the calibration of a catalog of shears with the columns sigma_e and sigma_m."""
    total = {name: float(plane.sum(dtype=float)) for name, plane in planes.items()
             if name.startswith(("COUNT", "WEIGHT", "SUM_"))}
    sigma_e_squared = total["SUM_W2VE"] / total["SUM_W2"] if total["SUM_W2"] > 0 else 0.0
    w, w2 = total["WEIGHT"], total["SUM_W2"]
    return Calibration(
        sum_w=w, sum_w2=w2, sum_we2=total["COUNT"], sum_w2e2=w,
        sum_wv_m=total["COUNT"] - sigma_e_squared * w, sum_w2v_m=total["SUM_W2VM"],
        sum_wv_e=sigma_e_squared * w, sum_w2v_e=total["SUM_W2VE"],
    )


def identity_of(grid: ShearGrid) -> dict[str, float]:
    """Return the numbers by which the data of a field are recognized.

    Parameters
    ----------
    grid : ShearGrid
        The binned shear.

    Returns
    -------
    dict
        ``n_galaxies``, ``n_masked`` (the number of masked pixels), and the mean and the rms of both
        components of the shear over the pixels with galaxies.
    """
    shear = grid.shear[grid.sum_w > 0]
    facts: dict[str, float] = {
        "n_galaxies": grid.n_used, "n_masked": int(np.count_nonzero(grid.mask)),
    }
    for name, values in (("g1", shear.real), ("g2", shear.imag)):
        facts[f"mean_{name}"] = float(np.mean(values)) if values.size else 0.0
        facts[f"rms_{name}"] = float(np.sqrt(np.mean(values**2))) if values.size else 0.0
    return facts


def is_same_field(one: dict[str, float], other: dict[str, float]) -> bool:
    """Return whether two results of `identity_of` are of the same data, up to rounding errors."""
    exact = ("n_galaxies", "n_masked")
    if any(one[name] != other[name] for name in exact):
        return False
    # Other processors round differently: 1e-7 in the shear of a pixel. Fields differ by 1 / n.
    scale = 1e-5 * max(one["rms_g1"], one["rms_g2"])
    return all(abs(one[name] - other[name]) <= scale for name in one if name not in exact)
