# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pictures of large parts of the sky by their content."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from lensmap.maps import HealpixMap
from lensmap.plotting import plot_sky
from lensmap.sphere import HealpixPixels

pytest.importorskip("skyproj")
pytest.importorskip("ducc0")
healsparse = pytest.importorskip("healsparse")
from matplotlib import pyplot  # noqa: E402

NSIDE = 64
BRIGHT = (10.0, -20.0)


@pytest.fixture(autouse=True)
def closed_figures():
    """Close the figures of a test."""
    yield
    pyplot.close("all")


def make_map(center=(0.0, -25.0), nside=NSIDE, **changes):
    """A map of 20 deg about a center, with one bright spot."""
    pixels = HealpixPixels(nside, changes.pop("frame", "icrs"))
    lon, lat = pixels.centers(np.arange(pixels.n_pixels))
    sky = SkyCoord(lon, lat, unit="deg")
    index = np.flatnonzero(sky.separation(SkyCoord(*center, unit="deg")).deg < 20)
    near = sky[index].separation(SkyCoord(*BRIGHT, unit="deg")).deg < 3
    parts = {"kappa_b": -1.0 * near, "uncertainty": 0.1 + 0.1 * near,
             "counts": np.where(near, 9, 3)}
    return HealpixMap(np.where(near, 1.0, 0.0), pixels, index, **(parts | changes))


def draw(kappa, **options):
    """Draw a map with fewer pixels than usual."""
    return plot_sky(kappa, xsize=400, **options)


def values_at(sky, lon, lat):
    """Return the value that the figure shows at a position."""
    (mesh,) = [item for item in sky.ax.collections if type(item).__name__ == "QuadMesh"]
    corners = mesh.get_coordinates()  # longitude and latitude
    centers = (corners[1:, 1:] + corners[:-1, :-1]) / 2
    x = (centers[..., 0] - lon + 180) % 360 - 180
    distance = np.hypot(x, centers[..., 1] - lat)
    place = np.unravel_index(np.argmin(distance), distance.shape)
    return mesh.get_array().reshape(distance.shape)[place]


def test_axes_draw_in_sky_coordinates():
    """Columns with units stand for degrees, markers lie on the map, and nothing is deprecated."""
    sky = draw(make_map())
    table = QTable({"ra": [BRIGHT[0]] * u.deg, "dec": [BRIGHT[1]] * u.deg})
    (points,) = sky.ax.plot(table["ra"], table["dec"], "o", color="lime")
    canvas = sky.ax.figure.canvas
    canvas.draw()
    (mesh,) = [item for item in sky.ax.collections if type(item).__name__ == "QuadMesh"]
    corners = mesh.get_coordinates()
    centers = ((corners[1:, 1:] + corners[:-1, :-1]) / 2).reshape(-1, 2)
    spot = mesh.get_transform().transform(centers[mesh.get_array().ravel() > 0.5]).mean(axis=0)
    marker = points.get_transform().transform(BRIGHT)
    np.testing.assert_allclose(marker, spot, atol=2)
    x, y = marker.astype(int) + 2  # beside the lines of the grid
    image = np.asarray(canvas.buffer_rgba())
    np.testing.assert_array_equal(image[len(image) - 1 - y, x, :3], (0, 255, 0))


@pytest.mark.parametrize(
    ("quantity", "bright", "faint", "label"),
    [
        (None, 1.0, 0.0, "convergence"), ("kappa_b", -1.0, 0.0, "B-mode"),
        ("uncertainty", 0.2, 0.1, "uncertainty"), ("snr", 5.0, 0.0, "kappa / "),
    ],
)
def test_quantities_at_their_places(quantity, bright, faint, label):
    sky = draw(make_map(), quantity=quantity, title="A title")
    assert values_at(sky, *BRIGHT) == pytest.approx(bright)
    assert values_at(sky, 355, -30) == pytest.approx(faint)
    assert values_at(sky, 0, -40) == pytest.approx(faint)
    bar = sky.ax.figure.axes[-1]
    assert label in bar.get_ylabel()
    assert sky.ax.get_title() == "A title"
    assert (sky.ax.get_xlabel(), sky.ax.get_ylabel()) == ("RA (deg)", "Dec (deg)")
    # The color bar is beside the map.
    assert bar.get_position().x0 > sky.ax.get_position().x1


