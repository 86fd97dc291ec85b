# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pictures by their content: what is drawn, where, and in which colors."""

import io
import re
import sys

import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import Cutout2D
from astropy.table import QTable
from astropy.visualization.wcsaxes import WCSAxes
from astropy.wcs import WCS

from lensmap import ConvergenceMap
from lensmap.plotting import check_picture, plot_map, save_map

matplotlib = pytest.importorskip("matplotlib")
from matplotlib import pyplot  # noqa: E402
from matplotlib.colors import LogNorm, to_rgba  # noqa: E402

SHAPE = (40, 50)
PEAK = (33, 12)  # x, y


def make_wcs(shape=SHAPE, *, angle=0.0, axes=("RA---TAN", "DEC--TAN"), scale=0.01):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = axes
    wcs.wcs.crval = [150.0, 2.0]
    wcs.wcs.crpix = [(shape[1] + 1) / 2, (shape[0] + 1) / 2]
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    wcs.wcs.cd = scale * np.array([[-c, s], [s, c]])
    wcs.array_shape = shape
    return wcs


def make_map(**changes):
    """A map of weak noise with one bright square."""
    data = np.random.default_rng(0).normal(0, 0.01, SHAPE)
    x, y = PEAK
    data[y - 1 : y + 2, x - 1 : x + 2] = 1.0
    parts = {
        "wcs": make_wcs(), "uncertainty": 0.1 + 0.1 * (np.indices(SHAPE)[0] > 30), "kappa_b": -data,
        "counts": np.full(SHAPE, 3),
    }
    return ConvergenceMap(data, **(parts | changes))


def color_at(ax, place):
    """The color of the figure (0 to 255) at a place on the sky."""
    canvas = ax.figure.canvas
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    x, y = ax.transData.transform(np.transpose(ax.wcs.world_to_pixel(place)))
    return pixels[pixels.shape[0] - 1 - int(y), int(x), :3].astype(int)


def is_red(color):
    return color[0] > color[2] + 60


