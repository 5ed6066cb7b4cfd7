"""A device that comes again: superseded, held, decided; and the trace that tells it."""

import json
import subprocess

import pytest

import aws
from device import CREATE_FROM_CSR, REGISTER, Device, Key, Refused
from gateway import SLIPWAY, Gateway
from test_claims import Gone, ask
from test_refusals import OPEN_TEMPLATE, line


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
        unproven = rows(held, "enrolment list --unproven")
        assert [row["thing"] for row in unproven if row["certificateId"] == id] == [
            f"sensor-{serial}"]
    attempts = [json.loads(line) for line in say(
        held, f"trace --serial {serial} --json").splitlines()]
    assert [one["outcome"] for one in attempts] == [
        "accepted", "accepted", "accepted", "refused", "accepted"]
    steps = [step["step"] for step in attempts[3]["steps"]]
    assert steps[:4] == ["tls", "policy", "token", "template"] and "enrolment" in steps
    text = say(held, f"trace {reply.document['correlationId']}")
    assert "refused at enrolment: 7105 enrolmentHeld" in text
    assert "DecideEnrolment" in say(held, "audit list")


def test_a_listing_knows_the_serial_number_beside_a_service_and_without(tmp_path, monkeypatch):
    monkeypatch.setenv("SLIPWAY_ENROLMENT_SERIAL_PARAMETER", "Unit")
    gateway = Gateway(tmp_path).start()
    try:
        serial = gateway.directory.joinpath("var/demo-serials.txt").read_text().split()[0]
        with Device(gateway, client_id="unit") as device:
            device.subscribe_to_replies()
            created = device.create_keys().expect_accepted()
            device.register(
                created["certificateOwnershipToken"],
                {"SerialNumber": serial, "Unit": "U-1"}).expect_accepted()
        beside = rows(gateway, "enrolment list --unproven")
        assert [row["serial"] for row in beside] == ["U-1"]
    finally:
        assert gateway.stop() == 0
    assert rows(gateway, "enrolment list --unproven") == beside


# The same key under another serial, and one certificate in two places.


def found(gateway, verdict):
    return rows(gateway, f"enrolment list --verdict {verdict}")


def test_a_copied_image_is_held_and_a_person_decides(make_gateway):
    gateway = make_gateway(settings={"enrolment-on-copied-image": "hold"}).start()
    key = Key("flash")
    with Device(gateway, client_id="copy") as device:
        device.subscribe_to_replies()
        first, reply = register(device, "SN-000001", key)
        reply.expect_accepted()
        second, reply = register(device, "SN-000002", key)
        assert "sensor-SN-000001" in reply.expect_rejected(409, "ResourceConflict")
        assert reply.document["reasonCode"] == 7105
        finding = found(gateway, "copiedImage")
        assert [(row["certificateId"], row["policy"], row["state"]) for row in finding] == [
            (second["certificateId"], "hold", "held")]
        assert finding[0]["evidence"]["otherThings"] == ["sensor-SN-000001"]
        assert [row["certificateId"] for row in rows(gateway, "enrolment list --held")] == [
            second["certificateId"]]
        say(gateway, f"enrolment decide {second['certificateId']} allow --reason relabelled")
        device.register(
            second["certificateOwnershipToken"], {"SerialNumber": "SN-000002"}).expect_accepted()
    assert gateway.query(
        f"SELECT status FROM certificates WHERE id = '{first['certificateId']}'") == [
            ("INACTIVE",)]
    assert gateway.stop() == 0
    gateway.check_invariants()


def two_units(gateway, credentials, client_ids=("unit-1", "unit-2")):
    """The older one speaks while the newer one lives, until somebody has noticed."""
    older = Device(gateway, credentials, client_id=client_ids[0]).connect()
    newer = Device(gateway, credentials, client_id=client_ids[1], source="127.0.0.2").connect()
    try:
        # Its loop may hear it before it has heard of the other one.
        for _ in range(500):
            if "a certificate is on two live connections" in gateway.log_text():
                break
            older.subscribe("whatever")
    except Refused:
        pass
    return older, newer


