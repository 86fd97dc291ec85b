# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tables in the layouts of surveys, of a known mass; nothing here uses lensmap.

The convergence is a sum of Gaussian clumps, whose shear is known in closed form. Each position has
four galaxies with the same intrinsic ellipticity, turned by 45 deg from one to the next on the
plane of (e1, e2) by 90 deg, so that shape noise cancels.
"""

import numpy as np
from astropy.table import Table

CENTER = 150.0, 2.0
#: Convergence, width (arcmin) and offset (arcmin to the west and to the north) of each clump.
CLUMPS = ((0.06, 2.5, (6.0, -4.0)), (0.04, 2.0, (-8.0, 7.0)))
SIDE = 50.0  # arcmin
N_POSITIONS = 30_000


def convergence(west, north, smoothing=0.0):
    """Return the convergence, convolved with a Gaussian of a dispersion in arcmin."""
    total = 0.0
    for kappa, width, (x, y) in CLUMPS:
        square = width**2 + smoothing**2
        r2 = (west - x) ** 2 + (north - y) ** 2
        total = total + kappa * width**2 / square * np.exp(-r2 / (2 * square))
    return total


def shear(west, north):
    """Return the shear with x to the west and y to the north, complex."""
    total = 0.0
    for kappa, width, (x, y) in CLUMPS:
        dx, dy = west - x, north - y
        r2 = dx**2 + dy**2 + 1e-9
        inside = np.exp(-r2 / (2 * width**2))
        mean = 2 * kappa * width**2 / r2 * (1 - inside)
        total = total - (mean - kappa * inside) * (dx + 1j * dy) ** 2 / r2
    return total


def galaxies(seed=1):
    """Return positions (deg), shapes with x to the west, and the number of each position."""
    rng = np.random.default_rng(seed)
    west, north = rng.uniform(-SIDE / 2, SIDE / 2, (2, N_POSITIONS))
    g = shear(west, north) / (1 - convergence(west, north))
    intrinsic = 0.3 * np.exp(2j * np.pi * rng.random(N_POSITIONS))
    turned = np.concatenate([intrinsic * 1j**i for i in range(4)])
    g, position = np.tile(g, 4), np.tile(np.arange(N_POSITIONS), 4)
    shape = (turned + g) / (1 + np.conj(g) * turned)
    # On the tangent plane, so that no distance is distorted.
    xi, eta = np.radians(-np.tile(west, 4) / 60), np.radians(np.tile(north, 4) / 60)
    dec0 = np.radians(CENTER[1])
    ra = CENTER[0] + np.degrees(np.arctan2(xi, np.cos(dec0) - eta * np.sin(dec0)))
    dec = np.degrees(np.arctan2(
        np.sin(dec0) + eta * np.cos(dec0), np.hypot(xi, np.cos(dec0) - eta * np.sin(dec0))
    ))
    return ra, dec, shape, position, rng


def _each(rng, position, low, high):
    """Return random numbers, the same for all galaxies of a position."""
    return rng.uniform(low, high, N_POSITIONS)[position]


def hsc(names, seed=1):
    """Return a table of HSC: distortions with x to the east, m, c and a responsivity."""
    ra, dec, shape, position, rng = galaxies(seed)
    shape = np.conj(shape)
    distortion = 2 * shape / (1 + np.abs(shape) ** 2)
    # The dispersion of one component, of distortions that all have one modulus.
    rms = (2 * 0.3 / (1 + 0.3**2)) / np.sqrt(2)
    m, c1, c2 = (_each(rng, position, *ends) for ends in ((-0.2, 0), (-0.01, 0.03), (0, 0.01)))
    e = (1 + m) * distortion + 2 * (1 - rms**2) * (c1 + 1j * c2)
    values = {
        "ra": ra, "dec": dec, "e1": e.real, "e2": e.imag, "m": m, "c1": c1, "c2": c2,
        "weight": _each(rng, position, 2, 20), "rms": np.full(len(ra), rms),
        "error": np.full(len(ra), 0.1), "z": _each(rng, position, 0.3, 2.5),
        "flag": np.ones(len(ra), dtype=bool),
    }
    return Table({theirs: values[key] for key, theirs in names.items()})


_Y1, _Y3 = "ishape_hsm_regauss_", "i_hsmshaperegauss_"


def _hsc_names(prefix, ra, dec, weight):
    return {
        "ra": ra, "dec": dec, "e1": f"{prefix}e1", "e2": f"{prefix}e2",
        "weight": f"{prefix}{weight}", "error": f"{prefix}derived_sigma_e",
        "rms": f"{prefix}derived_rms_e", "m": f"{prefix}derived_shear_bias_m",
        "c1": f"{prefix}derived_shear_bias_c1", "c2": f"{prefix}derived_shear_bias_c2",
        "z": "photoz_best", "flag": "weak_lensing_flag",
    }


def hsc_y1():
    """Return a table of HSC Year 1."""
    return hsc(_hsc_names(_Y1, "ira", "idec", "derived_shape_weight"))


def hsc_y3():
    """Return a table of HSC Year 3."""
    return hsc(_hsc_names(_Y3, "i_ra", "i_dec", "derived_weight"))


def hsc_short():
    """Return a table of HSC Year 3 in which only the shapes have their long names."""
    short = {"weight": "weight", "error": "sigma_e", "rms": "rms_e", "m": "m", "c1": "c1",
             "c2": "c2"}
    return hsc(_hsc_names(_Y3, "i_ra", "i_dec", "derived_weight") | short)


def _response(rng, position):
    """Return the elements of the response, with x to the west."""
    return {
        "11": _each(rng, position, 0.3, 1.1), "22": _each(rng, position, 0.2, 1.2),
        "12": _each(rng, position, -0.05, 0.15), "21": _each(rng, position, -0.1, 0.1),
    }


def _responding(shape, response):
    return (
        response["11"] * shape.real + response["12"] * shape.imag
        + 1j * (response["21"] * shape.real + response["22"] * shape.imag)
    )


def des_y3():
    """Return a table of DES Year 3: raw shapes with x to the west, and their response."""
    ra, dec, shape, position, rng = galaxies()
    response = _response(rng, position)
    e = _responding(shape, response)
    return Table({
        "coadd_object_id": np.arange(len(ra)), "ra": ra, "dec": dec, "e_1": e.real, "e_2": e.imag,
        "weight": _each(rng, position, 5, 50), "flags_select": np.zeros(len(ra), dtype=int),
        **{f"R{name}": values for name, values in response.items()},
    })


def decade():
    """Return a table of DECADE: the response lies in the shapes on sheared images."""
    ra, dec, shape, position, rng = galaxies()
    response = _response(rng, position)
    e = _responding(shape, response)
    columns = {"RA": ra, "DEC": dec, "MCAL_G_1_NOSHEAR": e.real, "MCAL_G_2_NOSHEAR": e.imag,
               "MCAL_W_NOSHEAR": _each(rng, position, 5, 50), "DNF_Z": _each(rng, position, 0.1, 2)}
    for i, component in ((1, e.real), (2, e.imag)):
        for j in (1, 2):
            for sign, step in (("P", 0.01), ("M", -0.01)):
                columns[f"MCAL_G_{i}_{j}{sign}"] = component + step * response[f"{i}{j}"]
    columns |= {"MCAL_FLAGS": np.zeros(len(ra), int), "MCAL_SEL_NOSHEAR": np.ones(len(ra), int)}
    return Table(columns)


def lensfit(ra, dec, m=False, c2=False):
    """Return a table of lensfit shears with x to the west, and biases if they are columns."""
    longitude, latitude, shape, position, rng = galaxies()
    table = Table({ra: longitude, dec: latitude})
    bias = _each(rng, position, -0.2, 0.0) if m else 0.0
    additive = _each(rng, position, 0.0, 0.01) if c2 else 0.0
    e = (1 + bias) * shape + 1j * additive
    table["e1"], table["e2"] = e.real, e.imag
    table["weight"] = _each(rng, position, 1, 15)
    table["Z_B"] = _each(rng, position, 0.1, 1.2)
    if m:
        table["m"] = bias
    if c2:
        table["c2"] = additive
    return table


def kids_dr4():
    """Return a table of KiDS-1000."""
    return lensfit("ALPHA_J2000", "DELTA_J2000")


def kids_legacy():
    """Return a table of KiDS-Legacy."""
    return lensfit("RAJ2000", "DECJ2000")


def cfhtlens():
    """Return a table of CFHTLenS, which has m and c2."""
    table = lensfit("ALPHA_J2000", "DELTA_J2000", m=True, c2=True)
    table["fitclass"], table["MASK"] = 0, 0
    return table


def unions():
    """Return a table of UNIONS: calibrated shapes beside raw ones and their response."""
    ra, dec, shape, position, rng = galaxies()
    raw = 0.7 * shape
    return Table({
        "RA": ra, "Dec": dec, "e1": shape.real, "e2": shape.imag,
        "w_des": _each(rng, position, 1, 5), "e1_uncal": raw.real, "e2_uncal": raw.imag,
        "R_g11": np.full(len(ra), 0.7), "R_g22": np.full(len(ra), 0.7),
    })


def euclid():
    """Return a table of Euclid's LensMC shears, with x to the west."""
    ra, dec, shape, position, rng = galaxies()
    return Table({
        "OBJECT_ID": np.arange(len(ra)), "SHE_LENSMC_UPDATED_RA": ra,
        "SHE_LENSMC_UPDATED_DEC": dec, "SHE_LENSMC_G1": shape.real, "SHE_LENSMC_G2": shape.imag,
        "SHE_LENSMC_WEIGHT": _each(rng, position, 1, 12), "PHZ_MEDIAN": _each(rng, position, 0, 3),
    })


#: For each layout: the function, the preset, the convention and the kind of its documentation.
LAYOUTS = {
    "hsc_y1": (hsc_y1, "hsc_y1", "celestial", "distortion"),
    "hsc_y3": (hsc_y3, "hsc_y3", "celestial", "distortion"),
    "hsc_short": (hsc_short, "hsc_y3", "celestial", "distortion"),
    "des_y3": (des_y3, "des_y3", "euclidean", "shear"),
    "decade": (decade, "decade", "euclidean", "shear"),
    "kids_dr4": (kids_dr4, "kids", "euclidean", "shear"),
    "kids_legacy": (kids_legacy, "kids", "euclidean", "shear"),
    "cfhtlens": (cfhtlens, "cfhtlens", "euclidean", "shear"),
    "unions": (unions, "unions", "euclidean", "shear"),
    "euclid": (euclid, "euclid", "euclidean", "shear"),
}
