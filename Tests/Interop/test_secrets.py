"""Secrets are in the memory of the process for as long as they are needed, and no longer."""

import os
import time

import pytest

import aws
from device import Device
from gateway import TEMPLATE

PASSPHRASE = "correct horse battery staple"


def memory_holds(pid, needle):
    with open(f"/proc/{pid}/maps") as maps:
        lines = maps.readlines()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in lines:
            span, rights = line.split()[:2]
            if not rights.startswith("rw"):
                continue
            start, end = (int(number, 16) for number in span.split("-"))
            memory.seek(start)
            try:
                if needle in memory.read(end - start):
                    return True
            except OSError:
                continue
    return False


@pytest.mark.parametrize("form", ["json", "cbor"])
@pytest.mark.parametrize("subscribed", [True, False])
def test_private_key_is_nowhere_once_it_has_been_sent(gateway, form, subscribed):
    with Device(gateway, client_id=f"wiped-{form}-{subscribed}", form=form) as device:
        if subscribed:
            device.subscribe_to_replies()
        created = device.create_keys().expect_accepted()
        lines = [line.encode() for line in created["privateKey"].splitlines()[2:4]]
        is_wiped(gateway, lines)


def is_wiped(gateway, lines):
    try:
        # The search finds what is there to be found.
        assert memory_holds(gateway.process.pid, b"PRIVATE KEY")
        deadline = time.monotonic() + 60
        # The bytes are overwritten a turn after they were written.
        while any(memory_holds(gateway.process.pid, line) for line in lines):
            assert time.monotonic() < deadline, "the key is still in memory"
    except PermissionError:
        pytest.skip("this machine does not let a parent read its child's memory")


@pytest.mark.parametrize("operation", ["keys", "claim"])
def test_private_key_of_the_control_plane_goes_as_well(gateway, operation):
    """The connection stays open for the next call, as boto3 keeps it."""
    iot = aws.client(gateway)
    made = (iot.create_keys_and_certificate() if operation == "keys"
            else iot.create_provisioning_claim(templateName=TEMPLATE))
    # The first lines are the modulus, which is the public key's as well.
    is_wiped(gateway, [
        line.encode() for line in made["keyPair"]["PrivateKey"].splitlines()[10:12]])


@pytest.mark.parametrize("source", ["environment", "file", "descriptor"])
def test_passphrase_is_nowhere_once_the_keys_are_open(make_gateway, tmp_path, source):
    environment = {"SLIPWAY_CA_PASSPHRASE": PASSPHRASE}
    settings, passed = {}, ()
    file = tmp_path / "passphrase"
    file.write_text(PASSPHRASE + "\n")
    gateway = make_gateway(environment=environment)
    if source != "environment":
        environment = {}
    if source == "file":
        settings["pki-passphrase-file"] = str(file)
    if source == "descriptor":
        descriptor = os.open(file, os.O_RDONLY)
        settings["pki-passphrase-descriptor"] = descriptor
        passed = (descriptor,)
    gateway.settings.update(settings)
    gateway.start(environment, pass_fds=passed)
    pids = [gateway.process.pid, *gateway.hook_workers()]
    try:
        assert any(memory_holds(pid, b"BEGIN CERTIFICATE") for pid in pids)
        assert not any(memory_holds(pid, PASSPHRASE.encode()) for pid in pids)
    except PermissionError:
        pytest.skip("this machine does not let a parent read its child's memory")
    for pid in pids:
        with open(f"/proc/{pid}/environ", "rb") as block:
            assert PASSPHRASE.encode() not in block.read()
    assert gateway.stop() == 0
    assert PASSPHRASE not in gateway.log_text()
