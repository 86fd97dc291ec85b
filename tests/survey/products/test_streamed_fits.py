# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tests of HDUs that grow: their checksums are those of astropy."""

import numpy as np
import pytest
from astropy.io import fits

from lensmap.provenance import verify
from lensmap.survey.products._streamed_fits import GrowingHDU, _encoded, hdu_bytes


@pytest.mark.parametrize("size", [0, 1, 2, 3, 5, 4001])
@pytest.mark.parametrize("dtype", ["u1", "f4", "i8"])
def test_image_in_parts(tmp_path, dtype, size):
    values = np.random.default_rng(size).integers(0, 200, size).astype(dtype)
    path = tmp_path / "image.fits"
    with open(path, "wb+") as file:
        file.write(hdu_bytes(fits.PrimaryHDU()))
        image = GrowingHDU(file, fits.ImageHDU(np.zeros(7, dtype)).header, "NAXIS1")
        for part in np.array_split(values, 3):
            image.append(part)
        image.finish()
        file.write(hdu_bytes(fits.ImageHDU(np.arange(3), name="LAST")))
        assert image.n_rows == size
    with fits.open(path) as hdus:
        if size:
            np.testing.assert_array_equal(hdus[1].data, values)
            assert hdus[1].verify_checksum() == hdus[1].verify_datasum() == 1
        hdus[1].verify("exception")
        np.testing.assert_array_equal(hdus["LAST"].data, np.arange(3))
    assert [finding.code for finding in verify(path).findings] == ["no_record"]


def test_table_in_parts(tmp_path):
    table = np.array([(1, 0.5), (2, 1.5), (3, -1e300)], [("A", "i4"), ("B", "f8")])
    path = tmp_path / "table.fits"
    with open(path, "wb+") as file:
        file.write(hdu_bytes(fits.PrimaryHDU()))
        growing = GrowingHDU(file, fits.BinTableHDU(table[:0]).header, "NAXIS2")
        growing.append(table[:1])
        growing.append(table[1:])
        growing.finish()
    expected = fits.BinTableHDU(table)
    expected.add_datasum()
    with fits.open(path) as hdus:
        np.testing.assert_array_equal(np.array(hdus[1].data), table)
        assert hdus[1].header["DATASUM"] == expected.header["DATASUM"]
        assert hdus[1].verify_checksum() == 1


def test_encoding_has_letters_and_digits_only():
    # Bytes whose quarters fall on the punctuation between digits and letters.
    for value in (0, 0xE8E8E8E8, 0xFFFFFFFF, 0x29000000, 0xABCDEF01, 0x2B2F3337):
        text = _encoded(value)
        assert text.isalnum()
        codes = [ord(character) - ord("0") for character in text[1:] + text[0]]
        rows = np.array(codes).reshape(4, 4).sum(axis=0)
        assert [int(byte) for byte in rows] == list(value.to_bytes(4, "big"))
