# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`CNNReconstructor` and `MaskedCNN`: mass maps by trained networks."""

from pathlib import Path

import numpy as np
from astropy import units as u

from lensmap.catalog import as_shear_catalog
from lensmap.estimators._base import Estimator, Inversion
from lensmap.estimators._registry import register_estimator
from lensmap.estimators._support import data_support
from lensmap.estimators._working_pixels import conformal_wcs, extended_wcs
from lensmap.flatsky import near_data
from lensmap.grid import PixelFrame, ShearGrid, make_wcs, tangent_wcs_of
from lensmap.maps import ConvergenceMap
from lensmap.utils import (
    MapWarning,
    check_angle,
    check_celestial_wcs,
    check_choice,
    check_count,
    check_number,
    warn_user,
)

__all__ = ["CNNReconstructor", "MaskedCNN"]

# Where the network leaves it open, pixels are so large that each has this many galaxies: those of
# Cha et al. 2025, with 33 per square arcminute in 0.41 arcmin.
_GALAXIES_PER_PIXEL = 5.5

# The cells in which the density of a catalogue is measured.
_CELL = 2 * u.arcmin

# Pixels that differ by less are those that the network knows.
_SCALE_TOLERANCE = 0.03

# Beyond this the shear of a flat sky is not that of a round one.
_WIDEST = 22 * u.deg


