# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The JSON records of commands, checked against their schema."""

import json
from importlib.resources import files
from pathlib import Path

import jsonschema

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
    return record
