#!/usr/bin/env python3
"""The registry over HTTP beside moto's server: operations a second and p99, in one run.

    make bench                              figures of the release build
    Tests/Benchmarks/registry.py --count 50 --things 0      a quick look

The client is the same for both: requests are built and signed by botocore before the clock starts,
and sent one after another on each of a few connections that stay open, so that what is measured is
the server. Rounds alternate between the two servers and the medians count. Slipway's writes are
durable; moto keeps what it has in memory. With --things the store is then filled with so many
things and certificates, and DescribeThing and CreateThing are taken again.
"""

import argparse
import configparser
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from provisioning import REPOSITORY, SLIPWAY, free_port

DOCUMENT = json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}})
START_SECONDS_MAX = 60


class Connection:
    """HTTP/1.1 on one socket, as little of it as both servers need."""

    def __init__(self, port):
        import http.client
        self.client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def send(self, request):
        method, target, body, headers = request
        began = time.perf_counter()
        self.client.request(method, target, body=body, headers=headers)
        response = self.client.getresponse()
        answer = response.read()
        took = time.perf_counter() - began
        if response.status != 200:
            sys.exit(f"{method} {target}: {response.status} {answer[:300]!r}")
        return took, answer


class Service:
    def __init__(self, name, port, keys, process):
        self.name, self.port, self.keys, self.process = name, port, keys, process

    def signed(self, method, target, body=None, headers=None):
        data = b"" if body is None else json.dumps(body).encode()
        url = f"http://127.0.0.1:{self.port}{target}"
        request = botocore.awsrequest.AWSRequest(
            method=method, url=url, data=data, headers=dict(headers or {}))
        botocore.auth.SigV4Auth(self.keys, "iot", "us-east-1").add_auth(request)
        prepared = request.prepare()
        return method, target, data, dict(prepared.headers.items())

    def run(self, requests, connections, answers=None):
        """Operations a second, and each one's seconds; what was answered goes to `answers`."""
        shares = [requests[first::connections] for first in range(connections)]
        took = [[] for _ in shares]
        ready = threading.Barrier(connections + 1)

        def work(share, out):
            connection = Connection(self.port)
            ready.wait()
            for request in share:
                seconds, answer = connection.send(request)
                out.append(seconds)
                if answers is not None:
                    answers.append(answer)

        threads = [threading.Thread(target=work, args=pair) for pair in zip(shares, took)]
        for thread in threads:
            thread.start()
        ready.wait()
        began = time.perf_counter()
        for thread in threads:
            thread.join()
        return len(requests) / (time.perf_counter() - began), sorted(sum(took, []))

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


def slipway(folder):
    port = free_port()
    options = ["--directory", folder, "--api-port", str(port), "--listen-port", "0",
               "--keys-algorithm", "P_256"]
    subprocess.run([SLIPWAY, "init", *options], check=True, capture_output=True)
    process = start([SLIPWAY, "serve", *options], f"{folder}/serve.log", f"http://127.0.0.1:{port}/")
    return Service("slipway", port, keys_of(folder), process)


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

    def take(self, name, requests, answers=None):
        self.figures[name] = self.service.run(requests, self.connections, answers)

    def things(self):
        return [f"bench-{self.prefix}-{n}" for n in range(self.count)]

    def run(self):
        sign = self.service.signed
        attributes = {"attributePayload": {"attributes": {"site": "a"}}}
        self.take("CreateThing", [sign("POST", f"/things/{t}", attributes) for t in self.things()])
        self.take("DescribeThing", [sign("GET", f"/things/{t}") for t in self.things()])
        self.take("ListThings", [sign("GET", "/things?maxResults=50") for _ in self.things()])
        made = [sign("POST", "/keys-and-certificate?setAsActive=true") for _ in self.things()]
        answers = []
        self.take("CreateKeysAndCertificate", made, answers)
        connection = Connection(self.service.port)
        connection.send(sign(
            "POST", f"/policies/bench-{self.prefix}", {"policyDocument": DOCUMENT}))
        arns = [json.loads(answer)["certificateArn"] for answer in answers]
        target = f"/target-policies/bench-{self.prefix}"
        self.take("AttachPolicy", [sign("PUT", target, {"target": arn}) for arn in arns])
        return self.figures


def p99(took):
    return took[min(len(took) - 1, int(len(took) * 0.99))] * 1000


def beside(ours, theirs, options):
    rounds = {"slipway": [], "moto": []}
    for number in range(options.rounds):
        for service in (ours, theirs):
            rounds[service.name].append(
                Round(service, number, options.count, options.connections).run())
    print("| operation | slipway a second | p99 ms | moto a second | p99 ms | ratio |")
    print("|---|---|---|---|---|---|")
    for name in rounds["slipway"][0]:
        line = []
        for service in ("slipway", "moto"):
            line += [statistics.median(figures[name][0] for figures in rounds[service]),
                     statistics.median(p99(figures[name][1]) for figures in rounds[service])]
        print(f"| {name} | {line[0]:.0f} | {line[1]:.2f} | {line[2]:.0f} | {line[3]:.2f} "
              f"| {line[0] / line[2]:.1f} |")


def full(service, options):
    """p99 of two operations with a full store, in figures of the empty one's."""
    def figures(number):
        # Enough of them that the 99th percentile is no single request's.
        names = [f"full-{number}-{n}" for n in range(max(options.count, 1000))]
        creating = service.run([service.signed("POST", f"/things/{n}", {}) for n in names], 1)
        describing = service.run([service.signed("GET", f"/things/{n}") for n in names], 1)
        return {"CreateThing": p99(creating[1]), "DescribeThing": p99(describing[1])}

    before = figures("before")
    for first in range(0, options.things, 2000):
        several = range(first, min(first + 2000, options.things))
        service.run([service.signed("POST", f"/things/fill-{n}", {}) for n in several], 8)
        service.run([service.signed("POST", "/keys-and-certificate") for _ in several], 8)
    after = figures("after")
    for name in before:
        print(f"{name} p99 with {options.things} things and certificates: {after[name]:.2f} ms, "
              f"empty {before[name]:.2f} ms, ratio {after[name] / before[name]:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=500, help="requests of each operation")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--things", type=int, default=100_000, help="to fill the store with")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in ("Templates", "Hooks"):
            os.symlink(REPOSITORY / name, f"{folder}/{name}")
        services = [slipway(folder)]
        try:
            services.append(moto(folder))
            beside(*services, options)
            if options.things:
                full(services[0], options)
        finally:
            for service in services:
                service.stop()


if __name__ == "__main__":
    main()
