# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""An estimator that fails, takes its time, or kills its process; workers import this module."""

import json
import os
import signal
import time
from pathlib import Path

import numpy as np

from lensmap import KaiserSquires

#: The environment variable with the path of a file of JSON: what shall happen.
VARIABLE = "LENSMAP_TEST_TROUBLE"


class Troubled(KaiserSquires):
    """The Kaiser-Squires estimator, with the trouble that a file asks for.

    The file holds ``seconds``, the duration of each tile; ``fail``, whether tiles of the eastern
    part of the sky fail; and ``deaths``, the number of times that they kill their process. With
    ``at``, the center of a tile in degrees, only this tile is troubled.
    """

    def check(self, grid):
        path = Path(os.environ[VARIABLE])
        trouble = json.loads(path.read_text())
        time.sleep(trouble.get("seconds", 0))
        ra, dec = grid.wcs.wcs.crval
        at = trouble.get("at")
        if ra > 40 if at is None else np.allclose((ra, dec), at, atol=1e-3):
            if trouble.get("fail"):
                raise ValueError("nobody likes this tile")
            if trouble.get("deaths"):
                path.write_text(json.dumps(trouble | {"deaths": trouble["deaths"] - 1}))
                os.kill(os.getpid(), signal.SIGKILL)
        super().check(grid)
