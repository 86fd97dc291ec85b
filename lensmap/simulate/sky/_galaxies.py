# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The galaxies of a mock survey of the sky, and its true convergence, pixel by pixel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from astropy.coordinates import SkyCoord

from lensmap.cosmology import SourceRedshifts
from lensmap.masks import SkyMask
from lensmap.simulate.sky._footprint import CELLS, Footprint, StarHoles
from lensmap.simulate.sky._halos import SkyHalos, random_positions
from lensmap.simulate.sky._points import SortedPoints, add_compact_lensing, halos_near
from lensmap.simulate.sky._profiles import DividedProfiles
from lensmap.simulate.surveys import MockSurvey, compose
from lensmap.sphere import HealpixPixels, LensingInterpolator

if TYPE_CHECKING:
    from lensmap.typing import RedshiftLike

__all__ = ["SkyLensing", "SkyTask", "galaxies_of_pixel", "true_kappa_of_cell"]

_FINEST_ORDER = 29

# The values of a pixel of the true convergence are averaged over 4^2 smaller pixels.
_SUBPIXEL_ORDERS = 2

# The numbers of the streams of random numbers of each cell.
STAR_STREAM, GALAXY_STREAM = 2, 3


@dataclass(frozen=True)
class SkyLensing:
    """The convergence and shear of a simulated sky at any positions.

    Attributes
    ----------
    smooth : LensingInterpolator
        The smooth part.
    halos : SkyHalos
        The halos.
    reach : `numpy.ndarray`
        The radii of the compact parts of the halos, radians, ``(n_halos,)``.
    profiles : DividedProfiles
        The profiles of the compact parts.
    """

    smooth: LensingInterpolator
    halos: SkyHalos
    reach: np.ndarray
    profiles: DividedProfiles

    def near(self, pixels: HealpixPixels, index: int) -> SkyHalos:
        """Return the halos whose compact part reaches a HEALPix pixel."""
        return halos_near(self.halos, pixels, index, self.reach)

    def kappa(self, points: SortedPoints, halos: SkyHalos, circle: float) -> np.ndarray:
        """Return the convergence at points, that of halos averaged over circles around them.

        ``halos`` are those that `near` returns for a pixel with all points, and ``circle`` is the
        radius of the circles in radians.
        """
        kappa = self.smooth.kappa(points.lon, points.lat)
        add_compact_lensing(points, halos, self.profiles, kappa, circle=circle)
        return kappa

    def kappa_and_shear(
        self, points: SortedPoints, halos: SkyHalos
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the convergence and the shear in the celestial basis at points."""
        kappa, gamma = self.smooth.kappa_and_shear(points.lon, points.lat)
        add_compact_lensing(points, halos, self.profiles, kappa, gamma)
        return kappa, gamma


@dataclass(frozen=True)
class SkyTask:
    """Everything that the galaxies of a part of the sky depend on.

    Attributes
    ----------
    lensing : SkyLensing
        The lensing by the matter.
    survey : MockSurvey
        The survey.
    mask : SkyMask or None
        The mask of the survey.
    footprint : Footprint
        The part of the sky that is covered.
    stars : StarHoles or None
        The holes around stars. If None, there are none.
    z_source : float or SourceRedshifts
        The redshift of the galaxies, or their redshift distribution.
    reduced_shear : bool
        Whether galaxies are lensed by the reduced shear.
    seed : int
        The seed of the galaxies.
    order : int
        The HEALPix order of the partitions.
    truth : HealpixPixels
        The pixels of the true convergence.
    """

    lensing: SkyLensing
    survey: MockSurvey
    mask: SkyMask | None
    footprint: Footprint
    stars: StarHoles | None
    z_source: RedshiftLike
    reduced_shear: bool
    seed: int
    order: int
    truth: HealpixPixels


def _positions(task: SkyTask, cell: int, rng: np.random.Generator) -> SortedPoints:
    """Draw the positions of the galaxies of a cell: those that are observed."""
    density = task.survey.expected_density.value * math.degrees(60) ** 2
    n = rng.poisson(density * CELLS.area)
    finest, lon, lat = random_positions(CELLS.order, np.full(n, cell), rng)
    order = np.argsort(finest, kind="stable")
    finest, lon, lat = finest[order], lon[order], lat[order]
    keep = task.footprint.contains(finest, lon, lat)
    if task.mask is not None and keep.any():
        sky = SkyCoord(lon[keep], lat[keep], unit="deg")
        keep[keep] = ~task.mask.excluded_sky(sky)
    points = SortedPoints(finest[keep], lon[keep], lat[keep])
    if task.stars is not None and len(points):
        left = ~task.stars.excluded(points, cell)
        finest = finest[keep][left]
        points = SortedPoints(finest, points.lon[left], points.lat[left])
    return points


def galaxies_of_pixel(task: SkyTask, pixel: int) -> dict[str, np.ndarray]:
    """Draw the galaxies of a partition.

    Parameters
    ----------
    task : SkyTask
        Everything that the galaxies depend on.
    pixel : int
        The nested index of the partition at ``task.order``.

    Returns
    -------
    dict of `numpy.ndarray`
        The columns of the catalog, ``(n,)`` each.
    """
    children = 2 * (CELLS.order - task.order)
    cells = np.arange(pixel << children, (pixel + 1) << children)
    cells = cells[np.isin(cells, task.footprint.index)]
    columns = [_galaxies_of_cell(task, int(cell)) for cell in cells]
    return {name: np.concatenate([one[name] for one in columns]) for name in columns[0]}


def _galaxies_of_cell(task: SkyTask, cell: int) -> dict[str, np.ndarray]:
    sequence = np.random.SeedSequence(task.seed, spawn_key=(GALAXY_STREAM, cell))
    # Separate random streams, so that drawing redshifts does not change the shapes.
    position_rng, shape_rng, error_rng, redshift_rng = np.random.default_rng(sequence).spawn(4)
    points, survey = _positions(task, cell, position_rng), task.survey
    n = len(points)
    kappa, gamma = task.lensing.kappa_and_shear(points, task.lensing.near(CELLS, cell))
    shear = gamma
    if task.reduced_shear:
        remainder = 1 - kappa
        shear = gamma / np.where(remainder == 0, np.finfo(float).eps, remainder)
    _, sigma_m = survey.measurement.draw(n, error_rng)
    e = compose(survey.intrinsic.draw(n, shape_rng), shear)
    e += sigma_m * (error_rng.standard_normal(n) + 1j * error_rng.standard_normal(n))
    z_source = task.z_source
    redshift = (
        z_source.sample(n, redshift_rng) if isinstance(z_source, SourceRedshifts)
        else np.full(n, z_source)
    )
    columns = {
        "e1": e.real, "e2": e.imag, "weight": survey.measurement.weights(sigma_m),
        "sigma_m": sigma_m, "sigma_e": np.full(n, survey.sigma_e), "redshift": redshift,
        "g1_true": shear.real, "g2_true": shear.imag, "kappa_true": kappa,
    }
    return {"ra": points.lon, "dec": points.lat, "_healpix_29": points.finest} | {
        name: values.astype(np.float32) for name, values in columns.items()
    }


def true_kappa_of_cell(task: SkyTask, cell: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the true convergence of the pixels of a cell, averaged over each pixel.

    Parameters
    ----------
    task : SkyTask
        The lensing, the footprint and the pixels; the survey does not matter.
    cell : int
        The nested index of the cell.

    Returns
    -------
    index : `numpy.ndarray`
        The nested indices of the pixels whose centers are in the footprint, ``(n,)``.
    kappa : `numpy.ndarray`
        The convergence, float32, ``(n,)``.
    """
    children = 2 * (task.truth.order - CELLS.order)
    index = np.arange(cell << children, (cell + 1) << children)
    lon, lat = task.truth.centers(index)
    centers = (4 * index + 2) << (2 * (_FINEST_ORDER - task.truth.order - 1))
    index = index[task.footprint.contains(centers, lon, lat)]
    n = 1 << (2 * _SUBPIXEL_ORDERS)
    small = HealpixPixels(task.truth.nside << _SUBPIXEL_ORDERS)
    fine = (index[:, np.newaxis] * n + np.arange(n)).ravel()
    points = SortedPoints(
        fine << (2 * (_FINEST_ORDER - small.order)), *small.centers(fine)
    )
    kappa = task.lensing.kappa(
        points, task.lensing.near(CELLS, cell), math.sqrt(small.area / math.pi)
    )
    return index, kappa.reshape(-1, n).mean(axis=1).astype(np.float32)
