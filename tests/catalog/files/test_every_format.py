# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Every format with every kind of column gives the same catalog, or one clear error."""

import gzip
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import Angle
from catalogs import read_shear_catalog
from table_writers import SUFFIXES, WRITERS

from lensmap.utils import CatalogWarning

N = 200
RNG = np.random.default_rng(20)
TRUTH = {
    "ra": 150.0 + RNG.uniform(0.0, 0.5, N),
    "dec": -2.0 + RNG.uniform(0.0, 0.5, N),
    "e1": RNG.normal(0.0, 0.2, N),
    "e2": RNG.normal(0.0, 0.2, N),
    "weight": RNG.uniform(0.5, 1.5, N),
}
EVERY_FORMAT = pytest.mark.parametrize("kind", WRITERS)
WITH_UNITS = pytest.mark.parametrize("kind", [kind for kind in WRITERS if kind != "csv"])


def written(tmp_path, kind, columns, units=None, **kwargs):
    for package in {"hdf5": ["h5py"], "parquet": ["pyarrow"]}.get(kind.split()[0], ()):
        pytest.importorskip(package)
    path = tmp_path / f"cat.{SUFFIXES[kind]}"
    WRITERS[kind](path, columns, units, **kwargs)
    return path


def assert_true(catalog, rtol=1e-12):
    for name, values in TRUTH.items():
        np.testing.assert_allclose(catalog[name], values, rtol=rtol)
        assert catalog[name].dtype.isnative and catalog[name].dtype.kind == "f"


@EVERY_FORMAT
@pytest.mark.parametrize("noise", [False, True])
def test_numbers(tmp_path, kind, noise):
    assert_true(read_shear_catalog(written(tmp_path, kind, TRUTH, noise=noise)))


@EVERY_FORMAT
def test_content_determines_the_format(tmp_path, kind):
    """Also under a name that stands for another format."""
    path = written(tmp_path, kind, TRUTH)
    assert_true(read_shear_catalog(path.rename(tmp_path / "shear.dat")))


@pytest.mark.parametrize("kind", ["fits", "votable", "ecsv", "csv"])
def test_compressed(tmp_path, kind):
    path = written(tmp_path, kind, TRUTH)
    packed = tmp_path / f"{path.name}.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert_true(read_shear_catalog(packed))


@EVERY_FORMAT
def test_numbers_as_text(tmp_path, kind):
    columns = {name: np.array(list(map(repr, values.tolist()))) for name, values in TRUTH.items()}
    for name, word in (("e1", "nan"), ("e2", "null"), ("dec", "N/A"), ("weight", "--")):
        columns[name][{"e1": 1, "e2": 2, "dec": 3, "weight": 4}[name]] = word
    with pytest.warns(CatalogWarning, match=f"4 of {N} rows are left out"):
        catalog = read_shear_catalog(written(tmp_path, kind, columns))
    good = np.delete(np.arange(N), [1, 2, 3, 4])
    np.testing.assert_allclose(catalog.e1, TRUTH["e1"][good])


@EVERY_FORMAT
def test_a_word_among_numbers(tmp_path, kind):
    columns = TRUTH | {"e1": np.array(list(map(repr, TRUTH["e1"].tolist())))}
    columns["e1"][6] = "0,125"
    path = written(tmp_path, kind, columns) if kind != "csv" else None
    if path is None:
        columns["e1"][6] = '"0,125"'
        path = written(tmp_path, kind, columns)
    with pytest.raises(ValueError, match="'e1'.* in row 7, '0,125' .* replace decimal commas"):
        read_shear_catalog(path)


@EVERY_FORMAT
@pytest.mark.parametrize("form", ["colons", "blanks", "letters", "degrees"])
def test_sexagesimal(tmp_path, kind, form):
    ra, dec = Angle(TRUTH["ra"] * u.deg), Angle(TRUTH["dec"] * u.deg)
    sep = {"colons": ":", "blanks": " ", "letters": "hms", "degrees": "dms"}[form]
    unit = u.deg if form == "degrees" else u.hourangle
    text = {
        "ra": np.array(ra.to_string(unit, sep=sep if form != "letters" else "hms", precision=9)),
        "dec": np.array(
            dec.to_string(u.deg, sep="dms" if form == "letters" else sep, precision=8,
                          alwayssign=True)
        ),
    }
    assert_true(read_shear_catalog(written(tmp_path, kind, TRUTH | text)), rtol=1e-11)


@EVERY_FORMAT
def test_sexagesimal_right_ascension_in_degrees(tmp_path, kind):
    text = np.array(Angle(TRUTH["ra"] * u.deg).to_string(u.deg, sep=":", precision=8))
    path = written(tmp_path, kind, TRUTH | {"ra": text})
    assert_true(read_shear_catalog(path, units={"ra": "deg"}), rtol=1e-11)


@WITH_UNITS
@pytest.mark.parametrize(
    ("word", "factor"),
    [("degrees", 1), ("DEG", 1), ("[deg]", 1), ("none", 1), ("RADIANS", np.pi / 180),
     ("hours", 1 / 15), ("arcmin", 60), ("ArcSec", 3600)],
)
def test_units_of_positions(tmp_path, kind, word, factor):
    columns = TRUTH | {name: TRUTH[name] * factor for name in ("ra", "dec")}
    units = {"ra": word, "dec": word}
    assert_true(read_shear_catalog(written(tmp_path, kind, columns, units)))


@WITH_UNITS
@pytest.mark.parametrize("word", ["1", "none", "unitless", "dimensionless", "---", ""])
def test_words_for_no_unit(tmp_path, kind, word):
    units = {"e1": word, "e2": word, "weight": word}
    assert_true(read_shear_catalog(written(tmp_path, kind, TRUTH, units)))


