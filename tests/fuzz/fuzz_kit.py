# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The kit: small valid inputs of every kind that commands read, in every format."""

import io
import json
import warnings
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from astropy_healpix import HEALPix

__all__ = ["COLUMNS", "FORMATS", "content_of", "write_input"]

#: Where all inputs lie, in degrees.
RA, DEC, SIDE = 150.0, 2.0, 0.3

#: The columns of the catalog.
COLUMNS = ("ra", "dec", "e1", "e2", "weight", "redshift", "flag")

#: The formats of each kind of input; the first is the canonical one.
FORMATS = {
    "catalog": (".fits", ".csv", ".ecsv", ".parquet", ".h5", ".vot"),
    "map": (".fits",),
    "image": (".fits",),
    "mask": (".fits",),
    "healpix": (".fits",),
    "region": (".reg",),
    "polygon": (".reg",),
    "holes": (".ecsv", ".fits", ".csv"),
    "positions": (".txt", ".ecsv", ".csv", ".fits"),
    "field": (".fits",),
    "array": (".npy",),
    "config": (".toml",),
    "preset": (".toml",),
    "weights": (".h5",),
    "folder": ("",),
}

CATALOG_CONFIG = "pixel-scale = '1.5arcmin'\nsmoothing = '2arcmin'\nno-check = true\n"
PRESET = (
    'title = "a survey"\nconvention = "celestial"\nkind = "shear"\n[columns]\nra = "ra"\n'
    'dec = "dec"\ne1 = "e1"\ne2 = ["e2", "g2"]\nweight = "weight"\n'
)
REGION = 'fk5\ncircle(150.05, 2.05, 90")\nellipse(149.93, 1.95, 60", 30", 20)\n'
POLYGON = "icrs\npolygon(149.9,1.9,150.0,1.9,150.0,2.0,149.92,1.98)\n"


def _catalog():
    """Return galaxies behind an isothermal sphere in the middle of the field."""
    rng = np.random.default_rng(11)
    n = 3000
    x, y = rng.uniform(-SIDE / 2, SIDE / 2, (2, n))
    r, angle = np.hypot(x, y), np.arctan2(y, x)
    tangential = 0.5 * (25 / 3600) / np.hypot(r, 0.01)
    e = -tangential * np.exp(2j * angle) + 0.2 * (rng.normal(size=n) + 1j * rng.normal(size=n))
    return Table(
        {
            "ra": RA + x / np.cos(np.radians(DEC)),
            "dec": DEC + y,
            "e1": np.clip(e.real, -0.9, 0.9),
            "e2": np.clip(e.imag, -0.4, 0.4),
            "weight": rng.uniform(5, 10, n),
            "redshift": rng.uniform(0.6, 1.4, n),
            "flag": rng.integers(0, 2, n),
        },
        meta={"CONVENTN": "celestial", "KIND": "shear"},
    )


def _header(n=12, scale=1.5 / 60):
    """Return the header of an image of the field."""
    return fits.Header(
        {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": RA, "CRVAL2": DEC,
         "CRPIX1": (n + 1) / 2, "CRPIX2": (n + 1) / 2, "CDELT1": -scale, "CDELT2": scale,
         "CUNIT1": "deg", "CUNIT2": "deg", "RADESYS": "ICRS"}
    )


def _image(kind):
    n = 24 if kind == "field" else 12
    y, x = np.mgrid[:n, :n] - (n - 1) / 2
    data = {
        "mask": ((x - 3) ** 2 + (y - 2) ** 2 < 5).astype(np.uint8),
        "image": np.ones((n, n)),
        "field": 0.05 * np.exp(-(x**2 + y**2) / 18) - 0.005,
    }[kind]
    return fits.HDUList([fits.PrimaryHDU(data, _header(n))])


def _map():
    """Return a map in the layout that ``lensmap reconstruct`` writes."""
    n, rng = 24, np.random.default_rng(5)
    y, x = np.mgrid[:n, :n] - (n - 1) / 2
    kappa = 0.2 * np.exp(-(x**2 + y**2) / 8) + rng.normal(0, 0.02, (n, n))
    mask = np.zeros((n, n), np.uint8)
    mask[:4, :4] = 1
    kappa[mask > 0] = np.nan
    header = _header(n, 0.75 / 60)
    primary = {**header, "ESTIMATR": "KaiserSquires", "CONVENTN": "celestial", "NGAL": 3000}
    return fits.HDUList([
        fits.PrimaryHDU(kappa, fits.Header(primary)),
        fits.ImageHDU(np.where(mask, np.nan, 0.02), header, name="UNCERT"),
        fits.ImageHDU(mask, header, name="MASK"),
    ])


