# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Scans of skies without filaments, and the probability of the highest significance in them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from lensmap.filaments._scan import ArmScan
from lensmap.grid import noise_realizations
from lensmap.utils import (
    ParameterError,
    ParameterTypeError,
    as_generator,
    check_count,
    track,
)

if TYPE_CHECKING:
    from lensmap.filaments._scan import ScanState
    from lensmap.typing import ProgressLike, RNGLike

__all__ = ["check_scan", "false_probability", "random_scans", "random_shears"]


def random_scans(
    scan: ArmScan,
    n_skies: int = 100,
    *,
    structure: bool | Iterable[np.ndarray] = True,
    rng: RNGLike = None,
    progress: ProgressLike = None,
) -> np.ndarray:
    """Repeat a scan on skies without filaments: rotated galaxies and large-scale structure.

    The rotated galaxies have the positions, weights, ellipticities and holes of the catalog, and no
    lensing signal. The structure is added to their shear.

    Parameters
    ----------
    scan : ArmScan
        The scan, as returned by `matched_filter`.
    n_skies : int
        The number of skies.
    structure : bool or iterable of `numpy.ndarray`
        The shear of large-scale structure. True draws Gaussian fields with the power spectrum of
        the scan. False adds none, as for the noise of the shapes alone. An iterable gives the
        complex shear of each sky in the basis of the pixel axes of ``scan.wcs``, ``(ny, nx)``, such
        as the ``gamma`` of `lensmap.simulate.HaloModelField` on these pixels.
    rng : None, int or `numpy.random.Generator`
        Seed or generator of the rotations and of the Gaussian fields.
    progress : None, True or callable
        Whether to show the progress, or a function that is called with the number of skies done
        and their total number.

    Returns
    -------
    `numpy.ndarray`
        The significance ``snr`` of each direction in each sky, ``(n_skies, n_directions)``.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, or ``structure`` yields too few fields or fields of another
        shape.
    """
    state = check_scan(scan)
    check_count(n_skies, "n_skies", minimum=1)
    shears = random_shears(state, n_skies, structure, as_generator(rng))
    amplitudes = state.amplitudes
    return np.array([
        amplitudes.measure(shear) / amplitudes.error
        for shear in track(shears, n_skies, progress)
    ])


def false_probability(scan: ArmScan, skies: np.ndarray) -> np.ndarray:
    """Return the probability of each significance of a scan in skies without filaments.

    Parameters
    ----------
    scan : ArmScan
        The scan.
    skies : `numpy.ndarray`
        The significance of each direction in skies without filaments, ``(n_skies,
        n_directions)``, as returned by `random_scans`, or as the column ``snr`` of scans of other
        catalogs.

    Returns
    -------
    `numpy.ndarray`
        For each direction, the probability that the highest significance of all directions is at
        least as high in a sky without filaments, ``(n_directions,)``. The smallest value for n
        skies is 1 / (n + 1).

    Raises
    ------
    TypeError, ValueError
        If ``scan`` is no scan, or ``skies`` has another shape or no sky.
    """
    check_scan(scan)
    skies = np.asarray(skies, dtype=float)
    if skies.ndim != 2 or len(skies) == 0 or skies.shape[1] != len(scan):
        raise ParameterError(
            "skies", f"the shape (n_skies, {len(scan)}) with at least one sky", str(skies.shape),
            "give the significance of all directions in each sky", verb="have",
        )
    highest = np.sort(np.nanmax(skies, axis=1))
    n_above = len(highest) - np.searchsorted(highest, np.asarray(scan.table["snr"]))
    return (n_above + 1) / (len(highest) + 1)


def check_scan(scan: ArmScan) -> ScanState:
    """Check that a parameter is a scan with its galaxies, and return the state of the scan."""
    if not isinstance(scan, ArmScan):
        raise ParameterTypeError("scan", "the result of matched_filter", type(scan).__name__)
    return scan._state


def random_shears(
    state: ScanState,
    n_skies: int,
    structure: bool | Iterable[np.ndarray],
    rng: np.random.Generator,
) -> Iterator[np.ndarray]:
    """Yield the shear of skies without filaments on the pixels of a scan.

    Parameters
    ----------
    state : ScanState
        The state of the scan.
    n_skies : int
        The number of skies.
    structure : bool or iterable of `numpy.ndarray`
        The shear of large-scale structure, as for `random_scans`.
    rng : `numpy.random.Generator`
        Generator for the rotations and the Gaussian fields.

    Yields
    ------
    `numpy.ndarray`
        The complex shear, 0 in pixels that are not used, ``(ny, nx)``.
    """
    for_galaxies, for_structure = rng.spawn(2)
    fields: Iterator[np.ndarray]
    if structure is True:
        fields = itertools.chain.from_iterable(
            state.solver.draw_signal(for_structure) for _ in itertools.count()
        )
    elif structure is False:
        fields = itertools.repeat(np.zeros(state.use.shape))
    else:
        fields = iter(structure)
    noise = noise_realizations(
        state.assignment, n_realizations=n_skies, rng=for_galaxies, grid=state.grid
    )
    for i, grid in enumerate(noise):
        field = next(fields, None)
        if field is None:
            raise ParameterError("structure", f"a field for each of the {n_skies} skies", f"{i}",
                                 verb="yield")
        field = np.asarray(field)
        if field.shape != state.use.shape:
            raise ParameterError(
                "structure", f"shear fields of the shape {state.use.shape} of the pixels of the "
                "scan", str(field.shape), verb="yield",
            )
        yield np.where(state.use, grid.shear + field, 0)
