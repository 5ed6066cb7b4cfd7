#!/usr/bin/env python3
"""The registry over HTTP beside moto's server: operations a second and p99, in one run.

    make bench                              figures of the release build
    Tests/Benchmarks/registry.py --count 50 --things 0      a quick look

The client is the same for both (load.py): requests are rendered and signed by botocore before the
clock starts, and sent one at a time over each of a few connections that stay open. Rounds alternate
between the two servers and the medians count. Slipway's writes are durable; moto keeps what it has
in memory. Client and server share the machine, so that the server's CPU for each operation stands
beside the rate: it tells more than the rate does where others use the machine too.

With --things the store is then filled with so many things and certificates, and DescribeThing and
CreateThing are taken in turns from it and from an empty one.
"""

import argparse
import configparser
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import botocore.auth
import botocore.awsrequest
import botocore.credentials

import load
from provisioning import REPOSITORY, SLIPWAY, free_port

DOCUMENT = json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}})
# Times moto's rate that are wanted: of reads, and of writes, which are durable here.
GOALS = {"CreateThing": 20, "DescribeThing": 50, "ListThings": 50,
         "CreateKeysAndCertificate": 20, "AttachPolicy": 20}
FULL = ("CreateThing", "DescribeThing")
FULL_COUNT = 1000
FILL_AT_ONCE = 2000
START_SECONDS_MAX = 60


def cpu_seconds(process):
    """Of all threads that a process has and had: moto's server ends one with each connection.
    The number is what clock_getcpuclockid(3) gives for a process on Linux."""
    return time.clock_gettime(~process.pid << 3 | 2)


class Service:
    def __init__(self, name, port, keys, process):
        self.name, self.port, self.keys, self.process = name, port, keys, process

    def signed(self, method, target, body=None, headers=None):
        """The bytes of a request as they go over the wire."""
        data = b"" if body is None else json.dumps(body).encode()
        url = f"http://127.0.0.1:{self.port}{target}"
        request = botocore.awsrequest.AWSRequest(
            method=method, url=url, data=data, headers=dict(headers or {}))
        botocore.auth.SigV4Auth(self.keys, "iot", "us-east-1").add_auth(request)
        prepared = request.prepare()
        fields = {"Host": f"127.0.0.1:{self.port}", "Content-Length": len(data)}
        fields.update(prepared.headers.items())
        lines = [f"{method} {target} HTTP/1.1", *(f"{n}: {v}" for n, v in fields.items())]
        return "\r\n".join([*lines, "", ""]).encode() + data

    def run(self, requests, connections, keeps_bodies=False):
        """The client's result, with what the server spent on each request."""
        before = cpu_seconds(self.process)
        result = load.drive(self.port, requests, connections, keeps_bodies)
        spent = cpu_seconds(self.process) - before
        result.server_microseconds = spent / len(requests) * 1e6
        return result

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def wait_for(url, process, log):
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{url} does not answer:\n{Path(log).read_text()}")
            time.sleep(0.1)


def start(words, log, url):
    with open(log, "ab") as output:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    wait_for(url, process, log)
    return process


def slipway(folder, name="slipway"):
    port = free_port()
    options = ["--directory", folder, "--api-port", str(port), "--listen-port", "0",
               "--keys-algorithm", "P_256"]
    subprocess.run([SLIPWAY, "init", *options], check=True, capture_output=True)
    process = start([SLIPWAY, "serve", *options], f"{folder}/serve.log", f"http://127.0.0.1:{port}/")
    return Service(name, port, keys_of(folder), process)


def keys_of(folder):
    """Those of the first administrator, as `slipway init` left them."""
    profile = configparser.ConfigParser()
    profile.read(f"{folder}/var/aws-credentials")
    section = profile[profile.sections()[0]]
    return botocore.credentials.Credentials(
        section["aws_access_key_id"], section["aws_secret_access_key"])


def moto(folder):
    port = free_port()
    process = start(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        f"{folder}/moto.log", f"http://127.0.0.1:{port}/moto-api/data.json")
    return Service("moto", port, botocore.credentials.Credentials("AKIDEXAMPLE", "x"), process)


class Round:
    """One round of every operation against one service; names are never used twice."""

    def __init__(self, service, number, count, connections):
        self.service, self.prefix = service, f"{number}"
        self.count, self.connections = count, connections
        self.figures = {}

    def take(self, name, requests, keeps_bodies=False):
        self.figures[name] = self.service.run(requests, self.connections, keeps_bodies)
        return self.figures[name]

    def things(self):
        return [f"bench-{self.prefix}-{n}" for n in range(self.count)]

    def run(self):
        sign = self.service.signed
        attributes = {"attributePayload": {"attributes": {"site": "a"}}}
        self.take("CreateThing", [sign("POST", f"/things/{t}", attributes) for t in self.things()])
        self.take("DescribeThing", [sign("GET", f"/things/{t}") for t in self.things()])
        self.take("ListThings", [sign("GET", "/things?maxResults=50") for _ in self.things()])
        made = self.take(
            "CreateKeysAndCertificate",
            [sign("POST", "/keys-and-certificate?setAsActive=true") for _ in self.things()], True)
        policy = f"bench-{self.prefix}"
        self.service.run([sign("POST", f"/policies/{policy}", {"policyDocument": DOCUMENT})], 1)
        arns = [json.loads(answer)["certificateArn"] for answer in made.bodies]
        self.take("AttachPolicy", [
            sign("PUT", f"/target-policies/{policy}", {"target": arn}) for arn in arns])
        return self.figures


