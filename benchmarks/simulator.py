# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Simulated fields: time per core, speed-up over processes, memory; ``--soak`` draws many more."""

import argparse
import time
import warnings

import numpy as np
from astropy import units as u
from floors import transforms
from timing import peak, report, say_machine, timed

from lensmap.simulate import ClusterField, HaloModelField, draw_fields

N_PARALLEL = 24


def nothing(field, seed):
    """Leave the field where it was drawn: what is timed is the drawing."""
    return field.kappa.shape


def per_core():
    """Time draws in this process, one core each."""
    for what, options, target in (
        ("768 x 768 at 0.41', the periodic box itself, z_s = 1", {"padding": 1}, 1.5),
        ("the same, z_s = 2.5", {"padding": 1, "z_source": 2.5}, 1.5),
        ("512 x 512 in a box of 768 x 768, z_s = 2.5", {"shape": (512, 512), "z_source": 2.5}, 1.5),
        ("768 x 768 in a box of 1152 x 1152, z_s = 2.5", {"z_source": 2.5}, None),
        ("768 x 768, the box itself, z_s = 1, 1.5, 2 and 2.5",
         {"padding": 1, "z_source": [1.0, 1.5, 2.0, 2.5]}, None),
        ("128 x 128 in a box of 192 x 192, z_s = 1", {"shape": (128, 128)}, None),
    ):
        model = HaloModelField(**{"shape": (768, 768), **options})
        start = time.perf_counter()
        model.prepare()
        prepared = time.perf_counter() - start
        seeds = iter(range(100))
        # The convergence of a redshift and its shear come from one transform of the box.
        n_sources = len(np.atleast_1d(options.get("z_source", 1.0)))
        floor = transforms(model._box_shape, dtype="complex128", pairs=n_sources)
        report(what, timed(lambda: model.draw(next(seeds)), 5), target, floor)  # noqa: B023
        print(f"    prepared in {prepared:.1f} s")
    coma = ClusterField.preset("coma").prepare()
    report("the Coma preset, 512 x 512", timed(lambda: coma.draw(1), 3))


def over_processes():
    """Time a series with one and with two processes."""
    model = HaloModelField(shape=(768, 768), padding=1, z_source=2.5).prepare()
    alone = None
    for workers in (1, 2):
        start = time.perf_counter()
        first = None
        for _ in draw_fields(model, N_PARALLEL + workers, workers=workers, then=nothing):
            # The workers' start is not part of their speed.
            first = time.perf_counter() if first is None else first
        seconds = (time.perf_counter() - first) / N_PARALLEL
        alone = seconds if alone is None else alone
        print(
            f"{N_PARALLEL} fields of 768 x 768, {workers} process(es): {seconds:.2f} s per field, "
            f"speed-up {alone / seconds:.2f}; {time.perf_counter() - start:.0f} s in all"
        )


def soak():
    """Draw 1000 fields of 128 x 128 and 20 of 768 x 768: no warning, nothing that is not finite."""
    for n, shape in ((1000, (128, 128)), (20, (768, 768))):
        model = HaloModelField(shape=shape, z_source=2.5)
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for seed in range(n):
                kappa, halos = field = model.draw(seed)
                assert np.isfinite(kappa.data).all() and np.isfinite(field.gamma).all()
                assert np.all(halos["m200c"] > 0 * u.solMass)
        print(f"{n} fields of {shape}: no warning, all finite; {time.perf_counter() - start:.0f} s")


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--soak", action="store_true", help="draw many fields and look for faults")
    if parser.parse_args().soak:
        soak()
        return
    say_machine()
    per_core()
    print(f"peak memory of all of the above in one process: {peak():.2f} GiB\n")
    over_processes()


if __name__ == "__main__":
    main()
