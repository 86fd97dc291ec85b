# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""HATS folders that lensmap writes."""

import os
from pathlib import Path

import healpy
import numpy as np
import pytest
from astropy.table import Table
from hats_folders import PIXELS, galaxies_in, make_folder, partitions

from lensmap.catalog import ShearCatalog, write_hats
from lensmap.utils import CatalogWarning, ParameterError

parquet = pytest.importorskip("pyarrow.parquet")

# The galaxies of a test are too few per square arcminute.
pytestmark = pytest.mark.filterwarnings("ignore:.*per square arcminute")


def one_partition(folder):
    return folder / "dataset" / "Norder=6" / "Dir=0" / "Npix=4096.parquet"


def test_paths_follow_the_format(tmp_path):
    make_folder(tmp_path / "h", [(5, 11_023), (6, 4096)])
    files = {p.relative_to(tmp_path / "h").as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert files == {
        "dataset/Norder=5/Dir=10000/Npix=11023.parquet", "dataset/Norder=6/Dir=0/Npix=4096.parquet",
        "dataset/_metadata", "dataset/_common_metadata", "partition_info.csv", "properties",
        "hats.properties",
    }


def test_a_partition_is_a_catalog_without_a_warning(tmp_path, recwarn):
    make_folder(tmp_path, n=3000, convention="euclidean", kind="distortion")
    truth = galaxies_in(6, 4096, 3000)
    catalog = ShearCatalog.read(one_partition(tmp_path))
    assert [str(w.message) for w in recwarn if "arcminute" not in str(w.message)] == []
    assert (catalog.convention, catalog.kind, catalog.frame) == ("euclidean", "distortion", "icrs")
    np.testing.assert_array_equal(catalog.ra, truth["ra"])
    np.testing.assert_array_equal(catalog.e2, -truth["e2"].astype(np.float32))
    np.testing.assert_array_equal(catalog.weight, truth["weight"].astype(np.float32))


def test_types_and_pixels_of_columns(tmp_path):
    make_folder(tmp_path)
    table = Table.read(one_partition(tmp_path))
    kinds = {name: table[name].dtype.name for name in table.colnames}
    assert kinds == {
        "ra": "float64", "dec": "float64", "e1": "float32", "e2": "float32", "weight": "float32",
        "redshift": "float32", "_healpix_29": "int64",
    }
    truth = healpy.ang2pix(2**29, table["ra"], table["dec"], nest=True, lonlat=True)
    assert np.max(np.abs(table["_healpix_29"] - truth)) <= 3  # positions on borders of 0.4 mas
    assert np.array_equal(table["_healpix_29"] >> 46, np.full(len(table), 4096))
    assert str(table["ra"].unit) == "deg"


def test_properties_and_metadata_count_all_rows(tmp_path):
    make_folder(tmp_path / "sky", name="a sky")
    lines = (tmp_path / "sky" / "hats.properties").read_text().splitlines()
    entries = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    assert entries["obs_collection"] == "a sky" and entries["dataproduct_type"] == "object"
    assert (entries["hats_nrows"], entries["hats_order"]) == ("1200", "6")
    assert float(entries["moc_sky_fraction"]) == pytest.approx((2 / 4**5 + 2 / 4**6) / 12, rel=1e-5)
    info = (tmp_path / "sky" / "partition_info.csv").read_text().split()
    assert info == ["Norder,Npix", "5,1023", "6,4096", "6,4097", "5,1025"]
    footer = parquet.read_metadata(tmp_path / "sky" / "dataset" / "_metadata")
    assert footer.num_rows == 1200
    paths = [footer.row_group(i).column(0).file_path for i in range(footer.num_row_groups)]
    assert paths[1] == "Norder=6/Dir=0/Npix=4096.parquet"


def test_other_columns_keep_their_types_and_missing_values(tmp_path):
    own = galaxies_in(6, 4096, 4)
    own |= {
        "name": np.array([b"a", b"bb", b"", b"\xc3\xa9"]),
        "flag": np.ma.array([1, 2, 3, 4], mask=[0, 1, 0, 0]),
        "pz": np.arange(12.0).reshape(4, 3),
    }
    own["weight"] = np.ma.array(own["weight"], mask=[0, 0, 1, 0])
    write_hats(tmp_path, [(6, 4096, own)], meta={"z_grid": [0.5, 1.0, 1.5]}, units={"flag": "mag"})
    with pytest.warns(CatalogWarning, match="1 of 4 rows are left out: 1 weight not finite"):
        catalog = ShearCatalog.read(
            one_partition(tmp_path), {"pz": "pz"}, extra_columns=("name", "flag")
        )
    assert list(catalog["name"]) == ["a", "bb", "é"]
    assert np.ma.is_masked(catalog["flag"][1]) and catalog["flag"][2] == 4
    assert str(catalog["flag"].unit) == "mag"
    np.testing.assert_array_equal(catalog.z_grid, [0.5, 1.0, 1.5])
    assert catalog.pz.shape == (3, 3)


def test_galactic_positions_are_put_into_pixels_of_the_icrs(tmp_path):
    from astropy.coordinates import SkyCoord

    own = galaxies_in(6, 4096, 50)
    sky = SkyCoord(own["ra"], own["dec"], unit="deg").galactic
    own |= {"ra": sky.l.deg, "dec": sky.b.deg}
    write_hats(tmp_path, [(6, 4096, own)], frame="galactic")
    catalog = ShearCatalog.read(one_partition(tmp_path))
    assert catalog.frame == "galactic"
    np.testing.assert_array_equal(catalog.ra, sky.l.deg)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p[0][2].pop("e2"), "columns ra, dec, e1 and e2 of one length"),
        (lambda p: p[1][2].pop("weight"), "the same columns"),
        (lambda p: p[0][2].update(dec=np.full(300, np.nan)), "300 of 300 galaxies"),
        (lambda p: p[0][2].update(ra=p[0][2]["ra"] + 20.0), "of 300 galaxies elsewhere"),
        (lambda p: p.append(p[0]), "the pixel 1023 of order 5 twice"),
        (lambda p: p.append((4, 255, galaxies_in(4, 255, 3))), "overlap"),
        (lambda p: p[0][2].update(weight=np.full(300, 1e-20)), "maximum from 1e-12"),
        (lambda p: p[0][2].update(flag=np.full(300, 1j)), "'flag' of type complex128"),
    ],
)
def test_wrong_partitions_are_refused_and_leave_nothing(change, message, tmp_path):
    parts = partitions()
    change(parts)
    with pytest.raises(ValueError, match=message):
        write_hats(tmp_path / "h", parts)
    assert list((tmp_path / "h").iterdir()) == []


