# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The true properties of the clusters in a field, as halo tables and as metadata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from numpy.typing import ArrayLike

from lensmap.halos import halo_table
from lensmap.simulate.clusters._positions import inside_field

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.table import QTable
    from astropy.wcs import WCS

    from lensmap.halos import NFWHalo
    from lensmap.simulate.clusters._filaments import Arm, Filament
    from lensmap.simulate.clusters._substructure import Subhalos

__all__ = ["cluster_table", "describe_cluster", "describe_filament", "labeled", "subhalo_table"]


def labeled(table: QTable, kind: str, cluster: ArrayLike) -> QTable:
    """Add the columns ``kind`` and ``cluster`` to a halo table, in place.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        A table returned by `lensmap.halos.halo_table`.
    kind : str
        The kind of the halos: ``"cluster"``, ``"subhalo"`` or ``"background"``.
    cluster : int or array_like
        The index of the cluster to which the halos belong, -1 for none. A single index for all
        halos, or one for each, ``(n,)``.

    Returns
    -------
    `~astropy.table.QTable`
        The table itself, with the new columns.
    """
    table["kind"] = np.full(len(table), kind, dtype="U10")
    table["cluster"] = np.broadcast_to(cluster, len(table)).astype(int)
    return table


def cluster_table(
    clusters: Sequence[NFWHalo], x: np.ndarray, y: np.ndarray, wcs: WCS
) -> QTable:
    """Return the halo table of the clusters in a field.

    Parameters
    ----------
    clusters : sequence of lensmap.halos.NFWHalo
        The clusters.
    x, y : `numpy.ndarray`
        The pixel positions of the cluster centers, ``(n,)``.
    wcs : `~astropy.wcs.WCS`
        The WCS of the field.

    Returns
    -------
    `~astropy.table.QTable`
        The table, with one row for each cluster.
    """
    table = halo_table(
        wcs.pixel_to_world(x, y),
        [halo.z_lens for halo in clusters],
        u.Quantity([halo.m200c.to(u.solMass) for halo in clusters]),
        [halo.c200c for halo in clusters],
        [halo.ellipticity for halo in clusters],
        u.Quantity([halo.angle.to(u.deg) for halo in clusters]),
    )
    return labeled(table, "cluster", np.arange(len(table)))


def subhalo_table(
    subhalos: Subhalos, z_lens: float, cluster: int, x: np.ndarray, y: np.ndarray, wcs: WCS
) -> QTable:
    """Return the halo table of the subhalos in the field, most massive first.

    Parameters
    ----------
    subhalos : Subhalos
        The subhalos of one cluster.
    z_lens : float
        The redshift of the cluster.
    cluster : int
        The index of the cluster.
    x, y : `numpy.ndarray`
        The pixel positions of the subhalos, ``(n,)``.
    wcs : `~astropy.wcs.WCS`
        The WCS of the field.

    Returns
    -------
    `~astropy.table.QTable`
        The table, with one row for each subhalo in the field. It may be empty.
    """
    keep = np.flatnonzero(inside_field(x, y, wcs.array_shape))
    keep = keep[np.argsort(-subhalos.mass[keep].value, kind="stable")]
    table = halo_table(
        wcs.pixel_to_world(x[keep], y[keep]) if len(keep) else None,
        np.full(len(keep), z_lens),
        subhalos.m200c[keep],
        subhalos.c200c[keep],
    )
    return labeled(table, "subhalo", cluster)


def describe_cluster(halo: NFWHalo, position: SkyCoord) -> dict:
    """Return the parameters of a cluster as plain numbers, for metadata.

    Parameters
    ----------
    halo : lensmap.halos.NFWHalo
        The cluster.
    position : `~astropy.coordinates.SkyCoord`
        The position of the center of the cluster.

    Returns
    -------
    dict
        The parameters, keyed by name: ``ra``, ``dec`` and ``angle`` in deg, ``m200c`` in solar
        masses, ``z_lens``, ``c200c``, ``ellipticity``, and ``truncation`` in units of r200c (or
        None).
    """
    return {
        "ra": float(position.ra.deg),
        "dec": float(position.dec.deg),
        "z_lens": float(halo.z_lens),
        "m200c": float(halo.m200c.to_value(u.solMass)),
        "c200c": float(halo.c200c),
        "truncation": None if halo.truncation is None else float(halo.truncation),
        "ellipticity": float(halo.ellipticity),
        "angle": float(halo.angle.to_value(u.deg)),
    }


def describe_filament(
    filament: Filament, arm: Arm, pixel_scale: u.Quantity, pixel_mpc: float, critical: float
) -> dict:
    """Return the parameters of a filament as plain numbers, for metadata.

    Parameters
    ----------
    filament : Filament
        The filament.
    arm : Arm
        The same filament, converted to pixel units.
    pixel_scale : `~astropy.units.Quantity`
        The angular side of a pixel.
    pixel_mpc : float
        The side of a pixel at the cluster in proper Mpc.
    critical : float
        The critical surface density of the cluster in solar masses per square proper Mpc.

    Returns
    -------
    dict
        The parameters, keyed by name: ``angle`` (position angle, north through east) and
        ``pixel_angle`` (from +x to +y) in deg, ``start``, ``length``, ``width`` and ``taper`` in
        arcmin, ``mass`` in solar masses, ``cluster``, and the convergence on the axis at
        the two ends, ``excess`` and ``outer_excess``.
    """
    scale = pixel_scale.to_value(u.arcmin)
    return {
        "cluster": int(filament.cluster),
        "angle": float(filament.angle.to_value(u.deg)),
        "pixel_angle": float(np.degrees(arm.direction)),
        "start": arm.start * scale,
        "length": arm.end * scale,
        "width": arm.width * scale,
        "taper": arm.taper * scale,
        "excess": float(arm.excess),
        "outer_excess": float(arm.outer_excess),
        "mass": float(arm.sum * pixel_mpc**2 * critical),
    }
