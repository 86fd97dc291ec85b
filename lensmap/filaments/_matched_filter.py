# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`matched_filter`: the search for filaments about a position in the shear itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.catalog import as_shear_catalog
from lensmap.filaments._cluster import ClusterModel, fit_cluster
from lensmap.filaments._least_squares import ArmAmplitudes
from lensmap.filaments._scan import ArmScan, ScanState, highest_snr
from lensmap.filaments._sizes import arm_sizes
from lensmap.filaments._structure import galaxy_redshifts, structure_power
from lensmap.filaments._template import arm_template
from lensmap.flatsky import WienerSolver, mode_power, padded_shape
from lensmap.grid import PixelAssignment, ShearGrid, tangent_wcs
from lensmap.utils import (
    ParameterError,
    as_generator,
    as_icrs,
    as_skycoord,
    check_count,
    check_memory,
    check_number,
    check_plausible,
    set_formats,
)

if TYPE_CHECKING:
    from lensmap.typing import (
        AngleLike,
        CatalogLike,
        CosmologyLike,
        MaskLike,
        PositionLike,
        RedshiftLike,
        RNGLike,
    )

__all__ = ["matched_filter"]

# The side of the padded field of the covariance in units of the field.
_PADDING = 2.0

_TOLERANCE, _MAX_ITERATIONS = 1e-3, 500

# The number of Gaussian skies for the false probability.
_N_SKIES = 20000

# The false probabilities whose significance is in the table.
_FALSE_PROBABILITIES = (0.05, 0.01)

# Directions whose amplitudes are correlated more than this belong to the same peak.
_SAME_PEAK = 0.3

_FORMATS = {
    "angle": ".1f", "kappa0 kappa0_err kappa0_cross kappa0_cross_err": ".5f",
    "snr snr_cross covered": ".2f", "false_probability": ".3g",
}


