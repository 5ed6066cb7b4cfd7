"""Claims: exact budgets under concurrency and over crashes, and what a thief gets."""

import json
import queue
import shutil
import threading

import pytest

from device import CREATE_FROM_CSR, REGISTER, Device, Key, Refused
from gateway import slipway


def claim(gateway, name, *options):
    """A claim made with the command line; its credential files."""
    stem = gateway.directory / name
    slipway(gateway, "claim", "create", name, "--template", "demo-sensor",
            "--output", str(stem), *options)
    return (f"{stem}.pem", f"{stem}.key")


def show(gateway, name, code=0):
    return json.loads(slipway(gateway, "claim", "show", name, "--json", code=code))


def register(device, serial, key=None):
    created = device.create_from_csr(key or Key()).expect_accepted()
    return device.register(
        created["certificateOwnershipToken"], {"SerialNumber": serial})


@pytest.fixture
def line(make_gateway):
    return make_gateway().start()


def test_budget_is_exact_under_concurrency(line):
    credentials = claim(line, "small", "--budget", "7", "--station", "S7", "--lot", "L7")
    accepted, refused, guard = [], [], threading.Lock()

    def work(station):
        with Device(line, credentials, client_id=f"nest-{station}") as device:
            device.subscribe_to_replies()
            for number in range(4):
                reply = register(device, f"SN-{station * 10 + number + 1:06}")
                with guard:
                    (accepted if reply.accepted else refused).append(reply)

    threads = [threading.Thread(target=work, args=(station,)) for station in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(accepted) == 7 and len(refused) == 13
    for reply in refused:
        message = reply.expect_rejected(403, "AccessDenied")
        assert "budget" not in message and "small" not in message
    shown = show(line, "small", code=2)
    assert (shown["spent"], shown["budget"], shown["remaining"]) == (7, 7, 0)
    assert sum(hour["units"] for hour in shown["spend"]) == 7
    assert {hour["station"] for hour in shown["spend"]} == {"S7"}
    line.wait_for_log("claim 'small' has spent its budget of 7")
    rows = line.query(
        "SELECT count(*) FROM certificates WHERE station = 'S7' AND lot = 'L7' "
        "AND status = 'ACTIVE' AND kind = 'device'")
    assert rows[0][0] == 7


@pytest.mark.parametrize("point", ["afterCreateCommit", "beforeRegisterCommit",
                                   "afterStorageCommit", "afterRegisterCommit", "beforeReply"])
def test_budget_is_exact_over_a_crash(make_gateway, point):
    """It dies at the step, and again at it a request later; the unit counts once all the same."""
    line = make_gateway().start()
    credentials = claim(line, "one", "--budget", "1")
    assert line.stop() == 0
    for after in ["1", "2"]:
        line.start(environment={"SLIPWAY_CRASH_AT": point, "SLIPWAY_CRASH_AFTER": after})
        try:
            with Device(line, credentials, client_id="unlucky") as device:
                device.subscribe_to_replies()
                for _ in range(3):
                    created = ask(line, device, CREATE_FROM_CSR,
                                  {"certificateSigningRequest": Key().csr})
                    ask(line, device, REGISTER, {
                        "certificateOwnershipToken": created["certificateOwnershipToken"],
                        "parameters": {"SerialNumber": "SN-000001"}})
        except (Gone, Refused):
            pass
        line.process.wait(timeout=60)
    line.start()
    with Device(line, credentials, client_id="again") as device:
        device.subscribe_to_replies()
        register(device, "SN-000001").expect_accepted()
        register(device, "SN-000002").expect_rejected(403, "AccessDenied")
    assert show(line, "one", code=2)["spent"] == 1


class Gone(Exception):
    """The service died before it answered."""


def ask(line, device, topic, document):
    """Like `Device.call`, of a service that may die."""
    device.client.publish(topic.format("json"), json.dumps(document), qos=1)
    while line.process.poll() is None:
        try:
            return json.loads(device._replies.get(timeout=0.2)[1])
        except queue.Empty:
            continue
    raise Gone()


def test_stolen_claim_cannot_fill_the_store(line):
    credentials = claim(line, "stolen", "--pending-max", "5")
    with Device(line, credentials, client_id="thief") as device:
        device.subscribe_to_replies()
        for _ in range(5):
            device.create_keys().expect_accepted()
        for _ in range(20):
            message = device.create_keys().expect_rejected(429, "TooManyRequests")
            assert "retry after" in message and "stolen" not in message
    assert show(line, "stolen")["certificates"][0]["pending"] == 5
    line.wait_for_log("5 certificates of claim 'stolen' wait")


def test_terms_are_held_to_and_the_wire_learns_nothing(line):
    credentials = claim(line, "narrow", "--serials", "SN-000100..SN-000199")
    told = set()

    def refused(reply):
        told.add(reply.expect_rejected(403, "AccessDenied"))

    with Device(line, credentials, client_id="narrow") as device:
        device.subscribe_to_replies()
        refused(register(device, "SN-000200"))
        register(device, "SN-000150").expect_accepted()
        slipway(line, "claim", "limit", "narrow", "--network", "192.0.2.0/24")
        refused(device.create_from_csr(Key()))
        slipway(line, "claim", "limit", "narrow", "--clear", "networks",
                "--not-after", "2020-01-01T00:00:00Z")
        refused(device.create_from_csr(Key()))
        slipway(line, "claim", "limit", "narrow", "--clear", "notAfter")
        # Whoever says both is asked which: a bound must not go away by accident.
        slipway(line, "claim", "limit", "narrow", "--budget", "2", "--clear", "budget", code=1)
        slipway(line, "claim", "disable", "narrow", "--reason", "lunch")
        refused(device.create_from_csr(Key()))
        slipway(line, "claim", "enable", "narrow")
        register(device, "SN-000151").expect_accepted()
    assert len(told) == 1, told
    for cause in ["not 'SN-000200'", "may not be used from 127.0.0.1", "ended at", "is DISABLED"]:
        line.wait_for_log(cause)


def test_rotated_and_revoked(line):
    old = claim(line, "turn", "--budget", "9")
    with Device(line, old, client_id="old") as device:
        device.subscribe_to_replies()
        register(device, "SN-000300").expect_accepted()
    slipway(line, "claim", "rotate", "turn", "--output", str(line.directory / "turn-b"))
    with pytest.raises(Refused):
        with Device(line, old, client_id="old"):
            pass
    new = (line.directory / "turn-b.pem", line.directory / "turn-b.key")
    with Device(line, new, client_id="new") as device:
        device.subscribe_to_replies()
        register(device, "SN-000301").expect_accepted()
    assert show(line, "turn")["spent"] == 2
    slipway(line, "claim", "revoke", "turn", "--reason", "key leaked")
    with pytest.raises(Refused):
        with Device(line, new, client_id="new"):
            pass
    assert show(line, "turn")["status"] == "REVOKED"
    slipway(line, "claim", "enable", "turn", code=1)
    # Both are on the authority's list, for the reason that there was.
    assert sorted(line.query("""SELECT revocations.reason FROM revocations JOIN certificates
        ON id = certificate WHERE status = 'REVOKED' AND kind = 'claim'""")) == [
            ("superseded",), ("unspecified",)]


def test_a_claim_ended_since_the_backup_is_ended_when_it_is_restored(line, tmp_path):
    for name in ("shut", "gone", "reopened"):
        claim(line, name)
    assert line.stop() == 0
    backup = tmp_path / "fleet.db"
    shutil.copy(line.database, backup)
    line.start()
    slipway(line, "claim", "disable", "shut", "--reason", "stolen")
    slipway(line, "claim", "revoke", "gone")
    slipway(line, "claim", "disable", "reopened")
    slipway(line, "claim", "enable", "reopened")
    since = show(line, "shut")
    assert line.stop() == 0
    for left in line.database.parent.glob("fleet.db*"):
        if left.name != "fleet.db.lock":
            left.unlink()
    shutil.copy(backup, line.database)
    line.start()
    assert show(line, "shut")["status"] == "DISABLED"
    assert show(line, "shut")["statusChangedAt"] == since["statusChangedAt"]
    assert show(line, "gone")["status"] == "REVOKED"
    assert show(line, "reopened")["status"] == "ACTIVE"
    # Whoever takes it back has the last word, also over the next start.
    slipway(line, "claim", "enable", "shut")
    assert line.stop() == 0
    line.start()
    assert show(line, "shut")["status"] == "ACTIVE"


def test_listing_and_bad_terms(line):
    claim(line, "listed", "--budget", "3", "--shift", "daily 00:00-24:00", "--per-minute", "60")
    assert "listed" in slipway(line, "claim", "list")
    listed = json.loads(slipway(line, "claim", "list", "--json"))
    assert {"demo-line", "listed"} <= {entry["name"] for entry in listed}
    for words in [("--budget", "-1"), ("--serials", "A2..A1"), ("--network", "10.0.0.0/99"),
                  ("--shift", "someday"), ("--template", "nowhere")]:
        slipway(line, "claim", "limit", "listed", words[0] + "=" + words[1], code=1)
    assert show(line, "listed")["budget"] == 3


def dry_run(gateway, serial, *options, code=0):
    return json.loads(slipway(
        gateway, "template", "dry-run", "demo-sensor", "--parameters", f"SerialNumber={serial}",
        *options, "--json", code=code))


def test_dry_runs_apply_the_terms_and_spend_nothing(line):
    credentials = claim(line, "tried", "--budget", "1", "--serials", "SN-000500..SN-000599",
                        "--network", "127.0.0.0/8")
    for _ in range(3):
        report = dry_run(line, "SN-000500", "--claim", "tried")
        assert report["accepted"] and report["claim"] == {
            "name": "tried", "spent": 0, "spends": 1, "budget": 1}
        assert report["unit"] == {"serial": "SN-000500", "state": "expected", "list": "demo"}
    for serial, options, cause in [
            ("SN-000600", (), "is for serial numbers"),
            ("SN-000500", ("--source-address", "192.0.2.1"), "may not be used from 192.0.2.1")]:
        report = dry_run(line, serial, "--claim", "tried", *options, code=1)
        assert cause in report["refusal"]["message"], report
    with Device(line, credentials, client_id="tried") as device:
        device.subscribe_to_replies()
        register(device, "SN-000500").expect_accepted()
    assert dry_run(line, "SN-000500", "--claim", "tried")["claim"]["spends"] == 0
    report = dry_run(line, "SN-000501", "--claim", "tried", code=1)
    assert "has spent its budget of 1" in report["refusal"]["message"]
    slipway(line, "claim", "disable", "tried", "--reason", "over")
    report = dry_run(line, "SN-000500", "--claim", "tried", code=1)
    assert "is DISABLED" in report["refusal"]["message"]
    slipway(line, "template", "dry-run", "demo-sensor", "--parameters", "SerialNumber=x",
            "--claim", "nobody", code=1)


def test_dry_runs_know_the_state_of_a_unit(line):
    slipway(line, "allowlist", "block", "demo", "SN-000510", "--reason", "scrapped")
    slipway(line, "allowlist", "lease", "demo", "SN-000511", "--station", "nest-3")
    # To its hook a blocked unit is not on the list, here as on the line.
    assert "is not on the allowlist" in dry_run(line, "SN-000510", code=1)["refusal"]["message"]
    report = dry_run(line, "SN-000511", code=1)
    assert "in use at station 'nest-3'" in report["refusal"]["message"]
    assert report["unit"]["state"] == "leased"