@register_estimator("cnn")
class CNNReconstructor(Estimator):
    r"""A trained convolutional network.

    Networks that come with lensmap (`lensmap.networks.available_networks`) are trained on simulated
    skies, `lensmap.simulate.HaloModelField`. ``"lensmap"`` is a U-Net on Kaiser-Squires maps in
    units of their noise; it knows masks and many depths, and says how wrong it may be. What a
    network may be used for, and how it was made, stands on its card: `lensmap.networks.read_card`.
    There is no B-mode; the mass sheet is not measured.

    Parameters
    ----------
    network : str, path-like, `lensmap.networks.Network` or `keras.Model`
        A name, a file of weights that `lensmap.networks.save_network` wrote, a network, or a Keras
        model from ``(n, ny, nx, 18)`` or ``(n, ny, nx, 3)`` to ``(n, ny, nx, 1)``; see
        `lensmap.networks.Network` for what it is fed with.
    pixel_scale : `~astropy.units.Quantity`, str or None
        The pixels on which the network works. None takes those of the map, if the network knows
        them, and else what suits the density of the galaxies; the result is resampled to the map.
    symmetrize : bool
        Whether the mean over the eight rotations and mirrors is taken, in eight times the time.
    uncertainty : None, "network" or "rotations"
        ``"network"``: what the network says of its error about the truth (total), half the width
        of the interval that holds the truth with a probability of ``confidence``. (A standard
        deviation, of which others may ask, is that of 0.68.)
        ``"rotations"``: the noise, the scatter of maps of randomly turned galaxies (about 0, where
        a network that knows its noise makes little of it). None: none.
    confidence : {0.68, 0.95}
        The probability for ``uncertainty="network"``.
    fill_holes : bool
        Whether masked pixels keep their value where at least half of a Gaussian of 1 arcmin sees
        data. Others without a galaxy within 2 arcmin are masked.
    n_realizations : int
        The number of random rotations.
    rng : int or `numpy.random.SeedSequence`
        The seed of the random rotations.
    sigma_e : float or None
        The intrinsic dispersion of ellipticities per component; None takes the column ``sigma_e``,
        and measures it where there is none.
    tile_size : int
        Maps of more pixels a side are made in overlapping tiles that fade into each other.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or out of range, or there is no such network.
    ImportError
        If TensorFlow is not installed; raised when a map is made.

    Warns
    -----
    MapWarning
        If the galaxies are outside of what the network was trained for, or their measurement
        errors are needed and not known.

    References
    ----------
    Cha et al. 2025, ApJ (wide-field CNN mass reconstruction); Hong et al. 2021, ApJ 923, 266;
    Kaiser & Squires 1993, ApJ 404, 441.

    Examples
    --------
    >>> from lensmap import CNNReconstructor
    >>> CNNReconstructor(network="lensmap").replace(uncertainty="network")
    CNNReconstructor(uncertainty='network')
    """

    uncertainties = (None, "network", "rotations")

    def __init__(
        self,
        *,
        network="lensmap",
        pixel_scale=None,
        symmetrize=False,
        uncertainty=None,
        confidence=0.68,
        fill_holes=False,
        n_realizations=100,
        rng=0,
        sigma_e=None,
        tile_size=1024,
    ):
        self.network = network
        if isinstance(network, (str, Path)):
            _card(network)  # says what is wrong with it
        self.pixel_scale = check_angle(pixel_scale, "pixel_scale", allow_none=True)
        self.symmetrize = bool(symmetrize)
        self.uncertainty = uncertainty
        self.confidence = check_choice(confidence, "confidence", (0.68, 0.95))
        self.fill_holes = bool(fill_holes)
        self.n_realizations = n_realizations
        self.rng = rng
        if sigma_e is not None:
            check_number(sigma_e, "sigma_e", "None or a positive number", low=1e-300)
        self.sigma_e = sigma_e
        self.tile_size = check_count(tile_size, "tile_size", minimum=64)
        self._check_common()

    # --- the network ------------------------------------------------------------------------

    def _network(self):
        """Return the network, with its model."""
        from lensmap.networks import as_network

        network = as_network(self.network)
        if self.uncertainty == "network" and not network.predicts_errors:
            raise ValueError(
                "uncertainty='network' needs a network that predicts its error, as 'lensmap' does; "
                f"this one ({self._name}) does not: use 'rotations'"
            )
        return network

    @property
    def _name(self):
        is_name = isinstance(self.network, (str, Path))
        return str(self.network) if is_name else f"a {type(self.network).__name__}"

    def _invert(self, grid):
        return self._inverter(grid)(grid)

    def _inverter(self, grid):
        network, (unsupported, bridged) = self._network(), data_support(grid, self.fill_holes)

        def invert(grid):
            found = network.predict(grid, symmetrize=self.symmetrize, tile_size=self.tile_size)
            error = found.half_widths[self.confidence] if self.uncertainty == "network" else None
            return Inversion(found.kappa, None, unsupported, bridged, error)

        return invert

    # --- its pixels -------------------------------------------------------------------------

    def _prepare(self, catalog, wcs, mask):
        if isinstance(catalog, ShearGrid):
            return self._prepare_grid(catalog, wcs, mask), None, None
        network, catalog = self._network(), as_shear_catalog(catalog)
        if wcs is None:
            density = _density(catalog, make_wcs(catalog, _CELL))
            wcs = make_wcs(catalog, self._native_scale(network, density))
        else:
            density = _density(catalog, tangent_wcs_of(check_celestial_wcs(wcs), _CELL))
        working, target = self._working_wcs(network, density, wcs, catalog.frame), None
        unmasked = mask is None
        if working is not wcs:
            mask, target = self._on_other_pixels(mask, wcs)
        if unmasked:
            # Galaxies next to the map tell of the mass on it. With a mask, which may be about the
            # map's own pixels, nobody knows which of them may be used.
            working, inner = extended_wcs(
                working, catalog.frame, catalog.ra, catalog.dec, network.reach
            )
            target = inner if target is None else target
        grid, assignment = self._bin(catalog, working, mask)
        return grid, assignment, target

    def _working_wcs(self, network, density, wcs, frame):
        """Return the pixels to work on: the user's, if the network knows such."""
        conformal = conformal_wcs(wcs, frame)
        if conformal is wcs and self._knows(network, PixelFrame(wcs, frame).scale, density):
            return wcs
        scale = self._native_scale(network, density)
        # Two pixels more on each side, so that interpolation has neighbours.
        return tangent_wcs_of(wcs, scale, margin=2 * scale)

    def _native_scale(self, network, density):
        """Return the pixels that suit a density (per square arcminute), an angle."""
        if self.pixel_scale is not None:
            return self.pixel_scale
        wanted = np.sqrt(_GALAXIES_PER_PIXEL / density) if density > 0 else np.inf
        return float(np.clip(wanted, *network.pixel_scale)) * u.arcmin

    def _knows(self, network, scale, density):
        """Say whether the network can work on pixels of a scale."""
        if self.pixel_scale is not None:
            return abs(float(scale / self.pixel_scale) - 1) < _SCALE_TOLERANCE
        arcmin = scale.to_value(u.arcmin)
        if not _in_range(arcmin, network.pixel_scale):
            return False
        (low, high), (fewest, most) = network.pixel_scale, network.density
        # Where its range of pixels is a range, pixels of another size may have enough galaxies.
        return low == high or fewest <= density * arcmin**2 <= most

    def _brought_to(self, target, kappa):
        if isinstance(target, tuple):
            return kappa[target]
        if kappa.uncertainty is None:
            return target.resample(kappa)
        error = ConvergenceMap(kappa.uncertainty.array, wcs=kappa.wcs, mask=kappa.mask)
        moved = ConvergenceMap(
            kappa.data, wcs=kappa.wcs, mask=kappa.mask, counts=kappa.counts, meta=kappa.meta
        )
        moved = target.resample(moved)
        # A half-width is as smooth as the map, and not the scatter of one pixel.
        meta = {**moved.meta, "uncertainty": kappa.meta["uncertainty"]}
        return ConvergenceMap(moved, uncertainty=target.resample(error).data, meta=meta)

    # --- its domain -------------------------------------------------------------------------

    def _check_grid(self, grid):
        network = self._network()
        outside = []
        scale = grid.pixel_frame.scale.to_value(u.arcmin)
        if not _in_range(scale, network.pixel_scale):
            low, high = network.pixel_scale
            known = f"{low:g}" if low == high else f"{low:g} to {high:g}"
            outside.append(f"pixels of {scale:.3g} arcmin (it knows {known})")
        occupied = grid.sum_w > 0
        # as many as would be worth as much with equal weights, where there are any
        number = np.sum(grid.sum_w[occupied] ** 2 / grid.sum_w2[occupied])
        density = float(number / np.count_nonzero(near_data(occupied, 1.5)))
        fewest, most = network.density
        if not fewest <= density <= most:
            known = f"{fewest:.3g} to {most:.3g}"
            outside.append(f"{density:.3g} galaxies per pixel (it knows {known})")
        # of the galaxies as they are weighted
        noise = float(np.sqrt(np.sum(grid.noise_sum) / np.sum(grid.sum_w2)))
        least, largest = network.shape_noise
        if not least <= noise <= largest:
            outside.append(
                f"ellipticities with a dispersion of {noise:.3g} (it knows {least:.3g} to "
                f"{largest:.3g})"
            )
        side = max(grid.shape) * scale * u.arcmin
        if side > _WIDEST:
            outside.append(f"a field of {side.to_value(u.deg):.3g} deg (flat up to 22)")
        if outside:
            warn_user(
                f"the network ({self._name}) was not trained for " + "; nor for ".join(outside)
                + ": the map may be wrong, and its error more so",
                MapWarning,
                "out_of_domain",
                "network",
            )

    def _meta(self, grid):
        network = self._network()
        meta = super()._meta(grid)
        meta["parameters"]["network"] = self._name
        if "sha256" in network.card:
            meta["weights"] = network.card["sha256"]
        if self.uncertainty == "network":
            meta["confidence"] = self.confidence
        return meta


