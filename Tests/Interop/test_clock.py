"""A server whose clock jumps back issues nothing and says so; a device's clock never matters."""

import json
import os
import shutil
import subprocess

import pytest

from device import Device, Key
from gateway import SLIPWAY
from test_claims import register

SOURCE = os.path.join(os.path.dirname(__file__), "clock.c")


class Clock:
    """The wall clock of whatever runs with `environment`."""

    def __init__(self, folder):
        self.file = folder / "clock"
        library = folder / "clock.so"
        compiler = shutil.which("cc") or shutil.which("clang")
        assert compiler, "no C compiler: Swift brings clang along"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
        self.environment = {"LD_PRELOAD": str(library), "TEST_CLOCK": str(self.file)}
        self.set(0)

    def set(self, seconds):
        """So many seconds before or after the machine's, at once and as a whole."""
        draft = self.file.with_suffix(".new")
        draft.write_text(str(seconds))
        draft.rename(self.file)


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


def status(gateway):
    done = subprocess.run(
        [str(SLIPWAY), "status", "--json", "--directory", str(gateway.directory)],
        capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def refused(reply):
    reply.expect_rejected(500, "InternalFailure")
    assert (reply.document["reasonCode"], reply.document["retryAfterSeconds"]) == (9004, 60)


def test_a_clock_that_jumps_back_stops_issuing_until_it_has_caught_up(make_gateway, clock):
    gateway = make_gateway().start(environment=clock.environment)
    with Device(gateway, client_id="line") as device:
        device.subscribe_to_replies()
        created = device.create_from_csr(Key()).expect_accepted()
        # So far that a busy machine does not catch up meanwhile, and no certificate of the service
        # is one of the future.
        clock.set(-240)
        refused(device.create_from_csr(Key()))
        refused(device.create_keys())
        refused(device.register(
            created["certificateOwnershipToken"], {"SerialNumber": "SN-000001"}))
        assert 120 <= status(gateway)["clockSecondsBehind"] <= 240
        gateway.wait_for_log("the clock went back; nothing is issued")
        assert gateway.log_text().count("the clock went back; nothing is issued") == 1
        clock.set(0)
        device.register(
            created["certificateOwnershipToken"], {"SerialNumber": "SN-000001"}).expect_accepted()
        gateway.wait_for_log("the clock has caught up; issuing goes on")
        assert status(gateway)["clockSecondsBehind"] == 0
        register(device, "SN-000002").expect_accepted()
    # A service that begins with the clock of minutes ago knows it from its newest record.
    assert gateway.stop() == 0
    clock.set(-240)
    gateway.start(environment=clock.environment)
    with Device(gateway, client_id="late") as device:
        device.subscribe_to_replies()
        refused(device.create_from_csr(Key()))
    assert gateway.stop() == 0


def test_a_token_ends_by_the_server_s_clock(make_gateway, clock):
    gateway = make_gateway(settings={"provisioning-sweep-seconds": "86400"}).start(
        environment=clock.environment)
    with Device(gateway, client_id="line") as device:
        device.subscribe_to_replies()
        created = device.create_from_csr(Key()).expect_accepted()
        clock.set(3601)
        reply = device.register(
            created["certificateOwnershipToken"], {"SerialNumber": "SN-000001"})
        reply.expect_rejected(400, "InvalidCertificateOwnershipToken")
        assert reply.document["reasonCode"] == 3004
    assert gateway.stop() == 0
