# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Parts of a survey catalog that are read from HATS folders of any program."""

import warnings

import healpy
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from hats_folders import PIXELS, galaxies_in, make_folder, partitions

from lensmap.catalog import HatsCatalog, ShearCatalog, write_hats
from lensmap.catalog.hats import galaxy_keys
from lensmap.utils import CatalogWarning, ConventionWarning, ParameterError

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("hpgeom")


def write_foreign(folder, parts, *, layout="files", rename=(), row_group_size=None, sort=False):
    """Write partitions as other programs do: without properties, ``_metadata`` and lensmap's meta.

    ``layout`` is "files", or "folders" for partitions that are folders of two files. ``rename``
    maps column names to others.
    """
    for order, pixel, columns in parts:
        columns = dict(columns)
        if sort:
            shift = healpy.ang2pix(2**29, columns["ra"], columns["dec"], nest=True, lonlat=True)
            rows = np.argsort(shift)
            columns = {name: values[rows] for name, values in columns.items()}
            columns["_healpix_29"] = shift[rows]
        table = pa.table({dict(rename).get(name, name): v for name, v in columns.items()})
        path = folder / f"Norder={order}" / "Dir=0" / f"Npix={pixel}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if layout == "files":
            parquet.write_table(table, path.with_suffix(".parquet"), row_group_size=row_group_size)
            continue
        path.mkdir()
        half = len(table) // 2
        parquet.write_table(table.slice(half), path / "part1.snappy.parquet")
        parquet.write_table(table.slice(0, half), path / "part0.snappy.parquet")
        (path / "_SUCCESS").touch()


def in_pixels(truth, order, pixels):
    """Return True for galaxies in nested pixels, by healpy."""
    own = healpy.ang2pix(2**order, truth["ra"], truth["dec"], nest=True, lonlat=True)
    return np.isin(own, pixels)


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    folder = tmp_path_factory.mktemp("survey") / "h"
    truth = make_folder(folder)
    return HatsCatalog(folder), truth


def test_the_folder_is_described(survey):
    catalog, truth = survey
    assert catalog.n_rows == len(catalog) == len(truth["ra"]) == 1200
    assert [part[:3] for part in catalog.partitions] == [
        (5, 1023, 300), (6, 4096, 300), (6, 4097, 300), (5, 1025, 300)
    ]
    assert repr(catalog) == (
        "<HatsCatalog of 1200 rows in 4 partitions of order 5 to 6; ra, dec, e1, e2, weight, "
        "redshift; convention='celestial' (file), kind='shear' (file)>"
    )


def test_pixels_are_those_of_partitions_their_parents_and_children(survey):
    catalog, _ = survey
    np.testing.assert_array_equal(catalog.pixels(4), [255, 256])
    np.testing.assert_array_equal(
        catalog.pixels(6), [4092, 4093, 4094, 4095, 4096, 4097, 4100, 4101, 4102, 4103]
    )
    assert len(catalog.pixels(8)) == 4 * 4 * 10
    with pytest.raises(ParameterError, match="order must be at most 29"):
        catalog.pixels(30)


@pytest.mark.parametrize("order", [3, 5, 6, 7, 9])
def test_galaxies_in_pixels_are_exactly_those_of_healpy(survey, order):
    catalog, truth = survey
    own = healpy.ang2pix(2**order, truth["ra"], truth["dec"], nest=True, lonlat=True)
    pixels = np.unique(own)[::2]
    found = catalog.within_pixels(order, pixels[::-1])
    inside = in_pixels(truth, order, pixels)
    np.testing.assert_array_equal(found.ra, truth["ra"][inside])
    np.testing.assert_array_equal(found.e1, truth["e1"][inside].astype(np.float32))


def test_pixels_without_galaxies_give_none(survey):
    catalog, _ = survey
    assert catalog.within_pixels(5, [7]) is None
    assert catalog.within_pixels(5, []) is None


