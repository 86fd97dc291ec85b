# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Digests against those of hashlib over the whole content."""

import hashlib

import numpy as np
import pytest

from lensmap.utils import file_digest


def test_small_file(tmp_path):
    content = np.random.default_rng(1).bytes(3_000_000)
    (tmp_path / "a").write_bytes(content)
    expected = {"bytes": 3_000_000, "sha256": hashlib.sha256(content).hexdigest()}
    assert file_digest(tmp_path / "a") == expected


def test_large_file(tmp_path, monkeypatch):
    monkeypatch.setattr("lensmap.utils._digests._MAX_SHA256_BYTES", 2_999_999)
    content = np.random.default_rng(1).bytes(3_000_000)
    (tmp_path / "a").write_bytes(content)
    digest = file_digest(tmp_path / "a")
    ends = hashlib.sha256(content[: 2**20] + content[-(2**20) :]).hexdigest()
    assert digest["bytes"] == 3_000_000 and digest["sha256_of_ends"] == ends
    assert "sha256" not in digest and digest["modified"].endswith("+00:00")


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        file_digest(tmp_path / "a")
