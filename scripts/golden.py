# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Numbers of small runs of all of lensmap, to see that a change of the code changes none of them.

    python scripts/golden.py --write tests/golden.json
    python scripts/golden.py --check tests/golden.json
    python scripts/golden.py --check tests/golden.json --exact

The file holds numbers with 8 significant digits; of a long array, the shape, the mean, the standard
deviation, the extremes, a few elements, and a digest of all, rounded to a millionth of the decade
of the largest. ``--check`` makes all anew and compares all but the digests: numbers must agree to
1e-6, those of networks to 5e-4. With ``--exact`` digests must agree as well, which is for one
machine: another processor may round otherwise. It takes a minute, with ``OMP_NUM_THREADS=1``.

Where a name that is part of the file changes, such as that of a column, ``OLD_NAMES`` in
golden_file.py has the old one.
"""

import argparse
import functools
import json
import os
import sys
import tempfile
import time
import warnings
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table
from astropy.wcs import WCS
from golden_file import OLD_NAMES, compare, flatten, text_of

from lensmap import SourceRedshifts, make_wcs
from lensmap.catalog import (
    COLUMN_PRESETS,
    CONVENTIONS,
    Calibration,
    ShearCatalog,
    convention_signs,
    find_columns,
)
from lensmap.cosmology import (
    available_cosmologies,
    convergence_power,
    get_cosmology,
    lensing_efficiency,
    nonlinear_power,
    sigma_crit,
)
from lensmap.diagnostics import check_convention, summarize_catalog
from lensmap.estimators import CNNReconstructor, KaiserSquires, MaskedCNN, WienerFilter
from lensmap.filaments import (
    azimuthal_excess,
    filament_significance,
    find_filaments,
    persistence_pairs,
    ridge_strength,
)
from lensmap.flatsky import measure_power
from lensmap.grid import ShearGrid, noise_realizations, tangent_wcs
from lensmap.halos import (
    NFWHalo,
    concentration,
    convert_mass,
    halo_bias,
    halo_counts,
    mass_function,
)
from lensmap.injection import inject_halos, recover_halos
from lensmap.maps import ConvergenceMap
from lensmap.masks import SkyMask, pixel_mask
from lensmap.networks import available_networks
from lensmap.peaks import (
    aperture_mass,
    completeness,
    find_multiscale_peaks,
    find_peaks,
    find_segments,
    match_peaks,
    peaks_at_density,
    purity,
    unmasked_area,
)
from lensmap.profiles import (
    apply_boost,
    azimuthal_profile,
    boost_factor,
    fit_nfw,
    kappa_profile,
    projected_mass,
    shear_profile,
    structure_covariance,
    zeta_c,
)
from lensmap.scores import paired_difference
from lensmap.simulate import (
    ClusterField,
    Filament,
    HaloModelField,
    LensingField,
    MockSurvey,
    draw_fields,
    ragged_edge,
    random_mask,
    read_field,
    star_holes,
)
from lensmap.statistics import (
    b_mode_test,
    kappa_correlation,
    kappa_moments,
    kappa_pdf,
    peak_counts,
    pixel_relation,
    power_spectrum,
    psf_leakage,
    shear_correlation,
    shear_power_spectrum,
    split_halves,
    stack_at,
)
from lensmap.validation import (
    ValidationPlan,
    ValidationResults,
    ValidationSetup,
    result_table,
    true_clusters,
    tune_linear,
    validate,
)

CENTER = SkyCoord(150.0, 2.0, unit="deg")
SHAPE = (64, 64)
SCALE = 0.8 * u.arcmin
MASS = 1e14 * u.solMass


# --- what is worked on ----------------------------------------------------------------------


class Sky(NamedTuple):
    """A sky with clusters, and a survey of it."""

    field: LensingField
    catalog: ShearCatalog
    wcs: WCS
    mask: np.ndarray
    clusters: SkyCoord


def halo_model(**changes):
    """Return the model of small fields of large-scale structure."""
    return HaloModelField(**{"shape": SHAPE, "pixel_scale": SCALE, "center": CENTER} | changes)


def clusters(**changes):
    """Return the model of a field with two clusters and a filament."""
    halos = [NFWHalo(10 * MASS, 4.0, 0.3, ellipticity=0.2, angle=30 * u.deg),
             NFWHalo(5 * MASS, 4.5, 0.3)]
    arm = Filament(angle=110 * u.deg, length=15 * u.arcmin, width=1.5 * u.arcmin, excess=0.03)
    more = {"positions": [[-8, 3], [9, -11]] * u.arcmin, "filaments": [arm], "substructure": 0.1}
    common = {"shape": SHAPE, "pixel_scale": SCALE, "center": CENTER}
    return ClusterField(halos, **common | more | changes)


@functools.cache
def sky():
    """Return the sky that most sections share."""
    model = clusters(background=True)
    field = model.draw(rng=11)
    survey = MockSurvey(density=15 / u.arcmin**2, sigma_e=0.25)
    is_cluster = field.halos["kind"] == "cluster"
    return Sky(
        field, survey.observe(field, rng=12), field.wcs, random_mask(field.wcs, 0.2, rng=13),
        field.halo_positions[is_cluster],
    )


@functools.cache
def kappa_map():
    """Return a map of it with its noise."""
    estimator = KaiserSquires(uncertainty="analytic", smoothing=1.2 * u.arcmin)
    return estimator.reconstruct(sky().catalog, sky().wcs)


@functools.cache
def noise_maps(n=8):
    """Return maps of noise by the same estimator."""
    estimator = KaiserSquires(smoothing=1.2 * u.arcmin)
    grids = noise_realizations(sky().catalog, sky().wcs, n_realizations=n, rng=14)
    return [estimator.reconstruct(grid) for grid in grids]


def demo_catalog():
    """Return the bundled catalog."""
    return ShearCatalog.read(files("lensmap") / "data" / "demo_catalog.fits")


# --- sections -------------------------------------------------------------------------------


def theory():
    """Cosmology, halos and lenses."""
    mass = np.array([0.5, 2.0, 10.0]) * MASS
    ell = np.geomspace(10, 1e5, 24)
    sources = SourceRedshifts.smail(0.5, 1.2)
    round_halo, other = NFWHalo(5 * MASS, 4.0, 0.3), NFWHalo(5 * MASS, 4.0, 0.3, truncation=2.5)
    radius = np.geomspace(0.05, 5, 16) * u.Mpc
    x, y = np.meshgrid(np.linspace(-1, 1, 5), np.linspace(-1, 1, 5))
    elliptical = NFWHalo(5 * MASS, 4.0, 0.3, ellipticity=0.3, angle=20 * u.deg)
    return {
        "concentration": concentration(mass, 0.3),
        "mass function": mass_function(mass, 0.5),
        "bias": halo_bias(mass, 0.5),
        "counts": halo_counts(MASS, (0.1, 0.8), 100 * u.deg**2),
        "conversion": convert_mass(5 * MASS, 4.0, 0.3, "200c", "500c"),
        "convergence power": convergence_power(ell, 1.0),
        "convergence power of a distribution": convergence_power(ell, sources),
        "matter power": nonlinear_power(np.geomspace(1e-3, 10, 24), 0.5),
        "sigma_crit": sigma_crit(np.array([0.1, 0.3, 0.6]), 1.0),
        "efficiency": lensing_efficiency(np.array([0.1, 0.3, 0.6]), sources),
        "distributions": {
            name: [SourceRedshifts.preset(name).mean, SourceRedshifts.preset(name).quantile(0.5)]
            for name in ("lsst_y1", "lsst_y10")
        },
        "redshifts": sources.sample(200, rng=1),
        "cosmologies": {
            name: [get_cosmology(name).H0.value, get_cosmology(name).Om0]
            for name in available_cosmologies()
        },
        "halo": {
            "kappa": round_halo.kappa(radius, 1.0),
            "shear": round_halo.tangential_shear(radius, 1.0),
            "reduced shear": round_halo.reduced_shear(radius, sources),
            "truncated": other.surface_density(radius),
            "truncated mean": other.mean_surface_density(radius),
            "total mass": other.total_mass,
            "elliptical": elliptical.elliptical_kappa(x * u.Mpc, y * u.Mpc, 1.0),
        },
    }


def fields():
    """Simulated skies."""
    several = halo_model(z_source=[0.7, 1.0, SourceRedshifts.smail(0.5, 1.0)])
    data = halo_model(z_source=2.0).draw(rng=4).kappa.data
    background = halo_model(padding=2.0)
    return {
        "halo model": halo_model().draw(rng=1),
        "sources": dict(zip(("0.7", "1", "smail"), several.draw(rng=2), strict=True)),
        "massivenus": halo_model(
            z_source=2.5, resolution="massivenus", cosmology="massivenus", dtype="float64",
            ellipticity=(0.0, 0.0), shape=(48, 64),
        ).draw(rng=3),
        "series": dict(zip("01", draw_fields(halo_model(), 2, seed=5, workers=1), strict=True)),
        "clusters": clusters().draw(rng=6),
        "clusters on structure": clusters(background=background, dtype="float64").draw(rng=7),
        "coma": ClusterField.preset("coma", shape=SHAPE, pixel_scale=3 * u.arcmin).draw(rng=8),
        "from kappa": LensingField.from_kappa(halo_model().draw(rng=1).kappa, z_source=1.0),
        "read": read_field(data, pixel_scale=SCALE, z_source=2.0),
        "reduced shear": sky().field.reduced_shear,
        "moved": sky().field.to_wcs(tangent_wcs(SkyCoord(10, -30, unit="deg"), SHAPE, SCALE)),
    }


def surveys():
    """Mock catalogs and grids."""
    field = halo_model().draw(rng=1)
    small = {"density": 3 / u.arcmin**2}
    planes = halo_model(z_source=[0.5, 1.0, 1.5]).draw(rng=2)
    distribution = SourceRedshifts.smail(0.4, 1.2)
    names = ("cha2025", "lsst_y1", "lsst_y10", "hsc_y3", "cosmos")
    return {
        "shared": sky().catalog,
        "plain": MockSurvey(**small, measurement_error=0.0).observe(field, rng=1),
        "masked": MockSurvey(**small, mask=(sky().mask, sky().wcs)).observe(field, rng=2),
        "bilinear": MockSurvey(**small, interpolation="bilinear").observe(field, rng=3),
        "nearest": MockSurvey(**small, interpolation="nearest").observe(field, rng=3),
        "planes": MockSurvey(**small, z_source=distribution).observe(planes, rng=4),
        "no lensing": MockSurvey(**small).observe(None, sky().wcs, rng=5),
        "presets": {
            name: {
                "effective density": MockSurvey.preset(name).effective_density,
                "grid": MockSurvey.preset(name).observe_grid(field, rng=6),
            }
            for name in names
        },
    }


def masks():
    """Masks of several kinds."""
    wcs = sky().wcs
    circle = "fk5; circle(150.0, 2.05, 0.1)\nfk5; box(149.9, 1.9, 0.2, 0.1, 30)"
    sky_mask = SkyMask((sky().mask, wcs), exclude="outside")
    finer = tangent_wcs(CENTER, (80, 96), 0.5 * u.arcmin)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mask.reg"
        path.write_text(circle)
        regions = pixel_mask(str(path), wcs)
    stars = QTable({"ra": [150.1, 149.8] * u.deg, "dec": [2.1, 1.8] * u.deg,
                    "radius": [3.0, 5.0] * u.arcmin})
    return {
        "random": sky().mask,
        "ragged": pixel_mask(ragged_edge(wcs, 0.2, rng=1), wcs),
        "holes": pixel_mask(star_holes(wcs, 100 / u.deg**2, rng=2), wcs),
        "regions": regions,
        "stars": pixel_mask(stars, wcs),
        "other pixels": pixel_mask(sky_mask, finer),
        "several": pixel_mask([sky_mask, stars], wcs),
        "positions": sky_mask.excluded(*np.mgrid[-2:70:7, -2:70:7], wcs),
    }


def grids():
    """Galaxies binned on pixels."""
    catalog, wcs, mask = sky().catalog, sky().wcs, (sky().mask, sky().wcs)
    chunks = [catalog.select(slice(20000)), catalog.select(slice(20000, None))]
    turned = noise_realizations(catalog, wcs, mask, n_realizations=2, rng=1)
    return {
        "plain": ShearGrid.from_catalog(catalog, wcs),
        "masked": ShearGrid.from_catalog(catalog, wcs, mask, sigma_e=0.3),
        "clouds": ShearGrid.from_catalog(catalog, wcs, scheme="cloud-in-cell"),
        "chunks": ShearGrid.from_chunks(chunks, wcs, mask),
        "demo": ShearGrid.from_catalog(demo_catalog(), make_wcs(demo_catalog(), 0.5 * u.arcmin)),
        "turned": dict(zip("01", turned, strict=True)),
    }


def oblong_wcs():
    """Return pixels that are no squares."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [CENTER.ra.deg, CENTER.dec.deg]
    wcs.wcs.crpix = [24.5, 20.5]
    wcs.wcs.cdelt = [-1.0 / 60, 1.3 / 60]
    wcs.array_shape = (40, 48)
    return wcs


