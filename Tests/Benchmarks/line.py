#!/usr/bin/env python3
"""A factory line at its worst: a list of a million units, keys made ahead, and everybody at once.

    make bench                     figures of the release build
    SLIPWAY=.build/debug/slipway Tests/Benchmarks/line.py --units 10000 --keyed 50 --storm 300

Server-made RSA keys are compared with P-256 keys: both pools are full before their devices come,
and the pool that is filled again meanwhile has nothing but what the devices leave idle. Rounds of
the two alternate, and the medians count.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Interop"))
from gateway import SLIPWAY, Gateway, slipway  # noqa: E402

IMPORT_SECONDS_WANTED = 30
RATE_WANTED = 0.9
FILL_SECONDS_MAX = 1800
POLL_SECONDS = 0.5


def run(command, codes=(0,)):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode not in codes:
        sys.exit(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return done.stdout


def peak_mebibytes(process):
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0


def allowlist(folder, units):
    """Records of five columns, imported through the running service."""
    path = folder / "units.csv"
    with open(path, "w") as file:
        file.write("serial,hardwareType,lot,site,line\n")
        for number in range(units):
            file.write(f"UNIT-{number:09},rev-{number % 7},L{number // 10000:04},berlin,4\n")
    gateway = Gateway(folder / "list", settings={"log-level": "warning"}).start()
    start = time.monotonic()
    run([SLIPWAY, "allowlist", "import", "units", path, "--directory", gateway.directory])
    took = time.monotonic() - start
    peak = peak_mebibytes(gateway.process)
    start = time.monotonic()
    slipway(gateway, "allowlist", "show", "units", f"UNIT-{units - 1:09}")
    shown = time.monotonic() - start
    gateway.stop()
    print(f"{units:,} allowlist records imported through the service in {took:.1f} s "
          f"(wanted for a million: {IMPORT_SECONDS_WANTED} s); the service's memory peaked at "
          f"{peak:.0f} MiB; one record shown in {shown * 1000:.0f} ms, its process included")


def full(gateway):
    """Waits until the pool holds what it is to hold."""
    deadline = time.monotonic() + FILL_SECONDS_MAX
    while time.monotonic() < deadline:
        status = json.loads(slipway(gateway, "status", "--json"))
        if status["keyPairsReady"] >= status["keyPairsDepth"]:
            return status
        time.sleep(POLL_SECONDS)
    sys.exit("the pool of key pairs does not fill")


def keyed(folder, devices, rounds):
    rates = {"P_256": [], "RSA_2048": []}
    missed = 0
    for number in range(rounds):
        for algorithm, found in rates.items():
            name = f"{algorithm}-{number}"
            gateway = Gateway(folder / name, settings={
                "keys-algorithm": algorithm, "keys-ready": str(devices), "log-level": "warning"})
            serials = folder / f"{name}.txt"
            serials.write_text("".join(f"K-{n:06}\n" for n in range(devices)))
            run([SLIPWAY, "allowlist", "import", "demo", serials, "--directory",
                 gateway.directory])
            gateway.start()
            before = full(gateway)["keyPairsMissed"]
            report = json.loads(run(gateway.simulate_arguments(
                "--devices", devices, "--flow", "keys", "--serials", serials)))
            found.append(report["devicesPerSecond"])
            if algorithm == "RSA_2048":
                after = json.loads(slipway(gateway, "status", "--json"))
                missed += after["keyPairsMissed"] - before
            gateway.stop()
    p256, rsa = (statistics.median(rates[name]) for name in rates)
    print(f"{devices:,} devices with server-made keys: {rsa:.1f} a second with RSA-2048 from a "
          f"full pool ({missed} waited for a key), {p256:.1f} with P-256: {rsa / p256:.2f} "
          f"(wanted: {RATE_WANTED})")


def storm(folder, devices):
    gateway = Gateway(folder / "storm", settings={
        "keys-algorithm": "P_256", "log-level": "warning"})
    serials = folder / "storm.txt"
    serials.write_text("".join(f"S-{n:06}\n" for n in range(devices)))
    run([SLIPWAY, "allowlist", "import", "demo", serials, "--directory", gateway.directory])
    gateway.start()
    start = time.monotonic()
    report = json.loads(run(gateway.simulate_arguments(
        "--devices", devices, "--flow", "mixed", "--serials", serials, "--storm", "--power-cut",
        5), codes=(0, 1, 2)))
    took = time.monotonic() - start
    peak = peak_mebibytes(gateway.process)
    turned = json.loads(slipway(gateway, "status", "--json"))["provisioningTurnedAway"]
    gateway.stop()
    # What the tests ask of every record is too much for as many.
    things, active = (gateway.query(f"SELECT count(*) FROM {which}")[0][0] for which in (
        "things", "certificates WHERE kind = 'device' AND status = 'ACTIVE'"))
    if (things, active) != (devices, devices):
        sys.exit(f"{things} things and {active} active certificates for {devices} devices")
    print(f"{devices:,} devices at once, 5 percent power cuts: {report['provisioned']:,} "
          f"provisioned in {took:.1f} s, {turned:,} requests told to come again; the service's "
          f"memory peaked at {peak:.0f} MiB; failures: {json.dumps(report['failures'])}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=1_000_000)
    parser.add_argument("--keyed", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--storm", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="slipway-line-") as name:
        folder = Path(name)
        if options.units:
            allowlist(folder, options.units)
        if options.keyed:
            keyed(folder, options.keyed, options.rounds)
        if options.storm:
            storm(folder, options.storm)


if __name__ == "__main__":
    main()
