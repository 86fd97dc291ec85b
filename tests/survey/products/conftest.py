# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A survey map of three patches, which has all layers, for the tests of its files."""

import numpy as np
import pytest

pytest.importorskip("ducc0")
pytest.importorskip("healsparse")
pytest.importorskip("mocpy")

NSIDE = 512


class Sky:
    """The layers of a survey map on all pixels of the sphere, and its blocks."""

    def __init__(self, nside=NSIDE):
        rng = np.random.default_rng(3)
        self.nside, self.order = nside, nside.bit_length() - 1
        n = 12 * nside**2
        inside = np.zeros(n, bool)
        # Patches that begin and end within a coverage pixel and within a tile of a HiPS.
        for start, stop in ((0.02, 0.0316), (0.33, 0.3333), (0.73, 0.7317)):
            inside[int(start * n):int(stop * n)] = True
        mask = ~inside | (rng.random(n) < 0.1)
        value = rng.normal(0.01, 0.1, n).astype(np.float32)
        self.layers = {
            "kappa": np.where(mask, np.nan, value),
            "error": np.where(mask, np.nan, np.float32(0.1) + np.abs(value)),
            "counts": np.where(inside, rng.poisson(2, n), 0).astype(np.int32),
            "mask": mask,
            "density": np.where(inside, rng.uniform(1, 30, n), np.nan).astype(np.float32),
            "n_tiles": np.where(inside, rng.integers(1, 4, n), 0).astype(np.int32),
        }

    def blocks(self, order=3, *, names=None):
        """Yield the blocks of an order that have data, as a survey does."""
        from lensmap.survey.products import Block

        n = 4 ** (self.order - order)
        for pixel in np.flatnonzero(~self.layers["mask"].reshape(-1, n).all(axis=1)):
            part = slice(pixel * n, (pixel + 1) * n)
            layers = {name: self.layers[name][part] for name in names or self.layers}
            yield Block(order, int(pixel), layers)

    def mixed_blocks(self):
        """Yield blocks of several orders, some of them without data."""
        from lensmap.survey.products import Block

        for pixel in range(12 * 4**1):
            orders = (1,) if pixel % 3 == 0 else (2, 4, 6) if pixel % 3 == 1 else (8,)
            first, end = pixel << 16, (pixel + 1) << 16  # at order 9
            while first < end:
                # The order of the block changes from one to the next.
                order = orders[(first >> 10) % len(orders)]
                while first % 4 ** (self.order - order):
                    order += 1
                stop = first + 4 ** (self.order - order)
                if order < 7 or np.isfinite(self.layers["density"][first:stop]).any():
                    yield Block(order, first >> 2 * (self.order - order),
                                {name: layer[first:stop] for name, layer in self.layers.items()})
                first = stop


@pytest.fixture(scope="session")
def sky():
    """A survey map with several layers."""
    return Sky()


@pytest.fixture(scope="session")
def small_sky():
    """A survey map of the lowest resolution, for readers of the whole sphere."""
    return Sky(128)
