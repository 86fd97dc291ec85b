# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What the cards of the bundled networks say, as pages: nothing of it is typed by hand."""

import re

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from lensmap.networks import available_networks, read_card
from lensmap.networks._cards import network_files

__all__ = ["setup"]

# How entries are called in the page, in this order; those that have no name here follow.
_ENTRIES = {
    "edition": "edition",
    "n_parameters": "parameters",
    "inputs": "inputs",
    "limits": "limits",
    "measurement_error": "rms measurement error of the shear, per component",
    "large_scales": "larger scales than this (pixels) are those of a Wiener filter",
    "calibration": "calibration of the error bars",
}
_TRAINING = {
    "start": "start",
    "survey": "survey",
    "surveys": "surveys",
    "loss": "loss",
    "batch_size": "fields in a step",
    "averaging": "mean of the weights, kept from step to step",
    "hours": "hours",
    "hardware": "hardware",
    "software": "software",
    "checks": "checks",
}

_DOMAIN = {
    "z_source": "redshift of the sources",
    "sigma_e": "dispersion of ellipticities, per component",
    "pixel_scale_arcmin": "side of a pixel, arcmin",
}

# What stands elsewhere in the page, or is for the program alone.
_ELSEWHERE = {
    "name", "description", "training", "curve", "domain", "sha256", "fields", "runs",
    "format", "architecture", "options", "pixel_scale", "galaxies_per_pixel", "shape_noise",
    "stride", "reach", "margin", "calibration", "residuals",
    "calibration_fields", "masks",
}


def setup(app):
    """Register the directive."""
    app.add_directive("network-cards", NetworkCards)
    return {"parallel_read_safe": True}


class NetworkCards(SphinxDirective):
    """A section for each bundled network: its card, and its learning curve."""

    def run(self):
        """Parse the lines of all sections where the directive stands."""
        holder = nodes.section()
        holder.document = self.state.document
        lines = [line for name in available_networks() for line in _section(name)]
        source = self.get_source_info()[0]
        self.state.nested_parse(StringList(lines, source=source), 0, holder, match_titles=True)
        for path in (__file__, *(network_files(name)[1] for name in available_networks())):
            self.env.note_dependency(str(path))
        return holder.children


def _section(name):
    card = read_card(name)
    training = card.get("training", {})
    yield from [f".. _weights-{name}:", "", name, "-" * len(name), ""]
    yield from [_sentence(card.get("description", "")), ""]
    yield from _table("What it is", _rows(card, _ENTRIES))
    yield from _table("Where it may be used", _domain(card))
    yield from _table("How it was trained", _rows(training, _TRAINING))
    yield from _fields(training.get("fields", []))
    runs = training.get("runs", [])
    if runs:
        yield from [".. rubric:: Runs", ""]
        yield from [f"{i}. {_sentence(run)}" for i, run in enumerate(runs, 1)]
        yield ""
    if card.get("curve"):
        yield from [".. rubric:: Learning curve", ""]
        yield from [f".. plot:: learning_curves.py {name}", "   :width: 100%"]
        yield f"   :alt: Loss and correlation with the truth of {name}, by training step"
        yield ""
    size = network_files(name)[0].stat().st_size / 1e6
    yield from [f"The file of weights has {size:.1f} MB and the SHA-256", ""]
    half = len(card["sha256"]) // 2
    yield from [".. code-block:: text", ""]
    yield from [f"   {card['sha256'][:half]}", f"   {card['sha256'][half:]}", ""]


def _rows(entries, names):
    """Yield the entries that have a name, in its order, and then what else there is."""
    for key in [*names, *(key for key in entries if key not in names)]:
        if entries.get(key) is not None and key not in _ELSEWHERE:
            yield names.get(key, key.replace("_", " ")), _words(entries[key])


def _domain(card):
    for key, value in card.get("domain", {}).items():
        if _is_range(value):
            value = f"{value[0]:g} to {value[1]:g}"
        yield _DOMAIN.get(key, key.replace("_", " ")), _words(value)


def _fields(fields):
    """Yield a table of the fields that were learned from."""
    if not fields:
        return
    yield from [".. list-table:: Fields", "   :header-rows: 1", "   :widths: 36 14 24 10 8 16"]
    yield from ["   :class: network-card", ""]
    heads = ("made of", "pixel, arcmin", "source redshifts", "seed", "files", "part of examples")
    yield from _row(heads)
    for one in fields:
        names = ("model", "pixel_scale", "z_source", "seed", "files", "part")
        yield from _row([_words(one.get(name, "")) for name in names])
    yield ""


def _table(title, rows):
    rows = list(rows)
    if not rows:
        return
    yield from [f".. list-table:: {title}", "   :widths: 30 70", "   :class: network-card", ""]
    for row in rows:
        yield from _row(row)
    yield ""


def _row(cells):
    for i, cell in enumerate(cells):
        yield f"   {'*' if i == 0 else ' '} - {cell}"


def _words(value):
    """Say a value of a card in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace(",", " ") if value >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_words(one) for one in value)
    if isinstance(value, dict):
        plain = {k: v for k, v in value.items() if not _is_nested(v)}
        return "; ".join(f"{k.replace('_', ' ')}: {_words(v)}" for k, v in plain.items())
    # What stands in a card is plain text, and no reStructuredText.
    return re.sub(r"([\\*|`])", r"\\\1", str(value))


def _is_range(value):
    return (
        isinstance(value, (list, tuple)) and len(value) == 2
        and all(isinstance(one, (int, float)) for one in value)
    )


def _is_nested(value):
    return isinstance(value, (list, tuple)) and any(isinstance(one, dict) for one in value)


def _sentence(text):
    text = _words(text)
    return f"{text[:1].upper()}{text[1:]}."
