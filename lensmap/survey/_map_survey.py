# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The function `map_survey`: the mass map of a survey of any size, tile by tile."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, Literal

from astropy import units as u

from lensmap.estimators import Estimator, make_estimator
from lensmap.survey._also import check_also
from lensmap.survey._efficiency import check_sources
from lensmap.survey._further_files import check_nside, check_products
from lensmap.survey._parts import check_parts
from lensmap.survey._run import SurveyRun
from lensmap.survey._survey_map import SurveyMap
from lensmap.utils import (
    ParameterError,
    ParameterTypeError,
    check_angle,
    check_choice,
    check_count,
    check_number,
)

if TYPE_CHECKING:
    from lensmap.survey._plan import Plan
    from lensmap.typing import AngleLike, MaskLike, PathLike, ProgressLike, RedshiftLike

__all__ = ["map_survey", "open_run", "plan_survey"]

# The strides of networks are at most this long. The margin of a tile has more pixels.
_MAX_OFFSET_PIXELS = 16


def map_survey(
    source: Any,
    estimator: Estimator | str = "ks",
    folder: PathLike = "survey",
    *,
    nside: int | None = None,
    pixel_scale: AngleLike | None = None,
    mask: MaskLike | None = None,
    only: MaskLike | None = None,
    also_map: Iterable[str] | Mapping[str, tuple[str, str]] = (),
    calibrate_by: str | Mapping[str, MaskLike] | None = None,
    subtract_mean: bool = False,
    z_lens: float | None = None,
    source_redshifts: RedshiftLike | Mapping[str, RedshiftLike] | None = None,
    large_scales: bool = True,
    tile_order: int | None = None,
    margin: AngleLike = 2 * u.deg,
    dither: Literal[1, 4] = 1,
    offset: tuple[float, float] = (0.0, 0.0),
    turn: AngleLike = 0 * u.deg,
    products: bool | Iterable[str] = True,
    update: bool = False,
    workers: int | None = None,
    executor: Executor | Callable[[], Executor] | None = None,
    progress: ProgressLike = None,
    take_over: bool = False,
    **catalog: Any,
) -> SurveyMap:
    """Make the mass map of a survey of any size, on HEALPix pixels.

    The survey is divided into HEALPix pixels of low resolution, the tiles. Each tile is mapped with
    a margin on a tangent plane by any estimator for planes, and the maps of the tiles are blended
    where they overlap. Scales that are wider than a tile are those of one map of the whole sphere.
    The calibration and the models of the estimator are fitted once to the whole survey.

    The folder keeps what is finished. The same call goes on with a run that was interrupted. Memory
    does not grow with the area of the survey.

    Parameters
    ----------
    source : HatsCatalog, ShearCatalog, path-like or sequence of path-like
        The galaxies: a HATS folder, one or more catalog files, which are partitioned into a HATS
        folder first, a catalog in memory, or a catalog opened with lsdb. Positions are ICRS.
    estimator : Estimator or str
        The estimator, or its specification for `lensmap.make_estimator`, such as ``"cnn"``. It must
        work on a plane.
    folder : path-like
        The folder of the run; created if it does not exist.
    nside : int or None
        The resolution of the map, a power of 2. If None, the lowest one whose pixels are smaller
        than 1.1 times those of the tiles.
    pixel_scale : `~astropy.units.Quantity`, str or None
        The side of the pixels of the tiles, an angle. If None, that which suits the estimator and
        the density of the galaxies.
    mask : mask-like or None
        Anything that `lensmap.masks.SkyMask` accepts, except arrays on the pixels of a map. None
        masks nothing.
    only : mask-like or None
        A region of the sky: only the tiles that have galaxies in it are mapped. The numbers that
        are fitted are those of the whole survey nevertheless. None maps all tiles.
    also_map : sequence of str or dict
        Pairs of columns of the catalog, such as ``"psf_e1,psf_e2"``, that are mapped like the
        shear, as a test of systematic errors; the maps are named after the first column, or by the
        keys of a dict.
    calibrate_by : str, dict or None
        The parts of the survey, such as its fields, that have a calibration, a response and a
        noise of their own: the column of the catalog that names the part of each galaxy, or
        regions by name, anything that `lensmap.masks.SkyMask` accepts except arrays. Each galaxy
        that is not masked must be in exactly one part, and each part needs 1000 galaxies. The
        models of the estimator are those of the whole survey nevertheless. If None, the whole
        survey is one part.
    subtract_mean : bool
        Whether to subtract the weighted mean of the calibrated shear of each part, an additive
        bias that the columns c1 and c2 do not hold. The part of a signal that is constant over a
        part of the survey is then lost.
    z_lens : float or None
        The redshift of lenses for the map ``efficiency``, the weighted mean of the distance ratio
        D_ls / D_s of the galaxies. None averages over the lensing kernel of all galaxies.
    source_redshifts : float, SourceRedshifts, dict or None
        The redshifts of the galaxies for this map, of all or by the names of the parts of
        ``calibrate_by``. If None, their p(z) or, without it, their column ``redshift``. The
        cosmology is that of the estimator, if it has one.
    large_scales : bool
        Whether the tiles take the largest scales from a map of the sphere.
    tile_order : int or None
        The HEALPix order of the tiles. If None, 3 (tiles of 54 square degrees), or more if the
        tiles would have too many pixels.
    margin : `~astropy.units.Quantity` or str
        The margin that is mapped around each tile, an angle of at least the reach of the estimator.
    dither : {1, 4}
        With 4, the map of each tile is the mean of four, whose pixels are shifted by half a pixel.
        This takes four times as long, and the map depends less on the places of the pixels.
    offset : tuple of float
        The shift of the pixels of the tiles along x and y, in pixels, from -16 to 16, to test how
        much the map depends on them.
    turn : `~astropy.units.Quantity` or str
        A rotation of the pixels of the tiles, an angle, for the same purpose.
    products : bool or sequence of {"fits", "hips", "moc", "picture"}
        Whether to write the maps of the survey to HealSparse files in the folder at the end. Names
        add further files: a table of all maps (``maps.fits``), a HiPS of the convergence
        (``hips``), the footprint (``moc.fits``) and a picture (``kappa.png``).
    update : bool
        Whether to map anew the tiles whose galaxies have changed since the folder was begun, with
        the numbers that were fitted then. Otherwise, a catalog that has changed is an error.
    workers : int or None
        The number of processes. If None, one for each CPU, but no more than fit into memory.
    executor : `concurrent.futures.Executor`, callable or None
        An executor, or a callable that makes one, such as
        ``client.get_executor(pure=False, retries=0)`` of a dask client. If None, new processes.
    progress : None, bool or callable
        True shows progress bars. A callable is called as ``progress(done, total)``.
    take_over : bool
        Whether to take over the folder of a run that was killed.
    **catalog
        Parameters of `lensmap.ShearCatalog` for files, such as ``columns``, ``convention`` and
        ``where``.

    Returns
    -------
    SurveyMap
        The map of the survey.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, no galaxy can be used, the disk has too little space, or the
        folder holds a run with other settings.
    MemoryError
        If a tile does not fit into memory.
    RuntimeError
        If another run holds the folder, some tiles or partitions failed, or the given executor lost
        its workers. The map of the others is in the folder, and the same call goes on.
    ImportError
        If a package of the extra ``survey`` is not installed, or one that ``products`` needs.
    OSError
        If the disk is full. The same call goes on when there is space.
    """
    _, names = check_products(products)
    if nside is not None:
        check_nside(names, nside)
    run = open_run(
        source, estimator, folder, nside=nside, pixel_scale=pixel_scale, mask=mask,
        also_map=also_map, calibrate_by=calibrate_by, subtract_mean=subtract_mean,
        z_lens=z_lens, source_redshifts=source_redshifts,
        large_scales=large_scales, tile_order=tile_order, margin=margin,
        dither=dither, offset=offset, turn=turn, update=update, workers=workers,
        executor=executor, progress=progress, take_over=take_over, catalog=catalog,
    )
    with run:
        return run.make(only=only, products=products)


