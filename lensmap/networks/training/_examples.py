# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Examples to learn from: a field, seen by a survey of random depth and outline."""

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.flatsky import mirror_x, rotate90
from lensmap.grid import tangent_wcs
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

__all__ = ["Examples", "SurveyRange"]

# What is added to the variance of the signal, in units of the noise, where squares are compared:
# a field of weak signal shall not count without bound.
_FLOOR = 0.01

# That of Cha et al. 2025.
_USUAL = MockSurvey.preset("cha2025")

# The largest measurement error of ellipticities per component that is the same for all galaxies.
_LARGEST_ERROR = 0.15

# The masks that are drawn once, and then turned and mirrored.
_N_MASKS = 60

# Pixels with galaxies behind this many others, at least, are left by a small field.
_FEWEST_PIXELS = 2000


@dataclass(frozen=True)
class SurveyRange:
    """The surveys that a network learns from.

    Attributes
    ----------
    usual : float
        The part of the examples that has the density, dispersion and errors of Cha et al. 2025:
        33 galaxies per square arcminute, 0.24, those of Subaru/HSC.
    galaxies_per_pixel, sigma_e : tuple of float
        The range of the others; the first uniform in the logarithm.
    uneven : float
        The part of the others whose depth varies over the field.
    other_errors : float
        The part of the others whose measurement error is one number, up to 0.15.
    masked, small : float
        The part of all that has a `lensmap.simulate.random_mask`, and the part that fills a piece
        of the map only.
    mask_fraction : tuple of float
        How much a mask excludes.
    outside : float
        The weight of pixels without data.
    """

    usual: float = 0.45
    galaxies_per_pixel: tuple = (1.2, 20.0)
    sigma_e: tuple = (0.22, 0.32)
    uneven: float = 0.3
    other_errors: float = 0.25
    masked: float = 0.4
    small: float = 0.12
    mask_fraction: tuple = (0.05, 0.5)
    outside: float = 0.15

    @classmethod
    def only_usual(cls):
        """Return the survey of Cha et al. 2025, on whole fields."""
        return cls(usual=1.0, masked=0.0, small=0.0)

    def known_galaxies_per_pixel(self, pixel_scales):
        """Return the fewest and the most galaxies per pixel that are learned from.

        Parameters
        ----------
        pixel_scales : sequence of float
            The pixels, arcminutes.

        Returns
        -------
        tuple of float
            The two.
        """
        low, high = self.galaxies_per_pixel
        if self.usual < 1:
            return low, high
        # a third more or less is not another survey
        usual = [_USUAL.expected_density.value * scale**2 for scale in pixel_scales]
        return 0.67 * min(usual), 1.5 * max(usual)

    def known_shape_noise(self):
        """Return the least and the largest dispersion of ellipticities that are learned from.

        Returns
        -------
        tuple of float
            Per component, with measurement errors; 5 per cent more or less is the same.
        """
        # that of galaxies which are weighted with their inverse variances
        usual = float(np.mean(_USUAL.measurement.weight_quantiles) ** -0.5)
        if self.usual == 1:
            # as for the density: a quarter more or less is not another survey
            return 0.8 * usual, 1.25 * usual
        low, high = self.sigma_e
        return 0.95 * min(low, usual), 1.05 * max(float(np.hypot(high, _LARGEST_ERROR)), usual)


