# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`CNNReconstructor` and `MaskedCNN`: mass maps from trained neural networks."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Union

import numpy as np
from astropy import units as u
from astropy.wcs import WCS

from lensmap.catalog import ShearCatalog
from lensmap.estimators._base import Estimator
from lensmap.estimators._contract import Contract
from lensmap.estimators._declarations import POSTERIOR, ROTATIONS, Inversion, Uncertainty
from lensmap.estimators._network_domain import (
    SCALE_TOLERANCE,
    galaxy_density,
    native_scale,
    out_of_domain,
    scale_in_domain,
)
from lensmap.estimators._support import Support, data_support
from lensmap.estimators._target import Target, conformal_frame, extended_frame
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


class _State(NamedTuple):
    """A loaded network, the masks that follow from galaxy positions, and metadata of the map.

    The inversions of a grid and of its noise realizations share these data.
    """

    network: Any
    support: Support
    meta: dict
    prediction: Any = None


class CNNReconstructor(Estimator):
    """Mass maps from a trained convolutional neural network.

    The networks that come with lensmap (`lensmap.networks.available_networks`) are trained on
    simulated fields, `lensmap.simulate.HaloModelField`. The network ``"lensmap"`` is a U-Net. Its
    inputs are Kaiser-Squires maps in units of their noise. It is trained with masks and for a wide
    range of survey depths, and it predicts its own error. The card of a network
    (`lensmap.networks.read_card`) describes its training and the range of data that it was trained
    for. The map has no B-mode, and the mass sheet is not measured.

    Parameters
    ----------
    network : str, path-like, `lensmap.networks.Network` or `keras.Model`
        The name of a bundled network, or the file of a network written by ``lensmap train`` or
        `lensmap.networks.save_network`: weights (``.h5``) or a Keras model (``.keras``), with its
        card beside it. In Python, also a network object or a Keras model. A Keras model maps an
        input ``(n, ny, nx, 18)`` or ``(n, ny, nx, 3)`` to ``(n, ny, nx, 1)``;
        `lensmap.networks.input_channels` lists the channels. Use only files that you trust.
    pixel_scale : `~astropy.units.Quantity`, str or None
        The pixel scale on which the network is applied, an angle. If None, the pixel scale of the
        map if the network was trained for it; otherwise, a scale that suits the density of the
        galaxies. The result is resampled to the pixels of the map.
    symmetrize : bool
        Whether to average the maps from the eight rotations and mirror images of the data, which
        takes eight times as long.
    uncertainty : None, "network", "posterior" or "rotations"
        The kind of uncertainty; None gives no uncertainty. ``"network"`` is the total error that
        the network predicts, with respect to the true convergence. It is half the width of the
        interval that contains the true convergence with the probability ``confidence``; use
        ``confidence=0.68`` for a one-sigma error. ``"posterior"`` is the total error as well, from
        the scatter of random maps of the error with the correlation between pixels that was
        measured on simulations. The method ``realizations`` yields these maps, which
        give the errors of sums over pixels. ``"rotations"`` is the noise: the scatter of maps of
        randomly rotated galaxies about 0. It is much smaller than the total error if the network
        has the noise level of the data among its inputs, because such a network removes most of the
        noise.
    confidence : {0.68, 0.95}
        The probability that the interval of the uncertainty ``"network"`` contains the true
        convergence.
    fill_holes : bool
        Whether a masked pixel is inpainted if at least half of a Gaussian about the pixel, of
        standard deviation 1 arcmin, lies on unmasked pixels. With either choice, pixels without a
        galaxy within 2 arcmin are masked.
    n_realizations : int
        The number of random rotations, or of pairs of random maps of the error.
    rng : int or `numpy.random.SeedSequence`
        The seed of the realizations.
    sigma_e : float or None
        The intrinsic dispersion of the ellipticities per component; None takes the column
        ``sigma_e`` or, without this column, measures the dispersion
        as a function of the weight.
    tile_size : int
        The approximate side, in pixels, of the overlapping tiles into which larger maps are split
        for the network. Tiles have up to 2.3 times the pixels of such a square where smaller ones
        would overlap so much that more than 1.3 times the pixels of the map are computed.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or out of range, or if the network does not exist.
    ImportError
        If TensorFlow is not installed. The error is raised when a map is made.

    Warns
    -----
    MapWarning
        If the network was not trained for galaxies or pixels like those of the map.

    References
    ----------
    Cha et al. 2025, ApJ (wide-field CNN mass reconstruction); Hong et al. 2021, ApJ 923, 266;
    Kaiser & Squires 1993, ApJ 404, 441.

    Examples
    --------
    >>> from lensmap import CNNReconstructor, HaloModelField, MockSurvey
    >>> field = HaloModelField(z_source=1.5, shape=(64, 64)).draw(rng=3)
    >>> catalog = MockSurvey.preset("cha2025").observe(field, rng=4)
    >>> estimator = CNNReconstructor(network="lensmap", uncertainty="network")
    >>> estimator
    CNNReconstructor(uncertainty='network')
    >>> estimator.reconstruct(catalog, field.kappa.wcs)
    <ConvergenceMap of 64 x 64 pixels of 0.41 arcmin; 4096 unmasked; with uncertainty...>
    """

    variant = "network"
    uncertainties = (Uncertainty("network", "total", with_map=True), POSTERIOR, ROTATIONS)
    contract = Contract(
        # The pixel scale of the test maps, so that nothing is resampled and counts are exact.
        settings={"sigma_e": 0.25, "pixel_scale": 0.5 * u.arcmin, "fill_holes": False},
        # A network is only approximately symmetric, but its mean over all symmetries is exactly so.
        symmetric={"symmetrize": True},
        # A tenth of the scatter of a noise-only map.
        zero_bound=0.01,
    )

    def __init__(
        self,
        *,
        network: Union[PathLike, "Network", "keras.Model"] = "lensmap",
        pixel_scale: AngleLike | None = None,
        symmetrize: bool = False,
        uncertainty: str | None = None,
        confidence: float = 0.68,
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
        """Raise an error if the class cannot use a network, given the card that describes it.

        `CNNReconstructor` can use every network, so its method does nothing. `MaskedCNN` overrides
        it.
        """

    def _network(self) -> "Network":
        """Return the network of the estimator with its Keras model, which is cached.

        An error is raised if the network cannot predict the chosen uncertainty.
        """
        from lensmap.networks import as_network

        network = as_network(self.network)
        kind = self.uncertainty
        if kind in ("network", "posterior") and not network.predicts_errors:
            raise ParameterError(
                "uncertainty",
                "'rotations' or None with this network",
                repr(kind),
                f"the network {self._name} does not predict its own error, unlike 'lensmap'",
            )
        if kind == "posterior" and network.residuals is None:
            raise ParameterError(
                "uncertainty",
                "'network', 'rotations' or None with this network",
                repr(kind),
                f"the card of the network {self._name} does not describe the correlation of its "
                "errors between pixels, unlike that of 'lensmap'",
            )
        return network

    @property
    def _name(self) -> str:
        is_name = isinstance(self.network, (str, Path))
        return str(self.network) if is_name else f"a {type(self.network).__name__}"

    def describe_params(self) -> dict[str, object]:
        """Return the parameters in the form stored in the metadata of a map.

        Returns
        -------
        dict
            The values of the parameters, keyed by name. A network that was given as an object is
            described by its type.
        """
        return super().describe_params() | {"network": self._name}

    # --- the map ----------------------------------------------------------------------------

    def prepare(self, grid: ShearGrid, fitted: None) -> _State:
        """Load the network, and find the pixels that have galaxies near them.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear.
        fitted : None
            None, because the method fits no model.

        Returns
        -------
        object
            The loaded network and the masks of the map, which `invert` needs.
        """
        network = self._network()
        meta = {}
        if "sha256" in network.card:
            meta = {"weights": network.card["sha256"],
                    "weights_edition": network.card.get("edition")}
        if self.uncertainty == "network":
            meta["confidence"] = self.confidence
        prediction = None
        if self.uncertainty == "posterior":  # the map and all draws of its error share it
            prediction = self._predict(network, grid)
        return _State(network, data_support(grid, self.fill_holes), meta, prediction)

    def _predict(self, network, grid):
        return network.predict(grid, symmetrize=self.symmetrize, tile_size=self.tile_size)

    def invert(self, grid: ShearGrid, state: _State) -> Inversion:
        """Predict the convergence from a shear grid with the network.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear.
        state : object
            The result of `prepare`.

        Returns
        -------
        Inversion
            The convergence and, with ``uncertainty="network"``, its error.
        """
        prediction = state.prediction or self._predict(state.network, grid)
        error = None
        if self.uncertainty == "network":
            error = prediction.half_widths[self.confidence]
        return Inversion(prediction.kappa, None, *state.support, error, state.meta)

    def noise(
        self, grid: ShearGrid, state: _State, rng: np.random.Generator
    ) -> Iterable[np.ndarray]:
        """Return one realization of the error of the map, or two for ``"posterior"``.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            Randomly rotated galaxies or, for ``"posterior"``, the grid of the map.
        state : object
            The result of `prepare`.
        rng : `numpy.random.Generator`
            Generator for the random maps of the error.

        Returns
        -------
        iterable of `numpy.ndarray`
            The maps, ``(ny, nx)``.
        """
        if self.uncertainty != "posterior":
            return super().noise(grid, state, rng)
        return [state.network.draw_error(state.prediction, rng) for _ in range(2)]

    def reach(self, pixel_scale: u.Quantity) -> u.Quantity | None:
        """Return the largest distance at which galaxies contribute to a pixel of the map.

        Parameters
        ----------
        pixel_scale : `~astropy.units.Quantity`
            The side of a pixel, an angle.

        Returns
        -------
        `~astropy.units.Quantity` or None
            The reach of the network's convolutions, an angle. None for a network, such as
            ``"lensmap"``, that takes the largest scales from a Wiener filter, to which galaxies at
            all distances contribute.
        """
        architecture = self._network().architecture
        return architecture.reach * pixel_scale if architecture.large_scales is None else None

    # --- its pixels -------------------------------------------------------------------------

    def choose_pixels(self, catalog: ShearCatalog, wcs: WCS | None, *, masked: bool) -> Target:
        """Choose pixels for which the network was trained, with a margin for galaxies off the map.

        Parameters
        ----------
        catalog : ShearCatalog
            The galaxies.
        wcs : `~astropy.wcs.WCS` or None
            The pixels of the map. If None, pixels that suit the density of the galaxies.
        masked : bool
            Whether the user gave a mask.

        Returns
        -------
        Target
            The pixels of the inversion and of the map.
        """
        network, frame = self._network(), catalog.frame
        density = galaxy_density(catalog, wcs)
        if wcs is None:
            wcs = make_wcs(catalog, self._native_scale(network, density))
        pixels = PixelFrame(wcs, frame)
        if conformal_frame(pixels, frame) is not pixels or not self._suits(
            network, pixels.scale, density
        ):
            scale = self._native_scale(network, density)
            # Add two pixels on each side, so that pixels at the edge can be interpolated.
            pixels = PixelFrame(tangent_wcs_of(wcs, scale, margin=2 * scale), frame)
        own_pixels, crop = pixels.wcs is wcs, None
        if not masked:
            # Mass on the map shears galaxies just off the map, too. With a mask, these galaxies are
            # not used: a mask on the pixels of the map does not say which of them are excluded.
            reach = network.architecture.reach
            pixels, crop = extended_frame(pixels, frame, catalog.ra, catalog.dec, reach)
        return Target(pixels, wcs, crop if own_pixels else None)

    def digest(self) -> str | None:
        """Return a digest of the weights of the network.

        Returns
        -------
        str or None
            The SHA-256 digest of the weights of a network that is given by its name or file. None
            for other networks.
        """
        if isinstance(self.network, (str, Path)):
            return _card(self.network).get("sha256")
        return super().digest()

    def survey_pixel_scale(self, density: float) -> u.Quantity:
        """Return the side of the pixels of the tiles of a survey, if the user gives none.

        Parameters
        ----------
        density : float
            The number of galaxies per square arcminute.

        Returns
        -------
        `~astropy.units.Quantity`
            The parameter ``pixel_scale`` or, if it is None, pixels for which the network was
            trained, an angle.
        """
        return self._native_scale(self._network(), density)

    def _native_scale(self, network: "Network", density: float) -> u.Quantity:
        return native_scale(network, density) if self.pixel_scale is None else self.pixel_scale

    def _suits(self, network: "Network", scale: u.Quantity, density: float) -> bool:
        """Return whether the network can be applied to pixels of this scale without resampling.

        Parameters
        ----------
        network : `lensmap.networks.Network`
            The network.
        scale : `~astropy.units.Quantity`
            The side of a pixel of the map, an angle.
        density : float
            The number of galaxies per square arcminute.

        Returns
        -------
        bool
            Whether ``scale`` equals the parameter ``pixel_scale`` or, if this parameter is None, is
            in the range of pixel scales for which the network was trained.
        """
        if self.pixel_scale is not None:
            return abs(float(scale / self.pixel_scale) - 1) < SCALE_TOLERANCE
        return scale_in_domain(network, scale, density)

    def check(self, grid: ShearGrid) -> None:
        """Warn if the network was not trained for the galaxies or the pixels of a grid.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear.
        """
        outside = out_of_domain(self._network(), grid)
        if outside:
            warn_user(
                f"the network {self._name} was not trained for data like these: "
                + "; ".join(outside)
                + ". The map may be wrong, and its uncertainty, too: compare it with the map of "
                "another method, such as 'wiener'",
                MapWarning,
                "out_of_domain",
                "network",
            )


class MaskedCNN(CNNReconstructor, defaults={"fill_holes": True}):
    """Mass maps of masked fields, from a network that was trained with masks.

    The class is `CNNReconstructor` with the same parameters and two differences. By default, small
    holes in the mask are inpainted. A network given by its name or file must have been trained with
    masks, that is with irregular footprints and holes.

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
                "network",
                "a network that was trained with masks",
                repr(str(self.network)),
                "use {network='lensmap'}, or CNNReconstructor for this network",
            )


def _card(name):
    from lensmap.networks import read_card

    return read_card(name)