def beside(ours, theirs, options):
    rounds = {"slipway": [], "moto": []}
    for service in (ours, theirs):
        # What a server does once, at its first requests, is no operation's cost.
        Round(service, "warm-up", options.connections, options.connections).run()
    for number in range(options.rounds):
        for service, count in ((ours, options.count), (theirs, options.moto_count)):
            rounds[service.name].append(
                Round(service, number, count, options.connections).run())
    print(f"{options.connections} connections; CPU in microseconds an operation.")
    print("| operation | slipway a second | p99 ms | CPU | client's CPU "
          "| moto a second | p99 ms | CPU | ratio | of CPU | goal |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name, goal in GOALS.items():
        def median(service, figure):
            return statistics.median(
                getattr(figures[name], figure) for figures in rounds[service])
        rate, cpu = median("slipway", "rate"), median("slipway", "server_microseconds")
        moto_rate, moto_cpu = median("moto", "rate"), median("moto", "server_microseconds")
        print(f"| {name} | {rate:.0f} | {median('slipway', 'p99'):.2f} | {cpu:.0f} "
              f"| {median('slipway', 'client_microseconds'):.0f} "
              f"| {moto_rate:.0f} | {median('moto', 'p99'):.2f} | {moto_cpu:.0f} "
              f"| {rate / moto_rate:.1f} | {moto_cpu / cpu:.1f} | {goal} |")


def fill(service, count):
    for first in range(0, count, FILL_AT_ONCE):
        several = range(first, min(first + FILL_AT_ONCE, count))
        service.run([service.signed("POST", f"/things/fill-{n}", {}) for n in several], 32)
        service.run([service.signed("POST", "/keys-and-certificate") for _ in several], 32)


@contextlib.contextmanager
def awake():
    """Keeps each processor from going to sleep, by work that gives way to all other (SCHED_IDLE).

    The disk of a virtual machine has done a sync when a processor hears of it, and one that sleeps
    may hear of it at its next tick: 4 ms where the sync takes 0.1 ms. A request at a time leaves the
    processors asleep now and then, and how often would be what is measured."""
    spinners = [subprocess.Popen([sys.executable, "-c", "while True: pass"])
                for _ in range(os.cpu_count() or 1)]
    try:
        for spinner in spinners:
            os.sched_setscheduler(spinner.pid, os.SCHED_IDLE, os.sched_param(0))
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()


def full(services, options):
    """p99 of two operations with a full store, beside an empty one's; their rounds alternate."""
    figures = {(name, service.name): [] for name in FULL for service in services}
    for number in range(options.full_rounds):
        # Enough of them that the 99th percentile is no single request's.
        names = [f"full-{number}-{n}" for n in range(FULL_COUNT)]
        for service in services:
            for name, method, body in (("CreateThing", "POST", {}), ("DescribeThing", "GET", None)):
                requests = [service.signed(method, f"/things/{n}", body) for n in names]
                figures[name, service.name].append(service.run(requests, 1))
    print(f"One connection, {options.full_rounds} rounds of {FULL_COUNT}:")
    for name in FULL:
        p99, cpu = ([statistics.median(getattr(result, figure)
                                       for result in figures[name, service.name])
                     for service in services] for figure in ("p99", "server_microseconds"))
        print(f"{name} with {options.things} things and certificates: p99 {p99[0]:.2f} ms, "
              f"empty {p99[1]:.2f} ms, ratio {p99[0] / p99[1]:.2f}; CPU {cpu[0]:.0f} us, "
              f"empty {cpu[1]:.0f} us, ratio {cpu[0] / cpu[1]:.2f}")


def prepared_folder(name):
    folder = tempfile.TemporaryDirectory(prefix=name)
    for shipped in ("Templates", "Hooks"):
        os.symlink(REPOSITORY / shipped, f"{folder.name}/{shipped}")
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=5000, help="requests of each operation")
    parser.add_argument("--moto-count", type=int, default=500, help="the same of moto")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--things", type=int, default=100_000, help="to fill the store with")
    parser.add_argument("--full-rounds", type=int, default=5)
    options = parser.parse_args()
    with prepared_folder("slipway-bench-") as folder, prepared_folder("slipway-empty-") as empty:
        services = [slipway(folder)]
        try:
            services.append(moto(folder))
            beside(*services, options)
            services.pop().stop()
            if options.things:
                fill(services[0], options.things)
                services.append(slipway(empty, name="empty"))
                with awake():
                    full(services, options)
        finally:
            for service in services:
                service.stop()


if __name__ == "__main__":
    main()