def close(*devices):
    for device in devices:
        device.__exit__()


def wait_for_finding(gateway):
    gateway.wait_for_log("a certificate is on two live connections")
    for _ in range(100):
        finding = found(gateway, "clone")
        if finding:
            return finding
    raise AssertionError("the log has it and the store has not")


def test_a_clone_in_the_field_leaves_evidence_and_is_left_alone(make_gateway, tmp_path):
    gateway = line(make_gateway)
    with Device(gateway, client_id="line") as device:
        device.subscribe_to_replies()
        name, credentials = device.provision("one", tmp_path, Key())
    older, newer = two_units(gateway, credentials)
    finding, = wait_for_finding(gateway)
    assert (finding["verdict"], finding["policy"], finding["state"]) == (
        "clone", "allow", "proven")
    assert finding["thing"] == name and finding["evidence"]["sign"] == "concurrent"
    assert [(session["clientId"], session["address"])
            for session in finding["evidence"]["sessions"]] == [
                ("unit-1", "127.0.0.1"), ("unit-2", "127.0.0.2")]
    # Both go on, and what is seen again is no second record.
    for _ in range(3):
        older.subscribe("whatever")
        newer.subscribe("whatever")
    close(newer)
    with Device(gateway, credentials, client_id="unit-3"):
        older.subscribe("whatever")
    close(older)
    assert gateway.query("SELECT count(*) FROM commits WHERE action = 'SightClone'") == [(1,)]
    assert "SightClone" in say(gateway, "audit list")
    assert gateway.stop() == 0
    gateway.check_invariants()


def test_a_clone_is_told_to_whoever_listens(make_gateway, tmp_path):
    policy = OPEN_TEMPLATE["Resources"]["policy"]["Properties"]["PolicyDocument"]
    everything = {**policy, "Statement": [{"Effect": "Allow", "Action": "iot:*",
                                           "Resource": "*"}]}
    template = json.loads(json.dumps(OPEN_TEMPLATE))
    template["Resources"]["policy"]["Properties"]["PolicyDocument"] = everything
    gateway = make_gateway(
        templates={"demo-sensor.json": template,
                   "demo-sensor.settings.json": {"enabled": True}}, hooks={}).start()
    aws.client(gateway).update_event_configurations(
        eventConfigurations={"CERTIFICATE": {"Enabled": True}})
    with Device(gateway, client_id="line") as device:
        device.subscribe_to_replies()
        _, credentials = device.provision("one", tmp_path, Key("one"))
        _, other = device.provision("two", tmp_path, Key("two"))
    with Device(gateway, other, client_id="listener") as listener:
        assert listener.subscribe("$aws/events/enrolment/#") == [1]
        close(*two_units(gateway, credentials))
        topic, payload, _ = listener.messages.get(timeout=30)
    event = json.loads(payload)
    assert topic.startswith("$aws/events/enrolment/clone/certificate/")
    assert event["eventType"] == "ENROLMENT_FINDING_EVENT" and event["policy"] == "allow"
    assert len(event["evidence"]["sessions"]) == 2


@pytest.mark.parametrize("policy,ended", [("refuse", "unit-2"), ("replace", "unit-1")])
def test_policy_ends_one_of_two(make_gateway, tmp_path, policy, ended):
    gateway = line(make_gateway, options={"enrolment-on-clone": policy})
    with Device(gateway, client_id="line") as device:
        device.subscribe_to_replies()
        _, credentials = device.provision("one", tmp_path, Key())
    older, newer = two_units(gateway, credentials)
    loser, stays = (newer, older) if policy == "refuse" else (older, newer)
    assert loser.ended().value == 0x87
    stays.subscribe("whatever")
    close(older, newer)
    refused = [json.loads(text) for text in say(
        gateway, f"trace --client-id {ended} --json").splitlines()]
    # Its subscriptions were denied as well.
    assert [one["reason"] for one in refused if one["reasonCode"] == 7107] == [
        "certificateInTwoPlaces"]


