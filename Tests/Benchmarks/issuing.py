#!/usr/bin/env python3
"""A certificate from its request to its PEM: beside cfssl, and beside a bare SQLite program.

    make bench                                  figures of the release build
    SLIPWAY=.build/debug/slipway Tests/Benchmarks/issuing.py --count 300    a quick look

cfssl is Debian's golang-cfssl, called as people call it: one `cfssl sign` for each certificate,
with its CPU as the kernel counts it; rounds of both alternate, and the medians count. Slipway
parses, verifies, lints and signs the same request, and stores nothing.

The bare program commits the very rows that Slipway stored for these certificates, audit log
included, into the same tables with the same indexes and settings (write-ahead log, synchronous =
FULL), as many to a transaction as Slipway has on their way at once. It makes no certificate. Nobody
stores more certificates than are made either, and so what can be reached is the lower of two rates:
the bare program's, and that of the same program issuing as many at once and storing nothing.
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
    """Its figures, and its database."""
    store = folder / "store"
    shutil.rmtree(store, ignore_errors=True)
    command = [SLIPWAY, "cert", "measure-issue", "--csr", str(folder / "device.csr"), "--count",
               str(count), "--at-once", str(at_once), "--keep", str(store), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return json.loads(done.stdout), store / "fleet.db"


# What a certificate leaves behind, in the order in which it is written.
TABLES = ("certificates", "public_keys", "commits")


def read(database):
    """The tables with their indexes as SQL, and each certificate's rows in them."""
    connection = sqlite3.connect(database)
    schema = [sql for (sql,) in connection.execute(
        "SELECT sql FROM sqlite_master WHERE tbl_name IN (?, ?, ?) AND sql IS NOT NULL "
        "ORDER BY type DESC", TABLES)]
    keys = {row[0]: row for row in connection.execute("SELECT * FROM public_keys")}
    names = [row[1] for row in connection.execute("PRAGMA table_info(certificates)")]
    key = names.index("public_key")
    certificates = connection.execute("SELECT * FROM certificates ORDER BY rowid").fetchall()
    commits = connection.execute(
        "SELECT * FROM commits WHERE action = 'MeasureIssue' ORDER BY sequence").fetchall()
    connection.close()
    if len(commits) != len(certificates):
        sys.exit(f"{len(certificates)} certificates, and {len(commits)} audit records of them")
    return schema, [(row, keys[row[key]], commit) for row, commit in zip(certificates, commits)]


def bare_sqlite(folder, database, batch):
    """Certificates a second whose rows are on the disk, and the CPU seconds of each."""
    schema, rows = read(database)
    path = folder / "bare.db"
    for old in folder.glob("bare.db*"):
        old.unlink()
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=16)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 4000",
                   "cache_size = -65536"):
        connection.execute(f"PRAGMA {pragma}")
    for sql in schema:
        connection.execute(sql)
    inserts = [
        f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * len(row))})"
        for table, row in zip(TABLES, rows[0])]
    batches = [
        list(zip(*rows[first:first + batch])) for first in range(0, len(rows), batch)]
    start, spent = time.monotonic(), time.process_time()
    for columns in batches:
        connection.execute("BEGIN IMMEDIATE")
        for insert, some in zip(inserts, columns):
            connection.executemany(insert, some)
        connection.execute("COMMIT")
    spent, wall = time.process_time() - spent, time.monotonic() - start
    connection.close()
    return len(rows) / wall, spent / len(rows)


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
        own, theirs, durable, unstored, storing, bare, bare_cost = [], [], [], [], [], [], []
        for _ in range(arguments.rounds):
            figures, database = slipway(folder, arguments.count, arguments.at_once)
            own.append(figures["cpuMicrosecondsEach"])
            durable.append(figures["durablePerSecond"])
            unstored.append(figures["issuedPerSecond"])
            storing.append(figures["durableCPUMicrosecondsEach"])
            each = bare_sqlite(folder, database, arguments.at_once)
            bare.append(each[0])
            bare_cost.append(each[1] * 1e6)
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
    processors = len(os.sched_getaffinity(0))
    made = statistics.median(unstored)
    bound = min(reference, made)
    print(f"  {rate:>9.0f}  a second on the disk, with their audit records "
          f"({statistics.median(storing):.0f} us of CPU each)")
    print(f"  {reference:>9.0f}  a second of a bare SQLite program that commits the same rows, "
          f"{arguments.at_once} certificates to a transaction "
          f"({statistics.median(bare_cost):.0f} us of CPU each)")
    print(f"  {made:>9.0f}  a second that {processors} processors issue and do not store")
    print(f"  {rate / bound:>9.2f}  of the lower, which is "
          f"{'the bare program' if bound == reference else 'issuing'} (wanted: {RATE_OF_SQLITE})")
    # A certificate takes more of two processors that work at once than of one that works alone.
    both = processors * 1e6 / (processors * 1e6 / made + statistics.median(bare_cost))
    print(f"  {rate / both:>9.2f}  of {both:.0f}, where the processors both issue and run the bare "
          "program")


if __name__ == "__main__":
    main()
