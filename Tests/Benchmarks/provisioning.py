#!/usr/bin/env python3
"""What a device costs the server, beside what mosquitto spends on accepting one.

    make bench                     figures of the release build
    Tests/Benchmarks/provisioning.py --rounds 1 --devices 20      a quick look

The measure is server CPU, not wall time: client and server share the machine's cores, and other
work on them stretches the one and not the other. CPU is the sum over all threads of the server
and of its hook workers, from /proc/PID/task/*/schedstat, in nanoseconds. Slipway's rounds and
mosquitto's alternate, and the median counts, so that a noisy minute hits both.

A device of Slipway connects twice (claim, then itself), is issued a certificate, is registered in
one durable transaction, and publishes. mosquitto accepts two connections with the same claim
certificate, from the same client, and writes nothing. Slipway's own two accepts are the part of a
provisioning that no decision and no record can make cheaper.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SLIPWAY = Path(os.environ.get("SLIPWAY", REPOSITORY / ".build/release/slipway"))
TEMPLATE = "demo-sensor"
ALLOWLIST = "demo"
REACH = 0.6
# Nobody else is there to wait for: what takes 40 ms then is a delayed acknowledgement.
ALONE = "CSR, one at a time"
DELAYED_ACK_MICROSECONDS = 40_000
START_SECONDS_MAX = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def processes(pid):
    """A process and its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += processes(int(child))
    return found


