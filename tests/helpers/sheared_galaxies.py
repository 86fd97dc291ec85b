"""Mock galaxies behind a lens, measured on images with artificial shear, of known response.

Each galaxy has a twin at the same place with the opposite intrinsic ellipticity and noise, so that
their mean is the shear. The signal-to-noise ratio depends on the shear along the ellipticity, and
so do the errors and every selection by them. This module shares no code with lensmap.
"""

import numpy as np

STEP = 0.01
SHEARS = {"noshear": (0, 0), "1p": (STEP, 0), "1m": (-STEP, 0), "2p": (0, STEP), "2m": (0, -STEP)}
CENTER = (150.0, 2.0)
RESPONSE = np.array([[0.82, 0.03], [0.01, 0.70]])


def lens_shear(x, y, amplitude=0.06, width=6.0):
    """Return the celestial shear of a Gaussian convergence, at offsets east and north in arcmin."""
    r2 = np.maximum(x**2 + y**2, 1e-12) / (2 * width**2)
    tangential = amplitude * ((1 - np.exp(-r2)) / r2 - np.exp(-r2))
    phi = np.arctan2(y, x)
    return -tangential * np.cos(2 * phi), -tangential * np.sin(2 * phi)


class Galaxies:
    """Galaxies, and what is measured of them.

    ``signs`` convert between the celestial convention and that of the columns. ``alone`` is the
    fraction of galaxies that each version lacks.
    """

    def __init__(self, n=60_000, signs=(1, -1), alone=0.04, size=60.0, seed=1):
        rng = np.random.default_rng(seed)
        half = n // 2
        twins = lambda values: np.concatenate([values, values])  # noqa: E731
        opposite = lambda values: np.concatenate([values, -values])  # noqa: E731
        self.x, self.y = (twins(rng.uniform(-size / 2, size / 2, half)) for _ in range(2))
        self.dec = CENTER[1] + self.y / 60
        self.ra = CENTER[0] + self.x / 60 / np.cos(np.radians(self.dec))
        self.celestial = np.array(lens_shear(self.x, self.y))
        self.shear = self.celestial * np.reshape(signs, (2, 1))
        self.intrinsic = opposite(rng.normal(0, 0.3, (2, half)).T).T
        self.noise = opposite(rng.normal(0, 1, (2, half)).T).T
        self.log_snr = twins(np.maximum(rng.normal(np.log(13), 0.5, half), np.log(6)))
        self.redshift = twins(rng.uniform(0.2, 1.5, half))
        self.lost = {name: twins(rng.random(half) < alone) for name in SHEARS}

    def measured(self, name, linear=False):
        """Return the quantities of all galaxies in one version, also of those that are lost.

        With ``linear``, the noise does not change with the shear.
        """
        shear = self.shear + np.reshape(SHEARS[name], (2, 1))
        along = np.sum(self.intrinsic * shear, axis=0)
        snr = np.exp(self.log_snr + 1.5 * along)
        sigma = 2.0 / np.exp(self.log_snr)
        e = RESPONSE @ (self.intrinsic + shear) + sigma * self.noise
        sigma = sigma if linear else 2.0 / snr
        return {"e1": e[0], "e2": e[1], "snr": snr, "sigma": sigma}

    def version(self, name):
        """Return the columns of the galaxies that one version has."""
        kept = ~self.lost[name]
        columns = {"ra": self.ra, "dec": self.dec, "redshift": self.redshift, **self.measured(name)}
        return {key: values[kept] for key, values in columns.items()}


def stacked(versions, column, names=None):
    """Return tables of versions as one table with the names of the versions in a column."""
    names = names or {name: name for name in versions}
    table = {
        key: np.concatenate([part[key] for part in versions.values()])
        for key in next(iter(versions.values()))
    }
    lengths = [len(part["ra"]) for part in versions.values()]
    table[column] = np.repeat([names[name] for name in versions], lengths)
    order = np.random.default_rng(0).permutation(sum(lengths))
    return {key: values[order] for key, values in table.items()}


def metacal_table(galaxies):
    """Return a table in the layout of metacalibration: one row for each galaxy."""
    rng = np.random.default_rng(3)
    own = galaxies.measured("noshear")
    table = {"ra": galaxies.ra, "dec": galaxies.dec, "zmean_sof": galaxies.redshift,
             "e_1": own["e1"], "e_2": own["e2"]}
    for i in (1, 2):
        for j in (1, 2):
            table[f"R{i}{j}"] = RESPONSE[i - 1, j - 1] + rng.normal(0, 0.3, len(galaxies.ra))
    for name in SHEARS:
        suffix = "" if name == "noshear" else f"_{name}"
        sheared = galaxies.measured(name)
        table[f"snr{suffix}"] = sheared["snr"]
        table[f"weight{suffix}"] = 1 / (0.25**2 + sheared["sigma"] ** 2)
    return table


def anacal_table(galaxies):
    """Return a table in the layout of AnaCal: shapes, smooth weights, and their derivatives."""
    own = galaxies.measured("noshear", linear=True)
    log_snr, along = np.log(own["snr"]), 1.5 * galaxies.intrinsic  # d ln(snr) / dg
    # A smooth step of the signal-to-noise ratio.
    t = (log_snr - np.log(8)) / 0.4
    weight = np.where(t > 0, np.where(t < 1, t**2 * (3 - 2 * t), 1.0), 0.0)
    slope = np.where((t > 0) & (t < 1), 6 * t * (1 - t), 0.0) / 0.4
    table = {"ra": galaxies.ra, "dec": galaxies.dec, "wsel": weight,
             "fpfs_e1": own["e1"], "fpfs_e2": own["e2"], "i_flux": own["snr"]}
    for j in (1, 2):
        table[f"dwsel_dg{j}"] = slope * along[j - 1]
        table[f"i_dflux_dg{j}"] = own["snr"] * along[j - 1]
        for i in (1, 2):
            table[f"fpfs_de{i}_dg{j}"] = np.full(len(weight), RESPONSE[i - 1, j - 1])
    return {name: values[weight > 1e-5] for name, values in table.items()}
