# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""One table of times, each beside that of another library or of the bare arithmetic.

    python benchmarks/run.py                     # print the table
    python benchmarks/run.py --save              # also write docs/validation/benchmarks.*
    python benchmarks/run.py --compare FILE      # print how the ratios changed since a saved table

Each task of lensmap and its peer run in turn, several times, so that a busy machine slows both. The
ratio is that of the medians. Ratios can be compared between machines; seconds cannot. Peers that
are not installed are left out.
"""

import argparse
import platform
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

SAVED = Path(__file__).parent.parent / "docs" / "validation" / "benchmarks.ecsv"

# Ratios that grow by more than this factor are marked in a comparison.
_SLOWER = 1.3


def catalog_columns(n, side_deg, seed=0):
    """Return positions and ellipticities of galaxies on a square field at the equator."""
    rng = np.random.default_rng(seed)
    ra, dec = rng.uniform(-side_deg / 2, side_deg / 2, (2, n))
    e1, e2 = 0.25 * rng.standard_normal((2, n))
    return ra + 30, dec, e1, e2


def inversion():
    """Kaiser-Squires of 512 x 512 pixels without padding, beside lenspack."""
    from lenspack.image.inversion import ks93

    from lensmap.flatsky import shear_to_convergence

    rng = np.random.default_rng(1)
    g1, g2 = rng.standard_normal((2, 512, 512))
    gamma = g1 + 1j * g2
    return lambda: shear_to_convergence(gamma), lambda: ks93(g1, g2)


def inversion_floor():
    """A Kaiser-Squires map of 512 x 512 pixels from binned shear, beside its two bare FFTs."""
    import scipy.fft

    from lensmap import KaiserSquires, ShearCatalog, ShearGrid, make_wcs

    ra, dec, e1, e2 = catalog_columns(1_400_000, 3.49)
    catalog = ShearCatalog({"ra": ra, "dec": dec, "e1": e1, "e2": e2}, "generic", "celestial",
                           "shear")
    grid = ShearGrid.from_catalog(catalog, make_wcs(catalog, 0.41 * u.arcmin))
    padded = np.zeros((1024, 1024), dtype=complex)

    def bare():
        scipy.fft.ifft2(scipy.fft.fft2(padded, workers=2), workers=2)

    return lambda: KaiserSquires().reconstruct(grid), bare


def binning():
    """The binning of 1.4 million galaxies on the sky, beside lenspack without a projection."""
    from lenspack.utils import bin2d

    from lensmap import ShearCatalog, ShearGrid, make_wcs

    ra, dec, e1, e2 = catalog_columns(1_400_000, 3.49)
    catalog = ShearCatalog({"ra": ra, "dec": dec, "e1": e1, "e2": e2}, "generic", "celestial",
                           "shear")
    wcs = make_wcs(catalog, 0.41 * u.arcmin)
    return (lambda: ShearGrid.from_catalog(catalog, wcs),
            lambda: bin2d(ra, dec, npix=512, v=(e1, e2)))


def peaks():
    """The peaks of a map of 512 x 512 pixels, with positions, beside photutils' find_peaks."""
    import photutils.detection
    from scipy.ndimage import gaussian_filter

    from lensmap import ConvergenceMap, find_peaks
    from lensmap.grid import tangent_wcs

    wcs = tangent_wcs(SkyCoord(30, 20, unit="deg"), (512, 512), 0.41 * u.arcmin)
    data = gaussian_filter(np.random.default_rng(2).standard_normal((512, 512)), 2.5)
    data *= 0.03 / data.std()
    kappa = ConvergenceMap(data, np.full(data.shape, 0.03), None, wcs)
    return (lambda: find_peaks(kappa, 2),
            lambda: photutils.detection.find_peaks(data, 0.06, box_size=3, wcs=wcs))


def profile():
    """The tangential shear of a million galaxies about 100 positions, beside TreeCorr."""
    import treecorr

    from lensmap import ShearCatalog, shear_profile

    ra, dec, e1, e2 = catalog_columns(1_000_000, 10)
    catalog = ShearCatalog({"ra": ra, "dec": dec, "e1": e1, "e2": e2}, "generic", "celestial",
                           "shear")
    rng = np.random.default_rng(3)
    lens_ra, lens_dec = rng.uniform(26, 34, 100), rng.uniform(-4, 4, 100)
    lenses = SkyCoord(lens_ra, lens_dec, unit="deg")
    radii = np.geomspace(1, 20, 11) * u.arcmin
    centers = treecorr.Catalog(ra=lens_ra, dec=lens_dec, ra_units="deg", dec_units="deg")

    def peer():
        # A catalog keeps its tree: a new one includes the time to build it.
        sources = treecorr.Catalog(ra=ra, dec=dec, g1=-e1, g2=e2, ra_units="deg", dec_units="deg")
        treecorr.NGCorrelation(min_sep=1, max_sep=20, nbins=10, sep_units="arcmin",
                               bin_slop=0).process(centers, sources)

    return lambda: shear_profile(catalog, lenses, radii), peer