def plan_survey(
    source: Any,
    estimator: Estimator | str = "ks",
    folder: PathLike = "survey",
    **parameters: Any,
) -> Plan:
    """Return the plan of a survey map: its tiles, and the memory and the disk space that it needs.

    The galaxies are read once, and files are partitioned; what is found is kept in the folder, and
    `map_survey` goes on from there.

    Parameters
    ----------
    source, estimator, folder, **parameters
        As for `map_survey`.

    Returns
    -------
    Plan
        The plan.

    Raises
    ------
    TypeError, ValueError
        As for `map_survey`.
    """
    names = set(inspect.signature(open_run).parameters)
    for name in ("only", "products"):
        parameters.pop(name, None)
    catalog = {name: parameters.pop(name) for name in list(parameters) if name not in names}
    with open_run(source, estimator, folder, catalog=catalog, **parameters) as run:
        return run.plan()


def open_run(
    source: Any,
    estimator: Estimator | str,
    folder: PathLike,
    *,
    nside: int | None = None,
    pixel_scale: AngleLike | None = None,
    mask: MaskLike | None = None,
    also_map: Iterable[str] | Mapping[str, tuple[str, str]] = (),
    calibrate_by: str | Mapping[str, MaskLike] | None = None,
    subtract_mean: bool = False,
    z_lens: float | None = None,
    source_redshifts: RedshiftLike | Mapping[str, RedshiftLike] | None = None,
    large_scales: bool = True,
    tile_order: int | None = None,
    margin: AngleLike = 2 * u.deg,
    dither: int = 1,
    offset: tuple[float, float] = (0.0, 0.0),
    turn: AngleLike = 0 * u.deg,
    update: bool = False,
    workers: int | None = None,
    executor: Executor | Callable[[], Executor] | None = None,
    progress: ProgressLike = None,
    take_over: bool = False,
    catalog: dict[str, Any],
) -> SurveyRun:
    """Check the parameters of `map_survey`, and open its run.

    Parameters
    ----------
    source, estimator, folder, nside, pixel_scale, mask, also_map, large_scales, tile_order, margin
        As for `map_survey`.
    calibrate_by, subtract_mean, z_lens, source_redshifts
        As for `map_survey`.
    dither, update, workers, executor, progress, take_over
        As for `map_survey`.
    catalog : dict
        The parameters of `lensmap.ShearCatalog`.

    Returns
    -------
    SurveyRun
        The run, a context that holds its folder.
    """
    from lensmap.sphere import HealpixPixels

    if isinstance(estimator, str):
        estimator = make_estimator(estimator)
    if not isinstance(estimator, Estimator):
        raise ParameterTypeError(
            "estimator", "an Estimator or its name", type(estimator).__name__
        )
    if estimator.geometry != "plane":
        raise ParameterTypeError(
            "estimator", "one for planes, as the tiles of a survey are",
            f"{type(estimator).__name__}, which works on the sphere",
            "call its reconstruct for a map of the sphere, or use KaiserSquires or WienerFilter",
        )
    also = check_also(also_map)
    if also and not estimator.linear:
        raise ParameterError(
            "also_map", "used with a linear method, such as ks or wiener", type(estimator).__name__,
        )
    if nside is not None:
        nside = HealpixPixels(nside).nside
    if tile_order is not None:
        tile_order = check_count(tile_order, "tile_order")
        if not tile_order <= 7:
            raise ParameterError("tile_order", "from 0 to 7", str(tile_order))
    return SurveyRun(
        source, estimator, folder, nside=nside,
        pixel_scale=check_angle(pixel_scale, "pixel_scale", allow_none=True), mask=mask,
        also=also, large_scales=bool(large_scales), tile_order=tile_order,
        margin=check_angle(margin, "margin"), dither=int(check_choice(dither, "dither", (1, 4))),
        lattice=(_check_offset(offset), check_angle(turn, "turn", allow_zero=True)),
        update=bool(update), workers=workers, executor=executor, progress=progress,
        take_over=bool(take_over), catalog=catalog, parts=check_parts(calibrate_by),
        subtract_mean=bool(subtract_mean),
        z_lens=None if z_lens is None else check_number(z_lens, "z_lens", "positive"),
        source_redshifts=check_sources(source_redshifts, calibrate_by),
    )


def _check_offset(offset: tuple[float, float]) -> tuple[float, float]:
    """Return a shift of pixels as two numbers.

    A much larger shift would move the pixels off the margin.
    """
    try:
        x, y = (float(value) for value in offset)
    except (TypeError, ValueError):
        raise ParameterTypeError("offset", "two numbers (x, y)", repr(offset)) from None
    most = _MAX_OFFSET_PIXELS
    if not (abs(x) <= most and abs(y) <= most):  # False for NaN
        raise ParameterError(
            "offset", f"two numbers of pixels from -{most} to {most}", f"({x:g}, {y:g})"
        )
    return x, y