def _healpix():
    nside, pixels = 512, HEALPix(512, "nested")
    inside = pixels.cone_search_lonlat(150.06 * u.deg, 2.03 * u.deg, 0.07 * u.deg)
    values = np.zeros(pixels.npix, np.uint8)
    values[inside] = 1
    hdu = fits.BinTableHDU(Table({"MASK": values}))
    hdu.header.update({"PIXTYPE": "HEALPIX", "ORDERING": "NESTED", "NSIDE": nside, "COORDSYS": "C",
                       "INDXSCHM": "IMPLICIT", "FIRSTPIX": 0, "LASTPIX": pixels.npix - 1})
    return fits.HDUList([fits.PrimaryHDU(), hdu])


def _positions():
    return Table({"ra": [150.0, 150.05], "dec": [2.0, 1.95], "z": [0.2, 0.25]})


def _holes():
    return Table({"ra": [150.05, 149.95], "dec": [2.05, 1.97], "radius": [0.01, 0.02]})


def _weights():
    """Return the weights file and the card of the smallest bundled network."""
    folder = files("lensmap") / "data" / "networks"
    name = min((path.stem for path in Path(str(folder)).glob("*.h5")),
               key=lambda stem: Path(str(folder), f"{stem}.h5").stat().st_size)
    card = json.loads((folder / f"{name}.json").read_text())
    return (folder / f"{name}.h5").read_bytes(), card


_MAKERS = {
    "catalog": _catalog, "map": _map, "image": lambda: _image("image"),
    "mask": lambda: _image("mask"), "field": lambda: _image("field"), "healpix": _healpix,
    "array": lambda: _image("field")[0].data, "positions": _positions, "holes": _holes,
    "region": lambda: REGION, "polygon": lambda: POLYGON, "config": lambda: CATALOG_CONFIG,
    "preset": lambda: PRESET, "weights": _weights, "folder": lambda: _image("field"),
}


@cache
def _made(kind):
    return _MAKERS[kind]()


def content_of(kind):
    """Return a copy of the valid content of a kind of input."""
    content = _made(kind)
    if isinstance(content, fits.HDUList):
        return fits.HDUList([hdu.copy() for hdu in content])
    if isinstance(content, tuple):
        return content[0], json.loads(json.dumps(content[1]))
    return content.copy() if hasattr(content, "copy") else content


def write_input(content, path):
    """Write content to a file, or to a folder if the name has no suffix.

    Raises whatever the writer raises if the format cannot hold the content.
    """
    path = Path(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8", errors="surrogateescape")
        elif isinstance(content, tuple):
            weights, card = content
            path.write_bytes(weights)
            path.with_suffix(".json").write_text(json.dumps(card))
        elif isinstance(content, np.ndarray):
            np.save(path, content, allow_pickle=True)
        elif isinstance(content, fits.HDUList):
            if not path.suffix:
                path.mkdir()
                path = path / "field_0000.fits"
            content.writeto(path, output_verify="ignore", checksum=False)
        else:
            _write_table(content, path)


def _write_table(table, path):
    if path.suffix == ".txt":
        rows = [" ".join(map(str, row)) for row in table]
        path.write_text("\n".join([f"# {' '.join(table.colnames)}", *rows]) + "\n",
                        encoding="utf-8")
    elif path.suffix == ".fits":
        buffer = io.BytesIO()
        fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(table)]).writeto(
            buffer, output_verify="ignore")
        path.write_bytes(buffer.getvalue())
    else:
        options = {
            ".csv": {"format": "ascii.csv"},
            ".ecsv": {"format": "ascii.ecsv"},
            ".parquet": {"format": "parquet"},
            ".h5": {"format": "hdf5", "path": "table", "serialize_meta": True},
            ".vot": {"format": "votable"},
        }[path.suffix]
        table.write(path, **options)
