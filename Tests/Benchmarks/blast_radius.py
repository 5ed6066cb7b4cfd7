#!/usr/bin/env python3
"""One revocation by provenance that drops 5,000 live connections: how long until the last is gone.

    make bench                                  figures of the release build
    SLIPWAY=.build/debug/slipway Tests/Benchmarks/blast_radius.py --devices 300    a quick look

Devices are provisioned by `slipway simulate`, then each holds a TLS socket with an accepted CONNECT
from this process: both ends are on this machine and share its cores. The devices' side is read by
one epoll loop, which notes when each socket ends.

The time from the first of the revocation's commits to its last closed socket is the service's own
(`slipway ca status`), and is what is wanted to be at most a second; the time from the command,
which finds its certificates first, is this process's.
"""

import argparse
import datetime
import gc
import json
import os
import resource
import select
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Interop"))
from gateway import SLIPWAY, Gateway  # noqa: E402

SECONDS_WANTED = 1.0
# Beside the sockets: the program's own files.
FILES_MORE = 200


def now():
    moment = datetime.datetime.now(datetime.timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def raise_limit(devices):
    """As many sockets as the kernel gives; both processes have the limit to themselves."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = devices + FILES_MORE
    limit = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return min(devices, limit - FILES_MORE)


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return done.stdout


def connect_packet(client):
    """MQTT 3.1.1 CONNECT, clean session, no keep alive."""
    name = client.encode()
    body = b"\x00\x04MQTT\x04\x02\x00\x00" + len(name).to_bytes(2, "big") + name
    return b"\x10" + bytes([len(body)]) + body


def connect(gateway, certificate, key, client):
    context = ssl.create_default_context(cafile=str(gateway.ca))
    context.load_cert_chain(certificate, key)
    raw = socket.create_connection(("127.0.0.1", gateway.port), timeout=60)
    channel = context.wrap_socket(raw, server_hostname="localhost")
    channel.sendall(connect_packet(client))
    answer = channel.recv(4)
    if answer != b"\x20\x02\x00\x00":
        sys.exit(f"{client} was not let in: {answer!r}")
    channel.setblocking(False)
    return channel


def ended(channel):
    """Whether nothing more will come."""
    try:
        while channel.recv(4096):
            pass
        return True
    except (ssl.SSLWantReadError, BlockingIOError):
        return False
    except OSError:
        return True


def credentials(folder):
    """What `slipway simulate --out` left: NAME.pem and NAME.key for each thing."""
    for certificate in sorted(Path(folder).rglob("*.pem")):
        key = certificate.with_suffix(".key")
        if key.exists():
            yield certificate, key, certificate.stem


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=5000)
    arguments = parser.parse_args()
    devices = raise_limit(arguments.devices)
    with tempfile.TemporaryDirectory(prefix="slipway-blast-") as name:
        folder = Path(name)
        gateway = Gateway(folder / "gateway", settings={
            "keys-algorithm": "P_256", "revocation-canary-seconds": "0", "log-level": "warning",
            "listen-connect-seconds": "600"})
        serials = folder / "serials.txt"
        serials.write_text("".join(f"BLAST-{n:06}\n" for n in range(devices)))
        run([SLIPWAY, "allowlist", "import", "demo", serials, "--directory", gateway.directory])
        gateway.start()
        begun = now()
        run(gateway.simulate_arguments(
            "--devices", devices, "--serials", serials, "--flow", "csr", "--out",
            folder / "devices"))
        where = f"issued between {begun} and {now()}"
        channels, poll = {}, select.epoll()
        for certificate, key, thing in credentials(folder / "devices"):
            channel = connect(gateway, certificate, key, thing)
            channels[channel.fileno()] = channel
            poll.register(channel, select.EPOLLIN)
        held = len(channels)
        # Nothing here is garbage until the last is closed, and looking for it takes a core.
        gc.freeze()
        if held < devices:
            sys.exit(f"only {held} of {devices} devices are there")
        words = [SLIPWAY, "cert", "revoke", "--where", where, "--directory", gateway.directory]
        plan = json.loads(run([*words, "--json"]))
        command = subprocess.Popen(
            [*map(str, words), "--plan", plan["plan"], "--reason", "keyCompromise", "--json"],
            stdout=subprocess.PIPE, text=True)
        start, first, last = time.monotonic(), None, None
        while channels:
            for number, _ in poll.poll(60):
                if ended(channels[number]):
                    last = time.monotonic()
                    first = first or last
                    # A descriptor that is closed is no longer in the set (epoll(7)).
                    channels.pop(number).close()
            if time.monotonic() - start > 300:
                sys.exit(f"{len(channels)} sockets are still open")
        answer = json.loads(command.communicate()[0])
        status = json.loads(run(
            [SLIPWAY, "ca", "status", "--json", "--directory", gateway.directory]))
        gateway.stop()
    print(f"{held:,} live connections dropped by one revocation of {answer['changed']:,} "
          f"certificates (the preview said {plan['online']:,} online)")
    whole = status["decisionMilliseconds"] / 1e3
    print(f"  {whole:>9.2f}  seconds from its first commit to the last of "
          f"{status['decisionSocketsClosed']:,} closed sockets (wanted: {SECONDS_WANTED:.1f})")
    print(f"  {last - start:>9.2f}  seconds from the command to the last closed socket")
    print(f"  {last - first:>9.2f}  seconds from the first to the last closed socket")
    print(f"  {status['p99Milliseconds'] / 1e3:>9.3f}  seconds from a certificate's own commit to "
          "its closed socket, 99 of a hundred")
    print(f"  {status['worstMilliseconds'] / 1e3:>9.3f}  seconds, the slowest")


if __name__ == "__main__":
    main()
