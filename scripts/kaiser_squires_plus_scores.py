# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Compare inpainted Kaiser-Squires maps and their statistics with plain Kaiser-Squires.

A third of each field is in holes of 0.5 to 4 arcmin radius. Printed are the errors of
`lensmap.estimators.KaiserSquiresPlus` divided by those of `lensmap.KaiserSquires`, both without
smoothing: of the map smoothed by 2 arcmin in unmasked pixels, and of the power spectrum in four
bands and the correlation function in five bins, from which the mean of noise realizations is
subtracted. The statistics of the inpainted map are those of all its pixels, the others those of
unmasked pixels, with the coupling of modes by the holes taken into account. Their truth is that of
the whole field::

    python scripts/kaiser_squires_plus_scores.py
    python scripts/kaiser_squires_plus_scores.py --series tuning --density 0 5 33 100 -n 6
"""

import argparse
import time

import numpy as np
from astropy import units as u

from lensmap import KaiserSquires
from lensmap.estimators import KaiserSquiresPlus
from lensmap.flatsky import ModeCoupling, gaussian_smooth
from lensmap.simulate import HaloModelField, MockSurvey, star_holes
from lensmap.validation import series_seed

PIXEL = 0.41 * u.arcmin
SMOOTHING = 2 * u.arcmin
EDGES = np.geomspace(400, 5000, 5)
SEPARATIONS = np.linspace(5, 30, 6)  # arcmin


def parse():
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("-n", "--fields", type=int, default=10, help="the number of fields")
    add("--z-source", type=float, nargs="+", default=[1.0])
    add("--density", type=float, nargs="+", default=[0.0, 33.0],
        help="galaxies per square arcmin; 0 for shear without noise")
    add("--shape", type=int, default=256, help="the pixels along the side of a field")
    add("--noise-maps", type=int, default=4, help="the noise realizations of each field")
    add("--series", choices=("validation", "tuning"), default="validation")
    add("--free-b-mode", action="store_true", help="allow B-modes in holes")
    return parser.parse_args()


def draw_holes(wcs, rng, fraction=1 / 3):
    """Return a mask with about this fraction of the pixels in round holes."""
    mask = np.zeros(wcs.array_shape, dtype=bool)
    while mask.mean() < fraction - 0.01:
        mask |= star_holes(
            wcs, 0.003 / u.arcmin**2, rng, radius=(0.5 * u.arcmin, 4 * u.arcmin), slope=1
        )
    return mask


class Statistics:
    """The power spectrum and the correlation function of maps with given weights."""

    def __init__(self, weight):
        n = len(weight)
        edge = np.clip((np.minimum(np.arange(n), np.arange(n)[::-1]) + 0.5) / (0.1 * n), 0, 1)
        taper = np.sin(edge * np.pi / 2) ** 2
        self.weight, self.tapered = weight, weight * np.outer(taper, taper)
        self.coupling = ModeCoupling(
            self.tapered, (PIXEL.to_value(u.rad),) * 2, EDGES, mean_removed=True
        )
        at = np.fft.fftfreq(2 * n, 1 / (2 * n)) * PIXEL.to_value(u.arcmin)
        self.bins = np.digitize(np.hypot(at, at[:, np.newaxis]), SEPARATIONS)
        self.pairs = self._products(weight)

    def _products(self, field):
        shape = tuple(2 * n for n in field.shape)
        products = np.fft.irfft2(np.abs(np.fft.rfft2(field, shape)) ** 2, shape)
        return np.bincount(self.bins.ravel(), products.ravel())[1:-1]

    def __call__(self, kappa):
        """Return the power in the bands and the correlation function."""
        mean, tapered_mean = (np.average(kappa, weights=w) for w in (self.weight, self.tapered))
        pseudo = self.coupling.pseudo_spectra((kappa - tapered_mean) * self.tapered)
        return (self.coupling.solve(pseudo[:1])[0],
                self._products((kappa - mean) * self.weight) / self.pairs)


def observations(z_source, density, options):
    """Yield the true convergence, the grid, and noise grids of simulated fields."""
    shape = (options.shape, options.shape)
    sky = HaloModelField(z_source=z_source, shape=shape, pixel_scale=PIXEL)
    for seed in np.random.SeedSequence(series_seed(options.series)).spawn(options.fields):
        field = sky.draw(np.random.default_rng(seed))
        rng = np.random.default_rng(seed.spawn(1)[0])
        survey = MockSurvey(
            density=(density or 100) / u.arcmin**2, mask=draw_holes(field.kappa.wcs, rng)
        )
        grid = survey.observe_grid(field, rng=rng)
        noise = []
        if density:
            for _ in range(options.noise_maps):
                phase = np.exp(2j * np.pi * rng.uniform(size=shape))
                noise.append(grid.with_ellipticities(grid.sum_wg * phase))
        else:
            grid = grid.with_ellipticities(grid.sum_w * field.gamma)
        yield field.kappa.data, grid, noise


def errors(kappa, noise_maps, truth, statistics, expected, unmasked):
    """Return the RMS error of the smoothed map, and the errors of the statistics."""
    error = gaussian_smooth(kappa - truth, float(SMOOTHING / PIXEL))[unmasked].std()
    found = statistics(kappa)
    noise = [statistics(one) for one in noise_maps]
    return error, *(
        one - (np.mean([n[i] for n in noise], axis=0) if noise else 0) - expected[i]
        for i, one in enumerate(found)
    )


def compare(z_source, density, options):
    """Print the ratios of the errors for one redshift and one density."""
    plus = KaiserSquiresPlus(smoothing=None, free_b_mode=options.free_b_mode)
    methods = {"plain": KaiserSquires(smoothing=None), "inpainted": plus}
    values, truths, masked = {name: [] for name in methods}, [], []
    seconds = dict.fromkeys(methods, 0.0)
    for truth, grid, noise_grids in observations(z_source, density, options):
        unmasked = ~grid.mask
        whole = Statistics(np.ones(truth.shape))
        statistics = {"plain": Statistics(unmasked.astype(float)), "inpainted": whole}
        truths.append(whole(truth))
        masked.append(grid.mask.mean())
        for name, method in methods.items():
            state = method.prepare(grid, None)
            start = time.process_time()
            kappa = method.invert(grid, state).kappa
            seconds[name] += time.process_time() - start
            noise = [method.invert(one, state).kappa for one in noise_grids]
            values[name].append(
                errors(kappa, noise, truth, statistics[name], truths[-1], unmasked)
            )
    print(f"z_source {z_source:g}, {density:g} per arcmin2, {options.fields} fields of the series "
          f"{options.series}, {np.mean(masked):.1%} masked, CPU-seconds of a map: "
          + ", ".join(f"{name} {t / options.fields:.2f}" for name, t in seconds.items()))
    for i, name in enumerate(("map", "power", "xi")):
        true = 1.0 if i == 0 else np.mean([one[i - 1] for one in truths], axis=0)
        plain, inpainted = (np.array([one[i] for one in values[m]]) / true for m in methods)
        report(name, plain, inpainted)


def report(name, plain, inpainted):
    """Print the ratio of the RMS errors of all bins, its error, and the biases of each bin."""
    squares = [np.mean(np.atleast_2d(one.T) ** 2, axis=0) for one in (inpainted, plain)]
    ratio = np.sqrt(np.mean(squares[0]) / np.mean(squares[1]))
    n = len(plain)
    others = [
        np.sqrt(np.delete(squares[0], i).sum() / np.delete(squares[1], i).sum()) for i in range(n)
    ]
    scatter = np.sqrt((n - 1) / n * np.sum((others - np.mean(others)) ** 2))
    text = f"  {name:6s} inpainted over plain {ratio:.2f} +- {scatter:.2f}"
    if plain.ndim > 1:
        text += "".join(
            f"; mean error, {label}: " + " ".join(f"{v:+.2f}" for v in one.mean(axis=0))
            for label, one in (("inpainted", inpainted), ("plain", plain))
        )
    print(text, flush=True)


def main():
    """Print the tables."""
    options = parse()
    for z_source in options.z_source:
        for density in options.density:
            compare(z_source, density, options)


if __name__ == "__main__":
    main()
