# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The rule that says which values of an image or HEALPix map lie inside the mask."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from lensmap.utils import ParameterError, ParameterTypeError, check_number

__all__ = ["UNSEEN", "Values"]

#: The value of pixels without data in HEALPix maps (``healpy.UNSEEN``).
UNSEEN = -1.6375e30

_MAX_BITS = 64

# The number of values and names that a message shows.
_MAX_SHOWN = 6


@dataclass(eq=False)
class Values:
    """The rule that says which pixel values are inside a mask.

    Attributes
    ----------
    bits : int, str, iterable of these or None
        The flag bits that put a pixel inside the mask, as for `SkyMask`. None if bits do not
        matter.
    above : float or None
        Values above this number are inside the mask. None if there is no such limit.
    n_used : int
        The number of images to which the rule has been applied.
    """

    bits: Any = None
    above: float | None = None
    n_used: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.bits is not None and self.above is not None:
            raise ParameterError("bits", "None where {above} is given")
        if self.above is not None:
            check_number(self.above, "above", "a finite number")
        self._bits = None if self.bits is None else _parse_bits(self.bits)

    def check_used(self) -> None:
        """Raise a ValueError if ``bits`` or ``above`` were given and no image was read."""
        name = "above" if self.bits is None else "bits"
        if self.n_used == 0 and (self.bits is not None or self.above is not None):
            raise ParameterError(
                name, "None for masks without images: regions, MOCs and star holes have no values"
            )

    def select(
        self, array: np.ndarray, header: Mapping[str, Any] | None = None, label: str = "the mask"
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return which pixels of an image are inside the mask, and which pixels have no value.

        Parameters
        ----------
        array : `numpy.ndarray`
            The pixel values; a masked array if some values are missing.
        header : mapping or None
            The header cards, whose ``MP_`` cards name the bits.
        label : str
            The name of the image for error messages.

        Returns
        -------
        inside, undefined : `numpy.ndarray`
            Bool, with the shape of ``array``: True for pixels inside the mask, and True for pixels
            without a value. A pixel has no value if it is masked, not finite, or healpy's
            `UNSEEN`.

        Raises
        ------
        TypeError
            If the values are not real numbers.
        ValueError
            If the values do not determine which pixels are inside, or the bits do not exist.
        """
        missing = np.ma.getmaskarray(array)
        values = np.ma.getdata(array)
        if values.dtype.kind not in "biuf":
            raise ParameterTypeError("mask", "of real numbers", f"{label} of {values.dtype}")
        undefined = missing.copy()
        if values.dtype.kind == "f":
            undefined |= ~np.isfinite(values) | np.isclose(values, UNSEEN, rtol=1e-5, atol=0)
        good = values[~undefined]
        inside = np.zeros(values.shape, dtype=bool)
        inside[~undefined] = self.rule(good, header, label)(good)
        return inside, undefined

    def rule(
        self, values: np.ndarray, header: Mapping[str, Any] | None, label: str
    ) -> Callable[[np.ndarray], np.ndarray]:
        """Return a function that says which pixel values are inside the mask.

        Parameters
        ----------
        values : `numpy.ndarray`
            All values of the image that are defined.
        header, label : object
            The header cards, whose ``MP_`` cards name the bits, and the name of the image for error
            messages.

        Returns
        -------
        callable
            A function of an array of values. It returns a bool array, True for inside.

        Raises
        ------
        ValueError
            If the values do not determine which pixels are inside, or the bits do not exist.
        """
        self.n_used += 1
        if self.above is not None:
            return partial(np.less, self.above)
        if self._bits == "any" or (values.dtype == bool and self._bits is None):
            return partial(np.not_equal, 0)
        whole = values.dtype.kind in "biu" or bool(np.all(values == np.rint(values)))
        if self._bits is not None:
            too_large = values.dtype.kind == "f" and bool(np.any(np.abs(values) >= 2.0**63))
            if not whole or too_large:
                raise ParameterError("bits", f"None for {label}, which does not hold whole numbers")
            width = values.dtype.itemsize * 8 if values.dtype.kind in "iu" else _MAX_BITS
            return partial(_any_bit, np.uint64(_combined(self._bits, header, label, width)))
        if np.all((values == 0) | (values == 1)):
            return partial(np.not_equal, 0)
        if whole:
            raise ParameterError(
                "bits", f"given for {label}", remedy=_advice(values, header),
            )
        if np.any(values < 0):
            raise ParameterError(
                "above",
                f"given for {label}",
                remedy="it holds negative numbers, like an image of the sky; pixels above the "
                       "given value are inside the mask",
            )
        return partial(np.less, 0)


def _any_bit(flags: np.uint64, values: np.ndarray) -> np.ndarray:
    return (values.astype(np.int64).view(np.uint64) & flags) != 0


def _advice(values: np.ndarray, header: Mapping[str, Any] | None) -> str:
    distinct = np.unique(values)[:_MAX_SHOWN + 1]
    shown = ", ".join(f"{value:g}" for value in distinct[:_MAX_SHOWN])
    names = list(_bit_names(header))
    example = ",".join(names[:2]) if names else "0,5"
    return (
        f"it holds the integers {shown}{', ...' if len(distinct) > _MAX_SHOWN else ''}; say which "
        f"bits are inside the mask, such as {{bits={example!r}}}"
        + (f" (names: {', '.join(names)})" if names else " (bit 0 has the value 1, bit 5 has 32)")
        + ", or take every nonzero pixel with {bits='any'}"
    )


def _bit_names(header: Mapping[str, Any] | None) -> dict[str, int]:
    """Return the bit numbers of LSST mask planes, keyed by name, from ``MP_`` cards of a header."""
    if header is None:
        return {}
    return {
        key[3:].upper(): int(value)
        for key, value in header.items()
        if key.upper().startswith("MP_") and isinstance(value, numbers.Integral)
    }


def _parse_bits(bits: Any) -> Any:
    """Convert the parameter ``bits`` of a mask to ``"any"`` or to a list of bits.

    Each bit is a number from 0, a flag value as hexadecimal text, or an upper-case name.
    """
    if isinstance(bits, str):
        bits = bits.split(",")
    elif isinstance(bits, numbers.Integral):
        bits = [bits]
    if not isinstance(bits, Iterable):
        raise ParameterTypeError("bits", _ALLOWED_BITS, repr(bits))
    items = list(bits)
    wrong = [item for item in items
             if isinstance(item, bool) or not isinstance(item, (str, numbers.Integral))]
    texts = [str(item).strip() for item in items]
    if not items or wrong or "" in texts:
        raise ParameterTypeError("bits", _ALLOWED_BITS, repr(bits))
    if "any" in [text.lower() for text in texts]:
        if len(texts) > 1:
            raise ParameterError("bits", "'any' alone, or bits without it", repr(bits))
        return "any"
    return [_parse_bit(text) for text in texts]


def _parse_bit(text: str) -> int | str:
    if text.lstrip("+-").isdigit():
        return _check_bit(int(text))
    if not text.lower().startswith("0x"):
        return text.upper()
    try:
        value = int(text, 16)
    except ValueError:
        value = 0
    if not 0 < value < 2**_MAX_BITS:
        raise ParameterError("bits", "positive hexadecimal numbers of 64 bits", text)
    return hex(value)


_ALLOWED_BITS = "bit numbers, hexadecimal flag values, names of bits, or 'any'"


def _check_bit(number: int) -> int:
    if not 0 <= number < _MAX_BITS:
        power = number > 0 and number & (number - 1) == 0
        remedy = f"the flag of value {number} is bit {number.bit_length() - 1}" if power else None
        raise ParameterError("bits", f"numbers of bits, 0 to {_MAX_BITS - 1}", str(number), remedy)
    return number


def _combined(bits: list[int | str], header: Any, label: str, width: int) -> int:
    """Return one integer in which all the given bits are set.

    Parameters
    ----------
    bits : list of int or str
        Bit numbers from 0, flag values as hexadecimal text, or names of bits.
    header : mapping or None
        The header of the image, whose ``MP_`` cards name the bits.
    label : str
        The name of the image for error messages.
    width : int
        The number of bits in a pixel value.
    """
    names, flags = _bit_names(header), 0
    for bit in bits:
        if isinstance(bit, str) and not bit.startswith("0x"):
            if bit not in names:
                known = f"its names are {', '.join(names)}" if names else (
                    "its header names no bits (cards MP_...): give their numbers, such as "
                    "{bits='0,5'}"
                )
                raise ParameterError("bits", f"names of bits in {label}", repr(bit), known)
            flag = 1 << names[bit]
        else:
            flag = int(bit, 16) if isinstance(bit, str) else 1 << bit
        if flag >= 2**width:
            raise ParameterError(
                "bits", f"less than {width} for {label} of {width}-bit integers", str(bit),
                "a decimal number is the number of a bit, from 0; give the value of a flag in "
                "hexadecimal",
            )
        flags |= flag
    return flags
