# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``verify``: changed inputs, flipped bytes, other versions and missing files."""

import gzip
import json
import shutil
import sys

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from cli_records import validated

from lensmap import CNNReconstructor, ConvergenceMap, KaiserSquires, make_wcs
from lensmap.cli import main
from lensmap.cli._estimator_options import record_networks
from lensmap.networks import read_card
from lensmap.provenance import read_provenance, verify
from lensmap.utils import UNSEALED, recording, seal, write_table

COMMAND = ["peaks", "kappa.fits", "--by", "kappa", "--threshold", "0.5", "--json", "p.json"]
NAMES = ["p.ecsv", "p.fits", "p.fits.gz", "p.h5", "p.parquet", "p.vot"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a map, and its peaks in all formats."""
    folder = tmp_path_factory.mktemp("made")
    wcs = make_wcs(SkyCoord([10.0, 10.3], [-0.1, 0.2], unit="deg"), "1 arcmin")
    data = np.zeros(wcs.array_shape)
    data[5, 9] = 1.0
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        ConvergenceMap(data, wcs=wcs).write("kappa.fits")
        for name in NAMES:
            assert main([*COMMAND, "-o", name, "--regions", f"{name}.reg"]) == 0
        assert main(["simulate", "fields", "-o", "fields", "-n", "1", "--shape", "16", "16",
                     "--pixel-scale", "3arcmin", "--z-source", "1", "--workers", "1"]) == 0
    return folder


@pytest.fixture
def folder(made, tmp_path, monkeypatch):
    """A copy of the folder, which is also the working directory."""
    shutil.copytree(made, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def codes(path, **options):
    return [(finding.code, finding.verdict) for finding in verify(path, **options).findings]


def flip(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", [*NAMES, "p.json", "fields", "kappa.fits"])
def test_nothing_has_changed(name, folder):
    result = verify(folder / name)
    assert (result.verdict, result.findings) == ("right", [])
    assert result.n_checks["checksums"] == result.n_checks["versions"] == 1
    if name not in ("kappa.fits", "fields"):
        assert result.n_checks["inputs"] == 1
        assert result.provenance["command"] == "peaks"


def test_parquet_without_pandas(folder, monkeypatch):
    """The extra of surveys has pyarrow without pandas."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert verify(folder / "p.parquet").verdict == "right"


@pytest.mark.parametrize("name", [*NAMES, "p.json"])
def test_any_flipped_byte_is_found(name, folder):
    path = folder / name
    rng, content = np.random.default_rng(1), path.read_bytes()
    positions = rng.choice(len(content), 25, replace=False)
    # The first and last bytes, and those of the digest itself.
    ends = [0, len(content) - 1] if not name.endswith(".gz") else [len(content) - 5]
    mark = content.find(b"lensmap-sha256:")
    ends += [mark + 3, mark + 40] if mark >= 0 else []
    for position in [*positions, *ends]:
        if name.endswith(".gz") and position < 10:
            continue  # the header of gzip has no checksum
        flip(path, position)
        result = verify(path)
        assert result.verdict == "wrong", position
        assert str(path) in result.findings[0].message
        path.write_bytes(content)


def test_padding_of_a_header(folder):
    # astropy does not test these bytes.
    path = folder / "kappa.fits"
    flip(path, 2879)
    with fits.open(path) as hdus:
        assert hdus[0].verify_checksum() == 1
    assert codes(path) == [("checksum", "wrong")]
    assert "in the HDU 'PRIMARY'" in verify(path).findings[0].message


@pytest.mark.parametrize("cut", [1, 2880, 5000])
def test_a_file_that_is_cut(cut, folder):
    path = folder / "kappa.fits"
    path.write_bytes(path.read_bytes()[:-cut])
    assert verify(path).verdict == "wrong"


@pytest.mark.parametrize("name", ["p.ecsv", "p.fits", "p.h5", "p.json"])
def test_a_changed_input(name, folder):
    flip(folder / "kappa.fits", 3000)
    result = verify(folder / name)
    assert result.verdict == "wrong" and len(result.findings) == 1
    finding = result.findings[0]
    assert finding.code == "input_changed" and finding.path == str(folder / "kappa.fits")
    assert f"the input 'kappa.fits' (the map) has changed since {name!r}" in finding.message
    assert "its SHA-256 begins with" in finding.message
    (folder / "kappa.fits").write_bytes(b"short")
    assert "it has 5 bytes, not" in verify(folder / name).findings[0].message


def test_a_missing_input(folder):
    (folder / "elsewhere").mkdir()
    (folder / "kappa.fits").rename(folder / "elsewhere" / "kappa.fits")
    assert codes("p.ecsv") == [("input_missing", "undecided")]
    assert codes("p.ecsv", inputs=folder / "elsewhere") == []
    assert codes("p.ecsv", inputs=["fields", "elsewhere"]) == []
    # Another file of the same name does not hide the input.
    (folder / "kappa.fits").write_text("another map")
    assert codes("p.ecsv", inputs="elsewhere") == []


def test_full_paths(folder, tmp_path, monkeypatch):
    assert main([*COMMAND, "--json", "full.json", "--record-paths", "-o", "full.ecsv"]) == 0
    record = json.loads((folder / "full.json").read_text())
    assert record["inputs"][0]["path"] == str(folder / "kappa.fits")
    shutil.move("full.ecsv", tmp_path / "full.ecsv")
    monkeypatch.chdir("/")
    assert codes(tmp_path / "full.ecsv") == []
    shutil.copy(folder / "p.ecsv", tmp_path / "p.ecsv")
    assert codes(tmp_path / "p.ecsv") == [("input_missing", "undecided")]


def test_another_version(folder, monkeypatch):
    versions = dict(read_provenance("p.ecsv")["versions"])
    monkeypatch.setattr(
        "lensmap.provenance._verify.package_versions", lambda: versions | {"numpy": "1.26.0"}
    )
    assert codes("p.ecsv") == [("version", "undecided")]
    message = verify("p.ecsv").findings[0].message
    assert f"numpy {versions['numpy']} (installed: 1.26.0)" in message and "scipy" not in message


def test_another_schema(folder, monkeypatch):
    monkeypatch.setattr("lensmap.utils._provenance.PROVENANCE_SCHEMA", 2)
    write_table(Table({"a": [1]}), "new.ecsv")
    assert codes("new.ecsv") == [("schema", "wrong")]
    message = verify("new.ecsv").findings[0].message
    assert "in version 2 of its form, but the installed lensmap reads version 1" in message


def test_outputs_of_a_json_record(folder):
    (folder / "p.vot.reg").write_text("image")
    assert codes("p.json") == [("output_changed", "wrong")]
    (folder / "p.vot").unlink()
    assert sorted(codes("p.json")) == [("output_changed", "wrong"), ("output_missing", "wrong")]


def test_files_without_a_record(folder):
    hdus = [fits.PrimaryHDU(), fits.ImageHDU(np.zeros((2, 2)))]
    fits.HDUList(hdus).writeto("plain.fits")
    result = verify("plain.fits")
    assert result.n_checks["checksums"] == 0
    assert "a CHECKSUM card: 'PRIMARY', 'HDU 1'" in result.findings[0].message
    for name, expected in (("plain.fits", "no_checksum"), ("p.vot.reg", "no_record")):
        assert codes(name) == [(expected, "undecided")]
    with pytest.raises(FileNotFoundError, match="there is no file or folder 'no.fits'"):
        verify("no.fits")


def test_input_folders(folder):
    from lensmap.utils import folder_digest

    facts = {"option": "--fields", "path": "fields", **folder_digest("fields")}
    with recording({"inputs": [facts]}):
        write_table(Table({"a": [1]}), "t.ecsv")
    assert codes("t.ecsv") == []
    (folder / "fields" / "field_0001.fits").write_text("new")
    assert codes("t.ecsv") == [("input_changed", "wrong")]


class TestFolder:
    def test_a_flipped_byte(self, folder):
        flip(folder / "fields" / "field_0000.fits", 4000)
        assert codes("fields") == [("output_changed", "wrong")]

    def test_other_settings(self, folder):
        path = folder / "fields" / "settings.json"
        path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
        assert codes("fields") == [("output_changed", "wrong")]

    def test_without_the_record_of_a_run(self, folder):
        from lensmap.simulate import HaloModelField, simulate_fields

        model = HaloModelField(z_source=1.0, shape=(16, 16), pixel_scale="3 arcmin")
        simulate_fields(model, "fields", 2, workers=1)  # removes the record, which is not complete
        assert not (folder / "fields" / "run.json").exists()
        assert ("no_record", "undecided") in codes("fields")
        flip(folder / "fields" / "field_0001.fits", 4000)
        assert ("checksum", "wrong") in codes("fields")

    def test_the_form_of_the_settings(self, folder):
        (folder / "fields" / "run.json").unlink()
        path = folder / "fields" / "settings.json"
        path.write_text(path.read_text().replace('"schema": 1', '"schema": 2'))
        assert ("schema", "wrong") in codes("fields")
        (finding,) = [one for one in verify("fields").findings if one.code == "schema"]
        assert "schema must be 1, not 2" in finding.message
        assert finding.path == "fields/settings.json"
        path.write_text(path.read_text().replace('"lensmap": "', '"lensmap": "0.0'))
        assert ("schema", "undecided") in codes("fields")

    @pytest.mark.parametrize(("name", "value", "message"), [
        ("n_existing", "none", "n_existing must be of type integer"),
        ("command", "simulate", "command must be the name of a command"),
        ("notes", "new", "notes is unknown"),
    ])
    def test_the_form_of_the_record(self, name, value, message, folder):
        path = folder / "fields" / "run.json"
        # That of the record, and that of the settings.
        assert verify("fields").n_checks["schema"] == 2
        record = json.loads(path.read_text()) | {name: value, "seal": UNSEALED}
        path.write_text(json.dumps(record))
        seal(path)
        (finding,) = verify("fields").findings
        assert (finding.code, finding.verdict) == ("schema", "wrong")
        assert message in finding.message

    def test_new_files(self, folder):
        (folder / "fields" / "notes.txt").write_text("new")
        assert codes("fields") == [("new_files", "undecided")]


class TestCommand:
    def test_right(self, folder, capsys):
        assert main(["verify", "p.ecsv", "fields", "--json", "v.json"]) == 0
        assert capsys.readouterr().out.splitlines()[0] == (
            "p.ecsv: right (checked: 1 checksums, 1 schema, 1 versions, 1 inputs)"
        )
        record = validated("v.json")
        assert record["verdict"] == "right" and record["status"] == "done"
        assert [item["path"] for item in record["products"]] == ["p.ecsv", "fields"]
        assert record["products"][0]["made_with"].startswith("lensmap peaks kappa.fits")

    def test_wrong(self, folder, capsys):
        flip(folder / "p.ecsv", (folder / "p.ecsv").read_bytes().index(b"bytes: ") + 7)
        flip(folder / "kappa.fits", 5000)
        assert main(["verify", "p.ecsv", "p.fits", "--json", "v.json"]) == 3
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith("p.ecsv: wrong") and lines[2].startswith("p.fits: wrong")
        assert lines[1].startswith("  wrong: 'p.ecsv' was changed, because its checksum is wrong")
        assert lines[3].startswith("  wrong: the input 'kappa.fits' (the map) has changed")
        record = validated("v.json")
        found = [finding["code"] for item in record["products"] for finding in item["findings"]]
        assert found == ["checksum", "input_changed"] and record["status"] == "wrong"

    def test_undecided(self, folder):
        (folder / "kappa.fits").rename(folder / "fields" / "kappa.fits")
        assert main(["verify", "p.ecsv", "--json", "v.json"]) == 4
        assert validated("v.json")["verdict"] == "undecided"
        assert main(["verify", "p.ecsv", "--inputs", "fields"]) == 0

    def test_usage(self, folder, capsys):
        assert main(["verify", "no.fits"]) == 1
        assert main(["verify", "p.ecsv", "--inputs", "p.json"]) == 1
        lines = capsys.readouterr().err.splitlines()
        assert lines[0].startswith("lensmap: error: the products: there is no file 'no.fits'")
        assert "--inputs: 'p.json' is a file, not a folder" in lines[1]


def test_a_compressed_map_is_the_map(folder):
    with gzip.open("p.fits.gz") as file:
        content = file.read()
    assert content.startswith(b"SIMPLE") and codes("p.fits.gz") == []


@pytest.mark.parametrize(("edition", "sha256", "expected"), [
    ("lensmap-2", None, []),
    ("lensmap-2", "0" * 64, [("network_changed", "wrong")]),
    ("lensmap-99", None, [("network_missing", "undecided")]),
    (None, "0" * 64, []),
])
def test_the_weights_of_networks(edition, sha256, expected, tmp_path):
    wcs = make_wcs(SkyCoord([10.0, 10.3], [-0.1, 0.2], unit="deg"), "1 arcmin")
    meta = {
        "weights": sha256 or read_card("lensmap")["sha256"], "weights_edition": edition,
        "parameters": {"network": "some/lensmap"},
    }
    path = tmp_path / "kappa.fits"
    ConvergenceMap(np.zeros(wcs.array_shape), wcs=wcs, meta=meta).write(path)
    assert fits.getheader(path).get("NETWORK") == edition
    assert read_provenance(path)["networks"] == [
        {"name": "lensmap", "edition": edition, "sha256": meta["weights"]}
    ]
    assert codes(path) == expected
    assert verify(path).n_checks.get("networks", 0) == (edition is not None)


def test_a_run_records_its_networks(tmp_path, monkeypatch):
    """Even before TensorFlow is loaded."""
    monkeypatch.chdir(tmp_path)
    with recording({}):
        record_networks([CNNReconstructor(network="cha2025"), KaiserSquires(), "h21like-1"])
        write_table(Table({"a": [1]}), "a.ecsv")
    names = [(one["name"], one["edition"]) for one in read_provenance("a.ecsv")["networks"]]
    assert names == [("cha2025", "cha2025-1"), ("h21like-1", "h21like-1")]
    assert verify("a.ecsv").n_checks["networks"] == 2 and codes("a.ecsv") == []