def maps():
    """Maps of the linear estimators."""
    catalog, wcs, mask = sky().catalog, sky().wcs, (sky().mask, sky().wcs)
    ks, wiener = KaiserSquires(smoothing=1.2 * u.arcmin), WienerFilter(z_source=1.0)
    power = measure_power(sky().field.kappa.data, SCALE.to_value(u.rad), n_bins=12)
    table = (power.ell, power.power)
    estimators = {
        "ks": ks,
        "ks unsmoothed": ks.replace(smoothing=None, padding=1.0),
        "ks analytic": ks.replace(uncertainty="analytic"),
        "ks rotations": ks.replace(uncertainty="rotations", n_realizations=6, rng=1),
        "ks reduced": ks.replace(reduced_shear_iterations=2, dtype="float32"),
        "ks clouds": ks.replace(scheme="cloud-in-cell"),
        "ks filled": ks.replace(fill_holes=True),
        "wiener": wiener,
        "wiener table": wiener.replace(power=table, dtype="float32"),
        "wiener reduced": wiener.replace(reduced_shear_iterations=1, padding=2.0),
        "wiener posterior": wiener.replace(uncertainty="posterior", n_realizations=4, rng=2),
        "wiener rotations": wiener.replace(uncertainty="rotations", n_realizations=3, rng=3),
        "wiener filled": wiener.replace(fill_holes=True, scheme="cloud-in-cell"),
    }
    results = {
        name: {"open": one.reconstruct(catalog, wcs), "masked": one.reconstruct(catalog, wcs, mask)}
        for name, one in estimators.items()
    }
    oblong = oblong_wcs()
    results["oblong"] = {
        "ks": ks.reconstruct(catalog, oblong),
        "ks rotations": estimators["ks rotations"].reconstruct(catalog, oblong, mask),
        "wiener": wiener.reconstruct(catalog, oblong, mask),
    }
    results["samples"] = list(wiener.sample(catalog, wcs, mask, n_samples=3, rng=4))
    results["operations"] = map_operations(kappa_map(), oblong)
    results["demo"] = ks.reconstruct(demo_catalog())
    return results