@register_estimator("masked-cnn")
class MaskedCNN(CNNReconstructor):
    """A network that was trained with ragged footprints and holes, which fills holes.

    The same as `CNNReconstructor`, for fields with masks: of networks that come with lensmap it
    takes only those that were trained with them, and small holes get values.

    Parameters
    ----------
    network, pixel_scale, symmetrize, uncertainty, confidence, fill_holes, n_realizations, rng, \
sigma_e, tile_size : object
        As for `CNNReconstructor`.

    Raises
    ------
    TypeError, ValueError
        As for `CNNReconstructor`, or if the network was not trained with masks.

    Examples
    --------
    >>> from lensmap import MaskedCNN
    >>> MaskedCNN(fill_holes=False)
    MaskedCNN(fill_holes=False)
    """

    def __init__(
        self,
        *,
        network="lensmap",
        pixel_scale=None,
        symmetrize=False,
        uncertainty=None,
        confidence=0.68,
        fill_holes=True,
        n_realizations=100,
        rng=0,
        sigma_e=None,
        tile_size=1024,
    ):
        super().__init__(
            network=network,
            pixel_scale=pixel_scale,
            symmetrize=symmetrize,
            uncertainty=uncertainty,
            confidence=confidence,
            fill_holes=fill_holes,
            n_realizations=n_realizations,
            rng=rng,
            sigma_e=sigma_e,
            tile_size=tile_size,
        )
        if isinstance(network, (str, Path)) and not _card(network).get("masks", False):
            raise ValueError(
                f"the network {str(network)!r} was not trained with masks; 'lensmap' was"
            )


def _card(name):
    from lensmap.networks import read_card

    return read_card(name)


def _in_range(arcmin, pixel_scales):
    """Say whether pixels are as large as those of a range, or nearly."""
    low, high = pixel_scales
    return low * (1 - _SCALE_TOLERANCE) <= arcmin <= high * (1 + _SCALE_TOLERANCE)


def _density(catalog, cells):
    """Return the galaxies per square arcminute where there are some, from counts in cells."""
    ny, nx = cells.array_shape
    lon, lat, weight = catalog.ra, catalog.dec, catalog["weight"]
    if weight is not None and not np.all(weight > 0):
        lon, lat = lon[weight > 0], lat[weight > 0]
    x, y = PixelFrame(cells, catalog.frame).positions(lon, lat)
    with np.errstate(invalid="ignore"):
        inside = (np.abs(2 * x + 1 - nx) < nx) & (np.abs(2 * y + 1 - ny) < ny)
    cell = np.rint(y[inside]).astype(np.intp) * nx + np.rint(x[inside]).astype(np.intp)
    counts = np.bincount(np.clip(cell, 0, ny * nx - 1), minlength=1)
    counts = counts[counts > 0]
    # Cells at the edge of the survey are not full: the middle of the others.
    full = counts[counts > 0.5 * counts.mean()] if len(counts) else counts
    return float(full.mean() / _CELL.to_value(u.arcmin) ** 2) if len(full) else 0.0
