# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The map of a survey: partitioning, mapping by the network and by Kaiser-Squires, and scaling.

    python benchmarks/survey.py FOLDER --area 1000 --density 33 --method "cnn(uncertainty=network)"

A sky is simulated in FOLDER (it is kept, and takes 5 GB for 1000 square degrees with 33 galaxies
per square arcminute), and the survey is mapped. With ``--partition``, its galaxies are written to
plain files and partitioned again. ``--compare-workers`` maps it with one worker, too, ``--dask`` on
a local dask cluster of two workers. Times are of one run. The memory is the largest of a worker.
"""

import argparse
import resource
import shutil
import time
from pathlib import Path

from astropy import units as u
from astropy.coordinates import SkyCoord
from timing import peak, say_machine

from lensmap.catalog import HatsCatalog, partition_catalog
from lensmap.estimators import make_estimator
from lensmap.simulate import MockSurvey, simulate_sky
from lensmap.survey import map_survey

CENTER = SkyCoord(150, 30, unit="deg")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--area", type=float, default=100.0, help="square degrees")
    parser.add_argument("--density", type=float, default=33.0, help="galaxies per arcmin^2")
    parser.add_argument("--method", default="cnn(uncertainty=network)")
    parser.add_argument("--sky-nside", type=int, default=4096)
    parser.add_argument("--nside", type=int, default=None)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--partition", action="store_true", help="partition plain files, too")
    parser.add_argument("--compare-workers", action="store_true")
    parser.add_argument("--dask", action="store_true")
    arguments = parser.parse_args()
    say_machine()
    start = time.perf_counter()
    sky = simulate_sky(
        arguments.folder / "sky", arguments.area * u.deg**2,
        MockSurvey(density=arguments.density / u.arcmin**2), center=CENTER, z_source=1.0,
        nside=arguments.sky_nside, workers=arguments.workers,
    )
    say(f"simulate {sky.n_galaxies} galaxies", start)
    if arguments.partition:
        partition(sky, arguments)
    source = HatsCatalog(sky.galaxies, convention="celestial")
    runs = [(f"{arguments.workers} workers", {"workers": arguments.workers})]
    if arguments.compare_workers:
        runs.append(("1 worker", {"workers": 1}))
    for label, options in runs:
        mapped(source, arguments, label, options)
    if arguments.dask:
        from dask.distributed import Client, LocalCluster

        with LocalCluster(n_workers=2, threads_per_worker=1) as cluster, Client(cluster) as client:
            executor = client.get_executor(pure=False, retries=0)
            mapped(source, arguments, "dask, 2 workers", {"executor": executor})


def partition(sky, arguments):
    """Write the galaxies to plain files, and partition these."""
    from astropy.table import vstack

    files, pending = [], []
    folder = arguments.folder / "files"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for catalog in HatsCatalog(sky.galaxies, convention="celestial").chunks():
        pending.append(catalog.table)
        if sum(map(len, pending)) > 5e6:
            files.append(write(pending, folder / f"{len(files)}.fits", vstack))
    if pending:
        files.append(write(pending, folder / f"{len(files)}.fits", vstack))
    target = arguments.folder / "partitioned"
    shutil.rmtree(target, ignore_errors=True)
    start = time.perf_counter()
    partition_catalog(files, target, convention="celestial", kind="shear")
    say(f"partition {sky.n_galaxies} rows in {len(files)} files", start)
    shutil.rmtree(folder)


def write(tables, path, vstack):
    table = vstack(tables, metadata_conflicts="silent")
    table.meta.clear()
    table.write(path)
    tables.clear()
    return path


def mapped(source, arguments, label, options):
    """Map the survey, and print the time of each step."""
    folder = arguments.folder / f"map_{label.replace(' ', '_').replace(',', '')}"
    shutil.rmtree(folder, ignore_errors=True)
    start = time.perf_counter()
    survey = map_survey(
        source, make_estimator(arguments.method), folder, nside=arguments.nside, **options
    )
    say(f"map {survey} ({label})", start)
    steps = {}
    for tile in survey.tiles["tile"]:
        for name, seconds in survey._files.any_facts(int(tile))["seconds"].items():
            steps[name] = steps.get(name, 0.0) + seconds
    print("    seconds of all tiles: " + ", ".join(f"{k} {v:.0f}" for k, v in steps.items()))
    worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"    memory: head process {peak():.2f} GiB, largest worker so far {worker:.2f} GiB")


def say(what, start):
    print(f"{what}: {time.perf_counter() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
