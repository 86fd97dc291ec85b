# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Maps on the pixels of a science image of 6000 x 6000 pixels: time, memory and position of a peak.

Each map is a command in a process of its own. With --full, also a map of the full resolution.
"""

import argparse
import os
import sys
import tempfile
import time

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from timing import say_machine

from lensmap import ConvergenceMap, find_peaks
from lensmap.grid import tangent_wcs
from lensmap.testing import NFW

SIDE, SCALE = 6000, 0.5 * u.arcsec
DENSITY = 30  # galaxies per square arcmin


def write_image(path):
    """Write an image, turned by 30 degrees, as zeros that take no space on the disk."""
    wcs = tangent_wcs(SkyCoord(210, 40, unit="deg"), (SIDE, SIDE), SCALE)
    c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
    wcs.wcs.pc = [[c, -s], [s, c]]
    wcs.wcs.set()
    header = fits.Header([("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 2), ("NAXIS1", SIDE),
                          ("NAXIS2", SIDE)])
    header.extend(wcs.to_header(), update=True)
    text = header.tostring()
    with open(path, "wb") as file:
        file.write(text.encode())
        file.truncate(-(-(len(text) + 4 * SIDE**2) // 2880) * 2880)
    return wcs


def write_catalog(path, wcs):
    """Write galaxies behind a heavy NFW halo with little noise; return the place of the halo."""
    rng = np.random.default_rng(1)
    n = int(DENSITY * (SIDE * SCALE.to_value(u.arcmin)) ** 2)
    x, y = rng.uniform(-0.5, SIDE - 0.5, (2, n))
    sky, halo = wcs.pixel_to_world(x, y), wcs.pixel_to_world(2311.4, 3702.8)
    radius = halo.separation(sky).arcmin
    angle = np.pi / 2 - sky.position_angle(halo).rad  # from east through north, at the galaxy
    shear = -NFW(0.2, 3.0).gamma_t(np.maximum(radius, 0.1)) * np.exp(2j * angle)
    e = shear + 0.1 * (rng.standard_normal(n) + 1j * rng.standard_normal(n))
    meta = {"convention": "celestial", "kind": "shear"}
    columns = {"ra": sky.ra.deg, "dec": sky.dec.deg, "e1": e.real, "e2": e.imag}
    Table(columns, meta=meta).write(path)
    return halo, n


def run(words):
    """Run ``lensmap reconstruct``; return its seconds, CPU seconds and peak memory in GiB."""
    start = time.perf_counter()
    pid = os.posix_spawn(sys.executable, [sys.executable, "-m", "lensmap", "reconstruct",
                                          "cat.ecsv", "-o", "k.fits", "--overwrite", "--quiet",
                                          "--no-check", "--wcs", "image.fits", *words], os.environ)
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        raise SystemExit(f"lensmap ended with the status {status}")
    cpu = usage.ru_utime + usage.ru_stime
    return time.perf_counter() - start, cpu, usage.ru_maxrss / 2**20


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="also map the full resolution")
    arguments = parser.parse_args()
    say_machine()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        halo, n = write_catalog("cat.ecsv", write_image("image.fits"))
        print(f"{n} galaxies, {SIDE} x {SIDE} pixels of {SCALE}")
        print(f"{'options':34s}{'map':>9s}     {'arcmin':>9s}{'seconds':>9s}{'CPU s':>9s}"
              f"{'GiB':>7s}{'offset':>9s}   (in pixels of the map)")
        cases = [[], ["--pixel-scale", "0.4arcmin"]]
        for words in cases + [["--pixel-scale", "image"]] * arguments.full:
            seconds, cpu, memory = run(words)
            kappa = ConvergenceMap.read("k.fits")
            peaks = find_peaks(kappa, 0.05, by="kappa")
            offset = SkyCoord(peaks["ra"][0], peaks["dec"][0]).separation(halo)
            size = kappa.pixel_scale
            print(f"{' '.join(words) or '(default)':34s}{kappa.shape[0]:>7d}^2    "
                  f"{size.to_value(u.arcmin):9.3f}{seconds:9.1f}{cpu:9.1f}"
                  f"{memory:7.2f}{float(offset / size):9.2f}", flush=True)
        os.chdir("/")


if __name__ == "__main__":
    main()
