# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The memory guard: estimates are near the truth, and work that does not fit never begins."""

import time
import tracemalloc
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from lensmap import HaloModelField, KaiserSquires, ShearCatalog, WienerFilter, make_wcs
from lensmap.cli import main
from lensmap.flatsky import WienerSolver, shear_to_convergence
from lensmap.flatsky._wiener import solver_memory
from lensmap.grid import ShearGrid, _sums, tangent_wcs
from lensmap.simulate import MockSurvey, draw_fields, simulate_fields
from lensmap.simulate.surveys import _gridded, _mock_survey
from lensmap.utils import CatalogWarning, _memory
from lensmap.validation import ValidationSetup, validate

CENTER = SkyCoord(10, 0, unit="deg")
MODEL = HaloModelField(z_source=0.5, shape=(128, 128), pixel_scale=0.8 * u.arcmin)
HUGE = (10**6, 10**6)


def measured(work):
    """Return the largest memory of some work in bytes, without what its first use loads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        work()
        tracemalloc.start()
        try:
            work()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


def catalog(wcs, n=500):
    """Return so few galaxies that their memory does not count."""
    rng = np.random.default_rng(1)
    ny, nx = wcs.array_shape
    sky = wcs.pixel_to_world(rng.uniform(0, nx - 1, n), rng.uniform(0, ny - 1, n))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* per square arcminute", CatalogWarning)
        return ShearCatalog(Table({"ra": sky.ra.deg, "dec": sky.dec.deg, "e1": np.zeros(n),
                                   "e2": np.full(n, 0.1)}), convention="celestial", kind="shear")


class TestEstimates:
    """Within a quarter of what is measured, and not much below it."""

    def test_grid(self):
        wcs = tangent_wcs(CENTER, (1024, 1024), 0.4 * u.arcmin)
        galaxies = catalog(wcs)
        peak = measured(lambda: ShearGrid.from_catalog(galaxies, wcs))
        assert 0.9 < _sums._BYTES_PER_PIXEL * 1024**2 / peak < 1.25

    @pytest.mark.parametrize("padding", [1, 2])
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_wiener(self, dtype, padding):
        shape, padded = (512, 512), (512 * padding, 512 * padding)
        shear = np.random.default_rng(1).normal(size=shape) + 0j
        variance, power = np.ones(shape), np.ones(padded)
        peak = measured(
            lambda: WienerSolver(variance, power, dtype=dtype, max_iterations=2).solve(shear)
        )
        assert 0.9 < solver_memory(shape, padded, dtype) / peak < 1.25

    def test_transform(self, monkeypatch):
        shear, estimates = np.ones((2048, 2048), dtype=complex), []
        monkeypatch.setattr("lensmap.flatsky._modes.check_memory",
                            lambda size, *rest: estimates.append(size))
        peak = measured(lambda: shear_to_convergence(shear))
        assert 0.9 < estimates[0] / peak < 1.25

    def test_survey(self):
        survey = MockSurvey(density=150 / u.arcmin**2)
        field = HaloModelField(z_source=0.5, shape=(128, 128), pixel_scale=0.4 * u.arcmin).draw(1)
        n = len(survey.observe(field, rng=1))
        peak = measured(lambda: survey.observe(field, rng=1))
        assert 0.9 < _mock_survey._BYTES_PER_GALAXY * n / peak < 1.25

    def test_gridded_survey(self):
        wcs = tangent_wcs(CENTER, (256, 256), 0.4 * u.arcmin)
        survey = MockSurvey(density=30 / u.arcmin**2)
        peak = measured(lambda: survey.replace().observe_grid(None, wcs))
        assert 0.9 < _gridded._BYTES_PER_PIXEL * 256**2 / peak < 1.25

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "change",
        [{"dtype": "float64"}, {"z_source": [1.0, 2.5]}, {"min_mass": 2e11 * u.solMass},
         {"pixel_scale": 0.3 * u.arcmin, "z_source": 2.5}],
        ids=["double", "two", "light", "far"],
    )
    def test_halo_model(self, change):
        model = HaloModelField(**{"z_source": 1.0, "shape": (256, 256), **change})
        peak = measured(lambda: model.replace().draw(1))
        assert 0.8 < model.estimate_memory() / peak < 1.35


class TestRefusals:
    @pytest.fixture(autouse=True)
    def _at_once(self):
        start = time.process_time()
        yield
        assert time.process_time() - start < 5

    def test_map(self):
        wcs = tangent_wcs(CENTER, (64, 64), 0.4 * u.arcmin)
        galaxies = catalog(wcs)
        wcs.array_shape = HUGE
        for work in (lambda: ShearGrid.from_catalog(galaxies, wcs),
                     lambda: KaiserSquires().reconstruct(galaxies, wcs)):
            with pytest.raises(MemoryError, match="a map of 1000000 x 1000000 pixels would need"):
                work()

    def test_wcs(self, monkeypatch):
        monkeypatch.setattr(_memory, "_held_memory", lambda: 0)
        monkeypatch.setenv("LENSMAP_MEMORY_LIMIT", "1 MiB")
        with pytest.raises(MemoryError, match="a map of 301 x 301 pixels .*use larger pixels"):
            make_wcs(SkyCoord([9, 11], [-1, 1], unit="deg"), 0.4 * u.arcmin)

    def test_solutions(self, monkeypatch):
        grid = ShearGrid.from_catalog(
            catalog(wcs := tangent_wcs(CENTER, (64, 64), 0.4 * u.arcmin)), wcs
        )
        monkeypatch.setattr(_memory, "_held_memory", lambda: 0)
        monkeypatch.setenv("LENSMAP_MEMORY_LIMIT", "100 kB")
        with pytest.raises(MemoryError, match="transform of 64 x 64 pixels, padded to .* would"):
            KaiserSquires().reconstruct(grid)
        with pytest.raises(MemoryError, match="a Wiener filter of 64 x 64 .*single precision"):
            WienerFilter(z_source=1.0).reconstruct(grid)

    def test_smoothing_far_beyond_the_field(self):
        wcs = tangent_wcs(CENTER, (40, 40), 0.4 * u.arcmin)
        galaxies = catalog(wcs)
        kappa = KaiserSquires().reconstruct(galaxies, wcs)
        message = "smoothing must be at most 400 arcmin on this field of 40 x 40 .*, not 6e.04"
        for work in (lambda: kappa.smooth(1000 * u.deg),
                     lambda: KaiserSquires(smoothing=1000 * u.deg).reconstruct(galaxies, wcs)):
            with pytest.raises(ValueError, match=message):
                work()
        # What is allowed takes no more memory than several maps.
        tracemalloc.start()
        try:
            KaiserSquires(smoothing=6 * u.deg, uncertainty="analytic").reconstruct(galaxies, wcs)
            assert tracemalloc.get_traced_memory()[1] < 10e6
        finally:
            tracemalloc.stop()

    def test_survey(self):
        wcs = tangent_wcs(CENTER, (64, 64), 0.4 * u.arcmin)
        with pytest.raises(MemoryError, match="a catalog of 6.6e.10 galaxies .*a lower density"):
            MockSurvey(density=1e6 / u.arcmin**2).observe(None, tangent_wcs(
                CENTER, (640, 640), 0.4 * u.arcmin
            ))
        wcs.array_shape = HUGE
        with pytest.raises(MemoryError, match="a survey of 1000000 x 1000000 pixels"):
            MockSurvey().observe_grid(None, wcs)

    def test_survey_on_the_command_line(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(HaloModelField, "draw", lambda *args: pytest.fail("it began"))
        assert main(["simulate", "survey", "-o", "shear.fits", "--density", "1e6"]) == 1
        assert "a catalog of 4.4e+10 galaxies would need" in capsys.readouterr().err
        assert list(tmp_path.iterdir()) == []

    def test_fields(self, tmp_path, monkeypatch):
        monkeypatch.setattr(_memory, "_held_memory", lambda: 0)
        monkeypatch.setenv("LENSMAP_MEMORY_LIMIT", "2 MiB")
        model = MODEL.replace(padding=1.0)
        with pytest.raises(MemoryError, match="a field in a box of 128 x 128 pixels .*min_mass"):
            simulate_fields(model, tmp_path, 3, workers=1)

    def test_workers(self, monkeypatch):
        model = MODEL.prepare()
        setup = ValidationSetup(sky=model)
        assert model.estimate_memory() < setup.estimate_memory() < 2 * model.estimate_memory()
        assert 0 < setup.replace(null=True).estimate_memory() < model.estimate_memory()
        each = model.estimate_memory() + 150e6
        monkeypatch.setattr(_memory, "_held_memory", lambda: 0)
        monkeypatch.setenv("LENSMAP_MEMORY_LIMIT", str(1.5 * each))
        with pytest.raises(MemoryError, match="the work of 2 processes .*use fewer workers"):
            draw_fields(model, 2, workers=2)
        # Unless a number is given, there are as many as fit: one.
        monkeypatch.setattr("lensmap.utils._engine.n_workers", lambda: 2)
        monkeypatch.setattr("lensmap.utils._engine.as_pool", lambda *args: pytest.fail("a pool"))
        assert len(list(draw_fields(model, 2))) == 2

    def test_validation(self, tmp_path):
        sky = HaloModelField(z_source=1.0, shape=HUGE, pixel_scale=0.01 * u.arcsec)
        setup = ValidationSetup(sky=sky)
        with pytest.raises(MemoryError, match="maps of 1000000 x 1000000 pixels would need"):
            validate({"ks": KaiserSquires()}, setup, tmp_path / "new")
        assert not (tmp_path / "new").exists()