@pytest.mark.parametrize("layout", ["files", "folders"])
@pytest.mark.parametrize("max_rows", [1, 70, 450, 10**6])
def test_chunks_within_pixels_are_the_whole_in_order(max_rows, layout, tmp_path):
    parts = partitions()
    write_foreign(tmp_path, parts, layout=layout, row_group_size=50, sort=True)
    catalog = HatsCatalog(tmp_path, columns="generic", convention="celestial", kind="shear")
    order = max(part.order for part in catalog.partitions) + 2
    pixels = catalog.pixels(order)[::3]
    whole = catalog.within_pixels(order, pixels, keys=True)
    if max_rows == 1:
        pixels = pixels[:1]
        whole = catalog.within_pixels(order, pixels, keys=True)
    chunks = list(catalog.chunks_within_pixels(order, pixels, keys=True, max_rows=max_rows))
    assert 0 < max(map(len, chunks)) <= max_rows
    assert (len(chunks) == 1) == (max_rows > len(whole))
    for name in ("ra", "e1", "e2"):
        joined = np.concatenate([getattr(chunk, name) for chunk in chunks])
        np.testing.assert_array_equal(joined, getattr(whole, name))
    keys = np.concatenate([galaxy_keys(chunk) for chunk in chunks])
    np.testing.assert_array_equal(keys, galaxy_keys(whole))


@pytest.mark.parametrize(("order", "pixels", "message"), [
    (5, [12 * 4**5], "from 0 to 12287"), (5, [-1], "from 0 to 12287"), (2, [0.5], "whole numbers"),
])
def test_wrong_pixels_are_refused(survey, order, pixels, message):
    with pytest.raises(ValueError, match=message):
        survey[0].within_pixels(order, pixels)


@pytest.mark.parametrize("radius", [0.01, 0.3, 2.0, 180.0])
def test_galaxies_near_a_position_are_those_by_separation(survey, radius):
    catalog, truth = survey
    sky = SkyCoord(truth["ra"], truth["dec"], unit="deg")
    found = catalog.near(sky[450].galactic, radius * u.deg)
    near = sky.separation(sky[450]).deg <= radius
    assert near.sum() >= 1
    np.testing.assert_array_equal(found.ra, truth["ra"][near])


def test_a_position_without_galaxies_gives_none(survey):
    assert survey[0].near(SkyCoord(200.0, -40.0, unit="deg"), "5 arcmin") is None


def test_only_the_needed_partitions_are_read(tmp_path):
    make_folder(tmp_path)
    (path,) = tmp_path.glob("dataset/Norder=5/Dir=0/Npix=1025.parquet")
    content = bytearray(path.read_bytes())
    content[100:2000] = bytes(1900)  # the footer stays
    path.write_bytes(content)
    catalog = HatsCatalog(tmp_path)
    assert len(catalog.within_pixels(6, [4096])) == 300
    with pytest.raises(ValueError, match=r"cannot read '.*Npix=1025\.parquet' as a table"):
        catalog.within_pixels(5, [1025])
    with pytest.raises(ValueError, match=r"Npix=1025\.parquet"):
        list(catalog.chunks())


