# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pictures of lensmap's results: the only room that knows matplotlib."""

from lensmap.plotting.maps import check_picture, plot_map, save_map
from lensmap.plotting.training import plot_learning_curve

__all__ = ["check_picture", "plot_learning_curve", "plot_map", "save_map"]
