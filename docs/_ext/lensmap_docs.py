# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Parts of pages that are made of the package when the pages are, so that they cannot go stale."""

import contextlib
import importlib
import inspect
import io
import os
import pkgutil
import shlex
import sys
import tempfile
from importlib.resources import files
from unittest import mock

from astropy.table import Table
from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.errors import ExtensionError
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

import lensmap
from lensmap.catalog import COLUMN_PRESETS
from lensmap.cli import main

__all__ = ["setup"]

# The packages with public names.
PACKAGES = [
    importlib.import_module(f"lensmap.{module.name}").__name__
    for module in pkgutil.iter_modules(lensmap.__path__)
    if module.ispkg and module.name != "data"
]


def setup(app):
    """Register the directives, and the resolution of public names."""
    app.add_directive("column-presets", ColumnPresets)
    app.add_directive("command-output", CommandOutput)
    app.add_directive("top-level-names", TopLevelNames)
    app.connect("missing-reference", resolve_public_name)
    app.connect("autodoc-process-bases", leave_out_private_bases)
    return {"parallel_read_safe": True}


def home_of(name):
    """Return the public module that documents a top-level name, such as ``lensmap.catalog``."""
    return ".".join(getattr(lensmap, name).__module__.split(".")[:2])


def resolve_public_name(app, env, node, contnode):
    """Resolve ``lensmap.KaiserSquires``, and a bare ``score_map``, to where it is documented."""
    target = node.get("reftarget", "").removeprefix("lensmap.")
    name, dot, attribute = target.partition(".")
    homes = [package for package in PACKAGES if name in sys.modules[package].__all__]
    if node.get("refdomain") != "py" or len(homes) != 1:
        return None
    return env.domains["py"].resolve_xref(
        env, node["refdoc"], app.builder, "obj", f"{homes[0]}.{name}{dot}{attribute}", node,
        contnode,
    )


def leave_out_private_bases(app, name, item, options, bases):
    """Leave out the base classes that have no page."""
    bases[:] = [base for base in bases if "._" not in getattr(base, "__module__", "")] or [object]


def analyze_package(analyzer):
    """Add the attributes that a package's private modules document to those of its ``__init__``.

    Public classes have the package as their ``__module__``, which is where Sphinx looks for them.
    """
    _analyze(analyzer)
    if analyzer.modname in PACKAGES and not getattr(analyzer, "has_private_modules", False):
        analyzer.has_private_modules = True
        package = sys.modules[analyzer.modname]
        for name in package.__all__:
            getattr(package, name)
        for module in [m for m in sys.modules if m.startswith(f"{analyzer.modname}.")]:
            private = ModuleAnalyzer.for_module(module)
            private.analyze()
            analyzer.annotations = {**private.annotations, **analyzer.annotations}
            analyzer.attr_docs = {**private.attr_docs, **analyzer.attr_docs}


_analyze, ModuleAnalyzer.analyze = ModuleAnalyzer.analyze, analyze_package


class _Lines(SphinxDirective):
    """A directive that is replaced with lines of reStructuredText."""

    def run(self):
        """Parse the lines where the directive stands."""
        holder = nodes.container()
        lines = StringList(list(self.lines()), source=self.get_source_info()[0])
        self.state.nested_parse(lines, self.content_offset, holder)
        return holder.children


class TopLevelNames(_Lines):
    """The names that ``from lensmap import ...`` gives, with their homes."""

    def lines(self):
        """Yield a table."""
        yield from [".. list-table::", "   :header-rows: 1", "   :widths: 30 70", ""]
        yield from ["   * - name", "     - what it is"]
        for name in lensmap.__all__:
            if name.startswith("_"):
                continue
            summary = inspect.getdoc(getattr(lensmap, name)).splitlines()[0]
            yield f"   * - `~{home_of(name)}.{name}`"
            yield f"     - {summary}"


class ColumnPresets(_Lines):
    """One table for each preset of column names."""

    def lines(self):
        """Yield a heading sentence and a table for each."""
        for name, preset in COLUMN_PRESETS.items():
            convention = f'``"{preset.convention}"``' if preset.convention else "none documented"
            kind = f'``"{preset.kind}"``' if preset.kind else "none documented"
            yield from [f".. _preset-{name}:", "", f".. rubric:: {name}", ""]
            yield f"{preset.title}. Documented convention: {convention}; kind: {kind}."
            if preset.aliases:
                yield f"Also called {', '.join(f'``{alias}``' for alias in preset.aliases)}."
            if preset.reference:
                yield f"Reference: {preset.reference}."
            if preset.selection:
                conditions = " and ".join(f"``{text}``" for text in preset.selection)
                yield f"Documented selection: {conditions}."
            if preset.unused:
                columns = ", ".join(f"``{column}``" for column in preset.unused)
                yield f"Not used, since e1 and e2 are calibrated: {columns}."
            if preset.signature:
                needed = " and ".join(f"``{column}``" for column in preset.signature)
                yield f"Taken automatically only if there are also columns for {needed}."
            yield from ["", ".. list-table::", "   :header-rows: 1", "   :widths: 25 75"]
            yield from ["   :class: column-presets", "", "   * - lensmap", "     - the survey"]
            for ours, theirs in preset.columns.items():
                yield f"   * - ``{ours}``"
                yield "     - " + " or ".join(f"``{column}``" for column in theirs)
            yield ""


class CommandOutput(Directive):
    """What a ``lensmap`` command prints, run beside the mock catalog ``shear.fits``."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self):
        """Call the command."""
        words = shlex.split(self.arguments[0])
        shown = f"$ lensmap {self.arguments[0]}\n{output_of(words)}"
        return [nodes.literal_block(shown, shown, language="text")]


def output_of(words):
    """Return what a command prints to the standard output."""
    text = io.StringIO()
    # argparse asks the terminal for its width, and colors it from Python 3.14 on.
    terminal = {"COLUMNS": "86", "NO_COLOR": "1"}
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        mock.patch.dict(os.environ, terminal),
        contextlib.redirect_stdout(text),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        table = Table.read(files("lensmap") / "data" / "demo_catalog.fits")
        table.meta = {name: table.meta[name] for name in ("CONVENTN", "KIND")}
        table.write("shear.fits")
        try:
            code = main(words)
        except SystemExit as end:  # --help
            code = end.code
    if code not in (0, 3, 4):  # 3, 4: a convention is wrong or undecided, as a page may show
        raise ExtensionError(f"lensmap {' '.join(words)} ended with the exit code {code}")
    return text.getvalue()