def map_operations(kappa, wcs):
    """Return what can be done with a map."""
    with tempfile.TemporaryDirectory() as folder:
        kappa.write(Path(folder) / "kappa.fits")
        read = ConvergenceMap.read(Path(folder) / "kappa.fits")
    return {
        "snr": kappa.snr,
        "pixel scale": kappa.pixel_scale,
        "smoothing": kappa.smoothing,
        "smooth": kappa.smooth(1 * u.arcmin),
        "cutout": kappa.cutout(CENTER, 20 * u.arcmin),
        "reproject": kappa.reproject(wcs),
        "read": read,
        "difference": kappa - ConvergenceMap(0.5 * kappa.data, wcs=kappa.wcs),
    }


def networks():
    """Maps of the bundled networks."""
    catalog, mask = sky().catalog, (sky().mask, sky().wcs)
    wcs = tangent_wcs(CENTER, SHAPE, 0.41 * u.arcmin)
    coarse = tangent_wcs(CENTER, (44, 44), 0.6 * u.arcmin)
    ours = CNNReconstructor(network="lensmap", uncertainty="network")
    results = {
        name: {
            "open": CNNReconstructor(network=name).reconstruct(catalog, wcs),
            "masked": CNNReconstructor(network=name).reconstruct(catalog, wcs, mask),
        }
        for name in sorted(available_networks())
    }
    results["errors"] = {
        "open": ours.reconstruct(catalog, wcs),
        "95": ours.replace(confidence=0.95).reconstruct(catalog, wcs, mask),
        "MaskedCNN": MaskedCNN(uncertainty="network").reconstruct(catalog, wcs, mask),
        "symmetrize": ours.replace(symmetrize=True).reconstruct(catalog, coarse),
        "coarse": ours.reconstruct(catalog, coarse, mask),
        "oblong": ours.reconstruct(catalog, oblong_wcs()),
        "rotations": ours.replace(uncertainty="rotations", n_realizations=2, rng=1).reconstruct(
            catalog, wcs
        ),
    }
    return results