def matched_filter(
    catalog: CatalogLike,
    position: PositionLike,
    radii: u.Quantity = (0.7, 2.7) * u.Mpc,
    *,
    core_width: u.Quantity = 0.15 * u.Mpc,
    z_lens: float | None = None,
    z_source: RedshiftLike | str | None = None,
    cosmology: CosmologyLike = None,
    mask: MaskLike | None = None,
    cluster: bool = True,
    elliptical: bool = True,
    power: Any = "halofit",
    n_directions: int = 72,
    threshold: float = 3.0,
    pixel_scale: AngleLike | None = None,
    inner_radius: u.Quantity | None = None,
    rng: RNGLike = 0,
) -> ArmScan:
    r"""Search for filaments in all directions about a position, with a matched filter of the shear.

    The template is the shear of a straight filament that starts at the position and lies between
    two radii. Its convergence at the distance h from the axis is

    .. math:: \kappa(h) = \kappa_0 \quad (h < h_c), \qquad
              \kappa(h) = \frac{\kappa_0}{1 + ((h - h_c) / h_c)^2} \quad (h > h_c) .

    For each direction, :math:`\kappa_0` is the generalized least squares estimate. The covariance
    has shape noise and the large-scale structure in front of and behind the filament. The cluster
    at the position is fitted together with the filament: its mass, and with priors its
    concentration, center and ellipticity.

    Parameters
    ----------
    catalog : ShearCatalog or `~astropy.table.Table`
        The galaxies behind the cluster. They are binned on the working pixels.
    position : `~astropy.coordinates.SkyCoord`
        The center, such as that of a cluster.
    radii : `~astropy.units.Quantity`
        The radii at which the template begins and ends: angles, or proper lengths at the lens.
    core_width : `~astropy.units.Quantity`
        The half-width :math:`h_c` of the core of the template, an angle or a proper length.
    z_lens : float or None
        The redshift of the cluster; required for lengths and if a cluster is fitted.
    z_source : float, str, `lensmap.cosmology.SourceRedshifts` or None
        The redshift of the galaxies, or their redshift distribution or its name, for the mass of
        the cluster and the power of large-scale structure. None takes that of the catalog.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology; None is the default cosmology of lensmap.
    mask : mask-like or None
        Anything that `lensmap.masks.SkyMask` accepts; galaxies there are left out. None excludes
        nothing.
    cluster : bool
        Whether an NFW halo at the position is fitted together with the filament.
    elliptical : bool
        Whether the ellipticity of the halo is free. If False, the halo is round: the errors are
        smaller, but an elliptical cluster looks like filaments along its long axis.
    power : {"halofit", "camb"}, callable, tuple or None
        The power spectrum of large-scale structure: what computes the matter power spectrum, or the
        power spectrum of the convergence (steradians), as a function of the multipole or a table
        ``(ell, C_ell)``. None neglects the structure, so that errors are too small.
    n_directions : int
        The number of directions, evenly spaced in position angle from 0.
    threshold : float
        The minimum signal-to-noise ratio of a peak.
    pixel_scale : `~astropy.units.Quantity`, str or None
        The side of the working pixels, an angle. None takes a third of the core width.
    inner_radius : `~astropy.units.Quantity` or None
        Galaxies within this angle or proper length of the position are left out. None takes the
        core width.
    rng : None, int or `numpy.random.Generator`
        Seed or generator of the Gaussian skies for the false probabilities.

    Returns
    -------
    ArmScan
        The amplitude, error, significance and cross component in each direction.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, or no galaxy is near the position.

    Warns
    -----
    MapWarning
        If the covariance is not inverted to the tolerance.

    See Also
    --------
    random_scans, false_probability : The significance against skies without filaments.

    Notes
    -----
    ``snr`` is the significance of a direction chosen beforehand. The highest of all directions is
    judged by ``false_probability``. Other filaments and substructure are not in the model: an
    amplitude is the mean of the convergence that the filter sees, from whatever matter. Galaxies
    measure the reduced shear; that of the cluster is modeled, with its effect on the template.

    References
    ----------
    Maturi & Merten 2013, A&A 559, A112; HyeongHan et al. 2024, Nature Astronomy 8, 377.
    """
    catalog = as_shear_catalog(catalog)
    center = as_icrs(as_skycoord(position, "position", scalar=True), "position")
    check_count(n_directions, "n_directions", minimum=4)
    check_number(threshold, "threshold", "finite")
    if z_lens is not None:
        check_number(z_lens, "z_lens", "positive", low=1e-4)
        check_plausible(z_lens, "z_lens", "a lens redshift")
    elif cluster:
        raise ParameterError("z_lens", "the redshift of the cluster", "None",
                             "give it, or fit no cluster ({cluster=False})")
    sizes = arm_sizes(radii, core_width, inner_radius, pixel_scale, z_lens, cosmology)
    sources: Any = None
    if cluster or isinstance(power, str):
        sources = galaxy_redshifts(z_source, catalog)
    structure = structure_power(power, sources, cosmology)
    assignment, grid, use = _bin_galaxies(catalog, center, mask, sizes, n_directions)
    variance = np.where(use, grid.sigma**2, np.inf)
    solver = _solver(variance, sizes.scale, structure)
    shear = np.where(use, grid.shear, 0)
    fit, kappa, gamma = None, np.zeros(grid.shape), np.zeros(grid.shape)
    derivatives, precision = np.zeros((0, *grid.shape), dtype=complex), np.zeros(0)
    if cluster:
        model = ClusterModel(grid.shape, sizes.middle, np.radians(sizes.scale / 60),
                             cast(float, z_lens), sources, cosmology)
        fit = fit_cluster(model, shear, solver, sizes.inner / sizes.scale, elliptical=elliptical)
        kappa, gamma = model(fit.parameters)
        derivatives, precision = fit.derivatives, fit.precision
    angles = np.arange(n_directions) * (360 / n_directions)
    templates, covered = _templates(angles, sizes, use, kappa, gamma)
    amplitudes = ArmAmplitudes(solver, variance, templates, derivatives, precision)
    residual = np.where(use, shear - gamma / (1 - kappa), 0)
    table = _table(amplitudes, residual, fit, angles, covered, threshold, as_generator(rng))
    return ArmScan(
        table, center, [sizes.inner, sizes.outer] * u.arcmin, sizes.core * u.arcmin, grid.wcs,
        amplitudes.correlation, None if fit is None else _describe(fit, sizes.scale),
        ScanState(amplitudes, solver, assignment, grid, use, residual),
    )