class Examples:
    """Draws examples.

    Parameters
    ----------
    sets : dict
        From `FieldSet` (or the path of one) to the part of the examples that it gives.
    inputs : str
        The kind of input, a name of `lensmap.networks.INPUTS`.
    survey : SurveyRange
        What is observed.
    exponent : float
        Of `focal_weights`.
    crop : int or None
        The side of the piece that is used of each field; None uses all of it.
    held_back : int
        How many files at the end of each set are left for validation.
    stride : int
        Sides are cut to a multiple of it.
    margin : int
        Fields are surrounded with as many empty pixels, and the outermost pixels of an example do
        not count, nor those.
    seed : int
        The seed of the examples and of the masks.

    Raises
    ------
    ValueError
        If a set has no field left.
    """

    def __init__(self, sets, inputs, survey=None, *, exponent=0, crop=None, held_back=0, stride=1,
                 margin=0, seed=0):
        self.sets = [s if isinstance(s, FieldSet) else FieldSet(s) for s in sets]
        parts = np.array(list(sets.values()), dtype=float)
        if len(parts) == 0 or not (np.all(parts >= 0) and parts.sum() > 0):
            raise ValueError(f"sets must give each set a part, 0 or more, not {parts.tolist()}")
        self._parts = parts / parts.sum()
        self._n_files = [len(one) - held_back for one in self.sets]
        for one, n in zip(self.sets, self._n_files, strict=True):
            if n < 1:
                raise ValueError(
                    f"{one!r} has no field left to learn from: {held_back} are held back"
                )
        self.kind, self.inputs = inputs, INPUTS[inputs]
        self.survey = SurveyRange() if survey is None else survey
        self.exponent, self.crop, self.seed = exponent, crop, seed
        self.stride, self.margin = stride, margin
        self._masks = {}

    def draw(self, *numbers):
        """Draw the example of some numbers: the same for the same numbers.

        Parameters
        ----------
        *numbers : int
            The step, and the place in its batch.

        Returns
        -------
        inputs : `numpy.ndarray`
            Float32, ``(ny, nx, n_channels)``.
        targets : `numpy.ndarray`
            Float32, ``(ny, nx, 3)``, as `map_loss` takes them.
        """
        rng = np.random.default_rng((self.seed, *numbers))
        which = rng.choice(len(self.sets), p=self._parts)
        redshift = rng.integers(self.sets[which].n_redshifts)
        return self.make(which, rng.integers(self._n_files[which]), redshift, rng)

    def make(self, which, number, redshift, rng):
        """Make an example of one field.

        Parameters
        ----------
        which, number, redshift : int
            The set, the file in it, and the redshift in that.
        rng : `numpy.random.Generator`
            The source of random numbers.

        Returns
        -------
        inputs, targets : `numpy.ndarray`
            As of `draw`.
        """
        fields = self.sets[which]
        kappa, gamma, is_field = self._turned(*fields.read(number, redshift), rng)
        arrays, is_open = self._observed(kappa, gamma, is_field, fields.pixel_scale, rng)
        inputs, unit = self.inputs.make(arrays)
        # Relative to the variance of such fields, not of this one: a field with a rich cluster
        # would count for less, and clusters would come out too low.
        weights = arrays.inverse_variance
        noise = 1 / float(np.median(weights[weights > 0]))
        scatter = (fields.variances[redshift] + _FLOOR * noise) / float(np.median(unit)) ** 2
        weight = np.where(is_open, 1.0, self.survey.outside) * self._counting(is_field)
        square = weight * focal_weights(kappa, self.exponent) / scatter
        targets = [kappa / unit, square, weight / np.sqrt(scatter)]
        return inputs, np.stack(targets, axis=-1, dtype=np.float32)

    def _turned(self, kappa, gamma, rng):
        """Return a field as it may lie, or a piece of it, and which pixels belong to it."""
        quarter, mirrored = rng.integers(4), rng.random() < 0.5
        kappa, gamma = rotate90(kappa, 0, quarter), rotate90(gamma, 2, quarter)
        if mirrored:
            kappa, gamma = kappa[:, ::-1], mirror_x(gamma, 2)
        is_field = np.ones(kappa.shape, dtype=bool)
        if self.margin > 0:
            kappa, gamma, is_field = (np.pad(a, self.margin) for a in (kappa, gamma, is_field))
        sides = [n if self.crop is None else min(n, self.crop) for n in kappa.shape]
        ny, nx = (side // self.stride * self.stride for side in sides)
        if (ny, nx) == kappa.shape:
            return kappa, gamma, is_field
        y, x = (rng.integers(n - side + 1) for n, side in zip(kappa.shape, (ny, nx), strict=True))
        here = np.s_[y : y + ny, x : x + nx]
        return kappa[here], gamma[here], is_field[here]

    def _counting(self, is_field):
        """Return which pixels are learned from."""
        result = is_field.copy()
        if self.margin > 0:
            edge = np.ones(is_field.shape, dtype=bool)
            edge[self.margin : -self.margin, self.margin : -self.margin] = False
            result[edge] = False
        return result

    def _observed(self, kappa, gamma, is_field, pixel_scale, rng):
        """Return what a random survey makes of a field, and where it looks."""
        survey, shape = self.survey, kappa.shape
        sigma_e, errors, depth = _USUAL.sigma_e, _USUAL.measurement_error, 1.0
        per_pixel = _USUAL.expected_density.value * pixel_scale**2
        low, high = survey.known_galaxies_per_pixel([pixel_scale])
        if rng.random() >= survey.usual or not low <= per_pixel <= high:
            sigma_e = rng.uniform(*survey.sigma_e)
            per_pixel = np.exp(rng.uniform(*np.log(survey.galaxies_per_pixel)))
            if rng.random() < survey.uneven:
                depth = _uneven_depth(shape, rng)
            if rng.random() < survey.other_errors:
                errors = rng.uniform(0, _LARGEST_ERROR)
        is_open = self._open_pixels(shape, pixel_scale, rng) & is_field
        expected = np.where(is_open, per_pixel * depth, 0.0)
        measurement = MeasurementError(errors, sigma_e, _USUAL.magnitude_limit, _USUAL.m5)
        sampler = PixelSampler(expected, IntrinsicEllipticities(sigma_e), measurement)
        _, sum_w, sum_w2, sum_we = sampler.draw(image_shear(kappa, gamma), rng)
        there = sum_w > 0
        shear = np.divide(sum_we, sum_w, out=np.zeros_like(sum_we), where=there)
        # The weights are inverse variances: w^2 sigma_m^2 is w - w^2 sigma_e^2.
        square = np.divide(sum_w - np.float32(sigma_e**2) * sum_w2, sum_w2,
                           out=np.zeros_like(sum_w), where=there)
        error = np.sqrt(np.maximum(square, 0))
        return GridArrays(shear, sum_w, error, pixel_scale), is_open

    def _open_pixels(self, shape, pixel_scale, rng):
        survey, chance = self.survey, rng.random()
        result = np.ones(shape, dtype=bool)
        if chance < survey.masked:
            result = ~self._mask(shape, pixel_scale, rng)
        elif chance < survey.masked + survey.small:
            sides = [rng.integers(max(1, n // 5), max(2, n * 3 // 4)) for n in shape]
            y, x = (rng.integers(n - side + 1) for n, side in zip(shape, sides, strict=True))
            piece = np.zeros(shape, dtype=bool)
            piece[y : y + sides[0], x : x + sides[1]] = True
            if rng.random() < 0.5:
                piece &= ~self._mask(shape, pixel_scale, rng)
            if piece.sum() >= min(_FEWEST_PIXELS, piece.size // 10):
                result = piece
        return result

    def _mask(self, shape, pixel_scale, rng):
        """Return one of the masks, turned and mirrored by chance."""
        number = int(rng.integers(_N_MASKS))
        key = number, shape, pixel_scale
        if key not in self._masks:
            own = np.random.default_rng((self.seed, 2**32 - 2, number))
            wcs = tangent_wcs(SkyCoord(180, 0, unit="deg"), shape, pixel_scale * u.arcmin)
            self._masks[key] = random_mask(wcs, own.uniform(*self.survey.mask_fraction), own)
        mask = self._masks[key]
        turns = rng.integers(4) if shape[0] == shape[1] else 2 * rng.integers(2)
        mask = np.rot90(mask, turns)
        return mask[:, ::-1] if rng.random() < 0.5 else mask


def _uneven_depth(shape, rng):
    """Return a smooth map of relative depth, with a scatter of a third."""
    nodes = rng.standard_normal((rng.integers(2, 6),) * 2)

    def along(values, n):
        position = np.linspace(0, len(values) - 1, n)
        left = np.minimum(position.astype(int), len(values) - 2)
        part = (position - left)[:, np.newaxis]
        return values[left] * (1 - part) + values[left + 1] * part

    return np.exp(0.35 * along(along(nodes, shape[0]).T, shape[1]).T)