def peaks():
    """Peaks of maps, and how they match."""
    kappa, radius = kappa_map(), "2 arcmin"
    found = find_peaks(kappa, 2.0)
    scales = [1.5, 3.0, 5.0] * u.arcmin
    everything = find_peaks(kappa, 0.0, by="kappa")
    reference = QTable({"ra": sky().clusters.ra, "dec": sky().clusters.dec})
    return {
        "snr": found,
        "kappa": find_peaks(kappa, 0.02, by="kappa", min_separation="4 arcmin"),
        "troughs": find_peaks(kappa, 2.0, troughs=True, exclude_edges=True),
        "truth": find_peaks(sky().field.kappa, 0.03, by="kappa"),
        "multiscale": find_multiscale_peaks(kappa, scales, 3.0, noise_maps=noise_maps()),
        "multiscale alone": find_multiscale_peaks(kappa, scales, 3.0),
        "aperture mass": aperture_mass(kappa, 3 * u.arcmin),
        "segments": find_segments(kappa, 2.5),
        "matches": match_peaks(found, reference, radius),
        "completeness": completeness(found, reference, radius, kappa=kappa, rng=0),
        "purity": purity(found, reference, radius, by="snr", bins=[2, 3, 4, 10], kappa=kappa,
                         rng=0),
        "at density": peaks_at_density(everything, 20 / u.deg**2, kappa),
        "area": unmasked_area(kappa),
    }


