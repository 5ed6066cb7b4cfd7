#!/usr/bin/env python3
"""A CRL of a million entries: time and memory to build and sign it, and to re-sign one shard.

    make bench                                  figures of the release build
    SLIPWAY=.build/debug/slipway Tests/Benchmarks/revocation.py --entries 100000    a quick look

The entries lie in a database of the program's own, in a temporary folder, and are read from there
as the service reads them; making them is not counted.
"""

import argparse
import json
import os
import subprocess
import sys

SLIPWAY = os.environ.get("SLIPWAY", ".build/release/slipway")
# What issue 6 asks for, at a million entries.
SECONDS_WANTED, MEGABYTES_WANTED = 2.0, 150.0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--shards", type=int, default=64)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    command = [SLIPWAY, "cert", "measure-crl", "--json", "--entries", str(arguments.entries),
               "--shards", str(arguments.shards)]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)} failed")
    figures = json.loads(result.stdout)
    if arguments.json:
        print(json.dumps(figures))
        return
    share = figures["entries"] / 1_000_000
    print(f"A CRL of {figures['entries']:,} entries, {figures['wholeBytes'] / 1e6:.1f} MB")
    print(f"  {figures['wholeMicroseconds'] / 1e6:>9.2f}  seconds to build and sign it "
          f"(wanted: {SECONDS_WANTED * share:.2f})")
    print(f"  {figures['peakBytesMore'] / 1e6:>9.1f}  MB more at the most "
          f"(wanted: {MEGABYTES_WANTED * share:.0f})")
    print(f"  {figures['peakBytes'] / 1e6:>9.1f}  MB resident at the most, program and all")
    print(f"  {figures['shardMicroseconds'] / 1e3:>9.2f}  milliseconds to re-sign one of "
          f"{arguments.shards} shards, {figures['shardBytes'] / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
