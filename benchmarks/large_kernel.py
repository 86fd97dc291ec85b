# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The network of Cha et al. 2025: maps and steps of training, by tiles and directly."""

import argparse
import resource

import keras
import numpy as np
from timing import report, say_machine, timed

from lensmap.networks import cha2025_network

MEBI = 1024


def peak():
    """Return the peak of the process's memory so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEBI


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description="Time the network of Cha et al. 2025.")
    parser.add_argument("--no-direct", action="store_true", help="only by tiles")
    parser.add_argument("-n", type=int, default=5, help="repeats (default %(default)s)")
    arguments = parser.parse_args()
    say_machine()
    print(f"Keras {keras.__version__} on {keras.backend.backend()}, float32\n")
    before = peak()
    rng = np.random.default_rng(0)
    images = rng.normal(size=(1, 512, 512, 3)).astype(np.float32)
    network = cha2025_network()
    quick = timed(lambda: network.predict(images, verbose=0), arguments.n, 2)
    report("512 x 512 map, predict", quick, 0.8)
    report("512 x 512 map, predict_on_batch",
           timed(lambda: network.predict_on_batch(images), arguments.n), 0.8)
    print(f"    peak memory {peak():.0f} MiB, of which {before:.0f} before the network")
    crops, truth = images[:, :256, :256], rng.normal(size=(1, 256, 256, 1)).astype(np.float32)
    network.compile(keras.optimizers.Adam(1e-5, clipnorm=1.0), "mse")
    report("256 x 256 step of training",
           timed(lambda: network.train_on_batch(crops, truth), arguments.n, 2), 1)
    print(f"    peak memory {peak():.0f} MiB")
    if arguments.no_direct:
        return
    direct = cha2025_network("direct")
    direct.set_weights(network.get_weights())
    slow = timed(lambda: direct.predict(images, verbose=0), 1)
    report("512 x 512 map, predict, direct convolutions", slow)
    print(f"    {slow[0] / quick[0]:.1f} times as long")
    a, b = (model.predict(images, verbose=0) for model in (network, direct))
    print(f"    largest difference {np.abs(a - b).max() / b.std():.1e} of the map's scatter")


if __name__ == "__main__":
    main()
