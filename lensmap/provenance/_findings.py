# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The results of a verification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Finding", "Verification"]


@dataclass(frozen=True)
class Finding:
    """A check of a file that did not succeed.

    Attributes
    ----------
    code : str
        A stable name for the cause, such as ``"input_changed"``.
    verdict : {"wrong", "undecided"}
        Whether something is wrong, or could not be checked.
    path : str
        The file that the finding is about.
    message : str
        The finding, as one line for people.
    """

    code: str
    verdict: str
    path: str
    message: str

    def to_record(self) -> dict[str, str]:
        """Return the attributes as a dict.

        Returns
        -------
        dict
            The attributes, keyed by name.
        """
        return {"code": self.code, "verdict": self.verdict, "path": self.path,
                "message": self.message}


@dataclass(frozen=True)
class Verification:
    """The result of `verify`.

    Attributes
    ----------
    path : str
        The verified file or folder.
    provenance : dict
        What it records about its making; empty if it records nothing.
    findings : list
        The checks that did not succeed, objects with ``code``, a stable name for the cause such as
        ``"input_changed"``; ``verdict``, ``"wrong"`` or ``"undecided"``; ``path``, the file that
        the finding is about; and ``message``, one line for people.
    n_checks : dict
        The number of checks of each kind, keyed by ``"checksums"``, ``"inputs"``, ``"networks"``,
        ``"outputs"``, ``"schema"`` and ``"versions"``.
    """

    path: str
    provenance: Mapping[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    n_checks: Mapping[str, int] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """``"wrong"`` if a finding is, else ``"undecided"`` if a finding is, else ``"right"``."""
        verdicts = {finding.verdict for finding in self.findings}
        return next((name for name in ("wrong", "undecided") if name in verdicts), "right")

    def __str__(self) -> str:
        checks = ", ".join(f"{n} {name}" for name, n in self.n_checks.items() if n)
        lines = [f"{self.path}: {self.verdict}" + (f" (checked: {checks})" if checks else "")]
        return "\n".join([*lines, *(f"  {one.verdict}: {one.message}" for one in self.findings)])
