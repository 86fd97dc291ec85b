# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The JSON records of commands, checked against their schema."""

import json
from importlib.resources import files
from pathlib import Path
from urllib.parse import unquote

import jsonschema
from astropy import units as u

SCHEMAS = json.loads((files("lensmap.cli") / "schemas.json").read_text())


def validated(path):
    """Return a record, which follows the schema of its command."""
    record = json.loads(Path(path).read_text())
    command = SCHEMAS["$defs"][record["command"]] | {"$defs": SCHEMAS["$defs"]}
    errors = [
        error.message
        for schema in (command, SCHEMAS)
        for error in jsonschema.Draft202012Validator(schema).iter_errors(record)
    ]
    assert errors == []
    assert len(list(numbers(record))) >= 2  # each is one that the schema describes
    return record


# What a script must know besides the schema: the units at the ends of names.
UNITS = {
    "_msun_per_mpc2": "solMass / Mpc2", "_per_arcmin2": "1 / arcmin2", "_per_deg2": "1 / deg2",
    "_arcmin": "arcmin", "_deg2": "deg2", "_deg": "deg", "_msun": "solMass", "_mpc": "Mpc",
}


def numbers(record):
    """Read all numbers of a record by its schema alone.

    Yield the place of each number, such as ``("peaks", 0, "ra")``, without the unit of its name,
    and the number as a quantity. A number that the schema does not describe is an error.
    """
    return _numbers(record, SCHEMAS["$defs"][record["command"]], ())


def _numbers(value, schema, place):
    schemas = list(_parts(schema))
    if isinstance(value, dict):
        for key, item in value.items():
            described = [one["properties"][key] for one in schemas
                         if key in one.get("properties", {})]
            described += [one["additionalProperties"] for one in schemas
                          if isinstance(one.get("additionalProperties"), dict)]
            # The parameters of an estimator and the options of a run have any names.
            is_free = all("properties" not in one for one in schemas)
            assert described or is_free, (*place, key)
            if described:
                yield from _numbers(item, {"allOf": described}, (*place, key))
    elif isinstance(value, list):
        items = {"allOf": [one["items"] for one in schemas if "items" in one]}
        for i, item in enumerate(value):
            yield from _numbers(item, items, (*place, i))
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        kinds = str([one.get("type", one.get("enum", one.get("const"))) for one in schemas])
        assert "number" in kinds or "integer" in kinds or str(value) in kinds, place
        *above, name = place
        ending = next((end for end in UNITS if str(name).endswith(end)), "")
        short = name.removesuffix(ending) if ending else name
        yield (*above, short), u.Quantity(value, UNITS.get(ending, ""))


def _parts(schema):
    """Yield a schema and all that it refers to."""
    yield schema
    name = unquote(schema.get("$ref", "").rpartition("/")[2])
    references = [SCHEMAS["$defs"][name]] if name else []
    for part in (*references, *schema.get("allOf", ()), *schema.get("anyOf", ())):
        yield from _parts(part)


def code_of(message):
    """Return the exit code of an error: 2 if options exclude each other or lack another one."""
    usage = ("cannot be given", "needs --", "does not apply", "not defined", "give --preset",
             "--uncertainty for --method")
    return 2 if any(words in message for words in usage) else 1
