# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Training examples: fields observed by surveys of random depth and footprint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
from lensmap.utils import ParameterError

__all__ = ["Examples", "SurveyRange"]

# The noise variance added to the variance of the signal that divides squared errors, as a fraction:
# an upper limit to the weight of fields with a weak signal.
_NOISE_FRACTION = 0.01

# The usual survey.
_USUAL = MockSurvey.preset("cha2025")

# The upper limit of a measurement error per component that is the same for all galaxies.
_MAX_MEASUREMENT_ERROR = 0.15

# The number of masks that are drawn; each example rotates and mirrors one of them.
_N_MASKS = 60

# Small fields keep at least this many pixels with galaxies.
_MIN_PIXELS = 2000


@dataclass(frozen=True)
class SurveyRange:
    """The surveys of the training examples.

    Attributes
    ----------
    usual : float
        The fraction of examples with the usual survey, that of Cha et al. 2025: 33 galaxies per
        square arcminute, an intrinsic dispersion of 0.24, and the measurement errors of Subaru/HSC.
    galaxies_per_pixel, sigma_e : tuple of float
        The ranges of the density and of the intrinsic dispersion per component in all other
        examples. The first is uniform in the logarithm.
    uneven : float
        The fraction of the other examples whose depth varies over the field.
    other_errors : float
        The fraction of the other examples whose measurement error is the same for all galaxies, up
        to 0.15.
    masked, small : float
        The fraction of all examples with a `lensmap.simulate.random_mask`, and the fraction whose
        survey covers only a part of the map.
    mask_fraction : tuple of float
        The range of the fraction of pixels that a mask excludes.
    outside : float
        The weight of pixels without data in the loss.
    """

    usual: float = 0.45
    galaxies_per_pixel: tuple[float, float] = (1.2, 20.0)
    sigma_e: tuple[float, float] = (0.22, 0.32)
    uneven: float = 0.3
    other_errors: float = 0.25
    masked: float = 0.4
    small: float = 0.12
    mask_fraction: tuple[float, float] = (0.05, 0.5)
    outside: float = 0.15

    @classmethod
    def only_usual(cls) -> "SurveyRange":
        """Return the usual survey alone, without masks.

        Returns
        -------
        SurveyRange
            The survey of Cha et al. 2025, on whole fields.
        """
        return cls(usual=1.0, masked=0.0, small=0.0)

    def domain(self, pixel_scales: Sequence[float]) -> Domain:
        """Return the domain of a network that is trained on these surveys.

        Parameters
        ----------
        pixel_scales : sequence of float
            The pixel scales of the training fields, arcmin.

        Returns
        -------
        Domain
            The pixels, depths and noise, including some that differ little from those of the
            training.
        """
        return Domain(
            (min(pixel_scales), max(pixel_scales)),
            self._density_range(pixel_scales),
            self._shape_noise_range(),
        )

    def _density_range(self, pixel_scales):
        low, high = self.galaxies_per_pixel
        if self.usual < 1:
            return low, high
        # Densities within a third (down) or a half (up) of the usual one count as in-domain.
        usual = [_USUAL.expected_density.value * scale**2 for scale in pixel_scales]
        return 0.67 * min(usual), 1.5 * max(usual)

    def _shape_noise_range(self):
        # The dispersion of galaxies that are weighted by their inverse variances.
        usual = float(np.mean(_USUAL.measurement.weight_quantiles) ** -0.5)
        if self.usual == 1:
            # Dispersions within about a quarter of the usual one count as in-domain.
            return 0.8 * usual, 1.25 * usual
        low, high = self.sigma_e
        largest = float(np.hypot(high, _MAX_MEASUREMENT_ERROR))
        # 5 per cent beyond the range of the training count as in-domain.
        return 0.95 * min(low, usual), 1.05 * max(largest, usual)