class TestPlotMap:
    def test_a_figure_of_its_own(self):
        kappa = make_map()
        ax = kappa.plot(title="A field")
        assert isinstance(ax, WCSAxes) and ax.wcs is kappa.wcs
        assert ax.get_title() == "A field"
        (image,) = ax.images
        np.testing.assert_array_equal(image.get_array(), kappa.data)
        assert image.origin == "lower"
        low, high = image.get_clim()
        assert low == -high and 0 < high <= 1
        np.testing.assert_allclose([ax.get_xlim(), ax.get_ylim()], [(-0.5, 49.5), (-0.5, 39.5)])
        place = kappa.wcs.pixel_to_world(*PEAK)
        assert is_red(color_at(ax, place))
        assert not is_red(color_at(ax, kappa.wcs.pixel_to_world(PEAK[1], PEAK[0])))

    @pytest.mark.parametrize(
        "axes, labels",
        [
            (("RA---TAN", "DEC--TAN"), ("RA (deg)", "Dec (deg)")),
            (("GLON-TAN", "GLAT-TAN"), ("Galactic longitude (deg)", "Galactic latitude (deg)")),
        ],
    )
    def test_labels_of_axes(self, axes, labels):
        ax = make_map(wcs=make_wcs(axes=axes)).plot()
        assert tuple(coordinate.get_axislabel() for coordinate in ax.coords) == labels

    @pytest.mark.parametrize("scale", [1e-5, 0.01])
    def test_ticks_have_the_decimals_they_need(self, scale):
        ax = make_map(wcs=make_wcs(scale=scale)).plot(colorbar=False)
        file = io.StringIO()
        with matplotlib.rc_context({"svg.fonttype": "none"}):
            ax.figure.savefig(file, format="svg")
        labels = re.findall(r">(2\.\d+|1\.9\d*)</text>", file.getvalue())
        assert len(labels) >= 3 and len(set(labels)) == len(labels)

    @pytest.mark.parametrize(
        "quantity, label, limits",
        [
            ("kappa_b", "B-mode", None),
            ("snr", r"\sigma_\kappa", None),
            ("uncertainty", "uncertainty", (0.1, 0.2)),
            ("counts", "galaxies per pixel", (0, 3)),
        ],
    )
    def test_quantities(self, quantity, label, limits):
        ax = make_map().plot(quantity=quantity)
        low, high = ax.images[0].get_clim()
        assert (low, high) == pytest.approx(limits) if limits else low == -high
        bar = ax.figure.axes[1]
        assert label in (bar.get_ylabel() or bar.get_xlabel())
        assert (ax.images[0].cmap.name == "RdBu_r") == (limits is None)

    def test_other_quantities_have_their_names(self):
        for quantity, label in (("kappa", "aperture mass"), ("snr", "ratio of the aperture mass")):
            ax = make_map(meta={"quantity": "aperture mass"}).plot(quantity=quantity)
            bar = ax.figure.axes[1]
            assert label in (bar.get_ylabel() or bar.get_xlabel())

    def test_masked_pixels_are_gray(self):
        mask = np.zeros(SHAPE, dtype=bool)
        mask[20:30, 10:20] = True
        kappa = make_map(mask=mask)
        gray = 255 * np.array(to_rgba("0.85")[:3])
        for options in ({}, {"cmap": "magma"}):
            color = color_at(kappa.plot(**options), kappa.wcs.pixel_to_world(15, 25))
            np.testing.assert_allclose(color, gray, atol=1.5)

    def test_all_masked(self):
        kappa = ConvergenceMap(np.full(SHAPE, np.nan), wcs=make_wcs())
        kappa.plot().figure.canvas.draw()

    def test_what_the_user_says_counts(self):
        kappa = make_map()
        image = kappa.plot(vmin=-0.1, vmax=0.3, cmap="magma").images[0]
        assert image.get_clim() == (-0.1, 0.3) and image.cmap.name == "magma"
        norm = LogNorm(0.001, 1)
        assert kappa.plot(norm=norm).images[0].norm is norm
        assert len(kappa.plot(colorbar=False).figure.axes) == 1

    def test_contours_of_the_signal_to_noise(self):
        ax = make_map().plot(contours=[5, 3])
        (contours,) = [item for item in ax.collections if hasattr(item, "levels")]
        assert list(contours.levels) == [3, 5]
        (path,) = [p for p in contours.get_paths()[:1]]
        center = path.vertices.mean(axis=0)
        np.testing.assert_allclose(center, PEAK, atol=0.5)

    @pytest.mark.parametrize("angle", [0, 35, 160])
    def test_on_the_axes_of_another_image(self, angle):
        other = make_wcs((90, 80), angle=angle, scale=0.012)
        ax = pyplot.figure().add_subplot(projection=other)
        ax.imshow(np.zeros((90, 80)), origin="lower", cmap="gray")
        limits = ax.get_xlim(), ax.get_ylim()
        kappa = make_map()
        assert kappa.plot(ax, contours=[3]) is ax
        assert (ax.get_xlim(), ax.get_ylim()) == limits
        assert is_red(color_at(ax, kappa.wcs.pixel_to_world(*PEAK)))
        for x, y in (PEAK[::-1], (SHAPE[1] - PEAK[0], PEAK[1]), (PEAK[0], SHAPE[0] - PEAK[1])):
            assert not is_red(color_at(ax, kappa.wcs.pixel_to_world(x, y)))
        # Beyond the map the image is seen: black.
        assert color_at(ax, other.pixel_to_world(2, 2)).max() < 10

    def test_on_empty_axes_the_whole_map_is_seen(self):
        other = make_wcs((90, 80), angle=35)
        ax = pyplot.figure().add_subplot(projection=other)
        kappa = make_map()
        kappa.plot(ax)
        for corner in ((0, 0), (49, 0), (0, 39), (49, 39)):
            x, y = other.world_to_pixel(kappa.wcs.pixel_to_world(*corner))
            assert ax.get_xlim()[0] < x < ax.get_xlim()[1]
            assert ax.get_ylim()[0] < y < ax.get_ylim()[1]
        assert is_red(color_at(ax, kappa.wcs.pixel_to_world(*PEAK)))

    def test_on_a_cutout(self):
        kappa = make_map()
        cut = Cutout2D(kappa.data, PEAK, (11, 11), wcs=kappa.wcs)
        ax = pyplot.figure().add_subplot(projection=cut.wcs)
        ax.imshow(cut.data, origin="lower")
        kappa.plot(ax)
        assert ax.get_xlim() == (-0.5, 10.5)
        assert is_red(color_at(ax, kappa.wcs.pixel_to_world(*PEAK)))

    @pytest.mark.parametrize("quantity", ["kappa_b", "snr", "uncertainty", "counts"])
    def test_quantity_that_is_not_there(self, quantity):
        kappa = make_map(kappa_b=None, uncertainty=None, counts=None)
        with pytest.raises(ValueError, match="this map has no|must have an uncertainty"):
            kappa.plot(quantity=quantity)
        assert not pyplot.get_fignums()  # nor an empty figure left

    def test_contours_without_uncertainty(self):
        with pytest.raises(ValueError, match="must have an uncertainty"):
            make_map(uncertainty=None).plot(contours=[3])

    def test_bad_input(self):
        with pytest.raises(TypeError, match="ax must be a WCSAxes"):
            make_map().plot(pyplot.figure().add_subplot())
        with pytest.raises(ValueError, match="quantity must be one of"):
            plot_map(make_map(), quantity="mass")

    def test_without_matplotlib(self, monkeypatch, tmp_path):
        for name in [n for n in sys.modules if n.partition(".")[0] == "matplotlib"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        message = r"python -m pip install 'lensmap\[plot\]'"
        with pytest.raises(ImportError, match=message):
            make_map().plot()
        with pytest.raises(ImportError, match=message):
            save_map(make_map(), tmp_path / "k.png")
        with pytest.raises(ImportError, match=message):
            check_picture("k.png")


class TestSaveMap:
    @pytest.mark.parametrize("suffix", [".png", ".pdf"])
    def test_file(self, suffix, tmp_path):
        path = tmp_path / f"k{suffix}"
        before = pyplot.get_fignums()
        save_map(make_map(), path, title="A field")
        assert path.stat().st_size > 5000
        assert pyplot.get_fignums() == before
        with pytest.raises(FileExistsError, match="overwrite=True"):
            save_map(make_map(), path)

    @pytest.mark.parametrize("shape", [(20, 200), (200, 20), (60, 60)])
    @pytest.mark.parametrize("uncertainty", [False, True])
    def test_size_follows_the_map(self, shape, uncertainty, tmp_path):
        rng = np.random.default_rng(1)
        kappa = ConvergenceMap(
            rng.normal(size=shape), wcs=make_wcs(shape),
            uncertainty=np.ones(shape) if uncertainty else None,
        )
        save_map(kappa, tmp_path / "k.png", title="A field")
        ny, nx = pyplot.imread(tmp_path / "k.png").shape[:2]
        assert max(nx, ny) <= 15 * 150 and min(nx, ny) >= 2 * 150
        if shape[0] != shape[1]:
            assert (nx > ny) == (shape[1] > shape[0])

    def test_marks(self, monkeypatch, tmp_path):
        from matplotlib.figure import Figure

        figures = []
        monkeypatch.setattr(Figure, "savefig", lambda self, *args, **options: figures.append(self))
        kappa = make_map()
        place = kappa.wcs.pixel_to_world(*PEAK)
        marks = QTable({"ra": u.Quantity([place.ra]), "dec": u.Quantity([place.dec])})
        save_map(kappa, tmp_path / "k.png", marks=marks)
        panels = [ax for ax in figures[0].axes if isinstance(ax, WCSAxes)]
        assert len(panels) == 2  # kappa and its signal-to-noise
        for ax in panels:
            (line,) = ax.lines
            where = ax.transData.inverted().transform(
                line.get_transform().transform(line.get_xydata())
            )
            np.testing.assert_allclose(where, [PEAK], atol=1e-6)
        save_map(kappa, tmp_path / "k.png", marks=marks[:0], overwrite=True)
        assert not any(ax.lines for ax in figures[1].axes if isinstance(ax, WCSAxes))

    def test_suffix(self, tmp_path):
        with pytest.raises(ValueError, match=r"path must end in one of .*, not '.*k\.foo'"):
            save_map(make_map(), tmp_path / "k.foo")
        with pytest.raises(ValueError, match="path must end in one of"):
            check_picture("k")
        check_picture("K.PNG")


def test_the_core_of_a_cluster_is_not_clipped_but_single_pixels_are():
    y, x = np.indices((40, 60))
    values = np.random.default_rng(0).normal(0, 0.01, (40, 60))
    values += 0.5 * np.exp(-((x - 30) ** 2 + (y - 20) ** 2) / 4)
    values[0, 0] = -9.0
    ax = ConvergenceMap(values, wcs=make_wcs(shape=(40, 60))).plot()
    assert ax.images[0].get_clim() == (-values[20, 30], values[20, 30])


@pytest.mark.parametrize(("angle", "has_grid"), [(0, False), (2, False), (30, True), (90, False)])
def test_a_rotated_field_has_a_grid(angle, has_grid):
    wcs = make_wcs(shape=(40, 60))
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    wcs.wcs.pc = [[c, -s], [s, c]]
    ax = ConvergenceMap(np.zeros((40, 60)), wcs=wcs).plot()
    ax.figure.canvas.draw()
    left, bottom, width, height = np.array(ax.bbox.bounds, dtype=int)
    image = np.asarray(ax.figure.canvas.buffer_rgba())[::-1]
    inside = image[bottom + 20 : bottom + height - 20, left + 20 : left + width - 20, :3]
    # A map of zeros has one color, so that other colors are those of lines.
    assert (len(np.unique(inside.reshape(-1, 3), axis=0)) > 1) == has_grid
