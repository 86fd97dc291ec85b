# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What is known of the clusters of a field: tables of halos, and words and numbers for files."""

import numpy as np
from astropy import units as u

from lensmap.halos import halo_table
from lensmap.simulate.clusters._positions import inside_field

__all__ = ["cluster_table", "describe_cluster", "describe_filament", "labeled", "subhalo_table"]


def labeled(table, kind, cluster):
    """Add what kind of halos a table has, and to which cluster they belong.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        As `halo_table` makes it; it is changed.
    kind : str
        ``"cluster"``, ``"subhalo"`` or ``"background"``.
    cluster : int or array_like
        The number of the cluster, -1 for none.

    Returns
    -------
    `~astropy.table.QTable`
        The table.
    """
    table["kind"] = np.full(len(table), kind, dtype="U10")
    table["cluster"] = np.broadcast_to(cluster, len(table)).astype(int)
    return table


def cluster_table(clusters, x, y, wcs):
    """Return the table of clusters.

    Parameters
    ----------
    clusters : sequence of lensmap.halos.NFWHalo
        The clusters.
    x, y : `numpy.ndarray`
        Where they are, pixels.
    wcs : `~astropy.wcs.WCS`
        Of the field.

    Returns
    -------
    `~astropy.table.QTable`
        A row for each, in their order.
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


def subhalo_table(subhalos, z_lens, cluster, x, y, wcs):
    """Return the table of the subhalos that lie in the field, the heaviest first.

    Parameters
    ----------
    subhalos : Subhalos
        The subhalos.
    z_lens : float
        Their redshift.
    cluster : int
        The number of their cluster.
    x, y : `numpy.ndarray`
        Where they are, pixels.
    wcs : `~astropy.wcs.WCS`
        Of the field.

    Returns
    -------
    `~astropy.table.QTable`
        Maybe without rows.
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


def describe_cluster(halo, position):
    """Return what is known of a cluster.

    Parameters
    ----------
    halo : lensmap.halos.NFWHalo
        The cluster.
    position : `~astropy.coordinates.SkyCoord`
        Where it is.

    Returns
    -------
    dict
        Plain numbers: degrees and solar masses; ``truncation`` may be None.
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


def describe_filament(filament, arm, pixel_scale, size, critical):
    """Return what is known of a filament.

    Parameters
    ----------
    filament : Filament
        The filament.
    arm : Arm
        The same in pixels.
    pixel_scale : `~astropy.units.Quantity`
        The side of a pixel, an angle.
    size : float
        The same at the cluster, proper Mpc.
    critical : float
        The critical surface density, solar masses per square Mpc.

    Returns
    -------
    dict
        Plain numbers: ``angle`` (on the sky, north through east) and ``pixel_angle`` (from +x to
        +y) in deg; ``start``, ``length``, ``width`` and ``taper`` in arcmin; ``mass`` in solar
        masses.
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
        "mass": float(arm.sum * size**2 * critical),
    }
