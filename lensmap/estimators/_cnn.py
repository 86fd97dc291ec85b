# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`CNNReconstructor` and `MaskedCNN`: mass maps by trained networks."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Union

import numpy as np
from astropy import units as u
from astropy.wcs import WCS

from lensmap.catalog import ShearCatalog
from lensmap.estimators._base import Estimator
from lensmap.estimators._contract import Contract
from lensmap.estimators._declarations import ROTATIONS, Inversion, Uncertainty
from lensmap.estimators._support import Support, data_support
from lensmap.estimators._target import Target, conformal_frame, extended_frame
from lensmap.flatsky import near_data
from lensmap.grid import PixelFrame, ShearGrid, make_wcs, tangent_wcs_of
from lensmap.typing import AngleLike, PathLike, SeedLike
from lensmap.utils import (
    MapWarning,
    ParameterError,
    check_angle,
    check_choice,
    check_count,
    check_number,
    warn_user,
)

if TYPE_CHECKING:
    import keras

    from lensmap.networks import Network

__all__ = ["CNNReconstructor", "MaskedCNN"]

# Where the network leaves it open, pixels are so large that each has this many galaxies: those of
# Cha et al. 2025, with 33 per square arcminute in 0.41 arcmin.
_GALAXIES_PER_PIXEL = 5.5

# The cells in which the density of a catalog is measured.
_CELL = 2 * u.arcmin

# Pixels that differ by less are those that the network knows.
_SCALE_TOLERANCE = 0.03

# Beyond this the shear of a flat sky is not that of a round one.
_MAX_FIELD = 22 * u.deg