def sphere():
    """Kaiser-Squires of the sphere at nside 512, beside the two transforms of healpy."""
    import healpy

    from lensmap.estimators import SphericalKaiserSquires
    from lensmap.grid import SphericalShearGrid
    from lensmap.sphere import HealpixPixels

    nside, lmax = 512, 1024
    rng = np.random.default_rng(4)
    grid = SphericalShearGrid.from_catalog(_sphere_catalog(rng, 2_000_000), HealpixPixels(nside))
    # The smoothing leaves all multipoles up to 2 nside.
    estimator = SphericalKaiserSquires(smoothing=f"{2 / nside} rad", gaps="zero")
    maps = rng.standard_normal((2, healpy.nside2npix(nside)))

    def peer():
        e, _ = healpy.map2alm_spin(maps, 2, lmax)
        healpy.alm2map(e, nside, lmax=lmax)

    return lambda: estimator.reconstruct(grid), peer


def _sphere_catalog(rng, n):
    from lensmap import ShearCatalog

    return ShearCatalog(
        {"ra": rng.uniform(0, 360, n), "dec": np.degrees(np.arcsin(rng.uniform(-1, 1, n))),
         "e1": 0.25 * rng.standard_normal(n), "e2": 0.25 * rng.standard_normal(n)},
        "generic", "celestial", "shear",
    )


def large_kernels():
    """The network cha2025 on 256 x 256 pixels, beside Keras' own convolutions."""
    import keras

    from lensmap.networks import build, load_network

    network = load_network("cha2025")
    direct = build("cha2025", method="direct")
    direct.set_weights(network.model.get_weights())
    images = np.random.default_rng(5).standard_normal((1, 304, 304, 3)).astype("float32") * 0.1
    plain = keras.Model(direct.inputs, direct.outputs)
    return lambda: network._run(images[0]), lambda: plain.predict_on_batch(images)


# Function, the package of the peer, repetitions.
TASKS = [
    (inversion, "lenspack", 15), (inversion_floor, "scipy", 15), (binning, "lenspack", 5),
    (peaks, "photutils", 5), (profile, "treecorr", 3), (sphere, "healpy", 3),
    (large_kernels, "keras", 3),
]


def measure(make, repeats):
    """Return the median times of a task and of its peer, s."""
    own, peer = make()
    own(), peer()
    seconds = np.empty((repeats, 2))
    for row in seconds:
        for i, function in enumerate((own, peer)):
            start = time.perf_counter()
            function()
            row[i] = time.perf_counter() - start
    return np.median(seconds, axis=0)


def table_of(tasks):
    """Measure the tasks, and return the table."""
    rows = []
    for make, package, repeats in tasks:
        if find_spec(package) is None:
            print(f"{make.__name__}: {package} is not installed")
            continue
        own, peer = measure(make, repeats)
        title = make.__doc__.splitlines()[0].rstrip(".")
        rows.append([make.__name__, title, f"{package} {version(package)}", own, peer, own / peer])
        print(f"{title}: {own:.3g} s, {package} {peer:.3g} s, ratio {own / peer:.2f}", flush=True)
    names = ["task", "title", "peer", "seconds", "peer_seconds", "ratio"]
    table = Table(rows=rows, names=names)
    for name in names[3:]:
        table[name].info.format = ".3g"
    packages = ("lensmap", "numpy", "scipy", "astropy")
    table.meta = {name: version(name) for name in packages} | {
        "python": platform.python_version(), "processor": _processor(),
    }
    return table


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.processor()


def write_text(table, path):
    """Write the table as reStructuredText for the documentation."""
    lines = [".. list-table::", "   :header-rows: 1", "   :class: network-card", ""]
    for row in [("task", "peer", "seconds", "seconds of the peer", "ratio"), *(
        (row["title"], row["peer"], *(f"{row[name]:.2g}" for name in table.colnames[3:]))
        for row in table
    )]:
        lines += [f"   {'  ' if i else '* '}- {cell}" for i, cell in enumerate(row)]
    versions = {name: value for name, value in table.meta.items() if name != "processor"}
    made = ", ".join(f"{name} {value}" for name, value in versions.items())
    made += f"; {table.meta['processor']}"
    path.write_text("\n".join([*lines, "", f"Measured with {made}.", ""]), encoding="utf-8")


def compare(table, saved):
    """Print the ratios beside those of a saved table."""
    before = {row["task"]: float(row["ratio"]) for row in saved}
    for row in table:
        old = before.get(row["task"])
        if old is not None:
            change = row["ratio"] / old
            mark = "  SLOWER" if change > _SLOWER else ""
            print(f"{row['task']}: ratio {old:.2f} -> {row['ratio']:.2f} ({change:.2f}){mark}")


def main():
    """Measure, print, and write or compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", help="names of tasks")
    parser.add_argument("--save", action="store_true", help=f"write {SAVED.name} and its text")
    parser.add_argument("--compare", type=Path, help="a saved table")
    arguments = parser.parse_args()
    tasks = [task for task in TASKS
             if arguments.only is None or task[0].__name__ in arguments.only]
    table = table_of(tasks)
    if arguments.compare is not None:
        compare(table, Table.read(arguments.compare))
    if arguments.save:
        table.write(SAVED, overwrite=True)
        write_text(table, SAVED.with_suffix(".txt"))


if __name__ == "__main__":
    main()
