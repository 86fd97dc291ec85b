# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Peaks, profiles, filaments and statistics of the bundled catalog and of a mock cluster."""

from importlib.resources import files

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap import (
    ConvergenceMap,
    KaiserSquires,
    ShearCatalog,
    find_peaks,
    fit_nfw,
    make_wcs,
    plotting,
    shear_profile,
)
from lensmap.halos import NFWHalo
from lensmap.simulate import ClusterField, Filament


def _demo():
    catalog = ShearCatalog.read(files("lensmap") / "data" / "demo_catalog.fits", kind="shear")
    estimator = KaiserSquires(smoothing=1 * u.arcmin, uncertainty="analytic")
    return catalog, estimator.reconstruct(catalog, make_wcs(catalog, 0.25 * u.arcmin))


def peaks():
    """Draw the peaks of the demo."""
    _, kappa = _demo()
    plotting.plot_peaks(kappa, find_peaks(kappa, 4), quantity="snr")


def recovery():
    """Draw which halos in front of the demo's galaxies a map shows."""
    from lensmap.injection import recover_halos

    catalog, _ = _demo()
    estimator = KaiserSquires(smoothing=1 * u.arcmin, uncertainty="analytic")
    plotting.recovery_figure(recover_halos(
        catalog, estimator, [2e14, 4e14, 8e14] * u.solMass, [0.2, 0.4], z_source=1.0,
        n_realizations=40, rng=0,
    ))


def shear():
    """Draw the shear profile of the demo's cluster, with its fit."""
    catalog, _ = _demo()
    cluster = SkyCoord(36.91, 12.57, unit="deg")
    bins = np.geomspace(0.3, 2.5, 9) * u.Mpc
    profile = shear_profile(catalog, cluster, bins, z_lens=0.3, z_source=1.0)
    plotting.plot_shear_profile(profile, fit_nfw(profile, z_lens=0.3))


def _arms():
    model = ClusterField(
        [NFWHalo(mass * u.solMass, c200c=4.0, z_lens=0.1) for mass in (8e14, 1.5e14, 1.5e14)],
        positions=[[0, 0], [-18.8, -6.8], [6.8, 18.8]] * u.arcmin,
        filaments=[
            Filament(angle=angle * u.deg, length=5 * u.Mpc, width=1.5 * u.arcmin, excess=0.05,
                     start=0.5 * u.Mpc)
            for angle in (110, 340)
        ],
        shape=(192, 192), pixel_scale=0.4 * u.arcmin,
    )
    rng = np.random.default_rng(1)
    noise = [
        ConvergenceMap(0.1 * rng.normal(size=model.shape), wcs=model.wcs).smooth(1 * u.arcmin)
        for _ in range(20)
    ]
    return model, model.draw().kappa.smooth(1 * u.arcmin) + noise[0], noise[1:]


def filaments():
    """Draw the filaments of a cluster with two arms, and its excess by direction."""
    from lensmap.filaments import azimuthal_excess, find_filaments

    model, kappa, noise = _arms()
    found = find_filaments(kappa, 0.03, by="kappa", smoothing=1 * u.arcmin,
                           min_length=8 * u.arcmin)
    figure = plt.figure(figsize=(10, 4.4), layout="constrained")
    ax = figure.add_subplot(1, 2, 1, projection=kappa.wcs)
    plotting.plot_filaments(kappa, found, ax, vmin=-0.12, vmax=0.12)
    table = azimuthal_excess(kappa, model.center, [6, 16] * u.arcmin, noise)
    plotting.plot_azimuthal_profile(table, figure.add_subplot(1, 2, 2))


def statistics():
    """Draw the correlation and the distribution of the demo's map."""
    from lensmap.statistics import kappa_correlation, kappa_pdf

    _, kappa = _demo()
    _, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    found = kappa_correlation(kappa, min_sep="0.5 arcmin", max_sep="8 arcmin", n_bins=15, rng=0)
    plotting.plot_correlation(found, axes[0])
    plotting.plot_pdf(kappa_pdf(kappa, 40), axes[1])
