# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A catalog to a map; each network, one pass over maps of 256^2 to 2048^2 pixels: time, memory.

A map is made of gridded data, in tiles where it is larger than 1024 pixels; each row is a process
of its own. The first row is a catalog of 1.4 million galaxies in 3.5 degrees, mapped with errors by
``lensmap`` on 512^2 pixels. The column "computed" is the number of pixels of all tiles per pixel of
the map. The floor of ``lensmap`` and ``h21like`` is their multiply-adds at the rate of a large
product of matrices. The kernels of ``cha2025`` are so large that Fourier transforms take far less
than direct multiply-adds: its floor are bare transforms of the planes that each layer takes and
gives, and the products of their modes.
"""

import argparse
import json
import subprocess
import sys
import warnings

import numpy as np
from floors import products, transforms
from timing import peak, say_machine, timed

from lensmap.networks._tiles import tile_positions

SIDES = (256, 512, 1024, 2048)
NETWORKS = ("lensmap", "cha2025", "h21like")


def multiply_adds(model, side):
    """Return the multiply-adds of a model's convolutions, done directly, on a square map."""
    import keras

    kernels, planes = [], []
    for layer in model.layers:
        for kernel in (weight for weight in layer.weights if len(weight.shape) == 4):
            kernels.append(float(np.prod(kernel.shape)))
            # A transposed convolution spreads each pixel of its input.
            planes.append(layer.input if "Transpose" in type(layer).__name__ else layer.output)
    n = 64  # the sizes of planes are in proportion to that of the map
    found = keras.Model(model.inputs, planes)(np.zeros((1, n, n, model.input_shape[-1]), "f4"))
    sizes = [plane.shape[1] * plane.shape[2] for plane in found]
    return np.dot(kernels, sizes) * (side / n) ** 2


def floor_of(name, model, side):
    """Return the floor of a network, as those of floors.py."""
    if name != "cha2025":
        return products(multiply_adds(model, side))
    planes, modes = 0, 0
    for layer in model.layers:
        for kernel in (weight for weight in layer.weights if len(weight.shape) == 4):
            if kernel.shape[0] > 1:
                n_in, n_out = sorted(kernel.shape[2:])
                planes += n_in + n_out
                modes += n_in * n_out
    # Half of a pair each; of a complex product there are four multiply-adds, of half the modes.
    ffts = transforms((side, side), dtype="float32", pairs=planes / 2)[0]
    mixing = products(4 * modes * side * (side // 2 + 1))[0]
    return ffts + mixing, f"bare FFTs of {planes} planes, and the products of their modes"


def computed(network, side):
    """Return the number of pixels in all tiles, per pixel of the map."""
    padded = network._padded_side(side)
    tiling = network._tiling(1024)
    counts = tiling.tile_counts(padded, padded)
    sides = [tile_positions(padded, n, tiling.overlap, tiling.stride)[1] for n in counts]
    return float(np.prod(counts) * np.prod(sides) / side**2)


def catalog_to_map():
    """Time a catalog to a map with errors."""
    from lensmap import CNNReconstructor, HaloModelField, MockSurvey

    field = HaloModelField(z_source=1.0).draw(rng=11)
    catalog = MockSurvey.preset("cha2025").observe(field, rng=3)
    estimator = CNNReconstructor(uncertainty="network")
    return *timed(lambda: estimator.reconstruct(catalog, field.wcs), 7), peak()


def row(name, side):
    """Time one network on one size of map."""
    from scaling import random_grid

    from lensmap import CNNReconstructor
    from lensmap.networks import as_network

    grid, estimator = random_grid(side), CNNReconstructor(network=name)
    seconds = timed(lambda: estimator.reconstruct(grid), 3 if side <= 512 else 1)
    reached = peak()
    network = as_network(name)
    return *seconds, *floor_of(name, network.model, side), reached, computed(network, side)


def measured(name, what):
    """Return the numbers of a row, measured in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--row", name, str(what)],
                          capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    """Print the table, or be one row of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=max(SIDES), help="side of the largest map")
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--row", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        warnings.simplefilter("ignore")
        name, side = arguments.row
        print(json.dumps(catalog_to_map() if side == "catalog" else row(name, int(side))))
        return
    say_machine()
    print(f"{'what':24s}{'seconds':>9s}{'(min)':>9s}{'floor':>9s}{'peak GiB':>10s}{'computed':>10s}"
          "   the floor is")
    if "lensmap" in arguments.only:
        median, least, reached = measured("lensmap", "catalog")
        print(f"{'catalog to map, errors':24s}{median:9.2f}{least:9.2f}{'':9s}{reached:10.2f}",
              flush=True)
    for name in arguments.only:
        for side in (side for side in SIDES if side <= arguments.largest):
            seconds, least, floor, what, reached, pixels = measured(name, side)
            print(f"{f'{name}, {side}^2':24s}{seconds:9.2f}{least:9.2f}{floor:9.2f}{reached:10.2f}"
                  f"{pixels:10.2f}   {what}", flush=True)


if __name__ == "__main__":
    main()
