# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The model `ClusterField`: clusters with substructure, filaments and large-scale structure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from astropy import units as u
from astropy.table import vstack

from lensmap.cosmology import SourceRedshifts, check_z_source, sigma_crit
from lensmap.halos import HaloLens, NFWHalo
from lensmap.maps import ConvergenceMap
from lensmap.simulate.clusters._checks import (
    check_background,
    check_instances,
    check_substructure,
)
from lensmap.simulate.clusters._filaments import Filament, arm_lensing
from lensmap.simulate.clusters._halo_pixels import pixel_means, radial_nodes
from lensmap.simulate.clusters._positions import pixel_direction, pixel_positions
from lensmap.simulate.clusters._presets import available_clusters, cluster_parameters
from lensmap.simulate.clusters._substructure import draw_subhalos, replaced_profile
from lensmap.simulate.clusters._truth import (
    cluster_table,
    describe_cluster,
    describe_filament,
    labeled,
    subhalo_table,
)
from lensmap.simulate.fields import (
    DEFAULT_PIXEL_SCALE,
    DEFAULT_SHAPE,
    DEFAULT_Z_SOURCE,
    LensingField,
)
from lensmap.simulate.halo_model import HaloModelField
from lensmap.utils import ParameterError, Parametrized, as_generator

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

    from lensmap.typing import AngleLike, RedshiftLike, RNGLike

__all__ = ["ClusterField"]

_SURFACE_DENSITY = u.solMass / u.Mpc**2

_MAX_ELLIPTICITY = 0.6