def profiles():
    """Profiles of shear and convergence, and masses in them."""
    catalog, kappa, at = sky().catalog, kappa_map(), sky().clusters
    arcmin, mpc = np.geomspace(1, 15, 9) * u.arcmin, np.geomspace(0.2, 2.5, 8) * u.Mpc
    one = shear_profile(catalog, at[0], mpc, z_lens=0.3)
    many = shear_profile(catalog, at, mpc, z_lens=[0.3, 0.3], z_source=1.0)
    boost = boost_factor(many, one)
    return {
        "angles": shear_profile(catalog, at[0], arcmin),
        "lengths": one,
        "stack": many,
        "bootstrap": shear_profile(catalog, at, mpc, z_lens=0.3, errors="bootstrap",
                                   n_bootstrap=30, rng=1),
        "distribution": shear_profile(catalog, at, mpc, z_lens=0.3,
                                      z_source=SourceRedshifts.preset("lsst_y1")),
        "boost": boost,
        "boost-corrected": apply_boost(many, boost),
        "zeta": zeta_c(one, one["radius_low"][1], one["radius_low"][5], one["radius_high"][-1]),
        "structure": structure_covariance(arcmin, z_source=1.0),
        "kappa": kappa_profile(kappa, at[0], arcmin),
        "kappa of two": kappa_profile(kappa, at, mpc, z_lens=0.3),
        "azimuthal": azimuthal_profile(kappa, at[0], [2, 8] * u.arcmin),
        "mass": projected_mass(kappa, at, 1 * u.Mpc, z_lens=0.3, z_source=1.0),
        "mass in rings": projected_mass(kappa, at, 1 * u.Mpc, z_lens=0.3, z_source=1.0,
                                        background=[1.5, 2] * u.Mpc, n_random=20, rng=2),
    }


