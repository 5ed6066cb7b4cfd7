"""Settings at their ends, two at a time: a defect may need two that nobody sets together.

Lesson of FlashMQ's division by zero (CVE-2026-42209), which took two settings off their defaults.
"""

import itertools
import json
import re
import subprocess

import pytest

from device import Device, Key, Refused
from gateway import SLIPWAY

# What would judge the machine and not the program: how long a busy one may take.
FIXED = {"hook-deadline-milliseconds": "5000", "listen-handshake-seconds": "20",
         "listen-connect-seconds": "20", "keys-algorithm": "P_256"}
# ResourceConflict: with no time for rework, a serial that comes again is held.
REFUSALS = {"TooManyRequests", "InternalFailure", "HookTimeout", "AccessDenied",
            "ResourceConflict"}


def ends():
    """Every whole-number setting with its default and both of its ends."""
    shown = json.loads(subprocess.run(
        [str(SLIPWAY), "config", "show", "--json"], capture_output=True, text=True,
        timeout=60, check=True).stdout)
    found = {}
    for row in shown:
        name = row["flag"].removeprefix("--")
        bounds = re.fullmatch(r"(\d+)…(\d+)", row["mayBe"])
        if not bounds or name in FIXED or name in (
                "listen-port", "api-port", "pki-passphrase-descriptor",
                "pki-token-pin-descriptor"):
            continue
        # At their lowest, the templates that ship are refused, as they should be.
        if name.startswith("templates-"):
            continue
        found[name] = sorted({row["default"], *bounds.groups()}, key=int)
    return found


def pairwise(values):
    """Rows in which every value of every setting meets every value of every other, greedily."""
    names = sorted(values)
    open_pairs = {frozenset(pair) for one, two in itertools.combinations(names, 2)
                  for pair in itertools.product(
                      [(one, value) for value in values[one]],
                      [(two, value) for value in values[two]])}
    rows = []
    while open_pairs:
        row = dict(sorted(min(open_pairs, key=sorted)))
        for name in names:
            if name not in row:
                row[name] = max(values[name], key=lambda value: sum(
                    frozenset([(name, value), other]) in open_pairs for other in row.items()))
        open_pairs -= {frozenset(pair) for pair in itertools.combinations(row.items(), 2)}
        rows.append(row)
    return rows


def test_every_pair_of_extreme_settings_serves_or_refuses_and_stops(make_gateway, tmp_path):
    gateway = make_gateway(settings=FIXED)
    values = ends()
    assert len(values) >= 9
    provisioned = 0
    rows = pairwise(values)
    for number, row in enumerate(rows):
        gateway.settings = {**FIXED, **row}
        gateway.start()
        try:
            with Device(gateway, client_id=f"pair-{number}") as device:
                device.subscribe_to_replies()
                for reply in (device.create_keys(), device.create_from_csr(Key())):
                    assert reply.accepted or reply.document["errorCode"] in REFUSALS, (row, reply)
                    if not reply.accepted:
                        continue
                    registered = device.register(
                        reply.document["certificateOwnershipToken"],
                        {"SerialNumber": f"SN-{number + 1:06}"})
                    provisioned += registered.accepted
                    assert registered.accepted \
                        or registered.document["errorCode"] in REFUSALS, (row, registered)
        except Refused as refused:
            # One connection at most, and the one that looked whether it listens is still there.
            assert row["listen-connections-max"] == "1", (row, refused)
        assert gateway.process.poll() is None, (row, gateway.log_text()[-2000:])
        assert gateway.stop() == 0, row
    assert provisioned >= len(rows)
    gateway.check_invariants()
