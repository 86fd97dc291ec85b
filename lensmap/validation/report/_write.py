# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`write_report`: a page, a table and pictures of what a validation found."""

import html
from pathlib import Path

from lensmap import __version__
from lensmap.utils import atomic_write
from lensmap.validation.report._page import HTMLPage
from lensmap.validation.report._sections import SECTIONS
from lensmap.validation.report._table import result_table

__all__ = ["write_report"]

# What the parts are called, beside the fields.
_SAID = {
    "null": "skies without lensing", "masked": "fields with a mask", "coma": "mocks of Coma",
    "more": "fields for estimators that take long",
}


def write_report(results, folder=None, *, command=None, overwrite=False):
    """Write the report of a validation.

    Parameters
    ----------
    results : ValidationResults
        What was found.
    folder : path-like or None
        Where to, made if need be; None is that of the results.
    command : str or None
        What was typed to get it, for those who want to do so again.
    overwrite : bool
        Whether a report that exists is replaced.

    Returns
    -------
    pathlib.Path
        The page, ``report.html``, which needs no other file. Beside it are ``results.ecsv``
        (`result_table`, all numbers), ``scores.ecsv`` (a row for each field and estimator) and
        ``figures``, each picture as PNG and PDF.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If no field was measured.
    FileExistsError
        If there is a report and ``overwrite`` is False.
    """
    from lensmap.plotting import check_picture, save_figure

    check_picture("report.png")
    if not results.parts["fields"]:
        raise ValueError(f"{str(results.records.folder)!r} holds no field that was measured")
    folder = Path(results.records.folder if folder is None else folder)
    path = folder / "report.html"
    if path.exists() and not overwrite:
        raise FileExistsError(f"{str(path)!r} exists; overwrite=True replaces the report")
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    page = HTMLPage("How good are the maps?")
    _introduce(page, results, command)

    def picture(name, figure, caption):
        png = save_figure(figure, folder / "figures" / name, overwrite=overwrite)
        page.picture(png, caption)

    for write in SECTIONS:
        write(page, results, picture)
    for name, table in (("results", result_table(results)), ("scores", results.scores)):
        with atomic_write(folder / f"{name}.ecsv", overwrite=overwrite) as temporary:
            table.write(temporary, format="ascii.ecsv", overwrite=True)
    with atomic_write(path, overwrite=overwrite) as temporary:
        temporary.write_text(page.render(), encoding="utf-8")
    return path


def _introduce(page, results, command):
    settings = results.records.settings
    setup = settings["setup"]
    n = results.n_fields
    parts = [f"{n['fields']} fields"]
    parts += [f"{n[part]} {said}" for part, said in _SAID.items() if n[part]]
    page.text(
        f"{', '.join(parts)}; seed {settings['seed']}. Nothing was trained or tuned on these "
        "fields. Every number has the error that the scatter from field to field gives it."
    )
    if command is not None:
        page.code(command)
    rows = [(f"{part}: {name.replace('_', ' ')}", str(value)) for part in ("sky", "survey")
            for name, value in setup[part].items() if value is not None]
    page.table(("the set-up", ""), rows)
    named = {**settings["estimators"], **settings["more"]}
    page.table(("the estimators", ""), [(name, html.escape(facts["repr"])) for name, facts in named.items()],
               words=True)
    minutes = {_SAID.get(part, part): seconds / 60
               for part, seconds in results.records.notes("seconds").items()}
    page.text(f"Made by lensmap {__version__} in {sum(minutes.values()):.0f} minutes: "
              + ", ".join(f"{said} {value:.1f}" for said, value in minutes.items()) + ".")
