# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What sphinx-gallery asks of lensmap's tutorials: in which order they stand, and how they draw."""

import matplotlib.pyplot as plt

__all__ = ["place", "plain_figures"]

# From the first file of a user to methods of her own.
_ORDER = (
    "own_catalog",
    "survey_columns",
    "masked_survey",
    "map_a_survey",
    "coma_like_cluster",
    "cosmos_field",
    "train_network",
    "own_estimator",
)


def place(filename):
    """Return the place of a tutorial; a new one has to be given its own above."""
    return _ORDER.index(str(filename).removesuffix(".py"))


def plain_figures(gallery_conf, script):
    """Let each tutorial begin with the style of the other figures."""
    plt.rcdefaults()
    plt.rcParams.update({
        "font.size": 9,
        "figure.dpi": 100,
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
        "savefig.bbox": "tight",
    })