def fits():
    """Masses of NFW halos."""
    catalog, kappa, at = sky().catalog, kappa_map(), sky().clusters
    bins = np.geomspace(0.2, 2.5, 8) * u.Mpc
    profile = shear_profile(catalog, at[0], bins, z_lens=0.3)
    structure = structure_covariance(bins, z_lens=0.3, z_source=1.0)
    results = {
        "profile": fit_nfw(profile, z_lens=0.3),
        "profile with structure": fit_nfw(profile, z_lens=0.3, covariance=structure),
        "relation": fit_nfw(profile, z_lens=0.3, concentration="relation"),
        "fixed": fit_nfw(profile, z_lens=0.3, concentration=4.0),
        "free": fit_nfw(catalog, at[0], z_lens=0.3, concentration="free"),
        "catalog": fit_nfw(catalog, at, z_lens=0.3, z_source=1.0),
        "distribution": fit_nfw(catalog, at[0], z_lens=0.3,
                                z_source=SourceRedshifts.preset("lsst_y1")),
        "center": fit_nfw(catalog, at[0], z_lens=0.3, center="free", concentration=4.0),
        "map": fit_nfw(kappa, at[0], z_lens=0.3, z_source=1.0),
        "map of two": fit_nfw(kappa, at, z_lens=0.3, z_source=1.0, concentration="relation",
                              radii=[0.3, 2] * u.Mpc),
    }
    fit = results["catalog"]
    results["more"] = {
        "m500c": fit.mass("500c"), "r200c": fit.r200c, "model": fit.model(),
        "shear": fit.tangential_shear(bins, 1),
        "samples": results["fixed"].sample(20, burn_in=20, rng=1),
    }
    return results


def filaments():
    """Ridges of maps."""
    kappa = kappa_map()
    found = find_filaments(kappa, 0.8)
    significant, n_false = filament_significance(kappa, found, noise_maps())
    return {
        "found": significant.table,
        "maxima": found.maxima,
        "sigma": found.sigma,
        "paths": [[path.ra.deg, path.dec.deg] for path in found.paths[:3]],
        "smoothed": find_filaments(kappa, 1.0, by="uncertainty", smoothing=1 * u.arcmin,
                                   min_length=2 * u.arcmin).table,
        "false": n_false,
        "pairs": persistence_pairs(kappa.data, sky().mask),
        "ridges": ridge_strength(kappa, [1.5, 3] * u.arcmin),
        "excess": azimuthal_excess(kappa, sky().clusters[0], [2, 8] * u.arcmin, noise_maps()),
    }


def statistics():
    """Statistics of maps and catalogs."""
    kappa, catalog, truth = kappa_map(), sky().catalog, sky().field.kappa
    masked = ConvergenceMap(kappa, mask=sky().mask)
    separations = {"min_sep": 1 * u.arcmin, "max_sep": 12 * u.arcmin, "n_bins": 6}
    psf = np.random.default_rng(1).normal(0, 0.03, (2, len(catalog)))
    relation, difference = split_halves(KaiserSquires(), catalog, sky().wcs, rng=2)
    return {
        "power": power_spectrum(kappa, n_bins=10, masked="pseudo"),
        "power of a masked map": power_spectrum(truth, n_bins=6, weights=~sky().mask),
        "power of shear": shear_power_spectrum(
            ShearGrid.from_catalog(catalog, sky().wcs, sky().mask), n_bins=6
        ),
        "correlation": kappa_correlation(kappa, **separations, n_patches=6, rng=0),
        "cross correlation": kappa_correlation(masked, truth, **separations, n_patches=6,
                                               rng=0),
        "shear correlation": shear_correlation(
            catalog, min_sep=1 * u.arcmin, max_sep=20 * u.arcmin, n_bins=6, n_patches=6,
            max_galaxies=8000, rng=0,
        ),
        "pdf": kappa_pdf(masked, 12),
        "moments": kappa_moments(kappa, [0, 1, 2] * u.arcmin),
        "peak counts": peak_counts(kappa, [0, 1, 2, 3, 5, 20]),
        "relation": pixel_relation(masked, truth),
        "halves": relation,
        "difference": difference,
        "B-mode": b_mode_test(kappa),
        "B-mode with noise": b_mode_test(masked, noise_maps=noise_maps()),
        "stack": stack_at(kappa, sky().clusters, n_random=50, rng=3),
        "stack of B": stack_at(kappa, sky().clusters, n_random=50, rng=3, b_mode=True),
        "psf": psf_leakage(catalog, *psf),
    }


