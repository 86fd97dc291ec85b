# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`write_report`: the results of a validation as an HTML page, tables and figures."""

from pathlib import Path

from lensmap import __version__
from lensmap.typing import PathLike
from lensmap.utils import OutputExistsError, atomic_write, write_table
from lensmap.validation._parts import PARTS
from lensmap.validation.measures import MEASURES
from lensmap.validation.report._page import ReportPage
from lensmap.validation.report._results import ValidationResults
from lensmap.validation.report._setup_text import describe_quantities, describe_setup
from lensmap.validation.report._styles import styles_of
from lensmap.validation.report._table import result_table

__all__ = ["write_report"]


def write_report(
    results: ValidationResults,
    folder: PathLike | None = None,
    *,
    command: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the report of a validation: an HTML page, tables and figures.

    Parameters
    ----------
    results : ValidationResults
        The results.
    folder : path-like or None
        The folder for the report, created if necessary. If None, the folder of the results.
    command : str or None
        The command line that reproduces the validation, to show in the report. If None, the report
        shows no command.
    overwrite : bool
        Whether to replace existing files.

    Returns
    -------
    pathlib.Path
        The path of the page ``report.html``, which does not refer to any other file. The same
        folder has ``results.ecsv`` (all numbers, see `result_table`), ``scores.ecsv`` (a row for
        each part, field and estimator) and the folder ``figures``, with each figure as PNG and
        PDF.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If no field has been measured yet.
    FileExistsError
        If the folder has a report and ``overwrite`` is False.
    """
    from lensmap.plotting import check_picture

    check_picture("report.png")
    if not results.n_fields["fields"]:
        raise ValueError(
            f"the folder {str(results.records.folder)!r} holds no measured field yet: run validate "
            "first"
        )
    folder = Path(results.records.folder if folder is None else folder)
    path = folder / "report.html"
    if path.exists() and not overwrite:
        raise OutputExistsError(f"the report {str(path)!r} exists; {{overwrite=True}} replaces it")
    figures = folder / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    styles = styles_of([*results.detection_names, *results.more_names])
    page = ReportPage(_title(results), figures, styles, overwrite=overwrite)
    for measure in MEASURES:
        page.conclude(measure.conclude(results))
    _describe(page, results, command)
    for measure in MEASURES:
        measure.section(page, results)
    for name, table in (("results", result_table(results)), ("scores", results.scores)):
        with atomic_write(folder / f"{name}.ecsv", overwrite=overwrite) as temporary:
            write_table(table, temporary)
    with atomic_write(path, overwrite=overwrite) as temporary:
        temporary.write_text(page.render(), encoding="utf-8")
    return path


def _title(results):
    names = [*results.detection_names, *results.more_names]
    if len(names) == 1:
        return f"Validation of mass maps: {names[0]}"
    return f"Validation of mass maps: {len(names)} estimators"


def _describe(page, results, command):
    """Add the section about the set-up, the estimators and the run's duration to the report.

    ``command`` is the command line that reproduces the validation; None shows no command.
    """
    settings, n_fields = results.settings, results.n_fields
    page.section("Set-up", *describe_setup(settings["setup"]))
    counts = [part.in_words(n_fields[name]) for name, part in PARTS.items() if n_fields[name]]
    text = f"{', '.join(counts)}; seed {settings['seed']}."
    if settings["setup"]["sky"]["class"] != "GivenFields":
        text += " No series of fields for training or tuning has any of these fields."
    page.text(f"{text} Errors are standard errors from the scatter of fields.")
    if command is not None:
        page.code(command)
    estimators = {**settings["estimators"], **settings["more"]}
    page.table(("estimator", "parameters"),
               [(name, facts["repr"]) for name, facts in estimators.items()], words=True)
    quantities = describe_quantities(estimators)
    if quantities:
        page.text(quantities)
    minutes = {part: seconds / 60 for part, seconds in results.records.notes("seconds").items()}
    if minutes:
        listed = ", ".join(f"{PARTS[part].many} {value:.1f}" for part, value in minutes.items())
        page.text(f"lensmap {__version__}; {sum(minutes.values()):.1f} minutes ({listed}).")
