# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`validate`: the tests of Cha et al. 2025 and further tests, for any estimator."""

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

from lensmap import __version__
from lensmap.simulate import draw_fields
from lensmap.typing import PathLike, ProgressLike
from lensmap.utils import (
    ParameterError,
    ParameterTypeError,
    check_count,
    check_memory,
)
from lensmap.validation._external_maps import check_external_maps
from lensmap.validation._facts import (
    estimator_facts,
    quantity_of,
    require_convergence,
    setup_facts,
)
from lensmap.validation._field_maps import MapMaker, check_estimators, map_fields
from lensmap.validation._parts import COMA_PARTS, PARTS
from lensmap.validation._records import RecordFolder
from lensmap.validation._resources import measure_resources
from lensmap.validation._setup import ValidationSetup, series_seed
from lensmap.validation.measures import ComaSky, map_coma, measure_field

__all__ = ["ValidationPlan", "planned_parts", "validate"]

_MIN_COMA = 4  # for the scatter between mocks

# Peak memory while linear estimators map one field and the maps of the previous field are
# measured. Networks need more.
_BYTES_PER_PIXEL, _BYTES_PER_MAP_PIXEL = 500.0, 40.0


@dataclass(frozen=True, kw_only=True)
class ValidationPlan:
    """The number of simulated fields in each part of a validation.

    Attributes
    ----------
    n_fields : int
        The number of fields drawn from the set-up of the validation.
    n_null : int
        The number of null fields, in which the galaxies of the survey are not lensed. 0 skips this
        part.
    n_masked : int
        The number of fields that are mapped again with a part of the field masked. 0 skips this
        part. It is also skipped if the set-up has a mask already.
    n_coma : int
        The number of mocks of the Coma cluster. At least 4 are needed for the scatter between
        them; 0 skips this part.
    n_more : int
        The number of fields mapped by the slow estimators, which are the parameter ``more`` of
        `validate`.
    mask_fraction : float
        The fraction of each masked field that is masked.
    """

    n_fields: int = 200
    n_null: int = 200
    n_masked: int = 50
    n_coma: int = 12
    n_more: int = 50
    mask_fraction: float = 1 / 3

    def __post_init__(self):
        check_count(self.n_fields, "n_fields", minimum=1)
        for name in ("n_null", "n_masked", "n_coma", "n_more"):
            check_count(getattr(self, name), name)
        if 0 < self.n_coma < _MIN_COMA:
            raise ParameterError("n_coma", f"0 (none), or at least {_MIN_COMA}", str(self.n_coma))


def validate(
    estimators: Mapping[str, MapMaker],
    setup: ValidationSetup,
    folder: PathLike,
    plan: ValidationPlan | None = None,
    *,
    more: Mapping[str, MapMaker] | None = None,
    seed: int = 0,
    workers: int | None = None,
    executor: Executor | Callable[[], Executor] | None = None,
    progress: ProgressLike = None,
    take_over: bool = False,
) -> RecordFolder:
    """Measure the maps of estimators field by field, and store all measurements in a folder.

    The same call resumes an interrupted run, and a plan with more fields extends a finished run:
    fields already in the folder are not measured again. `ValidationResults.read` combines the
    fields into tables, and `write_report` writes the report.

    Parameters
    ----------
    estimators : dict
        The estimators, keyed by name. An estimator is any object with a method
        ``reconstruct(grid)`` like that of `lensmap.Estimator`. Estimators run in this process,
        while other processes draw the next fields. At least one makes maps of the convergence. Of
        maps of other quantities, such as aperture masses, only the detection of clusters and the
        use of time and memory are measured. `ExternalMaps` are maps of these fields that another
        program made; all of them are checked first.
    setup : ValidationSetup
        The simulated fields and the survey.
    folder : path-like
        The folder for the measurements, created if necessary.
    plan : ValidationPlan or None
        The number of fields in each part. If None, the default `ValidationPlan`.
    more : dict or None
        Slow estimators, such as symmetrized networks or estimators that sample a posterior. They
        map only the first ``plan.n_more`` fields. They can be added later to a folder that has no
        slow estimators. If None, there are no slow estimators.
    seed : int
        The seed of the series of simulated fields. No training or tuning uses these fields.
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
    RecordFolder
        The folder with the measurements.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or out of range, or the folder holds a validation with
        other settings.
    MemoryError
        If the maps would not fit into memory.
    FileNotFoundError
        If one of the `ExternalMaps` lacks a map.
    RuntimeError
        If another run uses the folder.

    Notes
    -----
    Field number i is the same sky for all estimators, with and without a mask. The mocks of Coma do
    not depend on the set-up.
    """
    plan = ValidationPlan() if plan is None else plan
    more = {} if more is None else more
    if not isinstance(setup, ValidationSetup):
        raise ParameterTypeError("setup", "a ValidationSetup", type(setup).__name__)
    check_estimators(estimators)
    _check_quantities(estimators, more)
    shared = [name for name in more if name in estimators]
    if shared:
        raise ParameterError(
            "more", "no key that {estimators} has too", remedy=f"both have {shared[0]!r}",
            verb="have",
        )
    ny, nx = setup.sky.shape
    check_memory(
        (_BYTES_PER_PIXEL + _BYTES_PER_MAP_PIXEL * len(estimators)) * ny * nx,
        f"maps of {ny} x {nx} pixels",
        "use a smaller shape",
    )
    settings = _settings(estimators, setup, plan, more, seed)
    _check_external_maps({**estimators, **more}, setup, plan, settings)
    with RecordFolder(folder, settings, addable=("more",), take_over=take_over) as records:
        run = _Run(records, seed, workers, executor, progress)
        _measure_parts(run, estimators, setup, plan, more)
    return records


