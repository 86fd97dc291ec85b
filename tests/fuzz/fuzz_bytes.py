# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Mutations of any file: cut, empty, garbled, missing, of another kind, with an odd name."""

import gzip
import os
import shutil

from fuzz_mutation import Expect, of_bytes

BINARY = "map image mask healpix field array weights"
TEXT = "region polygon config preset"
ALL = f"catalog positions holes {BINARY} {TEXT}"


@of_bytes(f"catalog {BINARY}", Expect.FREE)
def cut(path, rng):
    """Leave the first part of a file; text formats may then hold fewer rows."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * rng.uniform(0.02, 0.98))])


@of_bytes("map image mask field weights", Expect.REFUSED)
def cut_in_half(path, rng):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


@of_bytes("map image mask field array weights healpix catalog", Expect.REFUSED)
def empty(path, rng):
    path.write_bytes(b"")


@of_bytes(TEXT + " positions holes", Expect.FREE)
def empty_text(path, rng):
    path.write_bytes(b"")


@of_bytes(ALL, Expect.FREE)
def flipped_bits(path, rng):
    data = bytearray(path.read_bytes())
    for place in rng.integers(0, min(len(data), 5760), 8):
        data[place] ^= 1 << int(rng.integers(8))
    path.write_bytes(bytes(data))


@of_bytes(ALL, Expect.REFUSED)
def missing(path, rng):
    path.unlink()


@of_bytes(ALL, Expect.REFUSED)
def a_folder(path, rng):
    path.unlink()
    path.mkdir()


@of_bytes(ALL, Expect.REFUSED)
def a_dangling_link(path, rng):
    path.unlink()
    path.symlink_to("nothing.here")


@of_bytes("catalog " + BINARY, Expect.REFUSED)
def noise(path, rng):
    path.write_bytes(rng.bytes(4000))


@of_bytes(TEXT + " positions holes", Expect.FREE)
def noise_as_text(path, rng):
    path.write_bytes(rng.bytes(300))


@of_bytes("catalog map image mask field", Expect.REFUSED)
def a_web_page(path, rng):
    """Replace the file by what a failed download leaves."""
    path.write_text("<!DOCTYPE html><html><body><h1>404 Not Found</h1></body></html>\n")


@of_bytes("catalog map image mask field weights array", Expect.FREE)
def another_suffix(path, rng):
    suffixes = [one for one in (".fits", ".csv", ".h5", ".parquet", ".dat") if one != path.suffix]
    return path.rename(path.with_suffix(str(rng.choice(suffixes))))


@of_bytes("map image mask field", Expect.HARMLESS)
def compressed(path, rng):
    new = path.with_name(path.name + ".gz")
    new.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    return new


@of_bytes("catalog map region positions config preset mask", Expect.HARMLESS)
def an_odd_name(path, rng):
    names = ["a b", "-dash", "it's", 'a"b', "$HOME", "ä ö", "<b>bold</b>", "50%", "#1", "a,b"]
    return path.rename(path.with_name(str(rng.choice(names)) + path.suffix))


@of_bytes("catalog map region positions", Expect.FREE)
def control_characters_in_the_name(path, rng):
    return path.rename(path.with_name("a\x1b[31mb\nc\x07" + path.suffix))


@of_bytes("catalog map image mask field config region", Expect.HARMLESS)
def a_link(path, rng):
    if path.is_symlink():
        return
    target = path.with_name("target" + path.suffix)
    path.rename(target)
    path.symlink_to(target.name)


@of_bytes("catalog map mask positions config", Expect.HARMLESS)
def read_only(path, rng):
    os.chmod(path, 0o444)


@of_bytes("config preset region polygon positions", Expect.FREE)
def a_byte_order_mark(path, rng):
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())


@of_bytes("config preset region polygon positions", Expect.HARMLESS)
def windows_lines(path, rng):
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


@of_bytes("config preset region polygon positions catalog", Expect.FREE)
def latin_1(path, rng):
    path.write_bytes(path.read_bytes() + "# é\n".encode("latin-1"))


@of_bytes("config preset region polygon positions", Expect.FREE)
def null_bytes(path, rng):
    path.write_bytes(path.read_bytes() + b"\x00\x00\n")


@of_bytes("weights", Expect.REFUSED)
def no_card(path, rng):
    path.with_suffix(".json").unlink()


@of_bytes("weights", Expect.REFUSED)
def a_card_that_is_no_json(path, rng):
    card = path.with_suffix(".json")
    card.write_text(card.read_text()[:-40])


@of_bytes("folder", Expect.FREE)
def a_copy_of_a_field(path, rng):
    shutil.copy(path / "field_0000.fits", path / "field_0000 (1).fits")


@of_bytes("folder", Expect.REFUSED)
def an_empty_folder(path, rng):
    (path / "field_0000.fits").unlink()


@of_bytes("folder", Expect.REFUSED)
def a_cut_field(path, rng):
    field = path / "field_0000.fits"
    field.write_bytes(field.read_bytes()[:3000])


@of_bytes("folder", Expect.REFUSED)
def a_file_instead_of_a_folder(path, rng):
    shutil.rmtree(path)
    path.write_text("no folder\n")