def test_a_file_without_a_footer_is_named_and_the_others_are_read(tmp_path):
    make_folder(tmp_path)
    (path,) = tmp_path.glob("dataset/Norder=5/Dir=0/Npix=1023.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.warns(CatalogWarning, match=r"1 of 4 files .* damaged: .*Npix=1023\.parquet"):
        catalog = HatsCatalog(tmp_path)
    assert len(catalog) == 900 and len(catalog.within_pixels(6, [4096, 4097])) == 600
    assert 1023 in catalog.pixels(5)
    with pytest.raises(ValueError, match=r"cannot read '.*Npix=1023\.parquet'"):
        catalog.within_pixels(5, [1023])


@pytest.mark.parametrize("layout", ["files", "folders"])
@pytest.mark.parametrize("sort", [False, True])
def test_folders_of_other_programs(layout, sort, tmp_path):
    parts = partitions()
    names = {"e1": "g1", "e2": "g2", "weight": "shape_weight"}
    write_foreign(tmp_path, parts, layout=layout, rename=names, sort=sort, row_group_size=50)
    columns = {"e1": "g1", "e2": "g2", "weight": "shape_weight"}
    catalog = HatsCatalog(tmp_path, columns, "iau", "shear")
    assert len(catalog) == 1200
    truth = {name: np.concatenate([part[2][name] for part in parts]) for name in parts[0][2]}
    for order, pixels in ((6, [4096]), (8, [65536 + 3, 65536 + 7]), (4, [255, 256])):
        found = catalog.within_pixels(order, pixels)
        inside = in_pixels(truth, order, pixels)
        np.testing.assert_array_equal(np.sort(found.ra), np.sort(truth["ra"][inside]))
        if not sort and order == 6:
            np.testing.assert_array_equal(found.e1, -truth["e1"][inside])
            np.testing.assert_array_equal(found.e2, truth["e2"][inside])


def test_a_collection_is_its_main_table(tmp_path):
    make_folder(tmp_path / "main")
    make_folder(tmp_path / "margin", [(1, 8)])
    (tmp_path / "collection.properties").write_text(
        "#comment\nobs_collection=c\nhats_primary_table_url = main\nall_margins=margin\n"
    )
    assert len(HatsCatalog(tmp_path)) == 1200
    (tmp_path / "collection.properties").write_text("hats_primary_table_url=elsewhere\n")
    with pytest.raises(ParameterError, match="names the main table 'elsewhere'"):
        HatsCatalog(tmp_path)


def test_overlapping_partitions_are_refused(tmp_path):
    write_foreign(tmp_path, partitions([(5, 1024), (6, 4097)]))
    with pytest.raises(ParameterError, match=r"Npix=1024\.parquet' and .*Npix=4097\.parquet'"):
        HatsCatalog(tmp_path)


@pytest.mark.parametrize(("name", "message"), [
    ("Norder=2/Dir=0/Npix=192.parquet", "Npix=192 is not a HEALPix pixel of order 2"),
    ("some/file.parquet", "a HATS folder, with partitions such as"),
])
def test_what_is_not_a_hats_folder_is_refused(name, message, tmp_path):
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.touch()
    with pytest.raises(ParameterError, match=message):
        HatsCatalog(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        HatsCatalog(tmp_path / "none")


def test_columns_that_a_partition_lacks_are_named(tmp_path):
    parts = partitions()
    del parts[2][2]["weight"]
    write_foreign(tmp_path, parts)
    catalog = HatsCatalog(tmp_path, None, "iau", "shear")
    with pytest.raises(ParameterError, match=r"Npix=4097\.parquet', which lacks 'weight'"):
        list(catalog.chunks())


def test_the_convention_is_decided_and_reported_once(tmp_path):
    write_foreign(tmp_path, partitions())
    with pytest.warns(ConventionWarning, match="are assumed") as caught:
        catalog = HatsCatalog(tmp_path)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chunks = list(catalog.chunks())
    assert len(chunks) == 4
    assert chunks[0].origins == catalog.origins
    assert catalog.origins["convention"] == "default"


def test_conditions_and_other_settings_hold_for_each_part(tmp_path, caplog):
    truth = make_folder(tmp_path)
    catalog = HatsCatalog(
        tmp_path, where="redshift > 0.5", max_ellipticity=0.4, response=0.7,
        extra_columns="_healpix_29",
    )
    caplog.clear()
    with pytest.warns(CatalogWarning, match="rows are left out: .* above 0.4") as caught:
        chunks = list(catalog.chunks())
    assert len(caught) == 1 and caplog.messages == []
    n_far = (truth["redshift"] > 0.5).sum()
    n_good = sum(map(len, chunks))
    assert n_good < n_far and str(caught[0].message).startswith(f"{n_far - n_good} of {n_far} rows")
    assert all(chunk.response == 0.7 and chunk["redshift"].min() > 0.5 for chunk in chunks)
    assert chunks[0]["_healpix_29"].dtype == np.int64
    none = HatsCatalog(tmp_path, where="redshift > 5")
    assert none.within_pixels(6, [4096]) is None and list(none.chunks()) == []


@pytest.mark.parametrize(("kwargs", "message"), [
    ({"where": "magnitude < 3"}, "magnitude"),
    ({"extra_columns": "magnitude"}, "magnitude"),
    ({"units": {"m": "%"}}, "units"),
    ({"columns": {"weight": "w"}}, "'w'"),
    ({"convention": "up"}, "convention"),
    ({"max_ellipticity": 0.0}, "max_ellipticity"),
])
def test_wrong_settings_are_refused_at_once(survey, kwargs, message):
    with pytest.raises(ValueError, match=message):
        HatsCatalog(survey[0].folder, **kwargs)


def test_keys_are_those_of_the_galaxy_wherever_it_is_read(survey):
    catalog, truth = survey
    whole = {
        (chunk.ra[i], chunk.dec[i]): key
        for chunk in catalog.chunks(keys=True) for i, key in enumerate(galaxy_keys(chunk))
    }
    assert len(set(whole.values())) == 1200
    sky = SkyCoord(truth["ra"][450], truth["dec"][450], unit="deg")
    for part in (catalog.within_pixels(8, catalog.pixels(8)[::3], keys=True),
                 catalog.near(sky, 0.4 * u.deg, keys=True)):
        keys = catalog.galaxy_keys(part)
        assert keys.dtype == np.uint64 and len(keys) > 20
        assert [whole[place] for place in zip(part.ra, part.dec, strict=True)] == list(keys)
    with pytest.raises(ParameterError, match="keys=True"):
        galaxy_keys(catalog.within_pixels(6, [4096]))


def test_keys_come_from_the_source_and_are_uniform(tmp_path):
    own = galaxies_in(6, 4096, 4000)
    own |= {"src_file": np.full(4000, 3), "src_row": np.arange(4000)}
    write_hats(tmp_path / "a", [(6, 4096, own)])
    rows = np.random.default_rng(0).permutation(4000)
    write_hats(tmp_path / "b", [(6, 4096, {name: v[rows] for name, v in own.items()})])
    keys = [galaxy_keys(HatsCatalog(tmp_path / name).within_pixels(6, [4096], keys=True))
            for name in "ab"]
    np.testing.assert_array_equal(keys[0][rows], keys[1])
    # Each bit is set for half of the galaxies: 5 sigma of 4000 are 4 per cent.
    bits = np.unpackbits(keys[0].view(np.uint8).reshape(-1, 8), axis=1)
    assert np.all(np.abs(bits.mean(axis=0) - 0.5) < 0.04)


def test_galaxies_at_one_place_have_different_keys(tmp_path):
    own = galaxies_in(6, 4096, 2)
    own = {name: values[[0, 0]] for name, values in own.items()}
    write_hats(tmp_path, [(6, 4096, own)])
    first, second = galaxy_keys(HatsCatalog(tmp_path).within_pixels(6, [4096], keys=True))
    assert first != second


def test_digests_show_which_partitions_changed(tmp_path):
    make_folder(tmp_path)
    before = HatsCatalog(tmp_path)
    digests, digest = before.partition_digests(), before.digest()
    assert list(digests) == [f"{order}/{pixel}" for order, pixel in PIXELS]
    assert digest["files"] == 4 and before.changed(digests) == []
    parts = partitions()
    parts[1][2]["e1"] = parts[1][2]["e1"] + 1e-3
    del parts[3]
    parts.append((2, 9, galaxies_in(2, 9, 30)))
    write_hats(tmp_path, parts, overwrite=True)
    after = HatsCatalog(tmp_path)
    assert after.digest()["sha256_of_footers"] != digest["sha256_of_footers"]
    assert after.changed(digests) == [(2, 9), (6, 4096), (5, 1025)]


def test_shear_catalog_reads_the_whole_folder(survey, monkeypatch):
    catalog, truth = survey
    whole = ShearCatalog.read(catalog.folder, where="redshift < 1")
    near = truth["redshift"] < 1
    np.testing.assert_array_equal(whole.ra, truth["ra"][near])
    with pytest.raises(ParameterError, match="is a folder, so leave hdu out"):
        ShearCatalog.read(catalog.folder, hdu=1)
    monkeypatch.setenv("LENSMAP_MEMORY_LIMIT", "1000")
    with pytest.raises(MemoryError, match="HatsCatalog"):
        ShearCatalog.read(catalog.folder)


def test_partitions_of_another_schema_are_refused(tmp_path):
    write_hats(tmp_path, partitions(), meta={"LMSCHEMA": 99})
    with pytest.raises(ValueError, match="version 99 of their form"):
        HatsCatalog(tmp_path)


def test_a_table_of_a_partition_is_that_of_astropy(survey):
    catalog, truth = survey
    table = Table.read(catalog.partitions[0].paths[0])
    np.testing.assert_array_equal(table["ra"], truth["ra"][:300])


def test_damage_within_columns_is_found_by_checksums(tmp_path):
    make_folder(tmp_path, n=3000)
    (path,) = tmp_path.glob("dataset/Norder=6/Dir=0/Npix=4096.parquet")
    content = bytearray(path.read_bytes())
    content[9000] ^= 1  # one bit of a position
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot read '.*Npix=4096\.parquet'.*[Cc][Rr][Cc]"):
        HatsCatalog(tmp_path).within_pixels(6, [4096])


def test_further_columns_have_no_role(tmp_path):
    own = galaxies_in(6, 4096, 40)
    own |= {"zphot": own["redshift"], "lensfit_weight": np.ones(40), "G1": np.ones(40)}
    write_hats(tmp_path, [(6, 4096, own)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        catalog = HatsCatalog(tmp_path, {"weight": "lensfit_weight", "redshift": None})
    assert catalog.column_names == {
        "ra": "ra", "dec": "dec", "e1": "e1", "e2": "e2", "weight": "lensfit_weight"
    }
    assert catalog.within_pixels(6, [4096]).weight.sum() == 40