def _bin_galaxies(catalog, center, mask, sizes, n_directions):
    """Bin the galaxies on the working pixels.

    Parameters
    ----------
    catalog : lensmap.ShearCatalog
        The galaxies.
    center : `~astropy.coordinates.SkyCoord`
        The center of the scan.
    mask : mask-like or None
        The mask.
    sizes : ArmSizes
        The sizes of the template and the pixels.
    n_directions : int
        The number of directions, for the check of the memory.

    Returns
    -------
    assignment : lensmap.grid.PixelAssignment
        The galaxies and their pixels.
    grid : lensmap.ShearGrid
        The binned galaxies.
    use : `numpy.ndarray`
        True for pixels with galaxies outside the innermost radius, bool, ``(ny, nx)``.

    Raises
    ------
    ValueError
        If no galaxy is within the outer radius.
    """
    n = sizes.n_pixels
    check_memory(n**2 * (40.0 * n_directions + 1000.0),
                 f"a scan of {n_directions} directions on {n} x {n} pixels",
                 "use larger pixels or fewer directions")
    wcs = tangent_wcs(center, (n, n), sizes.scale * u.arcmin)
    assignment = PixelAssignment(catalog, wcs, mask)
    grid = ShearGrid.from_assignment(assignment)
    y, x = np.indices(grid.shape)
    radius = np.hypot(x - sizes.middle[0], y - sizes.middle[1]) * sizes.scale
    use = (grid.sum_w > 0) & np.isfinite(grid.sigma) & (radius >= sizes.excluded)
    if not np.any(use & (radius < sizes.outer)):
        raise ParameterError(
            "position", f"within {sizes.outer:.3g} arcmin of galaxies",
            center.to_string("decimal", precision=4), "no galaxy is near it", verb="lie",
        )
    return assignment, grid, use


def _solver(variance, scale, power):
    """Return the covariance of the shear: shape noise, and the power of large-scale structure."""
    shape = padded_shape(variance.shape, _PADDING)
    if power is None:
        modes = np.zeros(shape)
    else:
        modes = mode_power(shape, np.radians(scale / 60), power)
    return WienerSolver(
        variance, modes, tolerance=_TOLERANCE, max_iterations=_MAX_ITERATIONS, dtype="float32"
    )


def _templates(angles, sizes, use, kappa, gamma):
    """Return the reduced shear of the filament in all directions, and how much has galaxies.

    The reduced shear is that which a filament of unit amplitude adds to the shear of the cluster,
    to first order. ``kappa`` and ``gamma`` are the convergence and shear of the cluster.
    """
    templates = np.empty((len(angles), *use.shape), dtype=np.complex64)
    covered = np.empty(len(angles))
    radii = sizes.inner / sizes.scale, sizes.outer / sizes.scale
    for i, angle in enumerate(np.radians(angles)):
        # Position angles run from north (+y) to east (-x).
        arm_kappa, arm_gamma = arm_template(
            use.shape, sizes.middle, angle + np.pi / 2, radii, sizes.core / sizes.scale
        )
        reduced = arm_gamma / (1 - kappa) + gamma * arm_kappa / (1 - kappa) ** 2
        templates[i] = np.where(use, reduced, 0)
        covered[i] = np.sum(arm_kappa * use) / np.sum(arm_kappa)
    return templates, covered


def _table(amplitudes, residual, fit, angles, covered, threshold, rng):
    """Return the table of an `ArmScan`."""
    kappa0 = amplitudes.measure(residual, None if fit is None else fit.pull)
    cross = amplitudes.measure_cross(residual)
    snr = kappa0 / amplitudes.error
    skies = highest_snr(amplitudes.correlation, _N_SKIES, rng)
    n_above = _N_SKIES - np.searchsorted(skies, snr)
    offset = np.abs(np.subtract.outer(np.arange(len(angles)), np.arange(len(angles))))
    beside = np.minimum(offset, len(angles) - offset) == 1
    rivals = ((amplitudes.correlation > _SAME_PEAK) & (offset > 0)) | beside
    is_peak = (snr > threshold) & ~np.any(rivals & (snr > snr[:, np.newaxis]), axis=1)
    table = QTable({
        "angle": angles * u.deg, "kappa0": kappa0, "kappa0_err": amplitudes.error, "snr": snr,
        "kappa0_cross": cross, "kappa0_cross_err": amplitudes.cross_error,
        "snr_cross": cross / amplitudes.cross_error,
        "false_probability": (n_above + 1) / (_N_SKIES + 1), "covered": covered,
        "is_peak": is_peak,
    })
    table.meta["snr_of_false_probability"] = {
        str(p): float(np.quantile(skies, 1 - p)) for p in _FALSE_PROBABILITIES
    }
    return set_formats(table, _FORMATS)


def _describe(fit, scale):
    """Return the fitted cluster as plain numbers."""
    ln_mass, ln_c, x, y, e1, e2 = fit.parameters
    mass, concentration = np.exp(ln_mass), np.exp(ln_c)
    return {
        "m200c": float(mass), "m200c_err": float(mass * min(fit.errors[0], 1e3)),
        "c200c": float(concentration), "c200c_err": float(concentration * fit.errors[1]),
        "x": float(-x * scale), "x_err": float(fit.errors[2] * scale),
        "y": float(y * scale), "y_err": float(fit.errors[3] * scale),
        "ellipticity": float(np.hypot(e1, e2)),
        "angle": float((np.degrees(0.5 * np.arctan2(e2, e1)) - 90) % 180),
    }