def injection():
    """Halos that are put into a catalog and looked for."""
    catalog = sky().catalog
    halos = QTable({"ra": [150.05, 149.9] * u.deg, "dec": [2.1, 1.95] * u.deg,
                    "m200c": [5, 2] * MASS, "redshift": [0.3, 0.5], "c200c": [4.0, 3.5]})
    settings = {"wcs": sky().wcs, "n_halos": 3, "n_realizations": 2, "z_source": 1.0, "rng": 1}
    return {
        "one redshift": inject_halos(catalog, halos, z_source=1.0),
        "distribution": inject_halos(catalog, halos["ra", "dec", "m200c", "redshift"], rng=2,
                                     z_source=SourceRedshifts.preset("lsst_y1")),
        "recovery": recover_halos(
            catalog, KaiserSquires(uncertainty="analytic"), [2, 8] * MASS, 0.3, threshold=3.0,
            **settings,
        ),
        "recovery by density": recover_halos(
            catalog, WienerFilter(z_source=1.0), 8 * MASS, [0.2, 0.4], by="kappa",
            threshold=20 / u.deg**2, mask=(sky().mask, sky().wcs), **settings,
        ),
    }


def catalogs():
    """Columns, conventions and what a catalog says of itself."""
    demo = demo_catalog()
    wrong = ShearCatalog(Table(demo.table), convention="euclidean", columns="generic", kind="shear")
    calibrated = ShearCatalog(
        calibrated_table(), columns="generic", convention="celestial", kind="shear"
    )
    at = SkyCoord([36.91, 37.14], [12.57, 12.36], unit="deg")
    return {
        "presets": {
            name: {"columns": {key: str(value) for key, value in preset.columns.items()},
                   "convention": preset.convention, "kind": preset.kind,
                   "signature": " ".join(map(str, preset.signature))}
            for name, preset in COLUMN_PRESETS.items()
        },
        "columns": str(find_columns(["RA", "DEC", "g1", "g2", "w"])),
        "conventions": {name: list(convention_signs(name)) for name in CONVENTIONS},
        "demo": demo,
        "summary": summarize_catalog(demo),
        "check": check_convention(demo, n_rotations=30, rng=1),
        "check of the wrong": check_convention(wrong, n_rotations=30, rng=1),
        "check at clusters": check_convention(wrong, at, n_rotations=30, rng=1),
        "calibration": Calibration.from_catalog(calibrated),
        "calibrated": ShearGrid.from_catalog(calibrated, make_wcs(calibrated, 1 * u.arcmin)),
        "selection": len(sky().catalog.select_background(0.3)),
    }


def calibrated_table():
    """Return a table with all that calibrates shear."""
    rng, n = np.random.default_rng(3), 2000
    return Table({
        "ra": rng.uniform(10, 10.5, n), "dec": rng.uniform(-0.2, 0.2, n),
        "e1": rng.normal(0.01, 0.25, n), "e2": rng.normal(0, 0.25, n),
        "weight": rng.uniform(0.5, 2, n), "m": rng.normal(-0.05, 0.02, n),
        "c1": rng.normal(0, 1e-3, n), "c2": rng.normal(0, 1e-3, n),
        "sigma_e": rng.uniform(0.2, 0.3, n), "sigma_m": rng.uniform(0.1, 0.2, n),
    })


