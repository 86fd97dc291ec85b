# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The examples of the pages run as tests, each page in a folder of its own.

Small stand-ins for the files that a page reads lie in that folder: the bundled mock catalog, also
in the layouts of surveys.
"""

import pytest
from astropy import log
from survey_files import demo_galaxies, write_survey_files

# What needs Sphinx, or draws: the build of the documentation runs it.
collect_ignore_glob = ["conf.py", "_ext/*", "figures/*", "tutorials/*", "gallery/*"]

# They train a network, map seven surveys, and make a whole validation with its report.
_SLOW_PAGES = {"networks", "recipes", "validation"}


def pytest_collection_modifyitems(items):
    """Mark the pages that take long."""
    for item in items:
        if item.path.suffix == ".rst" and item.path.stem in _SLOW_PAGES:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _own_folder(request, tmp_path, monkeypatch):
    """Run each page where its files may be written."""
    monkeypatch.chdir(tmp_path)
    make = _FILES.get(request.path.stem)
    if make is not None:
        make()
    level = log.level
    yield
    log.setLevel(level)


def _survey_files():
    write_survey_files()
    mine = demo_galaxies()
    mine.rename_columns(["ra", "dec", "e1", "e2"], ["RA", "DEC", "gal_e1", "gal_e2"])
    mine.write("mine.csv")


def _demo_file():
    demo_galaxies().write("shear.fits")


_FILES = {
    "aperture_mass": _demo_file,
    "catalogs": _survey_files,
    "conventions": _demo_file,
    "conventions_full": _demo_file,
    "quickstart": _demo_file,
    "recipes": _survey_files,
    "troubleshooting": _demo_file,
    "estimators": _demo_file,
    "injection": _demo_file,
    "kaiser_squires": _demo_file,
    "maximum_entropy": _demo_file,
    "own_estimator": _demo_file,
    "peaks": _demo_file,
    "profiles": _demo_file,
    "sparse": _demo_file,
    "statistics": _demo_file,
    "wiener": _demo_file,
}
