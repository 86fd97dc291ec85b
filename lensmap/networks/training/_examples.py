# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Training examples: simulated fields observed by surveys of random depth and footprint."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import index

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.flatsky import mirror_x, rotate90
from lensmap.grid import tangent_wcs
from lensmap.networks._architecture import Architecture
from lensmap.networks._domain import Domain
from lensmap.networks._inputs import INPUTS, GridArrays
from lensmap.networks.training._field_set import FieldSet
from lensmap.scores import focal_weights
from lensmap.simulate import (
    IntrinsicEllipticities,
    MeasurementError,
    MockSurvey,
    PixelSampler,
    image_shear,
    random_mask,
)
from lensmap.typing import PathLike
from lensmap.utils import ParameterError, check_count

__all__ = ["SurveyRange", "TrainingExamples", "training_examples"]

# In the loss, squared errors are divided by the signal variance plus this fraction of the noise
# variance. This limits the weight of fields with a weak signal.
_NOISE_FRACTION = 0.01

# The standard survey, which a fraction of the examples have.
_USUAL = MockSurvey.preset("cha2025")

# The range of the depth m5 minus the magnitude limit, in examples with the measurement errors of
# Subaru/HSC at other depths: the faintest galaxies then have errors from 0.57 to 0.014.
_RELATIVE_DEPTH = (0.5, 5.0)

# The upper limit of the factor by which the convergence of faint examples is multiplied.
_MAX_FAINT = 0.3

# The number of random masks. Each masked example uses one of them, rotated and mirrored.
_N_MASKS = 60

# Examples whose survey covers a part of the map keep at least this many unmasked pixels.
_MIN_PIXELS = 2000


