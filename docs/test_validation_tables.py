# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The tables of the pages are what the results of the validations say."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parent


@pytest.fixture(scope="module")
def script():
    path = DOCS.parent / "scripts" / "validation_tables.py"
    spec = importlib.util.spec_from_file_location("validation_tables", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tables_are_of_the_results(script):
    for name, text in script.tables(DOCS / "validation").items():
        assert (DOCS / "validation" / name).read_text(encoding="utf-8") == text, (
            f"{name} is not what the results say: python scripts/validation_tables.py "
            "docs/validation"
        )


def test_a_number_that_is_not_there_is_an_error(script):
    results = script.Results(DOCS / "validation" / "z1" / "results.ecsv")
    assert 0 < results.get("summary", "pearson_r", "wiener:tuned")[0] < 1
    with pytest.raises(ValueError, match="0 rows of summary"):
        results.get("summary", "pearson_r", "nobody")


@pytest.mark.parametrize(
    "error, text, short",
    [
        (0.04, "1.28 ± 0.04", "1.28(4)"),
        (0.5, "1.28 ± 0.50", "1.28(50)"),
        (0.0051, "1.28 ± 0.01", "1.28(1)"),
        (0.0012, "1.280 ± 0.001", "1.280(1)"),
        (0.0, "1.28", "1.28"),
        (float("nan"), "1.28", "1.28"),
    ],
)
def test_errors_do_not_vanish(script, error, text, short):
    assert script.with_error((1.28, error), 2) == text
    assert script.brief((1.28, error), 2) == short
