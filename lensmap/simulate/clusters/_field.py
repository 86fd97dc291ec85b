# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`ClusterField`: clusters with substructure and filaments, alone or on large-scale structure."""

from functools import cached_property

import numpy as np
from astropy import units as u
from astropy.table import vstack

from lensmap.cosmology import SourceRedshifts, check_z_source, sigma_crit
from lensmap.halos import NFWHalo
from lensmap.maps import ConvergenceMap
from lensmap.simulate.clusters._checks import check_all, check_background, check_substructure
from lensmap.simulate.clusters._filaments import Filament, arm_lensing
from lensmap.simulate.clusters._halo_pixels import HaloLens, pixel_means, radial_nodes
from lensmap.simulate.clusters._positions import pixel_direction, pixel_positions
from lensmap.simulate.clusters._presets import cluster_parameters
from lensmap.simulate.clusters._substructure import cut_profile, draw_subhalos
from lensmap.simulate.clusters._truth import (
    cluster_table,
    describe_cluster,
    describe_filament,
    labeled,
    subhalo_table,
)
from lensmap.simulate.fields import LensingField
from lensmap.simulate.halo_model import HaloModelField
from lensmap.utils import Parametrized, as_generator

__all__ = ["ClusterField"]

_DENSITY = u.solMass / u.Mpc**2

_MAX_ELLIPTICITY = 0.6