def validation():
    """A validation in small."""
    setup = ValidationSetup(
        sky=HaloModelField(z_source=1.0, shape=SHAPE, pixel_scale=1 * u.arcmin)
    )
    ks = KaiserSquires(smoothing=1.5 * u.arcmin)
    wiener = WienerFilter(z_source=1.0, dtype="float32")
    more = {"posterior": wiener.replace(uncertainty="posterior", n_realizations=3)}
    plan = ValidationPlan(n_fields=4, n_null=2, n_masked=2, n_coma=0, n_more=2)
    with tempfile.TemporaryDirectory() as folder:
        validate({"ks": ks, "wiener": wiener}, setup, folder, plan, more=more, seed=1, workers=1)
        results = ValidationResults.read(folder)
        numbers, scores = validation_numbers(results), results.scores
    two = (scores["rmse"][(scores["part"] == "fields") & (scores["estimator"] == name)]
           for name in ("ks", "wiener"))
    rivals = tune_linear(setup, 2, seed=1, smoothings=[1, 2, 3] * u.arcmin, workers=1)
    return {
        "numbers": numbers,
        "scores": scores[[name for name in scores.colnames if name != "seconds"]],
        "difference": paired_difference(*two),
        "tuning": rivals.scores,
        "clusters": true_clusters(sky().field.kappa, z_source=1.0),
    }


def validation_numbers(results):
    """Return the numbers of the one table of a validation, by what they are of."""
    table, groups = result_table(results), {}
    # How long it took is another number each time; the file is older than the table of detection.
    kept = ~np.isin(table["table"], ["resources", "detection"]) & (table["quantity"] != "seconds")
    for row in table[kept]:
        part, quantity = (OLD_NAMES.get(str(row[name]), str(row[name])) for name in
                          ("table", "quantity"))
        groups.setdefault(f"{part} {quantity}", []).append([row["value"], row["error"]])
        groups.setdefault(f"{part} places", []).append([row["low"], row["high"]])
    return {name: np.array(rows, dtype=float) for name, rows in groups.items()}


SECTIONS = (theory, fields, surveys, masks, grids, maps, networks, peaks, profiles, fits, filaments,
            statistics, injection, catalogs, validation)


# --- the command ----------------------------------------------------------------------------


def compute(only=()):
    """Return all results."""
    results = {}
    for section in SECTIONS:
        name = section.__name__
        if only and name not in only:
            continue
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results[name] = dict(flatten(section()))
        print(f"{name}: {len(results[name])} results, {time.perf_counter() - start:.1f} s",
              file=sys.stderr)
    # Through the text, so that all is what a file holds.
    return json.loads(text_of(results))


def main():
    """Write the file, or compare with it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(__file__).parents[1] / "tests" / "golden.json"
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--write", metavar="FILE", type=Path, help="write the numbers to a file")
    group.add_argument("--check", metavar="FILE", type=Path, nargs="?", const=default,
                       help="compare with a file (default: tests/golden.json)")
    parser.add_argument("--exact", action="store_true", help="compare digests, too")
    parser.add_argument("--only", nargs="+", default=[], metavar="SECTION",
                        choices=[section.__name__ for section in SECTIONS],
                        help="with --check: leave out the other sections")
    arguments = parser.parse_args()
    if arguments.write is None and arguments.check is None:
        parser.print_help()
        return 0
    os.environ |= {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2",
                   "KERAS_BACKEND": "tensorflow"}
    if arguments.write is not None:
        arguments.write.write_text(text_of(compute()), encoding="utf-8")
        return 0
    old = json.loads(arguments.check.read_text(encoding="utf-8"))
    new = compute(arguments.only)
    if arguments.only:
        old = {name: old[name] for name in new}
    lines = compare(old, new, arguments.exact)
    print("\n".join(lines) if lines else f"all numbers are those of {arguments.check}")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
