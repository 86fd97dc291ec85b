# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The network of Cha et al. 2025: maps by all ways of its large kernels, steps of training.

The environment variables ``ONEDNN_MAX_CPU_ISA=AVX2 OPENBLAS_CORETYPE=Haswell`` make libraries use
the instructions of processors without AVX-512. Elementwise operations of TensorFlow and caches stay
those of the machine.
"""

import argparse
import os
import resource
import time

import keras
import numpy as np
from timing import report, say_machine, timed

from lensmap.networks import Architecture, GridArrays, Network, cha2025_network

MEBI = 1024
WAYS = "LENSMAP_LARGE_KERNELS"


def peak():
    """Return the peak of the process's memory so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEBI


def time_maps(models, arrays, repeats):
    """Time a map by each way, and compare the maps with that of the direct convolutions.

    ``models`` are the Keras models and values of the environment variable, keyed by the way. The
    processor seconds of all threads hardly depend on other jobs of the machine.
    """
    architecture = Architecture("paper", reach=120, margin=24)
    seconds, cpu, maps = {}, {}, {}
    for way, (model, value) in models.items():
        network, before = Network(model, architecture), peak()
        os.environ[WAYS] = value

        def predict(way=way, network=network):
            start = time.process_time()
            maps[way] = network.predict(arrays).kappa
            cpu[way] = min(time.process_time() - start, cpu.get(way, np.inf))

        # Direct convolutions take so long that the first map, with its start, is no different.
        n, warmup = (1, 0) if way == "direct" else (repeats, 2)
        seconds[way] = timed(predict, n, warmup)
        report(f"512 x 512 map, {way}", seconds[way], None if way == "direct" else 0.8)
        print(f"    {cpu[way]:.2f} processor seconds; peak memory {peak():.0f} MiB, "
              f"{peak() - before:.0f} more than before")
    for way in set(maps) - {"direct"} if "direct" in maps else ():
        error = np.abs(maps[way] - maps["direct"]).max() / maps["direct"].std()
        print(f"direct takes {seconds['direct'][1] / seconds[way][1]:.1f} times as long as {way}, "
              f"and {cpu['direct'] / cpu[way]:.1f} times the processor seconds; largest "
              f"difference {error:.1e} of the scatter of the map")


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description="Time the network of Cha et al. 2025.")
    parser.add_argument("--no-direct", action="store_true", help="only by Fourier transforms")
    parser.add_argument("--no-training", action="store_true", help="only maps")
    parser.add_argument("-n", type=int, default=5, help="repeats (default %(default)s)")
    arguments = parser.parse_args()
    say_machine()
    isa = os.environ.get("ONEDNN_MAX_CPU_ISA", "all of the processor")
    print(f"Keras {keras.__version__} on {keras.backend.backend()}, float32; instructions: {isa}\n")
    rng = np.random.default_rng(0)
    shear = 0.1 * (rng.normal(size=(512, 512)) + 1j * rng.normal(size=(512, 512)))
    arrays = GridArrays(shear, np.full((512, 512), 80.0), np.full((512, 512), 0.05), 0.41)
    network = cha2025_network()
    models = {way: (network, way) for way in ("scipy", "graph", "auto")}
    if not arguments.no_direct:
        direct = cha2025_network("direct")
        direct.set_weights(network.get_weights())
        models["direct"] = direct, "auto"
    time_maps(models, arrays, arguments.n)
    if not arguments.no_training:
        crops = rng.normal(size=(1, 256, 256, 3)).astype(np.float32)
        truth = rng.normal(size=(1, 256, 256, 1)).astype(np.float32)
        network.compile(keras.optimizers.Adam(1e-5, clipnorm=1.0), "mse")
        report("256 x 256 step of training",
               timed(lambda: network.train_on_batch(crops, truth), arguments.n, 2), 1)


if __name__ == "__main__":
    main()
