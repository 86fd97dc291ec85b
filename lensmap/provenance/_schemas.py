# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The JSON Schema of records and settings, and the comparison of a record with it.

`jsonschema` is no dependency of lensmap. The functions know the keywords that the schema uses.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any
from urllib.parse import unquote

__all__ = ["record_violations", "settings_violations"]

_TYPES: dict[str, tuple[type, ...]] = {
    "null": (type(None),), "boolean": (bool,), "integer": (int,), "number": (int, float),
    "string": (str,), "array": (list,), "object": (dict,),
}


@functools.cache
def _definitions() -> dict[str, Any]:
    text = (files("lensmap") / "cli" / "schemas.json").read_text(encoding="utf-8")
    return json.loads(text)["$defs"]


def record_violations(record: Mapping[str, Any]) -> list[str]:
    """Compare the JSON record of a command with its schema.

    Parameters
    ----------
    record : dict
        The record, with the name of the ``command``.

    Returns
    -------
    list of str
        What is wrong, such as ``"n_peaks must be an integer"``; empty if the record is right.
    """
    command = record.get("command")
    name = "no command" if command is None else command
    schema = _definitions().get(name) if isinstance(name, str) else None
    if not schema or "command" not in schema.get("properties", {}):
        return [f"command must be the name of a command, not {command!r}"]
    return list(_violations(record, schema, ""))


def settings_violations(settings: Any) -> list[str]:
    """Compare the settings of a run folder, ``settings.json``, with their schema.

    Parameters
    ----------
    settings : object
        The content of the file.

    Returns
    -------
    list of str
        What is wrong; empty if the settings are right.
    """
    return list(_violations(settings, _definitions()["run_settings"], ""))


def _violations(value: Any, schema: Mapping[str, Any], name: str) -> Iterator[str]:
    """Yield what is wrong with a value; ``name`` is its place, such as ``"peaks[0].snr"``."""
    if "$ref" in schema:
        yield from _violations(value, _referenced(schema), name)
    for part in schema.get("allOf", ()):
        yield from _violations(value, part, name)
    for keyword in ("anyOf", "oneOf"):
        yield from _of_alternatives(value, schema.get(keyword, ()), keyword, name)
    if "if" in schema and not any(_violations(value, schema["if"], name)):
        yield from _violations(value, schema.get("then", {}), name)
    yield from _of_value(value, schema, name or "the record")
    if isinstance(value, dict):
        yield from _of_object(value, schema, name)
    if isinstance(value, list):
        yield from _of_array(value, schema, name)


def _referenced(schema):
    return _definitions()[unquote(schema["$ref"].removeprefix("#/$defs/"))]


def _of_alternatives(value, alternatives, keyword, name):
    if not alternatives:
        return
    results = [list(_violations(value, one, name)) for one in alternatives]
    n_right = sum(not result for result in results)
    if n_right == 0:
        # The alternative that fits best tells most.
        yield from min(results, key=len)
    elif keyword == "oneOf" and n_right > 1:
        yield f"{name or 'the record'} must have one form only"


def _of_value(value, schema, name):
    allowed = schema.get("type")
    kinds = [allowed] if isinstance(allowed, str) else allowed
    if kinds is not None and not any(_is_of(value, kind) for kind in kinds):
        yield f"{name} must be of type {' or '.join(kinds)}"
        return
    if "const" in schema and not _equal(value, schema["const"]):
        yield f"{name} must be {schema['const']!r}, not {value!r}"
    if "enum" in schema and not any(_equal(value, item) for item in schema["enum"]):
        yield f"{name} must be one of {', '.join(map(repr, schema['enum']))}, not {value!r}"
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{name} must have the form {schema['pattern']}"
    if _is_of(value, "number"):
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            yield f"{name} is out of its range: {value!r}"
        if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
            yield f"{name} must be above {schema['exclusiveMinimum']}, not {value!r}"


def _is_of(value, kind):
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[kind])


def _equal(one, other):
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _of_object(value, schema, name):
    start = f"{name}." if name else ""
    for key in schema.get("required", ()):
        if key not in value:
            yield f"{start}{key} is missing"
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    known = _evaluated(value, schema) if schema.get("unevaluatedProperties") is False else None
    for key, item in value.items():
        if key in properties:
            yield from _violations(item, properties[key], f"{start}{key}")
        elif others is False or (known is not None and key not in known):
            yield f"{start}{key} is unknown"
        elif isinstance(others, dict):
            yield from _violations(item, others, f"{start}{key}")


def _evaluated(value, schema):
    """Return the names of the properties that a schema and its parts describe."""
    known = set(schema.get("properties", {}))
    parts = [*schema.get("allOf", ()), schema.get("if", {}), schema.get("then", {})]
    if "$ref" in schema:
        parts.append(_referenced(schema))
    return known.union(*(_evaluated(value, part) for part in parts if part))


def _of_array(value, schema, name):
    n = len(value)
    if n < schema.get("minItems", n) or n > schema.get("maxItems", n):
        yield f"{name} has a wrong number of items, {n}"
    for i, item in enumerate(value):
        yield from _violations(item, schema.get("items", {}), f"{name}[{i}]")