@dataclass(frozen=True)
class SurveyRange:
    """The range of simulated surveys from which training examples are drawn.

    Attributes
    ----------
    usual : float
        The fraction of examples with the standard survey, that of Cha et al. 2025: 33 galaxies per
        square arcminute, an intrinsic ellipticity dispersion of 0.24 per component, and the
        measurement errors of Subaru/HSC.
    galaxies_per_pixel, sigma_e : tuple of float
        The ranges of the mean number of galaxies per pixel (drawn uniformly in the logarithm) and
        of the intrinsic ellipticity dispersion per component (drawn uniformly) in the other
        examples.
    density : tuple of float
        The range of the mean density of galaxies, arcmin^-2, which limits ``galaxies_per_pixel``
        for the pixel scale of each example.
    uneven : float
        The fraction of these other examples whose depth varies over the field.
    other_errors : float
        The fraction of these other examples in which all galaxies have the same measurement error,
        drawn uniformly between 0 and ``max_error`` per component.
    masked, small : float
        The fraction of all examples with a mask from `lensmap.simulate.random_mask`, and the
        fraction whose survey covers only a part of the map.
    varied_errors : float
        The fraction of these other examples with the measurement errors of Subaru/HSC, which depend
        on the magnitude of the galaxy, at a random depth: errors of 0.014 to 0.57 per component at
        the magnitude limit, with inverse-variance weights.
    max_error : float
        The upper limit of the measurement error per component where all galaxies have the same.
    mask_fraction : tuple of float
        The range of the masked fraction of the field.
    null, faint : float
        The fraction of all examples without any signal, and the fraction whose convergence is
        multiplied by a factor drawn uniformly between 0 and 0.3, for maps of nearly empty fields.
    outside : float
        The weight, in the loss, of pixels that are masked or outside the survey. Other pixels have
        the weight 1.
    """

    usual: float = 0.45
    galaxies_per_pixel: tuple[float, float] = (1.2, 20.0)
    sigma_e: tuple[float, float] = (0.22, 0.32)
    density: tuple[float, float] = (0.0, np.inf)
    uneven: float = 0.3
    other_errors: float = 0.25
    masked: float = 0.4
    small: float = 0.12
    varied_errors: float = 0.0
    max_error: float = 0.15
    mask_fraction: tuple[float, float] = (0.05, 0.5)
    null: float = 0.0
    faint: float = 0.0
    outside: float = 0.15

    @classmethod
    def only_usual(cls) -> "SurveyRange":
        """Return a range with the standard survey only, without masks.

        Returns
        -------
        SurveyRange
            A range in which all examples are whole fields with the survey of Cha et al. 2025.
        """
        return cls(usual=1.0, masked=0.0, small=0.0)

    @classmethod
    def wide(cls) -> "SurveyRange":
        """Return the range of the surveys of the field, from shallow ground-based to deep HST data.

        Returns
        -------
        SurveyRange
            A range with 1 to 25 galaxies per pixel but no more than 130 and no fewer than 3 per
            square arcminute, intrinsic dispersions of 0.2 to 0.4, weights that vary over the field
            and from galaxy to galaxy, masks of up to 60 per cent, and some fields without a signal
            or with a weak one.
        """
        return cls(
            usual=0.15, galaxies_per_pixel=(1.0, 25.0), density=(3.0, 130.0), sigma_e=(0.2, 0.4),
            uneven=0.4, other_errors=0.25, varied_errors=0.5, masked=0.4,
            mask_fraction=(0.05, 0.6), null=0.03, faint=0.07,
        )

    def domain(self, pixel_scales: Sequence[float]) -> Domain:
        """Return the ranges of data for which a network trained on these surveys is suited.

        Parameters
        ----------
        pixel_scales : sequence of float
            The pixel scales of the training fields, arcmin.

        Returns
        -------
        Domain
            The ranges of pixel scale, depth and noise. The ranges of depth and noise may extend
            slightly beyond the values of the training examples.
        """
        return Domain(
            (min(pixel_scales), max(pixel_scales)),
            self._density_range(pixel_scales),
            self._shape_noise_range(),
            self._measurement_error_range(),
        )

    def _density_range(self, pixel_scales):
        if self.usual < 1:
            ranges = [self._galaxies_per_pixel(scale) for scale in pixel_scales]
            return min(low for low, _ in ranges), max(high for _, high in ranges)
        # Densities from two thirds to one and a half times the training density are in the domain.
        usual = [_USUAL.expected_density.value * scale**2 for scale in pixel_scales]
        return 0.67 * min(usual), 1.5 * max(usual)

    def _galaxies_per_pixel(self, pixel_scale):
        """Return the lowest and the highest mean number of galaxies per pixel."""
        (low, high), (sparse, dense) = self.galaxies_per_pixel, self.density
        low, high = max(low, sparse * pixel_scale**2), min(high, dense * pixel_scale**2)
        if low > high:
            raise ParameterError(
                "density",
                f"one that includes {self.galaxies_per_pixel[0]:g} to "
                f"{self.galaxies_per_pixel[1]:g} galaxies per pixel of {pixel_scale:g} arcmin",
                f"{sparse:g} to {dense:g} per square arcminute",
            )
        return low, high

    def _shape_noise_range(self):
        # The effective ellipticity dispersion of galaxies with inverse-variance weights.
        usual = float(np.mean(_USUAL.measurement.weight_quantiles) ** -0.5)
        if self.usual == 1:
            # Dispersions from 0.8 to 1.25 times the training value are in the domain.
            return 0.8 * usual, 1.25 * usual
        low, high = self.sigma_e
        largest = float(np.hypot(high, self.max_error))
        # Dispersions up to 5 per cent beyond the training range are in the domain.
        if self.varied_errors > 0:
            # The effective dispersion of the deepest and of the shallowest survey.
            shallow = _errors_at_depth(high, _RELATIVE_DEPTH[0]).weight_quantiles
            largest = max(largest, float(np.mean(shallow)) ** -0.5)
        return 0.95 * min(low, usual), 1.05 * max(largest, usual)

    def _measurement_error_range(self):
        # The weight w of a galaxy is 1 / (sigma_e^2 + sigma_m^2).
        weight = _USUAL.measurement.weight_quantiles
        squares = np.maximum(1 / weight - _USUAL.sigma_e**2, 0)
        usual = float(np.sqrt(np.average(squares, weights=weight**2)))
        if self.usual == 1:
            # Errors from 0.8 to 1.25 times the training value are in the domain.
            return 0.8 * usual, 1.25 * usual
        largest = max(self.max_error, usual)
        if self.varied_errors > 0:
            sigma_e = self.sigma_e[1]
            weight = _errors_at_depth(sigma_e, _RELATIVE_DEPTH[0]).weight_quantiles
            squares = np.maximum(1 / weight - sigma_e**2, 0)
            largest = max(largest, float(np.sqrt(np.average(squares, weights=weight**2))))
        return 0.0, largest


