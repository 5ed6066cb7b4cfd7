#!/usr/bin/env python3
"""The registry over HTTP beside moto's server: operations a second and p99, in one run.

    make bench                              figures of the release build
    Tests/Benchmarks/registry.py --rounds 1 --fleet 500 --things 0      a quick look

The client is the same for all (load.py): requests are rendered and signed by botocore before the
clock starts, and sent one at a time over each of a few connections that stay open. Rounds alternate
between the servers and the medians count. Slipway's writes are durable; moto keeps what it has in
memory, and takes any signature by anybody. A second one of it is told to verify signatures and to
ask the caller's policies, as Slipway always does. Client and server share the machine, so that the
server's CPU for each operation stands beside the rate: it tells more than the rate does where
others use the machine too.

With --things a store is then filled with so many things and certificates, and DescribeThing and
CreateThing are taken in turns from it and from an empty one.
"""

import argparse
import configparser
import contextlib
import hashlib
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
import botocore.session

import load
from provisioning import REPOSITORY, SLIPWAY, free_port

DOCUMENT = json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}})
# Times moto's rate that are wanted: of reads, and of writes, which are durable here.
GOALS = {"CreateThing": 20, "DescribeThing": 50, "ListThings": 50,
         "CreateKeysAndCertificate": 20, "AttachPolicy": 20}
# More than either server answers of a write that may be sent once only.
WRITES_A_SECOND_MAX = {"slipway": 20_000, "moto": 1500}
# Made in a round, and how many policies are attached to each for every second that it lasts.
CERTIFICATES = {"slipway": 8000, "moto": 500}
POLICIES_A_SECOND = {"slipway": 2, "moto": 3}
FULL = ("CreateThing", "DescribeThing")
FULL_COUNT = 1000
FILL_AT_ONCE = 2000
START_SECONDS_MAX = 60


def cpu_seconds(process):
    """Of all threads that a process has and had: moto's server ends one with each connection.
    The number is what clock_getcpuclockid(3) gives for a process on Linux."""
    return time.clock_gettime(~process.pid << 3 | 2)


class Service:
    """A server under test. `kind` is what it is, `name` which of them."""

    def __init__(self, kind, port, keys, process, name=None, declares_bodies=False):
        self.kind, self.port, self.keys, self.process = kind, port, keys, process
        self.name = name or kind
        # moto finds the signature of a request without a body wrong unless its hash is declared.
        self.declares_bodies = declares_bodies

    def signed(self, method, target, body=None, headers=None):
        """The bytes of a request as they go over the wire."""
        data = b"" if body is None else json.dumps(body).encode()
        url = f"http://127.0.0.1:{self.port}{target}"
        headers = dict(headers or {})
        if self.declares_bodies:
            headers["X-Amz-Content-SHA256"] = hashlib.sha256(data).hexdigest()
        request = botocore.awsrequest.AWSRequest(
            method=method, url=url, data=data, headers=headers)
        botocore.auth.SigV4Auth(self.keys, "iot", "us-east-1").add_auth(request)
        prepared = request.prepare()
        fields = {"Host": f"127.0.0.1:{self.port}", "Content-Length": len(data)}
        fields.update(prepared.headers.items())
        lines = [f"{method} {target} HTTP/1.1", *(f"{n}: {v}" for n, v in fields.items())]
        return "\r\n".join([*lines, "", ""]).encode() + data

    def run(self, requests, connections, keeps_bodies=False):
        """The client's result, with what the server spent on each request."""
        return self.judged(
            lambda: load.drive(self.port, requests, connections, keeps_bodies))

    def sustain(self, requests, connections, seconds, again):
        """The same of requests that are sent for some seconds."""
        return self.judged(
            lambda: load.sustain(self.port, requests, connections, seconds, again))

    def judged(self, measure):
        before = cpu_seconds(self.process)
        result = measure()
        spent = cpu_seconds(self.process) - before
        result.server_microseconds = spent / result.count * 1e6
        return result

    def refuses_another_secret(self):
        """Ends the program where a signature is not verified."""
        wrong = botocore.credentials.Credentials(self.keys.access_key, "another")
        with load.connect(self.port) as connection:
            connection.sendall(Service(
                self.kind, self.port, wrong, self.process,
                declares_bodies=self.declares_bodies).signed("GET", "/things"))
            answer = connection.recv(64)
        if b" 403 " not in answer:
            sys.exit(f"{self.name} takes a wrong signature: {answer!r}")

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


