#!/usr/bin/env python3
"""A certificate from its request to its PEM: beside cfssl, and beside a bare SQLite program.

    make bench                                  figures of the release build
    SLIPWAY=.build/debug/slipway Tests/Benchmarks/issuing.py --count 300    a quick look

cfssl is Debian's golang-cfssl, called as people call it: one `cfssl sign` for each certificate,
with its CPU as the kernel counts it; rounds of both alternate, and the medians count. Slipway
parses, verifies, lints and signs the same request, and stores nothing.

The bare program writes rows of a certificate's size into a table with Slipway's settings (write-
ahead log, synchronous = FULL), as many in a transaction as Slipway has on their way at once. It
keeps no audit log, no index and no provenance.
"""

import argparse
import json
import os
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SLIPWAY = os.environ.get("SLIPWAY", ".build/release/slipway")
# What issue 6 asks for.
CPU_OF_CFSSL, RATE_OF_SQLITE = 1.0, 0.8


def openssl(folder, *words):
    done = subprocess.run(["openssl", *words], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"openssl {' '.join(words)}: {done.stderr}")


def material(folder):
    """An authority for cfssl, and the request that both get."""
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(folder, "req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-subj",
            "/CN=Bench CA", "-days", "30")
    # cfssl reads the older form of a key.
    openssl(folder, "ec", "-in", "ca.key", "-out", "ca-ec.key")
    openssl(folder, "req", "-new", *curve, "-keyout", "device.key", "-out", "device.csr", "-subj",
            "/CN=device")


def cpu_of_children(command, folder):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{command}: {done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def slipway(folder, count, at_once):
    command = [SLIPWAY, "cert", "measure-issue", "--csr", str(folder / "device.csr"), "--count",
               str(count), "--at-once", str(at_once), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return json.loads(done.stdout)


def bare_sqlite(folder, count, batch):
    """Rows a second that are on the disk."""
    path = folder / "bare.db"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE certificates (id TEXT PRIMARY KEY, pem TEXT) STRICT")
    pem = (folder / "ca.pem").read_text() * 2
    start = time.monotonic()
    for first in range(0, count, batch):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO certificates VALUES (?, ?)",
            ((os.urandom(32).hex(), pem) for _ in range(first, min(first + batch, count))))
        connection.execute("COMMIT")
    spent = time.monotonic() - start
    connection.close()
    return count / spent


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    cfssl = shutil.which("cfssl")
    with tempfile.TemporaryDirectory(prefix="slipway-issuing-") as name:
        folder = Path(name)
        material(folder)
        own, theirs, durable, bare = [], [], [], []
        for _ in range(arguments.rounds):
            figures = slipway(folder, arguments.count, arguments.at_once)
            own.append(figures["cpuMicrosecondsEach"])
            durable.append(figures["durablePerSecond"])
            bare.append(bare_sqlite(folder, arguments.count, arguments.at_once))
            if cfssl:
                sign = [cfssl, "sign", "-ca", "ca.pem", "-ca-key", "ca-ec.key", "device.csr"]
                theirs += [cpu_of_children(sign, folder) for _ in range(10)]
    cost = statistics.median(own)
    print("A certificate from a P-256 request, linted")
    print(f"  {cost:>9.0f}  us of CPU, not stored")
    if cfssl:
        other = statistics.median(theirs) * 1e6
        print(f"  {other:>9.0f}  us of CPU of one cfssl sign; ratio {cost / other:.3f} "
              f"(wanted: {CPU_OF_CFSSL:.1f}, stretch 0.5)")
    else:
        print("             cfssl is not here: apt-get install golang-cfssl")
    rate, reference = statistics.median(durable), statistics.median(bare)
    print(f"  {rate:>9.0f}  a second on the disk, with their audit records")
    print(f"  {reference:>9.0f}  a second of a bare SQLite program, {arguments.at_once} to a "
          f"transaction; ratio {rate / reference:.2f} (wanted: {RATE_OF_SQLITE})")


if __name__ == "__main__":
    main()
