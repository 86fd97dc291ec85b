# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Formulas as MathML, made by docutils: browsers show it without a script and without a network."""

import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.errors import ExtensionError

__all__ = ["setup"]


def setup(app):
    """Register the renderer with Sphinx."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True}


def _mathml(text, as_block):
    text = re.sub(r"\s+", " ", text.strip())
    try:
        formula = tex2mathml(text, as_block=as_block)
    except MathError as error:
        raise ExtensionError(f"docutils cannot set the formula {text!r}: {error}") from error
    # A bar stands for a modulus here, never for a relation with space on both sides.
    return formula.replace('<mo stretchy="false">|', '<mo stretchy="false" lspace="0" rspace="0">|')


def _inline(translator, node):
    translator.body.append(_mathml(node.astext(), as_block=False))
    raise nodes.SkipNode


def _block(translator, node):
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    translator.body.append(_mathml(node.astext(), as_block=True))
    translator.body.append("</div>\n")
    raise nodes.SkipNode