def start(words, log, url, environment=None):
    with open(log, "ab") as output:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)
    wait_for(url, process, log)
    return process


def slipway(folder, name="slipway"):
    port = free_port()
    options = ["--directory", folder, "--api-port", str(port), "--listen-port", "0",
               "--keys-algorithm", "P_256"]
    subprocess.run([SLIPWAY, "init", *options], check=True, capture_output=True)
    process = start(
        [SLIPWAY, "serve", *options], f"{folder}/serve.log", f"http://127.0.0.1:{port}/")
    return Service("slipway", port, keys_of(folder), process, name=name)


def keys_of(folder):
    """Those of the first administrator, as `slipway init` left them."""
    profile = configparser.ConfigParser()
    profile.read(f"{folder}/var/aws-credentials")
    section = profile[profile.sections()[0]]
    return botocore.credentials.Credentials(
        section["aws_access_key_id"], section["aws_secret_access_key"])


def moto(folder, checks=False):
    """moto's server; one that `checks` verifies signatures and asks the policies of who signed."""
    port = free_port()
    name = "moto that checks" if checks else "moto"
    # The calls that make its first user go through unchecked.
    founding = [
        ("create_user", {"UserName": "bench"}),
        ("create_access_key", {"UserName": "bench"}),
        ("put_user_policy", {
            "UserName": "bench", "PolicyName": "all", "PolicyDocument": json.dumps({
                "Version": "2012-10-17",
                "Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}})})]
    environment = dict(os.environ)
    if checks:
        environment["INITIAL_NO_AUTH_ACTION_COUNT"] = str(len(founding))
    process = start(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        f"{folder}/{name}.log", f"http://127.0.0.1:{port}/moto-api/data.json", environment)
    keys = botocore.credentials.Credentials("AKIDEXAMPLE", "x")
    if checks:
        iam = botocore.session.get_session().create_client(
            "iam", "us-east-1", endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id=keys.access_key, aws_secret_access_key=keys.secret_key)
        answers = [getattr(iam, call)(**members) for call, members in founding]
        made = answers[1]["AccessKey"]
        keys = botocore.credentials.Credentials(made["AccessKeyId"], made["SecretAccessKey"])
    service = Service("moto", port, keys, process, name=name, declares_bodies=checks)
    if checks:
        service.refuses_another_secret()
    return service


class Round:
    """Every operation against one service that is new, with a fleet to begin with."""

    def __init__(self, service, options):
        self.service, self.options = service, options
        self.figures = {}

    @property
    def seconds(self):
        """Longer for who is slower: what is under way when the time is over counts for nothing."""
        return getattr(self.options, f"{self.service.kind}_seconds")

    def take(self, name, requests, again=False):
        self.figures[name] = self.service.sustain(
            requests, self.options.connections, self.seconds, again)

    def run(self):
        sign, connections = self.service.signed, self.options.connections
        writes = WRITES_A_SECOND_MAX[self.service.kind] * self.seconds
        attributes = {"attributePayload": {"attributes": {"site": "a"}}}

        fleet = [f"fleet-{n}" for n in range(self.options.fleet)]
        self.service.run([sign("POST", f"/things/{t}", attributes) for t in fleet], connections)
        self.take("DescribeThing", [sign("GET", f"/things/{t}") for t in fleet], again=True)
        self.take("ListThings", [sign("GET", "/things?maxResults=50")], again=True)
        self.take("CreateThing", [
            sign("POST", f"/things/created-{n}", attributes) for n in range(writes)])
        made = self.service.run(
            [sign("POST", "/keys-and-certificate?setAsActive=true")
             for _ in range(CERTIFICATES[self.service.kind])],
            connections, keeps_bodies=True)
        self.figures["CreateKeysAndCertificate"] = made
        self.attach([json.loads(answer)["certificateArn"] for answer in made.bodies])
        return self.figures

    def attach(self, arns):
        sign = self.service.signed
        count = POLICIES_A_SECOND[self.service.kind] * self.seconds
        policies = [f"bench-{n}" for n in range(count)]
        self.service.run(
            [sign("POST", f"/policies/{p}", {"policyDocument": DOCUMENT}) for p in policies], 1)
        self.take("AttachPolicy", [
            sign("PUT", f"/target-policies/{p}", {"target": arn})
            for p in policies for arn in arns])


def beside(options):
    """Each round with new servers, one after the other, which all have the same fleet: moto looks
    through all its things for each that is asked for, and is slower the more it has."""
    rounds = {}
    for _ in range(options.rounds):
        for begin in (slipway, moto, lambda folder: moto(folder, checks=True)):
            with prepared_folder("slipway-bench-") as folder:
                service = begin(folder)
                try:
                    rounds.setdefault(service.name, []).append(Round(service, options).run())
                finally:
                    service.stop()
    print(f"A fleet of {options.fleet}, {options.connections} connections, {options.rounds} rounds "
          f"of {options.slipway_seconds} s, {options.moto_seconds} s of moto's; CPU in "
          "microseconds an operation.")
    ours, *others = rounds
    print(f"| operation | {ours}, a second | p99 ms | CPU | client's CPU"
          + "".join(f" | {name}, a second | CPU | times the rate | of CPU" for name in others)
          + " | goal |")
    print("|---" * (6 + 4 * len(others)) + "|")
    for name, goal in GOALS.items():
        def median(service, figure):
            return statistics.median(
                getattr(figures[name], figure) for figures in rounds[service])
        rate, cpu = median(ours, "rate"), median(ours, "server_microseconds")
        row = [name, f"{rate:.0f}", f"{median(ours, 'p99'):.2f}", f"{cpu:.0f}",
               f"{median(ours, 'client_microseconds'):.0f}"]
        for other in others:
            their_rate, their_cpu = median(other, "rate"), median(other, "server_microseconds")
            row += [f"{their_rate:.0f}", f"{their_cpu:.0f}", f"{rate / their_rate:.1f}",
                    f"{their_cpu / cpu:.1f}"]
        print(f"| {' | '.join(row)} | {goal} |")


def fill(service, count):
    for first in range(0, count, FILL_AT_ONCE):
        several = range(first, min(first + FILL_AT_ONCE, count))
        service.run([service.signed("POST", f"/things/fill-{n}", {}) for n in several], 32)
        service.run([service.signed("POST", "/keys-and-certificate") for _ in several], 32)


@contextlib.contextmanager
def awake():
    """Keeps each processor from going to sleep, by work that gives way to all other (SCHED_IDLE).

    The disk of a virtual machine has done a sync when a processor hears of it, and one that sleeps
    may hear of it at its next tick: 4 ms where the sync takes 0.1 ms. One request at a time leaves
    the processors asleep now and then, and how often would be what is measured."""
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
    parser.add_argument("--slipway-seconds", type=int, default=2,
                        help="of each operation in a round")
    parser.add_argument("--moto-seconds", type=int, default=6, help="the same of moto")
    parser.add_argument("--connections", type=int, default=96)
    parser.add_argument("--fleet", type=int, default=10_000, help="things of each server")
    parser.add_argument("--things", type=int, default=100_000, help="to fill the store with")
    parser.add_argument("--full-rounds", type=int, default=15)
    options = parser.parse_args()
    beside(options)
    if not options.things:
        return
    with prepared_folder("slipway-full-") as folder, prepared_folder("slipway-empty-") as empty:
        services = [slipway(folder, name="full")]
        try:
            fill(services[0], options.things)
            services.append(slipway(empty, name="empty"))
            with awake():
                full(services, options)
        finally:
            for service in services:
                service.stop()


if __name__ == "__main__":
    main()