def test_counts_are_densities():
    sky = draw(make_map(), quantity="counts")
    area = (HealpixPixels(NSIDE).area * u.sr).to_value(u.arcmin**2)
    assert values_at(sky, *BRIGHT) == pytest.approx(9 / area)
    assert values_at(sky, 0, -40) == pytest.approx(3 / area)
    assert "galaxies per arcmin" in sky.ax.figure.axes[-1].get_ylabel()


def test_east_is_left_and_masked_pixels_are_not_drawn():
    kappa = make_map()
    lon, lat = kappa.pixels.centers(kappa.index)
    hole = SkyCoord(lon, lat, unit="deg").separation(SkyCoord(355, -30, unit="deg")).deg < 3
    sky = draw(kappa.replace(mask=hole), colorbar=False)
    to_display = sky.ax.transData
    east, west = (to_display.transform(np.transpose(sky.proj([lon], [-25])))[0, 0]
                  for lon in (10, 350))
    assert east < west
    assert values_at(sky, 355, -30) is np.ma.masked
    assert len(sky.ax.figure.axes) == 1


@pytest.mark.parametrize("as_file", [False, True])
def test_small_pixels_are_averaged_and_counts_summed(tmp_path, monkeypatch, as_file):
    from lensmap.survey import HealSparseFile, write_products

    monkeypatch.setattr("lensmap.plotting._sky._PIXELS_PER_SIDE", 60)
    n = 4**7
    first = 3 * n
    kappa = HealpixMap(np.arange(n) % 4 == 0, 512, np.arange(n) + first, counts=np.full(n, 2))
    maps = {"kappa": kappa, "counts": kappa}
    if as_file:
        maps = {name: tmp_path / f"{name}.hsp" for name in maps}
        write_products([HealSparseFile(path, name) for name, path in maps.items()], kappa)
    place = centers_of(256, first // 4 + 100)
    shown = draw(maps["kappa"], quantity="kappa")
    assert values_at(shown, *place) == 0.25
    area = (HealpixPixels(512).area * u.sr).to_value(u.arcmin**2)
    assert values_at(draw(maps["counts"], quantity="counts"), *place) == pytest.approx(2 / area)
    # A map that fits into the figure is drawn as it is.
    monkeypatch.undo()
    value = values_at(draw(maps["kappa"]), *centers_of(512, first + 400))
    assert value == 1.0


def centers_of(nside, pixel):
    lon, lat = HealpixPixels(nside).centers([pixel])
    return lon[0], lat[0]


def test_files_of_a_survey(tmp_path):
    from lensmap.survey import HealSparseFile, write_products

    kappa = make_map(nside=256)
    files = {name: tmp_path / f"{name}.hsp" for name in ("kappa", "error", "counts", "mask")}
    write_products([HealSparseFile(path, name) for name, path in files.items()], kappa)
    for name, label, bright in (
        ("kappa", "convergence", 1.0), ("error", "uncertainty", 0.2),
        ("counts", "galaxies per", 9 / (HealpixPixels(256).area * u.sr).to_value(u.arcmin**2)),
    ):
        sky = draw(files[name])
        assert values_at(sky, *BRIGHT) == pytest.approx(bright)
        assert label in sky.ax.figure.axes[-1].get_ylabel()
    with pytest.raises(ValueError, match="kappa must be a map of one quantity"):
        draw(files["mask"])
    sparse = healsparse.HealSparseMap.read(str(files["kappa"]))
    assert values_at(draw(sparse), *BRIGHT) == pytest.approx(1.0)


def test_galactic_maps_have_galactic_axes():
    sky = draw(make_map(frame="galactic"))
    assert values_at(sky, *BRIGHT) == pytest.approx(1.0)
    assert sky.ax.get_xlabel() == "Galactic longitude (deg)"


def test_bad_maps(tmp_path):
    kappa = make_map()
    with pytest.raises(ValueError, match="this map has no B-mode"):
        draw(kappa.replace(kappa_b=None), quantity="kappa_b")
    with pytest.raises(ValueError, match="quantity must be"):
        draw(kappa, quantity="kapa")
    with pytest.raises(ValueError, match="kappa must have an unmasked pixel"):
        draw(kappa.replace(mask=np.ones(len(kappa.data), bool)))
    with pytest.raises(TypeError, match="kappa must be a HealpixMap, a HealSparseMap or the path"):
        draw(kappa.data)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        draw(tmp_path / "kappa.hsp")
    (tmp_path / "kappa.hsp").write_bytes(b"SIMPLE")
    with pytest.raises(ValueError, match="cannot read the map"):
        draw(tmp_path / "kappa.hsp")