class ClusterField(Parametrized):
    """Known clusters: NFW halos with substructure and filaments, alone or on top of the rest.

    Convergence and shear of the halos are their formulas', averaged over pixels: there is no box,
    no periodic image, and no need of truncation. The mean convergence of the field is not
    removed.

    Parameters
    ----------
    clusters : lensmap.halos.NFWHalo or sequence of them
        The clusters; ``angle`` of an elliptical one is from the pixels' +x axis towards +y.
    positions : `~astropy.coordinates.SkyCoord`, `~astropy.units.Quantity` or None
        Where they are: positions on the sky, ``(n,)``, or offsets from the center of the field
        along the pixels' axes, ``(n, 2)``, each (x, y), angles. None puts the only one into the
        center.
    z_source : float or SourceRedshifts
        The source redshift, or their distribution.
    shape : tuple of int
        ``(ny, nx)`` of the field, even.
    pixel_scale : `~astropy.units.Quantity` or str
        The side of a pixel, an angle. Pixels hold means over their area.
    center : `~astropy.coordinates.SkyCoord` or None
        Where the field is on the sky, north up and east left; None is RA 180, dec 0.
    filaments : sequence of Filament
        The arms of the clusters.
    substructure : float
        Which part of M200c of each cluster is in subhalos on average, at most 0.3. What they
        have, the smooth cluster has not.
    background : None, True or HaloModelField
        Large-scale structure that the clusters are added to: none, `HaloModelField` with the same
        pixels, sources and cosmology, or a given one.
    dtype : {"float32", "float64"}
        The precision of fields.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or out of range, a cluster lies outside of the field
        or behind the sources, or the background does not belong to the field.

    See Also
    --------
    ClusterField.preset : Clusters that are known.

    Notes
    -----
    Subhalos have masses between 0.001 and 0.1 of M200c with a mass function
    :math:`\\propto m^{-1.9}`, follow the profile of their cluster out to r200c, are truncated
    NFW halos with the concentrations of Diemer & Joyce 2019, and are round. The field is flat:
    in 3.5 deg, tangents differ from angles by 3e-4.

    Mean and value at the center of a pixel differ: r pixels from a cluster, tangential shear is
    smaller by a part of about :math:`1 / (6 r^2)`. But for that, the shear of round halos is
    that of `lensmap.halos.NFWHalo` to 1e-3 or better, that of elliptical ones, up to an
    ellipticity of 0.5, right to 2e-3.

    Examples
    --------
    >>> from astropy import units as u
    >>> from lensmap.halos import NFWHalo
    >>> from lensmap.simulate import ClusterField
    >>> halo = NFWHalo(5e14 * u.solMass, c200c=4.0, z_lens=0.2)
    >>> model = ClusterField(halo, shape=(64, 64), substructure=0.1)
    >>> kappa, halos = model.draw(rng=1)
    >>> kappa.shape, str(halos["kind"][0])
    ((64, 64), 'cluster')
    """

    def __init__(
        self,
        clusters,
        *,
        positions=None,
        z_source=1.0,
        shape=(512, 512),
        pixel_scale=0.41 * u.arcmin,
        center=None,
        filaments=(),
        substructure=0.0,
        background=None,
        dtype="float32",
    ):
        self.clusters = check_all(clusters, "clusters", NFWHalo)
        if not self.clusters:
            raise ValueError("clusters must hold at least one NFWHalo, but is empty")
        for halo in self.clusters:
            if halo.ellipticity > _MAX_ELLIPTICITY:
                raise ValueError(
                    f"clusters must have an ellipticity of at most {_MAX_ELLIPTICITY:g}, not "
                    f"{halo.ellipticity}"
                )
            if halo.cosmology != self.clusters[0].cosmology:
                raise ValueError("clusters must all have the same cosmology")
        self.z_source = check_z_source(z_source)
        # Pixels and their place are checked by what knows them already.
        pixels = HaloModelField(
            z_source=self.z_source, shape=shape, pixel_scale=pixel_scale, center=center,
            padding=1.0, dtype=dtype, cosmology=self.clusters[0].cosmology,
        )
        self.shape, self.dtype = pixels.shape, dtype
        self.pixel_scale, self.center, self.wcs = pixels.pixel_scale, pixels.center, pixels.wcs
        for halo in self.clusters:
            sigma_crit(halo.z_lens, self.z_source, halo.cosmology)  # says if it is behind them
        self.positions = positions
        self._x, self._y = pixel_positions(positions, len(self.clusters), self.wcs)
        self.filaments = check_all(filaments, "filaments", Filament)
        self._arms = [self._arm(filament) for filament in self.filaments]
        self.substructure = check_substructure(substructure, self.clusters)
        self.background = background
        self._behind = check_background(background, pixels)

    @classmethod
    def preset(cls, name, **changes):
        r"""Make the field of a cluster that is known.

        Parameters
        ----------
        name : {"coma"}
            Coma (Abell 1656) at z = 0.0231, as a mock: no shear catalog of it is public. M200c
            of 7.4e14 solar masses (Cha et al. 2025), centered on NGC 4874, c200c of Diemer &
            Joyce 2019, truncated at 2.5 r200c, round, a tenth of it in subhalos; a field of 3.5
            deg, 512 x 512 pixels. Sources are at redshift 1: for a lens so near, their redshifts
            hardly matter.
        **changes
            Other parameters of `ClusterField`, or other values.

        Returns
        -------
        ClusterField
            The model.

        Raises
        ------
        ValueError
            If there is no such preset.

        Notes
        -----
        Coma has three filaments, 14 arcmin wide (full width at half maximum), from 25 to 95
        arcmin from the center. Two have the position angles in which HyeongHan et al. 2024 found
        them, 110 and 340 deg, and an excess convergence, 0.0115 and 0.0063, that a matched filter
        would see with the significance that they report, 6.6 and 3.6 sigma, in 38 galaxies per
        square arcminute with ellipticities of 0.25 per component. The third, at 225 deg with
        0.0063, is invented, and so are length and width of all. A survey like theirs is
        ``MockSurvey.preset("cha2025", density=38 / u.arcmin**2)``.

        References
        ----------
        Cha et al. 2025, ApJ; HyeongHan et al. 2024, Nature Astronomy 8, 377.

        Examples
        --------
        >>> from lensmap.simulate import ClusterField
        >>> coma = ClusterField.preset("coma", substructure=0.0)
        >>> coma
        <ClusterField of 1 cluster, 3 filaments; 512 x 512 pixels of 0.41 arcmin; z_source 1.0>
        """
        return cls(**{**cluster_parameters(name), **changes})

    def __repr__(self):
        ny, nx = self.shape
        parts = [_count(self.clusters, "cluster")]
        if self.filaments:
            parts.append(_count(self.filaments, "filament"))
        if self.background is not None:
            parts.append("large-scale structure")
        return (
            f"<ClusterField of {', '.join(parts)}; {ny} x {nx} pixels of {self.pixel_scale}; "
            f"z_source {self.z_source!r}>"
        )

    # --- what is asked for ------------------------------------------------------------------

    def _arm(self, filament):
        """Return a filament in pixels."""
        which = filament.cluster
        if not 0 <= which < len(self.clusters):
            raise ValueError(
                f"filaments must start at a cluster from 0 to {len(self.clusters) - 1}; one has "
                f"cluster={which}"
            )
        x, y = self._x[which], self._y[which]
        direction = pixel_direction(self.wcs, x, y, filament.angle)
        arm = filament.arm(self.clusters[which], x, y, direction, self.pixel_scale)
        longest = 2 * max(self.shape)
        if arm.end > longest:
            raise ValueError(
                f"length must be at most twice the field, {longest * self.pixel_scale:.4g}, but a "
                f"filament has {arm.end * self.pixel_scale:.4g}"
            )
        return arm

    # --- draws ------------------------------------------------------------------------------

    @cached_property
    def _scales(self):
        """The side of a pixel (proper Mpc) and the critical density (solar masses) of clusters."""
        result = []
        for halo in self.clusters:
            distance = halo.cosmology.angular_diameter_distance(halo.z_lens).to_value(u.Mpc)
            critical = sigma_crit(halo.z_lens, self.z_source, halo.cosmology)
            size = distance * self.pixel_scale.to_value(u.rad)
            result.append((size, critical.to_value(_DENSITY)))
        return result

    def _lensing(self, halo, which, x, y):
        """Return convergence and shear of a halo at a cluster's redshift, ``(2, ny, nx)``."""
        size, critical = self._scales[which]
        radius = radial_nodes(self.shape, x, y)
        lens = HaloLens(
            radius,
            halo.surface_density(radius * size * u.Mpc).to_value(_DENSITY) / critical,
            halo.mean_surface_density(radius * size * u.Mpc).to_value(_DENSITY) / critical,
            halo.ellipticity,
            halo.angle,
        )
        return np.stack(pixel_means(lens, self.shape, x, y))

    @cached_property
    def _smooth(self):
        """Convergence and shear of what is the same in all draws."""
        total = np.zeros((2, *self.shape), dtype=complex)
        for which, (halo, x, y) in enumerate(zip(self.clusters, self._x, self._y, strict=True)):
            total += self._lensing(halo, which, x, y)
        if self._arms:
            total += np.stack(arm_lensing(self._arms, self.shape))
        return total

    @cached_property
    def _per_mass(self):
        """What subhalos take the place of, for each cluster and solar mass."""
        result = []
        for halo, scales, x, y in zip(self.clusters, self._scales, self._x, self._y, strict=True):
            size, critical = scales
            scale = halo.scale_radius.to_value(u.Mpc)
            radius = radial_nodes(self.shape, x, y)
            sigma, mean = (
                values / scale**2 / critical
                for values in cut_profile(radius * size / scale, halo.c200c)
            )
            lens = HaloLens(radius, sigma, mean, halo.ellipticity, halo.angle)
            result.append(np.stack(pixel_means(lens, self.shape, x, y)))
        return result

    def prepare(self):
        """Work out all that does not depend on a draw, if not yet done.

        Returns
        -------
        ClusterField
            The model itself.
        """
        _ = self._smooth
        if self.substructure > 0:
            _ = self._per_mass
        if self._behind is not None:
            self._behind.prepare()
        return self

    def draw(self, rng=None):
        """Draw a field.

        Parameters
        ----------
        rng : None, int, `~numpy.random.SeedSequence` or `numpy.random.Generator`
            The source of random numbers, for substructure and background; None is different in
            each call.

        Returns
        -------
        LensingField
            Convergence, shear and halos, which unpack as ``kappa, halos = ...``. The column
            ``kind`` of ``halos`` says ``"cluster"``, ``"subhalo"`` or ``"background"``, and
            ``cluster`` to which cluster one belongs, -1 for none. Clusters come with their whole
            M200c, substructure included; then subhalos in the field, with M200c before their
            truncation at r200c. ``kappa.meta`` has ``clusters`` and ``filaments``, with the mass of
            each; angles in deg, lengths in arcmin, masses in solar masses. Bit for bit the same
            for a seed.
        """
        rng = as_generator(rng)
        total = self._smooth.copy()
        tables = [cluster_table(self.clusters, self._x, self._y, self.wcs)]
        if self.substructure > 0:
            for which in range(len(self.clusters)):
                tables.append(self._add_subhalos(total, which, rng))
        kappa, gamma = total[0].real, total[1]
        if self._behind is not None:
            behind = self._behind.draw(rng)
            kappa, gamma = kappa + behind.kappa.data, gamma + behind.gamma
            tables.append(labeled(behind.halos, "background", -1))
        single = self.dtype == "float32"
        return LensingField(
            ConvergenceMap(kappa.astype(self.dtype), wcs=self.wcs, meta=self._meta()),
            gamma.astype(np.complex64 if single else np.complex128),
            vstack(tables),
            self.z_source,
        )

    def _add_subhalos(self, total, which, rng):
        """Add the subhalos of a cluster, in the place of a smooth part of it."""
        halo, (size, _) = self.clusters[which], self._scales[which]
        subhalos = draw_subhalos(halo, self.substructure, rng)
        x = self._x[which] + subhalos.x.to_value(u.Mpc) / size
        y = self._y[which] + subhalos.y.to_value(u.Mpc) / size
        for i in range(len(x)):
            one = NFWHalo(
                subhalos.m200c[i], float(subhalos.c200c[i]), halo.z_lens,
                truncation=subhalos.truncation, cosmology=halo.cosmology,
            )
            total += self._lensing(one, which, x[i], y[i])
        total -= subhalos.mass.sum().to_value(u.solMass) * self._per_mass[which]
        return subhalo_table(subhalos, halo.z_lens, which, x, y, self.wcs)

    def _meta(self):
        z_source = self.z_source
        sky = self.wcs.pixel_to_world(self._x, self._y).icrs
        return {
            "origin": "ClusterField",
            "z_source": repr(z_source) if isinstance(z_source, SourceRedshifts) else z_source,
            "cosmology": self.clusters[0].cosmology.name or "unnamed",
            "substructure": self.substructure,
            "background": self._behind is not None,
            "clusters": [describe_cluster(*pair) for pair in zip(self.clusters, sky, strict=True)],
            "filaments": [
                describe_filament(filament, arm, self.pixel_scale, *self._scales[filament.cluster])
                for filament, arm in zip(self.filaments, self._arms, strict=True)
            ],
        }


def _count(values, name):
    return f"{len(values)} {name}{'' if len(values) == 1 else 's'}"
