# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A survey of many clusters, whose members are among the sources, with all of its truth.

The shear is that of `lensmap.NFWHalo`; positions, directions and means are astropy's and numpy's.
"""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.cosmology import FlatLambdaCDM
from astropy.table import Table

from lensmap import NFWHalo

MASS, CONCENTRATION = 5e14, 4.0
REDSHIFTS = (0.25, 0.35)
SIGMA_E, BIAS = 0.05, 0.01
_COSMOLOGY = FlatLambdaCDM(H0=70, Om0=0.3, Tcmb0=2.7255, Ob0=0.046)
_SIDE, _ROWS, _COLUMNS = 0.4, 6, 7  # degrees from cluster to cluster
_EMPTY = 3  # columns without clusters
_DENSITY = 3.0  # sources per square arcmin
_N_MEMBERS = 90


class ClusterSurvey:
    """Clusters of one mass, and random positions.

    Sources are at redshift 1, with an additive bias of e1. Members, whose photometric redshifts
    scatter around 0.6, are not lensed. Random positions lie in a part without clusters: elsewhere,
    members would be 5 per cent of the sources about them, and the boost factor as much too low.

    Attributes
    ----------
    sources, lenses, randoms : `~astropy.table.Table`
        The tables: ``lenses`` and ``randoms`` have ``ra``, ``dec``, ``z`` and ``richness``; in
        ``lenses``, ``ra_off`` and ``dec_off`` are the positions of which 40 per cent are wrong.
    """

    def __init__(self):
        rng = np.random.default_rng(8)
        n = _ROWS * _COLUMNS
        x, y = np.meshgrid(np.arange(_COLUMNS), np.arange(_ROWS))
        self._cells = np.column_stack([x.ravel(), y.ravel()])
        ra, dec = self._place(self._cells + 0.5 + rng.uniform(-0.05, 0.05, (n, 2)))
        z = np.resize(REDSHIFTS, n)[rng.permutation(n)]
        self.lenses = Table({"ra": ra, "dec": dec, "z": z, "richness": rng.uniform(10, 60, n)})
        off = self._wrong_centers(rng)
        self.lenses["ra_off"], self.lenses["dec_off"] = off.ra.deg, off.dec.deg
        x = rng.uniform([_COLUMNS + 0.5, 0.5], [_COLUMNS + _EMPTY - 0.5, _ROWS - 0.5], (200, 2))
        ra, dec = self._place(x)
        self.randoms = Table({"ra": ra, "dec": dec, "z": np.resize(REDSHIFTS, 200),
                              "richness": np.full(200, 2.0)})
        self.sources = self._sources(rng)

    def _place(self, xy):
        """Return ra and dec of places in units of the distance of clusters, near the equator."""
        return 30 + _SIDE * xy[:, 0], _SIDE * (xy[:, 1] - _ROWS / 2)

    def _wrong_centers(self, rng):
        """Return centers of which 40 per cent have Rayleigh offsets with sigma = 0.3 Mpc."""
        n = len(self.lenses)
        wrong = rng.permutation(n) < 0.4 * n
        offset = np.zeros(n)
        rank = (np.arange(wrong.sum()) + 0.5) / wrong.sum()
        offset[wrong] = rng.permutation(0.3 * np.sqrt(-2 * np.log(1 - rank)))
        angle = offset / self.distance(self.lenses["z"]) * u.rad
        return sky_of(self.lenses).directional_offset_by(rng.uniform(0, 360, n) * u.deg, angle)

    @staticmethod
    def distance(z):
        """Return the angular diameter distance, Mpc."""
        return _COSMOLOGY.angular_diameter_distance(np.asarray(z)).to_value(u.Mpc)

    def _sources(self, rng):
        area = (_SIDE * 60) ** 2 * _ROWS * (_COLUMNS + _EMPTY)
        n = rng.poisson(_DENSITY * area)
        ra, dec = self._place(rng.uniform(0, [_COLUMNS + _EMPTY, _ROWS], (n, 2)))
        sky = SkyCoord(ra, dec, unit="deg")
        e = BIAS + rng.normal(0, SIGMA_E, (n, 2)) @ [1, 1j]
        tables = []
        for row in self.lenses:
            center = SkyCoord(row["ra"], row["dec"], unit="deg")
            near = np.flatnonzero(np.hypot(ra - row["ra"], dec - row["dec"]) < 0.3)
            halo = NFWHalo(MASS * u.solMass, CONCENTRATION, row["z"])
            toward = np.pi / 2 - sky[near].position_angle(center).rad
            e[near] -= halo.reduced_shear(sky[near].separation(center), 1.0) * np.exp(2j * toward)
            distance = self.distance(row["z"])
            radius = 1.2 * np.sqrt(rng.random(_N_MEMBERS)) / distance * u.rad
            members = center.directional_offset_by(
                rng.uniform(0, 360, _N_MEMBERS) * u.deg, radius)
            noise = BIAS + rng.normal(0, SIGMA_E, (_N_MEMBERS, 2)) @ [1, 1j]
            tables.append((members.ra.deg, members.dec.deg, noise,
                           rng.uniform(0.5, 0.7, _N_MEMBERS)))
        tables.append((ra, dec, e, np.ones(n)))
        ra, dec, e, z = (np.concatenate(column) for column in zip(*tables, strict=True))
        return Table({"ra": ra, "dec": dec, "e1": e.real, "e2": e.imag, "redshift": z},
                     meta={"CONVENTN": "celestial", "KIND": "shear"})

    def true_delta_sigma(self, edges, weight, z_source=1.0):
        """Return the excess surface density of a stack, solMass / Mpc2, at radii in Mpc.

        The density of each lens is averaged over the area of each ring, and weighted by the inverse
        squares of the critical density and of the distance, which is the number of its pairs.
        """
        result, total = 0.0, 0.0
        for z in REDSHIFTS:
            halo = NFWHalo(MASS * u.solMass, CONCENTRATION, z)
            radius = np.sqrt(np.linspace(edges[:-1] ** 2, edges[1:] ** 2, 201)) * u.Mpc
            sigma = halo.surface_density(radius)
            excess = (halo.mean_surface_density(radius) - sigma).to_value("solMass / Mpc2")
            beta = 1 - _COSMOLOGY.comoving_distance(z) / _COSMOLOGY.comoving_distance(z_source)
            share = np.sum(weight[self.lenses["z"] == z]) * float(beta) ** 2
            result, total = result + share * excess.mean(axis=0), total + share
        return result / total

    def tangential(self, i, edges):
        """Return the tangential ellipticities around lens i, and the ring of each galaxy.

        ``edges`` are in Mpc. A galaxy outside of all rings has the ring -1 or ``len(edges) - 1``.
        """
        row, galaxies = self.lenses[i], self.sources
        near = np.hypot(galaxies["ra"] - row["ra"], galaxies["dec"] - row["dec"]) < 0.3
        galaxies = galaxies[near]
        center, sky = SkyCoord(row["ra"], row["dec"], unit="deg"), sky_of(galaxies)
        ring = np.searchsorted(edges, sky.separation(center).rad * self.distance(row["z"])) - 1
        toward = np.pi / 2 - sky.position_angle(center).rad
        e = galaxies["e1"] + 1j * galaxies["e2"]
        return -(e * np.exp(-2j * toward)).real, ring


def sky_of(table):
    """Return the positions of a table."""
    return SkyCoord(table["ra"], table["dec"], unit="deg")
