# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Parameters of known clusters, with references."""

from __future__ import annotations

from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.halos import NFWHalo, concentration
from lensmap.simulate.clusters._filaments import Filament
from lensmap.utils import look_up

__all__ = ["available_clusters", "cluster_parameters"]


def available_clusters() -> list[str]:
    """Return the names of the known clusters that `ClusterField` has parameters for.

    Returns
    -------
    list of str
        The names, such as ``"coma"``.
    """
    return list(_PRESETS)


def cluster_parameters(name: str) -> dict:
    """Return the parameters of `ClusterField` for the preset of a known cluster.

    Parameters
    ----------
    name : str
        The name of the cluster, such as ``"coma"``.

    Returns
    -------
    dict
        The parameters that differ from the defaults of `ClusterField`.

    Raises
    ------
    ValueError
        If the preset does not exist.
    """
    return look_up(_PRESETS, name, "cluster preset")()


def _coma():
    # M200c is from Cha et al. 2025. The center is NGC 4874.
    mass, z_lens = 7.4e14 * u.solMass, 0.0231
    # The position angles of the first two filaments are from HyeongHan et al. 2024. With their
    # excess convergence, a matched filter has the significance reported in that paper. The third
    # filament is invented, and so are all lengths and widths.
    arms = ((110.0, 0.0115), (340.0, 0.0063), (225.0, 0.0063))
    return {
        "clusters": NFWHalo(mass, float(concentration(mass, z_lens)), z_lens, truncation=2.5),
        "center": SkyCoord(194.8987875, 27.9593889, unit=u.deg),
        "substructure": 0.1,
        "filaments": tuple(
            Filament(
                angle=angle * u.deg, excess=excess, width=6 * u.arcmin, start=25 * u.arcmin,
                length=95 * u.arcmin, taper=15 * u.arcmin,
            )
            for angle, excess in arms
        ),
    }


_PRESETS = {"coma": _coma}
