# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Names of estimators are plain text in figures."""

import io

import numpy as np
import pytest
from astropy.table import QTable

from lensmap.validation._parts import TRUTH
from lensmap.validation.report._figures_curves import plot_scores
from lensmap.validation.report._figures_maps import plot_examples, plot_residual_maps
from lensmap.validation.report._styles import styles_of

NAMES = ["mine$^{2$", r"$\frac{1}$.py:Mine", "a$b", "tab\there\x1b[31m"]
SHOWN = ["mine$^{2$", r"$\frac{1}$.py:Mine", "a$b", r"tab\there\x1b[31m"]
RNG = np.random.default_rng(2)


def texts_of(figure):
    """Draw a figure, and return its texts as they are shown."""
    figure.savefig(io.BytesIO(), format="png", dpi=30)
    return {text.get_text().replace(r"\$", "$")
            for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))}


def maps(name):
    return RNG.normal(0, 0.1, (8, 8))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plot_examples([{name: maps(name) for name in (TRUTH, *NAMES)}], NAMES, [{}]),
        lambda: plot_residual_maps({name: (maps(name), np.ones((8, 8))) for name in NAMES}),
        lambda: plot_scores(
            QTable({"estimator": NAMES} | {
                f"{column}{end}": np.full(4, 0.3)
                for column in ("pearson_r", "rmse", "loss") for end in ("", "_err")
            }),
            styles_of(NAMES),
        ),
    ],
)
def test_names_are_no_formulas(draw):
    assert texts_of(draw()) >= set(SHOWN)
