# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Run thousands of bad and odd inputs through the command line; exit with 1 if a law is broken.

    python tests/fuzz/run.py -n 2000 --seed 7 --report out.json
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

from fuzz_laws import Limits  # noqa: E402
from fuzz_runner import Runner  # noqa: E402


def main():
    """Run the cases, print each that breaks a law, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=500, help="the number of cases")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the series")
    parser.add_argument("--first", type=int, default=0, help="the number of the first case")
    parser.add_argument("--only", type=int, nargs="+", help="the numbers of the only cases")
    parser.add_argument("--keep", help="the folder for the inputs of cases that break a law")
    parser.add_argument("--report", help="the JSON file for all cases")
    parser.add_argument("--quick", action="store_true",
                        help="no networks, validation, demo or training")
    parser.add_argument("--seconds", type=float, default=30, help="the most CPU-seconds of a case")
    options = parser.parse_args()
    folder = options.keep or tempfile.mkdtemp(prefix="lensmap-fuzz-")
    runner = Runner(options.seed, folder, slow=not options.quick,
                    limits=Limits(seconds=options.seconds))
    indices = options.only or range(options.first, options.first + options.n)
    records, began = [], time.process_time()
    try:
        for index in indices:
            finding = runner.run(index)
            records.append(finding.to_record())
            if finding.faults:
                _print(finding)
    finally:
        runner.close()
        if options.report:
            Path(options.report).write_text(json.dumps(records, indent=1))
    broken = Counter(law for record in records for law in {law for law, _ in record["faults"]})
    codes = Counter(str(record["code"]) for record in records)
    print(f"{len(records)} cases, {time.process_time() - began:.0f} CPU-seconds; exit codes "
          f"{dict(codes)}; cases that break a law: {dict(broken) or 'none'}")
    return 1 if broken else 0


def _print(finding):
    print(f"\ncase {finding.index}: {'; '.join(finding.case.mutations)} "
          f"[{finding.case.expect.name.lower()}]")
    for law, fault in finding.faults:
        print(f"  {law}: {fault}".encode("ascii", "backslashreplace").decode())
    print(f"  {finding.command}".encode("ascii", "backslashreplace").decode(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
