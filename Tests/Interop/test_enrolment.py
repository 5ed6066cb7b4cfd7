"""A device that comes again: superseded, held, decided; and the trace that tells it."""

import json
import subprocess

import pytest

from device import Device, Key
from gateway import SLIPWAY, Gateway


def say(gateway, command):
    done = subprocess.run(
        [str(SLIPWAY), *command.split(), "--directory", str(gateway.directory)],
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def rows(gateway, command):
    found = json.loads(say(gateway, command + " --json"))
    return found["enrolments"] if isinstance(found, dict) else found


def register(device, serial, key=None):
    created = (device.create_from_csr(key) if key else device.create_keys()).expect_accepted()
    return created, device.register(
        created["certificateOwnershipToken"], {"SerialNumber": serial})


@pytest.fixture
def held(tmp_path):
    gateway = Gateway(tmp_path, {"enrolment-on-rework": "hold"}).start()
    yield gateway
    gateway.stop()


def test_replies_tell_the_time_and_a_lost_pair_is_superseded(gateway, serials):
    with Device(gateway, client_id="again") as device:
        device.subscribe_to_replies()
        serial = serials()
        first, reply = register(device, serial)
        assert first["serverTime"] > 1_700_000_000
        answer = reply.expect_accepted()
        second, reply = register(device, serial)
        assert reply.expect_accepted()["thingName"] == answer["thingName"]
    states = {id: json.loads(say(gateway, f"enrolment show {id} --json"))["state"]
              for id in (first["certificateId"], second["certificateId"])}
    assert list(states.values()) == ["superseded", "issued"]


def test_held_is_decided_and_traced(held):
    serial = held.directory.joinpath("var/demo-serials.txt").read_text().split()[0]
    with Device(held, client_id="held") as device:
        device.subscribe_to_replies()
        register(device, serial, Key("one"))[1].expect_accepted()
        created, reply = register(device, serial, Key("two"))
        reply.expect_rejected(409, "ResourceConflict")
        assert reply.document["reasonCode"] == 7105
        assert reply.document["retryAfterSeconds"] == 60
        id = created["certificateId"]
        assert [row["certificateId"] for row in rows(held, "enrolment list --held")] == [id]
        say(held, f"enrolment decide {id} allow --reason rework")
        device.register(
            created["certificateOwnershipToken"], {"SerialNumber": serial}).expect_accepted()
        assert rows(held, "enrolment list --held") == []
        assert id in [row["certificateId"] for row in rows(held, "enrolment list --unproven")]
    attempts = [json.loads(line) for line in say(
        held, f"trace --serial {serial} --json").splitlines()]
    assert [one["outcome"] for one in attempts] == [
        "accepted", "accepted", "accepted", "refused", "accepted"]
    steps = [step["step"] for step in attempts[3]["steps"]]
    assert steps[:4] == ["tls", "policy", "token", "template"] and "enrolment" in steps
    text = say(held, f"trace {reply.document['correlationId']}")
    assert "refused at enrolment: 7105 enrolmentHeld" in text
    assert "DecideEnrolment" in say(held, "audit list")