def cpu_seconds(pid):
    total = 0
    for process in processes(pid):
        for task in Path(f"/proc/{process}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except FileNotFoundError:
                pass  # The thread ended meanwhile.
    return total / 1e9


class Server:
    def __init__(self, words, port, log):
        self.port = port
        self.log = log
        with open(log, "ab") as output:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{words[0]} does not start:\n{Path(log).read_text()}")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=60)


class Bench:
    def __init__(self, folder, options):
        self.folder = folder
        self.options = options
        self.serial = 0
        for name in ("Templates", "Hooks"):
            shutil.copytree(REPOSITORY / name, folder / name)
        self.slipway("init", "--directory", folder)
        self.serials("warm-up", 1)

    def slipway(self, *words):
        done = subprocess.run([SLIPWAY, *map(str, words)], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"slipway {words[0]}: {done.stdout}{done.stderr}")
        return done.stdout

    def serials(self, name, count):
        """A file of serials that no device has had, on the allowlist."""
        path = self.folder / f"{name}.txt"
        path.write_text("".join(
            f"BENCH-{self.serial + number:07}\n" for number in range(1, count + 1)))
        self.serial += count
        self.slipway("allowlist", "import", ALLOWLIST, path, "--directory", self.folder)
        return path

    def start_slipway(self, algorithm):
        port = free_port()
        return Server(
            [SLIPWAY, "serve", "--directory", self.folder, "--listen-port", str(port),
             "--keys-algorithm", algorithm, "--log-level", "warning",
             "--keys-ready", str(self.options.keys_ready)],
            port, self.folder / "slipway.log")

    def start_mosquitto(self):
        """Debian's broker, with the very keys and certificates of the gateway."""
        port = free_port()
        pki = self.folder / "pki"
        trusted = self.folder / "trusted.pem"
        trusted.write_text(
            (pki / "root-ca.pem").read_text() + (pki / "issuing-ca.pem").read_text())
        configuration = self.folder / "mosquitto.conf"
        configuration.write_text("\n".join([
            f"listener {port} 127.0.0.1", f"cafile {trusted}", f"certfile {pki}/gateway.pem",
            f"keyfile {pki}/gateway.key", "require_certificate true",
            "use_identity_as_username true", "allow_anonymous false", "persistence false",
            "set_tcp_nodelay true", "log_type error", "connection_messages false",
            *(["user root"] if os.geteuid() == 0 else [])]) + "\n")
        return Server(
            [shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin"),
             "-c", str(configuration)],
            port, self.folder / "mosquitto.log")

    def simulate(self, server, devices, *options, concurrency=None):
        """Server CPU a device in microseconds, and the simulator's report."""
        pki = self.folder / "pki"
        before = cpu_seconds(server.process.pid)
        report = json.loads(self.slipway(
            "simulate", "--json", "--endpoint", f"127.0.0.1:{server.port}", "--template", TEMPLATE,
            "--claim-cert", pki / "claim-demo.pem", "--claim-key", pki / "claim-demo.key",
            "--ca", pki / "root-ca.pem", "--devices", devices,
            "--concurrency", concurrency or self.options.concurrency, *options))
        used = cpu_seconds(server.process.pid) - before
        return used / devices * 1e6, report

    def provision(self, server, name, flow, devices, concurrency=None):
        return self.simulate(
            server, devices, "--flow", flow, "--serials", self.serials(name, devices),
            concurrency=concurrency)

    def accept(self, server, devices):
        """Two connections for each device."""
        cost, report = self.simulate(server, 2 * devices, "--connect-only")
        return 2 * cost, report

    def run(self):
        devices, few = self.options.devices, max(1, self.options.devices // 10)
        figures = {}

        def note(name, outcome):
            cost, report = outcome
            entry = figures.setdefault(name, {"costs": [], "rates": [], "steps": None})
            entry["costs"].append(cost)
            entry["rates"].append(report["devicesPerSecond"])
            entry["steps"] = report["steps"]

        mosquitto = self.start_mosquitto()
        slipway = self.start_slipway("P_256")
        # The first connections pay for what is loaded once.
        self.provision(slipway, "warm-up", "mixed", min(50, devices))
        self.accept(mosquitto, min(50, devices))
        for number in range(self.options.rounds):
            note("mosquitto, two mTLS accepts", self.accept(mosquitto, devices))
            note("Slipway, two mTLS accepts", self.accept(slipway, devices))
            note("CSR, P-256", self.provision(slipway, f"csr-{number}", "csr", devices))
            note("keys, P-256", self.provision(slipway, f"keys-{number}", "keys", devices))
        mosquitto.stop()
        note(ALONE, self.provision(slipway, "alone", "csr", devices, concurrency=1))
        slipway.stop()
        slipway = self.start_slipway("RSA_2048")
        for number in range(self.options.rounds):
            note("keys, RSA-2048", self.provision(slipway, f"rsa-{number}", "keys", few))
        slipway.stop()
        return figures


def tell(figures):
    reference = statistics.median(figures["mosquitto, two mTLS accepts"]["costs"])
    print(f"{'':32}{'CPU us/device':>15}{'of mosquitto':>14}{'devices/s':>11}")
    for name, entry in figures.items():
        cost = statistics.median(entry["costs"])
        rate = statistics.median(entry["rates"])
        if name.endswith("two mTLS accepts"):
            rate /= 2
        print(f"{name:32}{cost:15.0f}{cost / reference:14.2f}{rate:11.1f}")
    print(f"\ndevices/s: client and server share {os.cpu_count()} cores; it is no ceiling")
    ratio = statistics.median(figures["CSR, P-256"]["costs"]) / reference
    print(f"one CSR provisioning costs {ratio:.2f} of two mosquitto accepts (reach: {REACH})")
    tell_latency("the last CSR round", figures["CSR, P-256"]["steps"])
    alone = figures[ALONE]["steps"]
    tell_latency("one device at a time", alone)
    waiting = [step for step, times in alone.items()
               if step != "total" and times["p99Microseconds"] >= DELAYED_ACK_MICROSECONDS]
    print("a 40 ms step: " + (", ".join(waiting) if waiting else "none"))


def tell_latency(what, steps):
    print(f"\n{'latency of ' + what + ', ms':44}{'p50':>10}{'p99':>10}{'max':>10}")
    for step, times in steps.items():
        print(f"  {step:42}" + "".join(
            f"{times[which] / 1000:10.1f}"
            for which in ("p50Microseconds", "p99Microseconds", "maxMicroseconds")))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=500, help="devices a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--keys-ready", type=int, default=32)
    parser.add_argument("--json", action="store_true", help="print the raw figures")
    options = parser.parse_args()
    if not SLIPWAY.exists():
        sys.exit(f"there is no {SLIPWAY}: make build")
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        figures = Bench(Path(folder), options).run()
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        tell(figures)


if __name__ == "__main__":
    main()