@pytest.mark.parametrize("decision", ["allow", "refuse"])
def test_units_that_take_a_name_from_each_other_are_held(make_gateway, tmp_path, decision):
    """The demo line lets a device connect under its thing's name only."""
    gateway = make_gateway(settings={"enrolment-on-clone": "hold"}).start()
    with Device(gateway, client_id="line") as device:
        device.subscribe_to_replies()
        name, credentials = device.provision("SN-000001", tmp_path, Key())
    units = []
    with pytest.raises(Refused):
        for turn in range(8):
            units.append(Device(
                gateway, credentials, client_id=name,
                source=["127.0.0.1", "127.0.0.2"][turn % 2]).connect())
            units[-1].subscribe(f"devices/{name}/x")
    assert len(units) >= 5
    close(*units)
    held, = rows(gateway, "enrolment list --held")
    assert held["verdict"] == "clone" and held["evidence"]["sign"] == "takeover"
    assert {session["address"] for session in held["evidence"]["sessions"]} == {
        "127.0.0.1", "127.0.0.2"}
    id = held["certificateId"]
    assert gateway.query(f"SELECT status FROM certificates WHERE id = '{id}'") == [("INACTIVE",)]
    say(gateway, f"enrolment decide {id} {decision} --reason bench")
    assert rows(gateway, "enrolment list --held") == []
    status = {"allow": "ACTIVE", "refuse": "REVOKED"}[decision]
    assert gateway.query(f"SELECT status FROM certificates WHERE id = '{id}'") == [(status,)]
    if decision == "allow":
        with Device(gateway, credentials, client_id=name):
            pass
    else:
        with pytest.raises(Refused):
            with Device(gateway, credentials, client_id=name):
                pass
    assert gateway.stop() == 0
    gateway.check_invariants()


# The commit that supersedes.


@pytest.mark.parametrize("point", [
    "beforeRegisterCommit", "afterApply", "afterStorageCommit", "afterRegisterCommit",
    "afterReply"])
def test_superseding_is_whole_over_a_crash(make_gateway, point):
    """The device has lost its pair and comes again with another; the service dies on the way."""
    gateway = make_gateway(settings={"keys-algorithm": "P_256"}).start()
    with Device(gateway, client_id="before") as device:
        device.subscribe_to_replies()
        register(device, "SN-000001")[1].expect_accepted()
    assert gateway.stop() == 0
    for after in ["1", "2"]:
        gateway.start(
            environment={"SLIPWAY_CRASH_AT": point, "SLIPWAY_CRASH_AFTER": after}, wait=False)
        try:
            gateway.wait_until_listening()
            with Device(gateway, client_id="again") as device:
                device.subscribe_to_replies()
                for _ in range(3):
                    created = ask(gateway, device, CREATE_FROM_CSR,
                                  {"certificateSigningRequest": Key().csr})
                    ask(gateway, device, REGISTER, {
                        "certificateOwnershipToken": created["certificateOwnershipToken"],
                        "parameters": {"SerialNumber": "SN-000001"}})
        except (Gone, Refused, AssertionError):
            pass
        gateway.process.wait(timeout=60)
        gateway.check_invariants()
        active, = gateway.query(
            """SELECT count(*) FROM certificates WHERE kind = 'device' AND status = 'ACTIVE'""")
        assert active == (1,)
    gateway.start()
    with Device(gateway, client_id="last") as device:
        device.subscribe_to_replies()
        created, reply = register(device, "SN-000001", Key())
        reply.expect_accepted()
    assert gateway.query(
        "SELECT id FROM certificates WHERE kind = 'device' AND status = 'ACTIVE'") == [
            (created["certificateId"],)]
    # What was superseded says so, and a pair that the service made is on the CRL.
    revoked = gateway.query(
        """SELECT id FROM certificates WHERE kind = 'device' AND status = 'REVOKED'
           AND status_reason LIKE 'superseded by %'""")
    listed = gateway.query("SELECT certificate FROM revocations WHERE reason = 'superseded'")
    assert set(revoked) == set(listed) and revoked
    assert gateway.stop() == 0
    gateway.check_invariants()
