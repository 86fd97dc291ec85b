# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The numbers of known clusters, with where they come from."""

from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.halos import NFWHalo, concentration
from lensmap.simulate.clusters._filaments import Filament
from lensmap.utils import look_up

__all__ = ["cluster_parameters"]


def cluster_parameters(name):
    """Return what `ClusterField` takes for a known cluster.

    Parameters
    ----------
    name : str
        One of the presets.

    Returns
    -------
    dict
        The parameters.

    Raises
    ------
    ValueError
        If it is not known.
    """
    return look_up(_PRESETS, name, "cluster preset")()


def _coma():
    # M200c: Cha et al. 2025. The center is NGC 4874.
    mass, z_lens = 7.4e14 * u.solMass, 0.0231
    # Position angles of the first two: HyeongHan et al. 2024; their excess gives a matched filter
    # the significance reported there. The third is invented, and so are lengths and widths.
    arms = ((110.0, 0.0115), (340.0, 0.0063), (225.0, 0.0063))
    return {
        "clusters": NFWHalo(mass, float(concentration(mass, z_lens)), z_lens, truncation=2.5),
        "center": SkyCoord(194.8987875, 27.9593889, unit=u.deg),
        "z_source": 1.0,
        "shape": (512, 512),
        "pixel_scale": 0.41 * u.arcmin,
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