def _check_quantities(estimators, more):
    """Raise an error if no estimator makes maps of the convergence, or a slow one does not."""
    require_convergence(more, "more", "give it in {estimators}")
    if all(quantity_of(one) != "kappa" for one in estimators.values()):
        require_convergence(estimators, "estimators", "add one of these, such as KaiserSquires")


def planned_parts(
    setup: ValidationSetup, plan: ValidationPlan
) -> list[tuple[str, ValidationSetup, int]]:
    """Return the parts of a validation whose fields are drawn from its set-up.

    Parameters
    ----------
    setup : ValidationSetup
        The simulated fields and the survey.
    plan : ValidationPlan
        The number of fields in each part.

    Returns
    -------
    list of tuple
        The name of each part, its set-up and the number of its fields.
    """
    parts = [("fields", setup, plan.n_fields)]
    if plan.n_null:
        parts.append(("null", setup.replace(null=True), plan.n_null))
    if plan.n_masked and not setup.mask_fraction:
        masked = setup.replace(mask_fraction=plan.mask_fraction)
        parts.append(("masked", masked, min(plan.n_masked, plan.n_fields)))
    return parts


def _check_external_maps(estimators, setup, plan, settings):
    """Check all maps of other programs before anything is measured."""
    parts = {part: n for part, _, n in planned_parts(setup, plan)}
    parts |= dict.fromkeys(COMA_PARTS, plan.n_coma)
    names = ("setup", "seed", "mask_fraction") if "masked" in parts else ("setup", "seed")
    check_external_maps(estimators, parts, {name: settings[name] for name in names})


def _measure_parts(run, estimators, setup, plan, more):
    run.resources({**estimators, **more}, setup)
    kappa_estimators = {
        name: one for name, one in estimators.items() if quantity_of(one) == "kappa"
    }
    for part, part_setup, n in planned_parts(setup, plan):
        run.fields(part, estimators if part == "fields" else kappa_estimators, part_setup, n)
    estimators = kappa_estimators
    if plan.n_coma:
        run.coma(estimators, plan.n_coma)
    if more and plan.n_more:
        run.fields("more", more, setup, min(plan.n_more, plan.n_fields))


def _settings(estimators, setup, plan, more, seed):
    """Return the settings on which the measurements of all fields depend, as plain values."""
    facts = setup_facts(setup)
    del facts["null"]  # null fields are a part of their own
    return {
        "setup": facts,
        "seed": check_count(seed, "seed"),
        "mask_fraction": float(plan.mask_fraction),
        "estimators": {name: estimator_facts(estimator) for name, estimator in estimators.items()},
        "more": {name: estimator_facts(estimator) for name, estimator in more.items()},
        "lensmap": __version__,
    }


class _Run:
    """Runner of the parts of a validation, which measures only fields that are not measured yet."""

    def __init__(self, records, seed, workers, executor, progress):
        self.records, self.seed = records, seed
        self.workers, self.executor, self.progress = workers, executor, progress

    def fields(self, part, estimators, setup, n):
        """Draw the fields of a part that are not measured yet, map them and measure the maps.

        ``part`` is the name of the part; ``n`` is the number of its fields.
        """
        missing = self.records.missing(part, n)
        if missing:
            self._measure(part, map_fields(
                estimators, setup, n, seed=self.seed, skip=set(range(n)).difference(missing),
                workers=self.workers, executor=self.executor,
                progress=self._progress_of(part, n, n - len(missing)),
            ))

    def coma(self, estimators, n):
        """Draw the mocks of Coma that are not measured yet, map them and measure the maps."""
        missing = self.records.missing("coma", n)
        if not missing:
            return
        sky = ComaSky()
        drawn = draw_fields(
            sky, n, seed=series_seed("validation", self.seed),
            skip=set(range(n)).difference(missing), workers=self.workers,
            executor=self.executor, progress=self._progress_of("coma", n, n - len(missing)),
        )
        self._measure("coma", map_coma(sky, estimators, zip(missing, drawn, strict=True)))

    def _progress_of(self, part, n, n_done):
        """Return the value of ``progress`` for the function that draws the fields of a part.

        If the user wants a progress bar, the value is a function that updates a bar of ``n``
        fields, of which ``n_done`` were measured in earlier runs.
        """
        if self.progress is not True:
            return self.progress
        from tqdm import tqdm

        bar = tqdm(total=n, initial=n_done, desc=PARTS[part].many)

        def report(done, total):
            bar.update(n_done + done - bar.n)
            if done == total:
                bar.close()

        return report

    def _measure(self, part, fields):
        """Measure the maps and store the results, while the main thread makes the next maps."""
        with self.records.timed(part), ThreadPoolExecutor(1) as pool:
            waiting = deque()
            try:
                for field in fields:
                    waiting.append((field.number, pool.submit(measure_field, field, part)))
                    while len(waiting) > 1:
                        self._save_first(part, waiting)
                while waiting:
                    self._save_first(part, waiting)
            finally:
                pool.shutdown(cancel_futures=True)

    def _save_first(self, part, waiting):
        number, measured = waiting.popleft()
        self.records.save(part, number, measured.result())

    def resources(self, estimators, setup):
        """Measure the time and memory that each estimator needs to make a map.

        This is done first, before other processes start.
        """
        resources = self.records.notes("resources")
        for name, estimator in estimators.items():
            if name not in resources:
                resources[name] = measure_resources(estimator, setup)._asdict()
        self.records.note("resources", resources)
