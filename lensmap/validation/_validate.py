# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`validate`: the tests of Cha et al. 2025, and more, on any estimators, in a folder."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from lensmap import __version__
from lensmap.simulate import draw_fields
from lensmap.utils import check_count
from lensmap.validation._compare import map_fields
from lensmap.validation._facts import SCHEMA, estimator_facts, setup_facts
from lensmap.validation._records import RecordFolder
from lensmap.validation._resources import measure_resources
from lensmap.validation._setup import ValidationSetup, series_seed
from lensmap.validation.measures import ComaSky, measure_coma, measure_field, measure_null

__all__ = ["ValidationPlan", "validate"]

# Of so many fields the maps themselves are kept, to be looked at.
_N_EXAMPLES = 3

# What the parts are called while they are measured.
_TITLES = {
    "fields": "fields", "null": "skies without lensing", "masked": "masked fields",
    "coma": "mocks of Coma", "more": "fields for the other estimators",
}


@dataclass(frozen=True, kw_only=True)
class ValidationPlan:
    """How much of what a validation measures.

    Attributes
    ----------
    n_fields : int
        Fields of the set-up.
    n_null : int
        Skies without lensing, with the same survey; 0 leaves them out.
    n_masked : int
        Of the fields, how many are mapped a second time with a part of them masked; 0 leaves that
        out, and so does a set-up that has a mask itself.
    n_coma : int
        Mocks of Coma, at least 4 (a sky and those that it is compared with); 0 leaves them out.
    n_more : int
        Of the fields, how many the estimators that take long have, see `validate`.
    mask_fraction : float
        How much of the masked fields is masked.
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
        if 0 < self.n_coma < 4:
            raise ValueError(f"n_coma must be 0, or at least 4, not {self.n_coma}")


def validate(
    estimators, setup, folder, plan=None, *, more=None, seed=0, workers=None, progress=None,
    take_over=False,
):
    """Measure how good estimators are, field by field, and keep all that was measured.

    A run that was stopped, or one with fewer fields, is gone on with by the same call: what is in
    the folder is not measured again. `ValidationResults.read` puts the fields together, and
    `write_report` makes a page of it.

    Parameters
    ----------
    estimators : dict
        From names to estimators, with ``reconstruct(grid)`` as `lensmap.Estimator` has it. They
        work in this process, while others draw the next fields.
    setup : ValidationSetup
        The skies and the survey.
    folder : path-like
        Where to; made if need be.
    plan : ValidationPlan or None
        How much; None is the plan's defaults.
    more : dict or None
        Further estimators, such as those that average or draw from a posterior, for the first
        ``plan.n_more`` fields; they can be added to a folder that has none.
    seed : int
        Which series of fields, see `series_seed`.
    workers : int or None
        How many processes draw fields.
    progress : None, bool or callable
        As for `lensmap.utils.track`, for each part.
    take_over : bool
        Whether the folder is taken from another run that has it, which is dead.

    Returns
    -------
    RecordFolder
        The folder.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, or the folder holds a validation of something else.
    RuntimeError
        If another run has the folder.

    Notes
    -----
    Of all parts, fields number i are the same sky: with and without a mask, and for all
    estimators. The mocks of Coma are what they are, whatever the set-up says.
    """
    plan = ValidationPlan() if plan is None else plan
    more = {} if more is None else more
    if not isinstance(setup, ValidationSetup):
        raise TypeError(f"setup must be a ValidationSetup, not {type(setup).__name__}")
    both = [name for name in more if name in estimators]
    if both:
        raise ValueError(f"more must have other names than estimators, but both have {both[0]!r}")
    settings = _settings(estimators, setup, plan, more, seed)
    with RecordFolder(folder, settings, addable=("more",), take_over=take_over) as records:
        _measure(_Run(records, seed, workers, progress), estimators, setup, plan, more)
    return records


def _measure(run, estimators, setup, plan, more):
    """Measure all parts."""
    run.resources({**estimators, **more}, setup)
    run.fields("fields", estimators, setup, plan.n_fields, n_examples=_N_EXAMPLES)
    if plan.n_null:
        run.fields("null", estimators, setup.replace(null=True), plan.n_null)
    if plan.n_masked and not setup.mask_fraction:
        masked = setup.replace(mask_fraction=plan.mask_fraction)
        n = min(plan.n_masked, plan.n_fields)
        run.fields("masked", estimators, masked, n, n_examples=_N_EXAMPLES)
    if plan.n_coma:
        run.coma(estimators, plan.n_coma)
    if more and plan.n_more:
        run.fields("more", more, setup, min(plan.n_more, plan.n_fields), clusters=False)


def _settings(estimators, setup, plan, more, seed):
    """Return what all records of the folder have in common, as plain values."""
    facts = setup_facts(setup)
    del facts["null"]  # the part of a field says it
    return {
        "schema": SCHEMA,
        "setup": facts,
        "seed": check_count(seed, "seed"),
        "mask_fraction": float(plan.mask_fraction),
        "estimators": {name: estimator_facts(estimator) for name, estimator in estimators.items()},
        "more": {name: estimator_facts(estimator) for name, estimator in more.items()},
        "lensmap": __version__,
    }


class _Run:
    """The parts of a validation, each gone on with where it was."""

    def __init__(self, records, seed, workers, progress):
        self.records, self.seed = records, seed
        self.workers, self.progress = workers, progress

    def _report(self, part, n, n_there):
        """Return ``progress`` for a part of which some is there."""
        if self.progress is not True:
            return self.progress
        from tqdm import tqdm

        bar = tqdm(total=n, initial=n_there, desc=_TITLES[part])

        def report(done, total):
            bar.update(n_there + done - bar.n)
            if done == total:
                bar.close()

        return report

    def fields(self, part, estimators, setup, n, *, n_examples=0, clusters=True):
        """Measure maps of fields."""
        missing = self.records.missing(part, n)
        if not missing:
            return
        there = set(range(n)) - set(missing)
        drawn = map_fields(
            estimators, setup, n, seed=self.seed, skip=there, workers=self.workers,
            progress=self._report(part, n, len(there)),
        )

        def measure(one):
            if setup.null:
                return measure_null(one, setup)
            return measure_field(one, setup, clusters=clusters, keep_maps=one.number < n_examples)

        self._keep(part, ((one.number, one) for one in drawn), measure)

    def coma(self, estimators, n):
        """Measure mocks of Coma."""
        missing = self.records.missing("coma", n)
        if not missing:
            return
        sky, there = ComaSky(), set(range(n)) - set(missing)
        drawn = draw_fields(
            sky, n, seed=series_seed("validation", self.seed), skip=there, workers=self.workers,
            progress=self._report("coma", n, len(there)),
        )
        numbered = zip(missing, drawn, strict=True)
        self._keep("coma", ((number, (number, one)) for number, one in numbered),
                   lambda both: measure_coma(sky, both[1], estimators, keep_maps=both[0] == 0))

    def _keep(self, part, numbered, measure):
        """Measure in another thread, while the next maps are made."""
        with self.records.timed(part), ThreadPoolExecutor(1) as pool:
            waiting = deque()
            try:
                for number, one in numbered:
                    waiting.append((number, pool.submit(measure, one)))
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
        """Measure time and memory, while nothing else is going on."""
        found = self.records.notes("resources")
        for name, estimator in estimators.items():
            if name not in found:
                found[name] = measure_resources(estimator, setup)._asdict()
        self.records.note("resources", found)