class _State(NamedTuple):
    """What inversions on the same pixels share."""

    network: Any
    support: Support
    meta: dict


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

    variant = "network"
    uncertainties = (Uncertainty("network", "total", with_map=True), ROTATIONS)
    contract = Contract(
        # On the map's own pixels, so that counts are those of its pixels.
        settings={"sigma_e": 0.25, "pixel_scale": 0.5 * u.arcmin, "fill_holes": False},
        # A network is as symmetric as it has learned to be, but for the mean over all symmetries.
        symmetric={"symmetrize": True},
        # A tenth of the scatter of a map of noise alone.
        zero_bound=0.01,
    )

    def __init__(
        self,
        *,
        network: Union[PathLike, "Network", "keras.Model"] = "lensmap",
        pixel_scale: AngleLike | None = None,
        symmetrize: bool = False,
        uncertainty: str | None = None,
        confidence: Literal[0.68, 0.95] = 0.68,
        fill_holes: bool = False,
        n_realizations: int = 100,
        rng: SeedLike = 0,
        sigma_e: float | None = None,
        tile_size: int = 1024,
    ) -> None:
        self.network = network
        if isinstance(network, (str, Path)):
            self._check_card(_card(network))
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
        self.check_parameters()

    def _check_card(self, card: dict) -> None:
        """Refuse a network by its card; here its existence is enough."""

    def _network(self) -> "Network":
        """Return the network, which `lensmap.networks` keeps, with its model."""
        from lensmap.networks import as_network

        network = as_network(self.network)
        if self.uncertainty == "network" and not network.predicts_errors:
            raise ValueError(
                "uncertainty='network' needs a network that predicts its error, as 'lensmap' does; "
                f"this one ({self._name}) does not: use 'rotations'"
            )
        return network

    @property
    def _name(self) -> str:
        is_name = isinstance(self.network, (str, Path))
        return str(self.network) if is_name else f"a {type(self.network).__name__}"

    def describe_params(self) -> dict[str, object]:
        """Return the parameters as the meta of a map keeps them.

        Returns
        -------
        dict
            From names to values; a network that is no file is described by its type.
        """
        return super().describe_params() | {"network": self._name}

    # --- the map ----------------------------------------------------------------------------

    def prepare(self, grid: ShearGrid, fitted: None) -> _State:
        """Load the network and find the pixels that galaxies support.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear.
        fitted : None
            Nothing is fitted.

        Returns
        -------
        object
            The state for `invert`.
        """
        network = self._network()
        meta = {"weights": network.card["sha256"]} if "sha256" in network.card else {}
        if self.uncertainty == "network":
            meta["confidence"] = self.confidence
        return _State(network, data_support(grid, self.fill_holes), meta)

    def invert(self, grid: ShearGrid, state: _State) -> Inversion:
        """Map a grid by the network.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear.
        state : object
            What `prepare` returned.

        Returns
        -------
        Inversion
            The convergence, and its error if the network is asked for it.
        """
        prediction = state.network.predict(
            grid, symmetrize=self.symmetrize, tile_size=self.tile_size
        )
        error = None
        if self.uncertainty == "network":
            error = prediction.half_widths[self.confidence]
        return Inversion(prediction.kappa, None, *state.support, error, state.meta)

    # --- its pixels -------------------------------------------------------------------------

    def choose_pixels(self, catalog: ShearCatalog, wcs: WCS | None, *, masked: bool) -> Target:
        """Choose pixels that the network knows, and add galaxies next to the map.

        Parameters
        ----------
        catalog : ShearCatalog
            The galaxies.
        wcs : `~astropy.wcs.WCS` or None
            The pixels that the user gave; None takes those that suit the density of the galaxies.
        masked : bool
            Whether the user gave a mask.

        Returns
        -------
        Target
            The pixels of the inversion and of the map.
        """
        network, frame = self._network(), catalog.frame
        if wcs is None:
            density = _density(catalog, make_wcs(catalog, _CELL))
            wcs = make_wcs(catalog, self._native_scale(network, density))
        else:
            density = _density(catalog, tangent_wcs_of(wcs, _CELL))
        pixels = PixelFrame(wcs, frame)
        if conformal_frame(pixels, frame) is not pixels or not self._knows(
            network, pixels.scale, density
        ):
            scale = self._native_scale(network, density)
            # Two pixels more on each side, so that interpolation has neighbors.
            pixels = PixelFrame(tangent_wcs_of(wcs, scale, margin=2 * scale), frame)
        own_pixels, crop = pixels.wcs is wcs, None
        if not masked:
            # Galaxies next to the map carry the shear of the mass on it. A mask may be of the map's
            # own pixels alone, so that with one it is unknown which of them may be used.
            pixels, crop = extended_frame(pixels, frame, catalog.ra, catalog.dec, network.reach)
        return Target(pixels, wcs, crop if own_pixels else None)

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
        (low, high), (fewest, most) = network.pixel_scale, network.galaxies_per_pixel
        # Where its range of pixels is a range, pixels of another size may have enough galaxies.
        return low == high or fewest <= density * arcmin**2 <= most

    # --- its domain -------------------------------------------------------------------------

    def check(self, grid: ShearGrid) -> None:
        """Warn of galaxies and pixels that the network was not trained for.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear.
        """
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
        fewest, most = network.galaxies_per_pixel
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
        if side > _MAX_FIELD:
            outside.append(f"a field of {side.to_value(u.deg):.3g} deg (flat up to 22)")
        if outside:
            warn_user(
                f"the network ({self._name}) was not trained for " + "; nor for ".join(outside)
                + ": the map may be wrong, and its error more so",
                MapWarning,
                "out_of_domain",
                "network",
            )


class MaskedCNN(CNNReconstructor, defaults={"fill_holes": True}):
    """A network that was trained with ragged footprints and holes, which it inpaints.

    It is `CNNReconstructor` with the same parameters, for fields with masks: small holes get values
    by default, and of the networks that come with lensmap it takes only those that were trained
    with masks.

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

    def _check_card(self, card: dict) -> None:
        if not card.get("masks", False):
            raise ParameterError(
                "network", "one that was trained with masks", repr(str(self.network)),
                "take 'lensmap'",
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
    lon, lat, weight = catalog.ra, catalog.dec, catalog.weight
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
