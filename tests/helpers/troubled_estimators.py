# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""An estimator that fails, takes its time, or kills its process; workers import this module."""

import json
import os
import signal
import time
from pathlib import Path

from lensmap import KaiserSquires

#: The environment variable with the path of a file of JSON: what shall happen.
VARIABLE = "LENSMAP_TEST_TROUBLE"


class Troubled(KaiserSquires):
    """The Kaiser-Squires estimator, with the trouble that a file asks for.

    The file holds ``seconds``, the duration of each tile; ``fail``, whether tiles of the eastern
    part of the sky fail; and ``deaths``, the number of times that they kill their process.
    """

    def check(self, grid):
        path = Path(os.environ[VARIABLE])
        trouble = json.loads(path.read_text())
        time.sleep(trouble.get("seconds", 0))
        if grid.wcs.wcs.crval[0] > 40:
            if trouble.get("fail"):
                raise ValueError("nobody likes this tile")
            if trouble.get("deaths"):
                path.write_text(json.dumps(trouble | {"deaths": trouble["deaths"] - 1}))
                os.kill(os.getpid(), signal.SIGKILL)
        super().check(grid)