@WITH_UNITS
def test_a_unit_that_nobody_knows(tmp_path, kind):
    path = written(tmp_path, kind, TRUTH, {"ra": "furlongs", "e1": "Jy"})
    with pytest.raises(ValueError, match=r"'ra' .*'furlongs'.* units=\{'ra': 'deg'\}"):
        read_shear_catalog(path)
    with pytest.raises(ValueError, match=r"'e1' .*'Jy'.* units=\{'e1': 'none'\}"):
        read_shear_catalog(path, units={"ra": "deg"})
    assert_true(read_shear_catalog(path, units={"ra": "deg", "e1": "none"}))


@EVERY_FORMAT
def test_declared_units(tmp_path, kind):
    path = written(tmp_path, kind, TRUTH | {"ra": TRUTH["ra"] / 15})
    assert_true(read_shear_catalog(path, units={"ra": "hourangle"}))


@pytest.mark.parametrize("kind", [kind for kind in WRITERS if kind != "csv"])
@pytest.mark.parametrize("noise", [False, True])
def test_vectors(tmp_path, kind, noise):
    columns = {name: TRUTH[name] for name in ("ra", "dec", "weight")}
    columns["g"] = np.stack([TRUTH["e1"], TRUTH["e2"]], axis=1)
    path = written(tmp_path, kind, columns, noise=noise)
    assert_true(read_shear_catalog(path, columns={"e1": "g[0]", "e2": "g[1]"}))
    words = r"'e1', not .* 2 numbers per row.*columns=\{'e1': 'g\[0\]'"
    with pytest.raises(TypeError, match=words):
        read_shear_catalog(path, columns={"e1": "g", "e2": "g[1]"})
    with pytest.raises(ValueError, match=r"not 'g\[2\]': .* the shape \(2,\)"):
        read_shear_catalog(path, columns={"e1": "g[2]", "e2": "g[1]"})
    with pytest.raises(ValueError, match=r"not 'weight\[0\]': .* one number per row"):
        read_shear_catalog(path, columns={"e1": "weight[0]", "e2": "g[1]"})


@pytest.mark.parametrize("kind", ["fits", "hdf5 rows", "parquet", "votable", "ecsv"])
def test_one_row_of_all_galaxies(tmp_path, kind):
    columns = {name: values[np.newaxis] for name, values in TRUTH.items()}
    assert_true(read_shear_catalog(written(tmp_path, kind, columns)))


@EVERY_FORMAT
@pytest.mark.parametrize("dtype", ["f4", ">f4", ">f8", "i4", ">i8"])
def test_types_of_weights(tmp_path, kind, dtype):
    weight = np.arange(1, N + 1).astype(dtype)
    if kind == "parquet":
        weight = weight.astype(weight.dtype.newbyteorder("="))
    catalog = read_shear_catalog(written(tmp_path, kind, TRUTH | {"weight": weight}))
    np.testing.assert_array_equal(catalog.weight, np.arange(1, N + 1))


@EVERY_FORMAT
def test_large_identifiers(tmp_path, kind):
    ids = np.arange(N, dtype=np.int64) + 2**62 + 1
    path = written(tmp_path, kind, TRUTH | {"id": ids})
    catalog = read_shear_catalog(path, extra_columns=["id"])
    np.testing.assert_array_equal(np.asarray(catalog["id"]), ids)


@EVERY_FORMAT
def test_truth_values_are_no_numbers(tmp_path, kind):
    path = written(tmp_path, kind, TRUTH | {"e1": np.arange(N) % 2 == 0})
    with pytest.raises((TypeError, ValueError), match="'e1'"):
        read_shear_catalog(path)


@EVERY_FORMAT
def test_no_rows(tmp_path, kind):
    path = written(tmp_path, kind, {name: values[:0] for name, values in TRUTH.items()})
    with pytest.raises(ValueError, match="no usable row is left of 0"):
        read_shear_catalog(path)


# Astropy 7.0 leaves a file open whose header is cut.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@EVERY_FORMAT
@pytest.mark.parametrize("part", [0.97, 0.5, 0.1, 0.02])
def test_a_file_cut_in_transfer(tmp_path, kind, part):
    path = written(tmp_path, kind, TRUTH)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    warnings.simplefilter("ignore", CatalogWarning)  # the last row of text may lack a number
    try:
        catalog = read_shear_catalog(path)
    except ValueError as error:
        message = str(error)
        assert str(path) in message or part > 0.1 and "row" in message, message
        assert "\n" not in message and len(message) < 1000
    except TypeError as error:
        assert "'e" in str(error)
    else:  # text may end anywhere
        assert kind in ("csv", "ecsv") and len(catalog) < N


@pytest.mark.parametrize("kind", ["fits", "hdf5 columns", "parquet", "csv"])
def test_control_characters_in_names(tmp_path, kind):
    columns = {name: TRUTH[name] for name in ("ra", "dec")}
    columns["\x1b[2Je1" if kind != "fits" else "e1?"] = TRUTH["e1"]
    path = written(tmp_path, kind, columns)
    with pytest.raises(ValueError, match="must name e1, e2") as caught:
        read_shear_catalog(path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("kind", ["fits", "csv", "votable", "hdf5 columns"])
def test_errors_list_a_dozen_names(tmp_path, kind):
    path = written(tmp_path, kind, {f"column_{i}": TRUTH["ra"] for i in range(500)})
    with pytest.raises(ValueError, match="and 488 more") as caught:
        read_shear_catalog(path)
    assert len(str(caught.value)) < 800