class TrainingExamples:
    r"""Random training examples of a network: inputs, and the convergence with weights.

    The examples are numbered from 0 without an end. ``examples[i]`` depends on i and the seed only,
    and iteration begins with ``examples[0]``. An example is a pair of float32 arrays, the inputs
    ``(ny, nx, n_channels)`` and the targets ``(ny, nx, 3)``, of one field that is rotated by a
    multiple of 90 degrees, mirrored and observed at random. The first index is y, the second x.

    The channels of the inputs are those of `input_channels`. The planes of the targets are

    0. the true convergence, :math:`\kappa / u`;
    1. the weight of its square error, :math:`w f / V`;
    2. the weight of the quantile loss of half-widths, :math:`w / \sqrt{V}`.

    Here u is the unit of the inputs: the shear noise per pixel, a map, for ``"multiscale"``, and 1
    for the other kinds. V is the variance of the convergence, averaged over fields, plus 0.01 times
    the median variance of the mean shear of a pixel, divided by the square of the median of u. The
    factor :math:`f = (1 + |\kappa| / \max |\kappa|)^p` has the exponent p. The weight w is 1, and
    `SurveyRange.outside` where the pixel is masked or beyond the survey; it is 0 in the margin of
    the architecture. `map_loss` is the loss for these targets.

    `training_examples` makes the examples for an architecture or a kind of input by name.

    Parameters
    ----------
    sets : FieldSet, path-like or dict
        A set of fields, or its folder. Or the share of examples drawn from each of several sets;
        shares are normalized to a sum of 1.
    architecture : Architecture
        The architecture, whose kind of input, stride and margin determine the examples.
    survey : SurveyRange or None
        The range of simulated surveys; None for the default `SurveyRange`.
    exponent : float
        The exponent p of the loss weights, which are (1 + ``|kappa|`` / max kappa)^p.
    crop : int or None
        The side, in pixels, of the random cutout of each field. If None, whole fields.
    held_back : int
        The number of files at the end of each set that are reserved for validation.
    seed : int
        The seed of the examples and of the masks.

    Raises
    ------
    ValueError
        If a share is negative, all shares are 0, or a set has no field left for training.
    """

    def __init__(
        self,
        sets: FieldSet | PathLike | Mapping[FieldSet | PathLike, float],
        architecture: Architecture,
        survey: SurveyRange | None = None,
        *,
        exponent: float = 0,
        crop: int | None = None,
        held_back: int = 0,
        seed: int = 0,
    ) -> None:
        if not isinstance(sets, Mapping):
            sets = {sets: 1.0}
        self.sets = [s if isinstance(s, FieldSet) else FieldSet(s) for s in sets]
        shares = np.array(list(sets.values()), dtype=float)
        if len(shares) == 0 or not (np.all(shares >= 0) and shares.sum() > 0):
            raise ParameterError(
                "sets",
                "each set of fields a share of at least 0, and at least one set a positive share",
                str(shares.tolist()),
                verb="give",
            )
        #: The share of examples drawn from each set.
        self.shares = shares / shares.sum()
        self._n_files = [len(fields) - held_back for fields in self.sets]
        for fields, n in zip(self.sets, self._n_files, strict=True):
            if n < 1:
                raise ValueError(
                    f"{fields!r} has no file left for training, because {held_back} files of each "
                    "set are held back for validation: add fields to the set, or hold back fewer"
                )
        self.architecture = architecture
        self.survey = SurveyRange() if survey is None else survey
        self.exponent, self.crop, self.seed = exponent, crop, seed
        self._masks: dict[tuple, np.ndarray] = {}

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        number = index(number)
        if number < 0:
            raise IndexError(
                f"the number of an example must be at least 0, not {number}: the examples have no "
                "end"
            )
        return self.draw(number, 0)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return map(self.__getitem__, itertools.count())

    def batches(self, size: int, *, start: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Iterate over batches of examples without an end, as `train` takes them.

        Parameters
        ----------
        size : int
            The number of examples in a batch. All fields must have the same shape, or ``crop`` must
            be given.
        start : int
            The number of the first batch, to resume a training.

        Yields
        ------
        inputs : `numpy.ndarray`
            The input channels, float32, ``(size, ny, nx, n_channels)``.
        targets : `numpy.ndarray`
            The targets, float32, ``(size, ny, nx, 3)``.
        """
        size = check_count(size, "size", minimum=1)
        for step in itertools.count(check_count(start, "start")):
            batch = [self.draw(step, index) for index in range(size)]
            inputs, targets = (np.stack(arrays) for arrays in zip(*batch, strict=True))
            yield inputs, targets

    def draw(self, *numbers: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw a random example, which depends on the seed and on ``numbers`` only.

        Parameters
        ----------
        *numbers : int
            The training step, and the index of the example in the batch.

        Returns
        -------
        inputs : `numpy.ndarray`
            The input channels, float32, ``(ny, nx, n_channels)``.
        targets : `numpy.ndarray`
            The true convergence and two weights, as for the parameter ``y_true`` of ``map_loss``,
            float32, ``(ny, nx, 3)``.
        """
        rng = np.random.default_rng((self.seed, *numbers))
        i = int(rng.choice(len(self.sets), p=self.shares))
        redshift = int(rng.integers(self.sets[i].n_redshifts))
        return self.make(i, int(rng.integers(self._n_files[i])), redshift, rng)

    def make(
        self, index: int, number: int, redshift: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Make an example from one field.

        Parameters
        ----------
        index, number, redshift : int
            The index of the set of fields, of the file in the set, and of the source redshift in
            the file.
        rng : `numpy.random.Generator`
            Generator for the orientation of the field and for the survey.

        Returns
        -------
        inputs : `numpy.ndarray`
            The input channels, float32, ``(ny, nx, n_channels)``.
        targets : `numpy.ndarray`
            The true convergence and two weights for ``map_loss``, float32, ``(ny, nx, 3)``.
        """
        fields = self.sets[index]
        arrays, kappa, is_unmasked, is_field = self.observe(index, number, redshift, rng)
        inputs, unit = INPUTS[self.architecture.inputs].make(arrays)
        # The signal variance is the mean over fields. The variance of this field would give fields
        # with rich clusters a low weight, and kappa of clusters would be underestimated.
        weights = arrays.inverse_variance
        noise = 1 / float(np.median(weights[weights > 0]))
        variance = fields.variances[redshift] + _NOISE_FRACTION * noise
        variance /= float(np.median(unit)) ** 2
        weight = np.where(is_unmasked, 1.0, self.survey.outside) * self._has_weight(is_field)
        square = weight * focal_weights(kappa, self.exponent) / variance
        targets = [kappa / unit, square, weight / np.sqrt(variance)]
        return inputs, np.stack(targets, axis=-1, dtype=np.float32)

    def observe(
        self, index: int, number: int, redshift: int, rng: np.random.Generator
    ) -> tuple[GridArrays, np.ndarray, np.ndarray, np.ndarray]:
        """Observe one field in a random orientation by a random survey.

        Parameters
        ----------
        index, number, redshift : int
            The index of the set of fields, of the file in the set, and of the source redshift in
            the file.
        rng : `numpy.random.Generator`
            Generator for the orientation of the field and for the survey.

        Returns
        -------
        arrays : GridArrays
            The arrays from which the inputs of a network are computed.
        kappa : `numpy.ndarray`
            The true convergence, ``(ny, nx)``.
        is_unmasked : `numpy.ndarray`
            True for pixels that are inside the survey and not masked, bool, ``(ny, nx)``.
        is_field : `numpy.ndarray`
            False for pixels of the padding, bool, ``(ny, nx)``.
        """
        fields = self.sets[index]
        kappa, gamma, is_field = self._transform(*fields.read(number, redshift), rng)
        kappa, gamma = self._fainter(kappa, gamma, rng)
        arrays, is_unmasked = self._observe(kappa, gamma, is_field, fields.pixel_scale, rng)
        return arrays, kappa, is_unmasked, is_field

    def _fainter(self, kappa, gamma, rng):
        """Return the convergence and the shear, in some examples without or with a weak signal."""
        null, faint = self.survey.null, self.survey.faint
        if null + faint == 0:
            return kappa, gamma
        chance = rng.random()
        if chance >= null + faint:
            return kappa, gamma
        factor = np.float32(0 if chance < null else rng.uniform(0, _MAX_FAINT))
        return kappa * factor, gamma * factor

    def _transform(self, kappa, gamma, rng):
        """Rotate and mirror a field at random, pad it by the margin, and cut out a random part.

        Returns
        -------
        kappa, gamma : `numpy.ndarray`
            The convergence and the complex shear of the part, ``(ny, nx)``.
        is_field : `numpy.ndarray`
            False for pixels of the padding, bool, ``(ny, nx)``.
        """
        margin, stride = self.architecture.margin, self.architecture.stride
        quarter, mirrored = rng.integers(4), rng.random() < 0.5
        kappa, gamma = rotate90(kappa, 0, quarter), rotate90(gamma, 2, quarter)
        if mirrored:
            kappa, gamma = kappa[:, ::-1], mirror_x(gamma, 2)
        is_field = np.ones(kappa.shape, dtype=bool)
        if margin > 0:
            kappa, gamma, is_field = (np.pad(a, margin) for a in (kappa, gamma, is_field))
        sides = [n if self.crop is None else min(n, self.crop) for n in kappa.shape]
        ny, nx = (side // stride * stride for side in sides)
        if (ny, nx) == kappa.shape:
            return kappa, gamma, is_field
        y, x = (rng.integers(n - side + 1) for n, side in zip(kappa.shape, (ny, nx), strict=True))
        cutout = np.s_[y : y + ny, x : x + nx]
        return kappa[cutout], gamma[cutout], is_field[cutout]

    def _has_weight(self, is_field):
        """Return whether each pixel enters the loss, bool, ``(ny, nx)``.

        Pixels of the padding and of the margin, the border where maps are unreliable, do not.
        """
        result, margin = is_field.copy(), self.architecture.margin
        if margin > 0:
            edge = np.ones(is_field.shape, dtype=bool)
            edge[margin:-margin, margin:-margin] = False
            result[edge] = False
        return result

    def _observe(self, kappa, gamma, is_field, pixel_scale, rng):
        """Simulate the observation of a field by a random survey.

        Returns
        -------
        arrays : GridArrays
            The arrays from which the inputs of the network are computed.
        is_unmasked : `numpy.ndarray`
            True for pixels that are inside the survey and not masked, bool, ``(ny, nx)``.
        """
        survey, shape = self.survey, kappa.shape
        sigma_e, depth, measurement = _USUAL.sigma_e, 1.0, _USUAL.measurement
        per_pixel = _USUAL.expected_density.value * pixel_scale**2
        low, high = survey._density_range([pixel_scale])
        if rng.random() >= survey.usual or not low <= per_pixel <= high:
            sigma_e = rng.uniform(*survey.sigma_e)
            per_pixel = np.exp(rng.uniform(*np.log(survey._galaxies_per_pixel(pixel_scale))))
            if rng.random() < survey.uneven:
                depth = _uneven_depth(shape, rng)
            measurement = _errors_at_depth(sigma_e, _USUAL.m5 - _USUAL.magnitude_limit)
            chance = rng.random()
            if chance < survey.other_errors:
                measurement = MeasurementError(
                    rng.uniform(0, survey.max_error), sigma_e, _USUAL.magnitude_limit,
                    _USUAL.m5,
                )
            elif chance < survey.other_errors + survey.varied_errors:
                measurement = _errors_at_depth(sigma_e, rng.uniform(*_RELATIVE_DEPTH))
        is_unmasked = self._unmasked_pixels(shape, pixel_scale, rng) & is_field
        expected = np.where(is_unmasked, per_pixel * depth, 0.0)
        sampler = PixelSampler(expected, IntrinsicEllipticities(sigma_e), measurement)
        _, sum_w, sum_w2, sum_we = sampler.draw(image_shear(kappa, gamma), rng)
        has_galaxies = sum_w > 0
        shear = np.divide(sum_we, sum_w, out=np.zeros_like(sum_we), where=has_galaxies)
        # The weight w of a galaxy is 1 / (sigma_e^2 + sigma_m^2), so that
        # w^2 sigma_m^2 = w - w^2 sigma_e^2.
        square = np.divide(sum_w - np.float32(sigma_e**2) * sum_w2, sum_w2,
                           out=np.zeros_like(sum_w), where=has_galaxies)
        error = np.sqrt(np.maximum(square, 0))
        return GridArrays(shear, sum_w, error, pixel_scale), is_unmasked

    def _unmasked_pixels(self, shape, pixel_scale, rng):
        survey, chance = self.survey, rng.random()
        result = np.ones(shape, dtype=bool)
        if chance < survey.masked:
            result = ~self._mask(shape, pixel_scale, rng)
        elif chance < survey.masked + survey.small:
            sides = [rng.integers(max(1, n // 5), max(2, n * 3 // 4)) for n in shape]
            y, x = (rng.integers(n - side + 1) for n, side in zip(shape, sides, strict=True))
            footprint = np.zeros(shape, dtype=bool)
            footprint[y : y + sides[0], x : x + sides[1]] = True
            if rng.random() < 0.5:
                footprint &= ~self._mask(shape, pixel_scale, rng)
            if footprint.sum() >= min(_MIN_PIXELS, footprint.size // 10):
                result = footprint
        return result

    def _mask(self, shape, pixel_scale, rng):
        """Return a random mask in a random orientation, True in masked pixels, ``(ny, nx)``."""
        number = int(rng.integers(_N_MASKS))
        key = number, shape, pixel_scale
        if key not in self._masks:
            mask_rng = np.random.default_rng((self.seed, 2**32 - 2, number))
            wcs = tangent_wcs(SkyCoord(180, 0, unit="deg"), shape, pixel_scale * u.arcmin)
            fraction = mask_rng.uniform(*self.survey.mask_fraction)
            self._masks[key] = random_mask(wcs, fraction, mask_rng)
        mask = self._masks[key]
        turns = rng.integers(4) if shape[0] == shape[1] else 2 * rng.integers(2)
        mask = np.rot90(mask, turns)
        return mask[:, ::-1] if rng.random() < 0.5 else mask


def training_examples(
    sets: FieldSet | PathLike | Mapping[FieldSet | PathLike, float],
    inputs: str | Architecture = "multiscale",
    survey: SurveyRange | None = None,
    *,
    exponent: float = 0,
    crop: int | None = None,
    held_back: int = 0,
    seed: int = 0,
) -> TrainingExamples:
    """Make random training examples for any network, also outside of lensmap.

    Parameters
    ----------
    sets : FieldSet, path-like or dict
        A set of fields, or its folder. Or the share of examples drawn from each of several sets;
        shares are normalized to a sum of 1.
    inputs : str or Architecture
        The kind of input, ``"multiscale"``, ``"paper"`` or ``"smoothed"``, as for
        `input_channels`; or an architecture, whose stride and margin determine the shape of the
        examples as well; or the name of an architecture of lensmap, such as ``"cha2025"``.
    survey : SurveyRange or None
        The range of simulated surveys; None for the default `SurveyRange`.
    exponent : float
        The exponent p of the loss weights, which are (1 + ``|kappa|`` / max kappa)^p.
    crop : int or None
        The side, in pixels, of the random cutout of each field. If None, whole fields.
    held_back : int
        The number of files at the end of each set that are reserved for validation.
    seed : int
        The seed of the examples and of the masks.

    Returns
    -------
    TrainingExamples
        The examples, which can be indexed, iterated over and drawn in batches.

    Raises
    ------
    ValueError
        If there is no such kind of input, a share is negative, all shares are 0, or a set has no
        field left for training.

    Examples
    --------
    >>> import tempfile
    >>> from lensmap import HaloModelField
    >>> from lensmap.networks import FieldSet, training_examples
    >>> model = HaloModelField(shape=(64, 64), pixel_scale="0.5 arcmin")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fields = FieldSet.draw(folder, model, 2, seed=1, workers=1)
    ...     inputs, targets = training_examples(fields, "paper")[0]
    >>> inputs.shape, targets.shape
    ((64, 64, 3), (64, 64, 3))
    """
    if isinstance(inputs, Architecture):
        architecture = inputs
    elif inputs in INPUTS:
        architecture = Architecture(inputs)
    else:
        from lensmap.networks.models import ARCHITECTURES  # this loads Keras

        if inputs not in ARCHITECTURES:
            names = ", ".join(repr(name) for name in (*INPUTS, *ARCHITECTURES))
            raise ParameterError("inputs", f"one of {names}, or an Architecture", repr(inputs))
        architecture = ARCHITECTURES[inputs]
    return TrainingExamples(
        sets, architecture, survey, exponent=exponent, crop=crop, held_back=held_back, seed=seed
    )


def _errors_at_depth(sigma_e, relative_depth):
    """Return the `MeasurementError` of Subaru/HSC if m5 exceeds the magnitude limit by a number."""
    limit = _USUAL.magnitude_limit
    return MeasurementError("hsc", sigma_e, limit, limit + relative_depth)


def _uneven_depth(shape, rng):
    """Return a smooth random map of relative depth, with a scatter of a third, ``(ny, nx)``."""
    nodes = rng.standard_normal((rng.integers(2, 6),) * 2)

    def interpolate(values, n):
        position = np.linspace(0, len(values) - 1, n)
        left = np.minimum(position.astype(int), len(values) - 2)
        fraction = (position - left)[:, np.newaxis]
        return values[left] * (1 - fraction) + values[left + 1] * fraction

    return np.exp(0.35 * interpolate(interpolate(nodes, shape[0]).T, shape[1]).T)