def test_no_galaxy_is_an_error(tmp_path):
    with pytest.raises(ParameterError, match="at least one galaxy"):
        write_hats(tmp_path / "h", [(0, 3, galaxies_in(0, 3, 0))])


def test_what_exists_is_kept_unless_overwritten(tmp_path):
    make_folder(tmp_path / "h")
    with pytest.raises(FileExistsError, match="holds a catalog; overwrite=True"):
        make_folder(tmp_path / "h", [(2, 8)])
    failing = [*partitions([(2, 8)]), (2, 8, None)]
    with pytest.raises(TypeError):
        write_hats(tmp_path / "h", failing, overwrite=True)
    assert one_partition(tmp_path / "h").exists()
    make_folder(tmp_path / "h", [(2, 8)], overwrite=True)
    assert not one_partition(tmp_path / "h").exists()
    assert [path.name for path in (tmp_path / "h" / "dataset").glob("Norder*")] == ["Norder=2"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "data").touch()
    with pytest.raises(FileExistsError, match=r"holds 'data', which is no part of a HATS folder"):
        make_folder(tmp_path / "other", overwrite=True)


def test_object_stores_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="use a local copy"):
        write_hats("s3://bucket/sky", partitions())


def test_a_killed_write_has_no_partitions_and_is_repeated(tmp_path):
    def killed():
        yield from partitions()[:2]
        os.kill(os.getpid(), 9)

    pid = os.fork() if hasattr(os, "fork") else pytest.skip("needs fork")
    if pid == 0:
        write_hats(tmp_path / "h", killed())
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 9
    assert [path.name for path in Path(tmp_path / "h").iterdir() if path.name[0] != "."] == []
    make_folder(tmp_path / "h")
    assert [path for path in (tmp_path / "h").iterdir() if path.name.startswith(".")] == []


def test_the_progress_counts_partitions(tmp_path):
    calls = []
    make_folder(tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(i, len(PIXELS)) for i in range(1, 5)]


def test_lsdb_opens_the_folder(tmp_path):
    lsdb = pytest.importorskip("lsdb")
    from hats.io.validation import is_valid_catalog

    truth = make_folder(tmp_path)
    assert is_valid_catalog(tmp_path, strict=True)
    frame = lsdb.open_catalog(tmp_path).compute()
    np.testing.assert_array_equal(np.sort(frame["ra"]), np.sort(truth["ra"]))