class Examples:
    """Random training examples of an architecture.

    Parameters
    ----------
    sets : dict
        The share of the examples from each `FieldSet` or path of one; shares are normalized.
    architecture : Architecture
        The architecture: its kind of input, stride and margin.
    survey : SurveyRange or None
        The range of surveys; None is the default range.
    exponent : float
        The exponent of ``lensmap.scores.focal_weights``.
    crop : int or None
        The side, in pixels, of the random cutout of each field; None takes whole fields.
    held_back : int
        The number of files at the end of each set that are left for validation.
    seed : int
        The seed of the examples and of the masks.

    Raises
    ------
    ValueError
        If a share is negative, all are 0, or a set has no field left.
    """

    def __init__(
        self,
        sets: Mapping[FieldSet | PathLike, float],
        architecture: Architecture,
        survey: SurveyRange | None = None,
        *,
        exponent: float = 0,
        crop: int | None = None,
        held_back: int = 0,
        seed: int = 0,
    ) -> None:
        self.sets = [s if isinstance(s, FieldSet) else FieldSet(s) for s in sets]
        shares = np.array(list(sets.values()), dtype=float)
        if len(shares) == 0 or not (np.all(shares >= 0) and shares.sum() > 0):
            raise ParameterError(
                "sets", "each set a share of 0 or more", str(shares.tolist()), verb="give"
            )
        self._shares = shares / shares.sum()
        self._n_files = [len(fields) - held_back for fields in self.sets]
        for fields, n in zip(self.sets, self._n_files, strict=True):
            if n < 1:
                raise ValueError(
                    f"{fields!r} has no field left to train on: {held_back} are held back"
                )
        self.architecture = architecture
        self.survey = SurveyRange() if survey is None else survey
        self.exponent, self.crop, self.seed = exponent, crop, seed
        self._masks: dict[tuple, np.ndarray] = {}

    def draw(self, *numbers: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw an example, the same for the same numbers.

        Parameters
        ----------
        *numbers : int
            The step, and the index in its batch.

        Returns
        -------
        inputs : `numpy.ndarray`
            The channels, float32, ``(ny, nx, n_channels)``.
        targets : `numpy.ndarray`
            The argument ``y_true`` of ``map_loss``, float32, ``(ny, nx, 3)``.
        """
        rng = np.random.default_rng((self.seed, *numbers))
        i = int(rng.choice(len(self.sets), p=self._shares))
        redshift = int(rng.integers(self.sets[i].n_redshifts))
        return self.make(i, int(rng.integers(self._n_files[i])), redshift, rng)

    def make(
        self, index: int, number: int, redshift: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Make an example of one field.

        Parameters
        ----------
        index, number, redshift : int
            The indices of the set, of its file, and of the redshift in the file.
        rng : `numpy.random.Generator`
            Generator of the orientation and of the survey.

        Returns
        -------
        inputs, targets : `numpy.ndarray`
            As for `draw`.
        """
        fields = self.sets[index]
        kappa, gamma, is_field = self._transform(*fields.read(number, redshift), rng)
        arrays, is_unmasked = self._observe(kappa, gamma, is_field, fields.pixel_scale, rng)
        inputs, unit = INPUTS[self.architecture.inputs].make(arrays)
        # The variance is the mean over fields: that of this field would lower the weight of rich
        # clusters, whose kappa would then be underestimated.
        weights = arrays.inverse_variance
        noise = 1 / float(np.median(weights[weights > 0]))
        variance = fields.variances[redshift] + _NOISE_FRACTION * noise
        variance /= float(np.median(unit)) ** 2
        weight = np.where(is_unmasked, 1.0, self.survey.outside) * self._has_weight(is_field)
        square = weight * focal_weights(kappa, self.exponent) / variance
        targets = [kappa / unit, square, weight / np.sqrt(variance)]
        return inputs, np.stack(targets, axis=-1, dtype=np.float32)

    def _transform(self, kappa, gamma, rng):
        """Return a field in a random orientation, or a cutout of it, and the pixels that it has."""
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
        """Return the pixels of the field outside of the margin, which have weight in the loss."""
        result, margin = is_field.copy(), self.architecture.margin
        if margin > 0:
            edge = np.ones(is_field.shape, dtype=bool)
            edge[margin:-margin, margin:-margin] = False
            result[edge] = False
        return result

    def _observe(self, kappa, gamma, is_field, pixel_scale, rng):
        """Observe a field by a random survey; return the arrays and the unmasked pixels."""
        survey, shape = self.survey, kappa.shape
        sigma_e, errors, depth = _USUAL.sigma_e, _USUAL.measurement_error, 1.0
        per_pixel = _USUAL.expected_density.value * pixel_scale**2
        low, high = survey._density_range([pixel_scale])
        if rng.random() >= survey.usual or not low <= per_pixel <= high:
            sigma_e = rng.uniform(*survey.sigma_e)
            per_pixel = np.exp(rng.uniform(*np.log(survey.galaxies_per_pixel)))
            if rng.random() < survey.uneven:
                depth = _uneven_depth(shape, rng)
            if rng.random() < survey.other_errors:
                errors = rng.uniform(0, _MAX_MEASUREMENT_ERROR)
        is_unmasked = self._unmasked_pixels(shape, pixel_scale, rng) & is_field
        expected = np.where(is_unmasked, per_pixel * depth, 0.0)
        measurement = MeasurementError(errors, sigma_e, _USUAL.magnitude_limit, _USUAL.m5)
        sampler = PixelSampler(expected, IntrinsicEllipticities(sigma_e), measurement)
        _, sum_w, sum_w2, sum_we = sampler.draw(image_shear(kappa, gamma), rng)
        has_galaxies = sum_w > 0
        shear = np.divide(sum_we, sum_w, out=np.zeros_like(sum_we), where=has_galaxies)
        # The weights are inverse variances, so that w^2 sigma_m^2 = w - w^2 sigma_e^2.
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
        """Return one of the masks in a random orientation."""
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


def _uneven_depth(shape, rng):
    """Return a smooth map of relative depth with a scatter of about a third."""
    nodes = rng.standard_normal((rng.integers(2, 6),) * 2)

    def interpolate(values, n):
        position = np.linspace(0, len(values) - 1, n)
        left = np.minimum(position.astype(int), len(values) - 2)
        fraction = (position - left)[:, np.newaxis]
        return values[left] * (1 - fraction) + values[left + 1] * fraction

    return np.exp(0.35 * interpolate(interpolate(nodes, shape[0]).T, shape[1]).T)