class ClusterField(Parametrized):
    """Fields of clusters: NFW halos with substructure, filaments and large-scale structure.

    The convergence and shear of each halo are computed from analytic profiles and averaged over
    pixels. Therefore the halos are not in a periodic box and need no truncation. The mean
    convergence of the field is not subtracted.

    Parameters
    ----------
    clusters : lensmap.halos.NFWHalo or sequence of them
        The clusters. The ``angle`` of the long axis of an elliptical cluster is measured from the
        +x axis of the pixels towards +y.
    positions : `~astropy.coordinates.SkyCoord`, `~astropy.units.Quantity` or None
        The centers of the clusters: positions on the sky, ``(n,)``, or angular offsets (x, y) from
        the center of the field along the pixel axes, ``(n, 2)``. None places a single cluster at
        the center of the field.
    z_source : float or SourceRedshifts
        The source redshift or redshift distribution.
    shape : tuple of int
        The shape of the field in pixels, ``(ny, nx)``. Both numbers must be even.
    pixel_scale : `~astropy.units.Quantity` or str
        The angular side of a pixel. Each pixel holds the mean over its area.
    center : `~astropy.coordinates.SkyCoord` or None
        The center of the field on the sky, with north up and east left. If None, RA 180 deg, Dec 0.
    filaments : sequence of Filament
        The filaments attached to the clusters.
    substructure : float
        The mean fraction of the M200c of each cluster that is in subhalos, at most 0.3. Subhalos
        replace smooth matter, so the total mass of the cluster does not change.
    background : None, True or HaloModelField
        The model of the large-scale structure to which the clusters are added. True makes a
        `HaloModelField` with the pixels, sources and cosmology of the field. None adds no
        large-scale structure.
    dtype : {"float32", "float64"}
        The floating-point precision of the fields.

    Raises
    ------
    TypeError
        If a parameter has the wrong type.
    ValueError
        If a parameter is out of range, a cluster lies outside the field or behind the sources, or
        the pixels, sources or cosmology of ``background`` differ from those of the field.

    See Also
    --------
    ClusterField.preset : Models of known clusters.

    Notes
    -----
    Subhalos have masses between 0.001 and 0.1 of M200c, with a mass function
    :math:`\\propto m^{-1.9}`. Their positions follow the profile of their cluster out to r200c.
    They are round, truncated NFW halos with the concentrations of Diemer & Joyce 2019. The field
    uses the flat-sky approximation: over 3.5 deg, the tangent of an angle differs from the angle
    by a fraction of 3e-4.

    The shear averaged over a pixel differs from the shear at the center of the pixel: at a distance
    of r pixels from a cluster, the tangential shear is smaller by a fraction of about
    :math:`1 / (6 r^2)`. Apart from this, the shear of round halos agrees with
    `lensmap.halos.NFWHalo` to 1e-3 or better. The shear of elliptical halos is accurate to 2e-3 up
    to an ellipticity of 0.5.

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
        clusters: NFWHalo | Sequence[NFWHalo],
        *,
        positions: SkyCoord | u.Quantity | None = None,
        z_source: RedshiftLike = DEFAULT_Z_SOURCE,
        shape: tuple[int, int] = DEFAULT_SHAPE,
        pixel_scale: AngleLike = DEFAULT_PIXEL_SCALE,
        center: SkyCoord | None = None,
        filaments: Filament | Sequence[Filament] = (),
        substructure: float = 0.0,
        background: HaloModelField | Literal[True] | None = None,
        dtype: str = "float32",
    ) -> None:
        self.clusters = check_instances(clusters, "clusters", NFWHalo)
        if not self.clusters:
            raise ParameterError(
                "clusters", "at least one NFWHalo", "an empty sequence", verb="hold"
            )
        for halo in self.clusters:
            if halo.ellipticity > _MAX_ELLIPTICITY:
                raise ParameterError(
                    "clusters", f"an ellipticity of at most {_MAX_ELLIPTICITY:g}",
                    str(halo.ellipticity), verb="each have",
                )
            if halo.cosmology != self.clusters[0].cosmology:
                raise ParameterError(
                    "clusters", "the same cosmology", remedy="make each NFWHalo with it",
                    verb="all have",
                )
        self.z_source = check_z_source(z_source)
        # Making this model checks the pixels and their position.
        pixels = HaloModelField(
            z_source=self.z_source, shape=shape, pixel_scale=pixel_scale, center=center,
            padding=1.0, dtype=dtype, cosmology=self.clusters[0].cosmology,
        )
        self.shape, self.dtype = pixels.shape, dtype
        self.pixel_scale, self.center, self.wcs = pixels.pixel_scale, pixels.center, pixels.wcs
        for halo in self.clusters:
            sigma_crit(halo.z_lens, self.z_source, halo.cosmology)  # checks the redshifts
        self.positions = positions
        self._x, self._y = pixel_positions(positions, len(self.clusters), self.wcs)
        self.filaments = check_instances(filaments, "filaments", Filament)
        self._arms = [self._arm_of(filament) for filament in self.filaments]
        self.substructure = check_substructure(substructure, self.clusters)
        self.background = background
        self._background_model = check_background(background, pixels)

    @staticmethod
    def available_presets() -> list[str]:
        """Return the names of the known clusters for which parameters are predefined.

        Returns
        -------
        list of str
            The names that `preset` accepts, such as ``"coma"``.
        """
        return available_clusters()

    @classmethod
    def preset(cls, name: str, **changes: Any) -> ClusterField:
        r"""Make a model of a known cluster.

        Parameters
        ----------
        name : {"coma"}
            The name of the cluster. ``"coma"`` is Coma (Abell 1656) at z = 0.0231, which is
            simulated because no shear catalog of Coma is public. It is a round halo centered on NGC
            4874, with an M200c of 7.4e14 solar masses (Cha et al. 2025) and the c200c of Diemer &
            Joyce 2019. It is truncated at 2.5 r200c, and a tenth of its mass is in subhalos. The
            field has the default width of 3.5 deg. The sources are at redshift 1, but the signal of
            a lens so nearby hardly depends on the source redshift.
        **changes
            Parameters of `ClusterField` that replace or supplement those of the preset.

        Returns
        -------
        ClusterField
            The model.

        Raises
        ------
        ValueError
            If the preset does not exist.

        Notes
        -----
        The model of Coma has three filaments, which extend from 25 to 95 arcmin from the center and
        are 14 arcmin wide (full width at half maximum). Two of them are the filaments detected by
        HyeongHan et al. 2024, at position angles of 110 and 340 deg with 6.6 and 3.6 sigma. Their
        excess convergence, 0.0115 and 0.0063, is chosen so that a matched filter detects them with
        the same significance, given 38 galaxies per square arcminute with an ellipticity dispersion
        of 0.25 per component. ``MockSurvey.preset("cha2025", density=38 / u.arcmin**2)`` is a
        similar survey. The third filament, at 225 deg with an excess convergence of 0.0063, is
        invented. The lengths and widths of all three are also invented.

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

    # --- filaments in pixels ----------------------------------------------------------------

    def _arm_of(self, filament):
        """Convert a filament to an `Arm`, a filament in pixel units, and check its length."""
        index = filament.cluster
        if not 0 <= index < len(self.clusters):
            raise ParameterError(
                "filaments", "a cluster of the field", f"cluster={index}",
                f"the clusters have the numbers from 0 to {len(self.clusters) - 1}",
                verb="start at",
            )
        x, y = self._x[index], self._y[index]
        direction = pixel_direction(self.wcs, x, y, filament.angle)
        arm = filament.arm(self.clusters[index], x, y, direction, self.pixel_scale)
        max_length = 2 * max(self.shape)
        if arm.end > max_length:
            raise ParameterError(
                "filaments",
                f"a length of at most {max_length * self.pixel_scale:.4g}, twice the longer side "
                "of the field",
                f"{arm.end * self.pixel_scale:.4g}",
                verb="have",
            )
        return arm

    # --- draws ------------------------------------------------------------------------------

    @cached_property
    def _scales(self):
        """The scales of each cluster, as a list of pairs.

        A pair holds the side of a pixel at the cluster (proper Mpc), and the critical surface
        density (solar masses per square proper Mpc).
        """
        result = []
        for halo in self.clusters:
            distance = halo.cosmology.angular_diameter_distance(halo.z_lens).to_value(u.Mpc)
            critical = sigma_crit(halo.z_lens, self.z_source, halo.cosmology)
            pixel_mpc = distance * self.pixel_scale.to_value(u.rad)
            result.append((pixel_mpc, critical.to_value(_SURFACE_DENSITY)))
        return result

    def _lensing(self, halo, index, x, y):
        """Return the convergence and shear of a halo at the redshift of a cluster.

        Parameters
        ----------
        halo : lensmap.halos.NFWHalo
            The cluster, or a subhalo of it.
        index : int
            The index of the cluster.
        x, y : float
            The pixel position of the halo.

        Returns
        -------
        `numpy.ndarray`
            Convergence and complex shear, ``(2, ny, nx)``.
        """
        pixel_mpc, critical = self._scales[index]
        radius = radial_nodes(self.shape, x, y)
        radius_mpc = radius * pixel_mpc * u.Mpc
        lens = HaloLens(
            radius,
            halo.surface_density(radius_mpc).to_value(_SURFACE_DENSITY) / critical,
            halo.mean_surface_density(radius_mpc).to_value(_SURFACE_DENSITY) / critical,
            halo.ellipticity,
            halo.angle,
        )
        return np.stack(pixel_means(lens, self.shape, x, y))

    @cached_property
    def _smooth_lensing(self):
        """The convergence and complex shear of the clusters and filaments, ``(2, ny, nx)``.

        The clusters are smooth, without subhalos.
        """
        total = np.zeros((2, *self.shape), dtype=complex)
        for index, (halo, x, y) in enumerate(zip(self.clusters, self._x, self._y, strict=True)):
            total += self._lensing(halo, index, x, y)
        if self._arms:
            total += np.stack(arm_lensing(self._arms, self.shape))
        return total

    @cached_property
    def _replaced_lensing(self):
        """The convergence and complex shear of the smooth matter that subhalos replace.

        A list with one array ``(2, ny, nx)`` for each cluster, per solar mass of the matter.
        """
        result = []
        for halo, scales, x, y in zip(self.clusters, self._scales, self._x, self._y, strict=True):
            pixel_mpc, critical = scales
            scale_radius = halo.scale_radius.to_value(u.Mpc)
            radius = radial_nodes(self.shape, x, y)
            sigma, mean = (
                values / scale_radius**2 / critical
                for values in replaced_profile(radius * pixel_mpc / scale_radius, halo.c200c)
            )
            lens = HaloLens(radius, sigma, mean, halo.ellipticity, halo.angle)
            result.append(np.stack(pixel_means(lens, self.shape, x, y)))
        return result

    def prepare(self) -> ClusterField:
        """Compute the convergence and shear that all drawn fields share.

        If ``prepare`` was not called, the first call of ``draw`` computes them.

        Returns
        -------
        ClusterField
            The model itself.
        """
        _ = self._smooth_lensing
        if self.substructure > 0:
            _ = self._replaced_lensing
        if self._background_model is not None:
            self._background_model.prepare()
        return self

    def draw(self, rng: RNGLike = None) -> LensingField:
        """Draw a field of the clusters, with random subhalos and large-scale structure.

        Parameters
        ----------
        rng : None, int, `~numpy.random.SeedSequence` or `~numpy.random.Generator`
            Seed or generator for substructure and background. None draws a new seed in each call.

        Returns
        -------
        LensingField
            The field, which unpacks as ``kappa, halos = ...``. The same seed gives a bitwise
            identical field.

        Notes
        -----
        In the halo table, the column ``kind`` is ``"cluster"``, ``"subhalo"`` or ``"background"``.
        The column ``cluster`` is the index of the cluster to which the halo belongs, or -1 if it
        belongs to none. The M200c of a cluster includes its substructure. Only subhalos in the
        field are listed, and their M200c is that before truncation at r200c. ``kappa.meta`` lists
        the parameters and masses of the ``clusters`` and ``filaments``, with angles in deg, lengths
        in arcmin and masses in solar masses.
        """
        rng = as_generator(rng)
        total = self._smooth_lensing.copy()
        tables = [cluster_table(self.clusters, self._x, self._y, self.wcs)]
        if self.substructure > 0:
            for index in range(len(self.clusters)):
                tables.append(self._add_subhalos(total, index, rng))
        kappa, gamma = total[0].real, total[1]
        if self._background_model is not None:
            background = self._background_model.draw(rng)
            kappa, gamma = kappa + background.kappa.data, gamma + background.gamma
            tables.append(labeled(background.halos, "background", -1))
        single = self.dtype == "float32"
        return LensingField(
            ConvergenceMap(kappa.astype(self.dtype), wcs=self.wcs, meta=self._meta()),
            gamma.astype(np.complex64 if single else np.complex128),
            vstack(tables),
            self.z_source,
        )

    def _add_subhalos(self, total, index, rng):
        """Replace smooth matter of a cluster by random subhalos.

        The convergence and complex shear ``total``, ``(2, ny, nx)``, are changed in place. Return
        the halo table of the subhalos. ``index`` is the index of the cluster.
        """
        halo, (pixel_mpc, _) = self.clusters[index], self._scales[index]
        subhalos = draw_subhalos(halo, self.substructure, rng)
        x = self._x[index] + subhalos.x.to_value(u.Mpc) / pixel_mpc
        y = self._y[index] + subhalos.y.to_value(u.Mpc) / pixel_mpc
        for i in range(len(x)):
            subhalo = NFWHalo(
                subhalos.m200c[i], float(subhalos.c200c[i]), halo.z_lens,
                truncation=subhalos.truncation, cosmology=halo.cosmology,
            )
            total += self._lensing(subhalo, index, x[i], y[i])
        total -= subhalos.mass.sum().to_value(u.solMass) * self._replaced_lensing[index]
        return subhalo_table(subhalos, halo.z_lens, index, x, y, self.wcs)

    def _meta(self):
        z_source = self.z_source
        sky = self.wcs.pixel_to_world(self._x, self._y).icrs
        return {
            "origin": "ClusterField",
            "z_source": repr(z_source) if isinstance(z_source, SourceRedshifts) else z_source,
            "cosmology": self.clusters[0].cosmology.name or "unnamed",
            "substructure": self.substructure,
            "background": self._background_model is not None,
            "clusters": [describe_cluster(*pair) for pair in zip(self.clusters, sky, strict=True)],
            "filaments": [
                describe_filament(filament, arm, self.pixel_scale, *self._scales[filament.cluster])
                for filament, arm in zip(self.filaments, self._arms, strict=True)
            ],
        }


def _count(values, name):
    return f"{len(values)} {name}{'' if len(values) == 1 else 's'}"
