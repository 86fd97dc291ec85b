# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`export_fields`: the fields of a validation as files, for maps by other programs."""

import json
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

from astropy import units as u

from lensmap import __version__
from lensmap.maps import ConvergenceMap
from lensmap.simulate import draw_fields
from lensmap.typing import PathLike, ProgressLike
from lensmap.utils import ParameterTypeError, RunFolder, atomic_write, check_count
from lensmap.validation._export_readme import README
from lensmap.validation._exported_grid import identity_of, write_grid
from lensmap.validation._external_maps import INDEX_FILE, INDEX_KIND, INDEX_SCHEMA, field_name
from lensmap.validation._facts import setup_facts
from lensmap.validation._field_maps import purpose_of
from lensmap.validation._parts import COMA_PARTS
from lensmap.validation._setup import ValidationSetup, series_seed
from lensmap.validation._validate import ValidationPlan, planned_parts
from lensmap.validation.measures import ComaSky

__all__ = ["export_fields"]

# Increase this whenever the same settings would give other files.
_ALGORITHM = 1

_PRODUCTS = (INDEX_FILE, "README.txt", "shear/*.fits", "truth/*.fits")


def export_fields(
    setup: ValidationSetup,
    folder: PathLike,
    plan: ValidationPlan | None = None,
    *,
    seed: int = 0,
    workers: int | None = None,
    executor: Executor | Callable[[], Executor] | None = None,
    progress: ProgressLike = None,
    take_over: bool = False,
) -> Path:
    """Write the fields of a validation to files, so that any program can make maps of them.

    The same call resumes an interrupted run, and a plan with more fields adds the others. The maps
    are scored by `validate` with `ExternalMaps` among the estimators.

    Parameters
    ----------
    setup : ValidationSetup
        The simulated fields and the survey.
    folder : path-like
        The folder, created if necessary. ``README.txt`` in it describes the files: ``shear`` holds
        the binned shear of each field with its noise, mask and WCS, ``truth`` the true convergence,
        and ``export.json`` the settings and the list of fields.
    plan : ValidationPlan or None
        The number of fields in each part. Slow estimators have no fields of their own. If None, the
        default `ValidationPlan`.
    seed : int
        The seed of the series of simulated fields.
    workers : int or None
        The number of processes that draw fields. If None, one for each CPU that this process may
        use, but no more than fit into memory.
    executor : `concurrent.futures.Executor`, callable or None
        An executor with ``workers`` workers that draws the fields, or a callable that makes one. If
        None, new processes draw the fields.
    progress : None, bool or callable
        If True, a progress bar is shown for each part. A callable is called as
        ``progress(done, total)`` after each field. If None or False, nothing is shown.
    take_over : bool
        Whether to take over the folder of a run that was killed. A run that is still alive
        can then no longer write to the folder.

    Returns
    -------
    `pathlib.Path`
        The file ``export.json``.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or out of range, or the folder holds fields of other
        settings.
    RuntimeError
        If another run uses the folder.
    """
    plan = ValidationPlan() if plan is None else plan
    if not isinstance(setup, ValidationSetup):
        raise ParameterTypeError("setup", "a ValidationSetup", type(setup).__name__)
    facts = setup_facts(setup)
    del facts["null"]
    settings = {"setup": facts, "seed": check_count(seed, "seed"),
                "mask_fraction": float(plan.mask_fraction)}
    with RunFolder(
        folder, settings, schema=INDEX_SCHEMA, kind=INDEX_KIND, algorithm=_ALGORITHM,
        products=_PRODUCTS, take_over=take_over,
    ) as run:
        for name in ("shear", "truth"):
            (run.path / name).mkdir(exist_ok=True)
        draw = {"seed": seed, "workers": workers, "executor": executor, "progress": progress}
        for part, one, n in planned_parts(setup, plan):
            for number, observation in _missing(run, part, one, n, purpose_of(one), **draw):
                name = field_name(part, number)
                truth = ConvergenceMap(observation.truth, wcs=observation.grid.wcs)
                truth.write(run.path / "truth" / f"{name}-truth.fits", overwrite=True)
                _save(run, part, number, observation.grid)
        for number, (grids, _) in _missing(
            run, COMA_PARTS[-1], ComaSky(), plan.n_coma, "validation", **draw
        ):
            for part, grid in zip(COMA_PARTS, grids, strict=True):
                _save(run, part, number, grid)
        _write_index(run, setup)
        return run.path / INDEX_FILE


def _missing(run, part, model, n, purpose, *, seed, workers, executor, progress):
    """Draw the fields of a part that are not exported yet, with their numbers."""
    missing = run.missing(n, part)
    if not missing:
        return iter(())
    drawn = draw_fields(
        model, n, seed=series_seed(purpose, seed), skip=set(range(n)).difference(missing),
        workers=workers, executor=executor, progress=progress,
    )
    return zip(missing, drawn, strict=True)


def _save(run, part, number, grid):
    """Write the shear of a field, and its identity as the record of the run."""
    name = field_name(part, number)
    write_grid(grid, run.path / "shear" / f"{name}-shear.fits", name)
    run.save(number, {"json": json.dumps({"shape": grid.shape, **identity_of(grid)})}, part)


def _write_index(run, setup):
    """Write the list of all exported fields, and the description of the files."""
    fields = {}
    parts = [path.name for path in sorted((run.path / "data").iterdir()) if path.is_dir()]
    for part in sorted(parts, key=("fields", "null", "masked", *COMA_PARTS).index):
        for number in run.numbers(part):
            fields[field_name(part, number)] = json.loads(str(run.load(number, part)["json"]))
    index = {"kind": INDEX_KIND, "schema": INDEX_SCHEMA, "lensmap": run.version,
             "settings": run.settings, "fields": fields}
    ny, nx = setup.sky.shape
    text = README.format(
        version=__version__, ny=ny, nx=nx, n=len(fields),
        scale=setup.sky.pixel_scale.to_value(u.arcmin), first=next(iter(fields)),
    )
    for name, content in ((INDEX_FILE, json.dumps(index, indent=1)), ("README.txt", text)):
        with atomic_write(run.path / name, overwrite=True) as temporary:
            temporary.write_text(content + "\n", encoding="utf-8")
