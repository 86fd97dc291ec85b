# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Records and settings against the schema, compared with the package jsonschema."""

import copy
import json

import jsonschema
import numpy as np
import pytest
from cli_records import SCHEMAS

from lensmap.catalog.hats import _partition
from lensmap.injection import _run as recovery
from lensmap.networks.training import _field_set
from lensmap.provenance._schemas import _violations, record_violations, settings_violations
from lensmap.simulate import _field_folder
from lensmap.simulate.sky import _simulate_sky
from lensmap.survey import _run
from lensmap.survey._survey_map import KIND, SCHEMA
from lensmap.validation import _records

# The keywords that `_violations` knows, and those without an effect.
KNOWN = {
    "$ref", "additionalProperties", "allOf", "anyOf", "const", "enum", "exclusiveMinimum", "if",
    "items", "maxItems", "maximum", "minItems", "minimum", "oneOf", "pattern", "properties",
    "required", "then", "type", "unevaluatedProperties",
}
NO_EFFECT = {"$defs", "$schema", "description", "title"}

RECORD = {
    "schema": 1, "lensmap": "0.1", "command": "peaks", "status": "done", "exit_code": 0,
    "date": "2026-01-01T00:00:00+00:00", "versions": {"numpy": "2.0"},
    "command_line": "lensmap peaks k.fits", "arguments": {}, "outputs": [], "warnings": [],
    "errors": [{"code": "a", "parameter": None, "message": "b"}],
    "inputs": [{"option": "the map", "path": "k.fits", "bytes": 1, "sha256": "0" * 64}],
    "networks": [{"name": "lensmap", "edition": None, "sha256": "0" * 64}],
    "seal": "lensmap-sha256:" + "0" * 64, "n_peaks": 1, "n_false": 0.5, "n_false_err": 0.1,
    "n_noise_maps": 30, "n_false_unknown": None,
    "peaks": [{"id": 1, "ra_deg": 1.0, "dec_deg": 2, "kappa": 0.1, "kappa_err": None, "snr": None,
               "at_edge": False}],
}
VALIDATION = {"run": "validation", "schema": 1, "algorithm": 1, "lensmap": "0.1", "settings": {}}


def keywords(schema, are_names=False):
    if isinstance(schema, list):
        return set().union(*map(keywords, schema)) if schema else set()
    if not isinstance(schema, dict):
        return set()
    inner = [keywords(value, key in ("properties", "$defs") and not are_names)
             for key, value in schema.items()]
    return set().union(*inner) | (set() if are_names else set(schema))


def test_all_keywords_are_known():
    assert keywords(SCHEMAS) <= KNOWN | NO_EFFECT


def places(value, place=()):
    """Yield the places of all values within a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*place, key)
        if isinstance(item, (dict, list)):
            yield from places(item, (*place, key))


def changed(value, rng):
    """Return a copy of a record with one random change."""
    value = copy.deepcopy(value)
    found = list(places(value))
    *above, last = found[rng.integers(len(found))]
    holder = value
    for key in above:
        holder = holder[key]
    others = [None, True, 1, -1, 0.5, "x", "peaks", [], [1], {}, {"a": 1}]
    kind = rng.integers(3)
    if kind == 0:
        del holder[last]
    elif kind == 1 and isinstance(holder, dict):
        holder["new"] = 1
    else:
        holder[last] = others[rng.integers(len(others))]
    return value


@pytest.mark.parametrize(("right", "name"), [
    (RECORD, "peaks"),
    ({**{name: RECORD[name] for name in list(RECORD)[:15]}, "command": None, "status": "usage",
      "exit_code": 2, "command_line": None, "arguments": None}, "no command"),
    (VALIDATION, "run_settings"),
])
def test_the_verdict_is_that_of_jsonschema(right, name):
    schema = SCHEMAS["$defs"][name]
    validator = jsonschema.Draft202012Validator(schema | {"$defs": SCHEMAS["$defs"]})
    rng = np.random.default_rng(1)
    n_right = 0
    for value in [right, *(changed(right, rng) for _ in range(300))]:
        is_right = validator.is_valid(value)
        assert (not list(_violations(value, schema, ""))) == is_right, json.dumps(value)
        n_right += is_right
    assert 1 < n_right < 150


def test_what_is_wrong_is_named():
    assert record_violations(RECORD) == []
    wrong = {**RECORD, "n_peaks": "two", "n_false_err": 0, "more": 1}
    wrong["peaks"] = [{**RECORD["peaks"][0], "snr": "high"}]
    del wrong["date"]
    assert sorted(record_violations(wrong)) == [
        "date is missing", "more is unknown", "n_false_err must be above 0, not 0",
        "n_peaks must be of type integer", "peaks[0].snr must be of type number or null",
    ]
    assert record_violations({**RECORD, "command": "peak"}) == [
        "command must be the name of a command, not 'peak'"
    ]
    assert settings_violations({**VALIDATION, "schema": 2}) == ["schema must be 1, not 2"]


def test_the_schema_has_the_numbers_of_all_runs():
    kinds = {}
    for module in (recovery, _field_set, _records, _field_folder, _partition,
                   _simulate_sky):
        kind = getattr(module, "_KIND", "series of fields")
        kinds[kind] = {**VALIDATION, "run": kind, "schema": module._SCHEMA,
                       "algorithm": module._ALGORITHM}
        assert settings_violations(kinds[kind]) == []
    kinds[KIND] = {**VALIDATION, "run": KIND, "schema": SCHEMA, "algorithm": _run._ALGORITHM}
    assert settings_violations(kinds[KIND]) == []
    assert sorted(kinds) == sorted(
        SCHEMAS["$defs"]["run_settings"]["properties"]["run"]["enum"]
    )
