"""Allowlists as records: imports that tell, hold versus unknown, what became of a unit."""

import csv
import io
import json

import pytest

from device import Device, Key
from gateway import run_slipway
from test_claims import register, slipway
from test_refusals import ask as open_ask
from test_refusals import line as open_line


@pytest.fixture
def line(make_gateway):
    return make_gateway().start()


def unit(gateway, serial):
    return json.loads(slipway(gateway, "allowlist", "unit", "demo", serial, "--json"))


def test_hold_is_not_unknown(line):
    slipway(line, "allowlist", "hold", "demo", "SN-000007", "--reason", "burn-in")
    with Device(line, client_id="held") as device:
        device.subscribe_to_replies()
        held = register(device, "SN-000007")
        message = held.expect_rejected(429, "TooManyRequests")
        assert "not yet released; retry after 60 seconds" in message
        told = held.document
        assert (told["reasonCode"], told["step"], told["retryAfterSeconds"]) == (
            6202, "allowlist", 60)
        register(device, "SN-NOBODY").expect_rejected(403, "AccessDenied")
        slipway(line, "allowlist", "release", "demo", "SN-000007", "--reason", "burn-in passed")
        register(device, "SN-000007").expect_accepted()
    known = unit(line, "SN-000007")
    assert (known["state"], known["thing"], known["station"]) == (
        "provisioned", "sensor-SN-000007", "demo-station")
    assert [entry["state"] for entry in known["history"]] == ["held", "released", "provisioned"]
    assert [entry.get("reason") for entry in known["history"]] == [
        "burn-in", "burn-in passed", None]


def test_blocked_and_leased(line):
    slipway(line, "allowlist", "block", "demo", "SN-000008", "--reason", "scrapped")
    slipway(line, "allowlist", "lease", "demo", "SN-000009", "--station", "nest-3")
    with Device(line, client_id="blocked") as device:
        device.subscribe_to_replies()
        register(device, "SN-000008").expect_rejected(403, "AccessDenied")
        message = register(device, "SN-000009").expect_rejected(409, "ResourceConflict")
        assert "in use at station 'nest-3'" in message
    slipway(line, "allowlist", "lease", "demo", "SN-000008", "--station", "nest-3", code=1)
    slipway(line, "allowlist", "release", "demo", "SN-NOBODY", "--reason", "x", code=1)


def test_lists_are_told_page_by_page(line):
    """One page, and that there are more; or all of them."""
    single = line.directory / "single.txt"
    single.write_text("U1\n")
    slipway(line, "allowlist", "import", "line-2", str(single))
    first = slipway(line, "allowlist", "list", "--page-size", "1", "--json")
    assert [each["name"] for each in json.loads(first)] == ["demo"]
    every = slipway(line, "allowlist", "list", "--page-size", "1", "--page-all", "--json")
    assert [each["name"] for each in json.loads(every)] == ["demo", "line-2"]
    found = slipway(line, "allowlist", "list", "--where", "name:line-*", "--json")
    assert [(each["name"], each["count"]) for each in json.loads(found)] == [("line-2", 1)]


def test_dry_run_import_and_export(line):
    first = line.directory / "first.csv"
    first.write_text("serial,lot,hardware_type,site\nU1,L1,mk1,north\nU2,L1,mk1,\nU3,,,\n")
    slipway(line, "allowlist", "import", "units", str(first))
    second = line.directory / "second.csv"
    second.write_text("serial,lot,hardware_type,site,state\nU1,L1,mk1,north,\n"
                      "U2,L2,mk2,\"a, b\",held\nU4,,,,\nU4,,,,\n")
    told = json.loads(slipway(line, "allowlist", "import", "units", str(second), "--replace",
                              "--dry-run", "--json"))
    assert [told[name] for name in ("added", "changed", "removed", "duplicateCount")] == [
        1, 1, 1, 1]
    assert (told["addedSample"], told["changedSample"], told["removedSample"]) == (
        ["U4"], ["U2"], ["U3"])
    assert not told["imported"]
    text = slipway(line, "allowlist", "import", "units", str(second), "--dry-run")
    assert "added: 1  U4" in text and "changed: 1  U2" in text and "removed: 0" in text
    assert "U4" not in slipway(line, "allowlist", "export", "units")
    slipway(line, "allowlist", "import", "units", str(second), "--replace")
    exported = slipway(line, "allowlist", "export", "units").splitlines()
    assert exported[0] == ("serial,key_fingerprint,mac,hardware_type,lot,state,station,thing,"
                           "since,site")
    assert exported[1:] == ["U1,,,mk1,L1,expected,,,,north", 'U2,,,mk2,L2,held,,,,"a, b"',
                            "U4,,,,,expected,,,,"]
    assert slipway(line, "allowlist", "export", "units", "--state", "held").count("\n") == 2
    # What was exported is what is there: importing it again changes nothing.
    back = line.directory / "back.csv"
    back.write_text(slipway(line, "allowlist", "export", "units", "--facts"))
    again = json.loads(slipway(line, "allowlist", "import", "units", str(back), "--dry-run",
                               "--json"))
    assert (again["added"], again["removed"]) == (0, 0)
    versions = slipway(line, "allowlist", "versions", "units").splitlines()
    assert len(versions) == 3, versions


def test_an_export_holds_what_steers_a_terminal_as_it_is(line):
    serials = ["\u202eA1", "B\u20282", "C,\u0301\"3"]
    path = line.directory / "steering.csv"
    path.write_text("serial\n" + "\n".join(
        '"' + each.replace('"', '""') + '"' for each in serials) + "\n")
    slipway(line, "allowlist", "import", "steering", path)
    text = slipway(line, "allowlist", "export", "steering", "--facts")
    exported = list(csv.reader(io.StringIO(text)))
    assert sorted(row[0] for row in exported[1:]) == sorted(serials)
    # Of what is printed as JSON, each line is JSON, and steers no terminal.
    units = slipway(line, "allowlist", "export", "steering", "--json")
    assert sorted(json.loads(each)["serial"] for each in units.split("\n") if each) == (
        sorted(serials))
    assert "\u202e" not in units
    path.write_text(text)
    again = json.loads(slipway(line, "allowlist", "import", "steering", path, "--replace",
                               "--dry-run", "--json"))
    assert (again["added"], again["changed"], again["removed"]) == (0, 0, 0)


def test_a_key_on_the_list_is_the_only_one(line):
    from cryptography.hazmat.primitives import hashes, serialization
    mine = Key()
    digest = hashes.Hash(hashes.SHA256())
    digest.update(mine.private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))
    path = line.directory / "keys.csv"
    path.write_text(f"serial,key_fingerprint\nSN-000010,{digest.finalize().hex()}\n")
    slipway(line, "allowlist", "import", "demo", str(path))
    with Device(line, client_id="keyed") as device:
        device.subscribe_to_replies()
        register(device, "SN-000010").expect_rejected(403, "AccessDenied")
        register(device, "SN-000010", mine).expect_accepted()
    assert unit(line, "SN-000010")["state"] == "provisioned"


PERMISSIVE_HOOK = """return function(request)
    local listed = allowlist.contains("line", request.parameters.SerialNumber)
    local absent = allowlist.contains("nowhere", request.parameters.SerialNumber)
    return { allowProvisioning = true }
end"""


def test_a_list_is_heard_whatever_its_hook_makes_of_it(make_gateway):
    gateway = open_line(make_gateway, hook=PERMISSIVE_HOOK)
    units = gateway.directory / "units.csv"
    units.write_text("serial,state\nHELD,held\nBLOCKED,blocked\nFREE,\n")
    slipway(gateway, "allowlist", "import", "line", str(units))
    for serial, code, reason in [("HELD", "TooManyRequests", 6202),
                                 ("BLOCKED", "AccessDenied", 6203)]:
        reply = open_ask(gateway, {"SerialNumber": serial})
        reply.expect_rejected(429 if code == "TooManyRequests" else 403, code)
        assert reply.document["reasonCode"] == reason
    open_ask(gateway, {"SerialNumber": "FREE"}).expect_accepted()
    open_ask(gateway, {"SerialNumber": "UNKNOWN"}).expect_accepted()
    slipway(gateway, "allowlist", "release", "line", "HELD", "--reason", "burn-in passed")
    open_ask(gateway, {"SerialNumber": "HELD"}).expect_accepted()


def test_a_merge_lets_go_of_nothing_that_it_does_not_name(line):
    path = line.directory / "units.csv"
    path.write_text(f"serial,key,lot,state\nA,{'ab' * 32},L1,held\nB,,L1,blocked\n")
    slipway(line, "allowlist", "import", "merged", str(path))
    path.write_text("serial,lot\nA,L2\nB,L2\n")
    slipway(line, "allowlist", "import", "merged", str(path))
    assert slipway(line, "allowlist", "export", "merged").splitlines()[1:] == [
        f"A,{'ab' * 32},,,L2,held,,,", "B,,,,L2,blocked,,,"]


def test_a_file_that_contradicts_what_became_of_a_unit_is_refused_by_its_lines(line):
    path = line.directory / "units.csv"

    def importing(text, *words, code=0):
        path.write_text("serial,lot,state\n" + text)
        return run_slipway(line, "allowlist", "import", "states", str(path), *words, code=code)

    importing("A,L1,\nB,L1,held\nC,L1,\n")
    slipway(line, "allowlist", "block", "states", "A", "--reason", "scrapped")
    slipway(line, "allowlist", "release", "states", "B", "--reason", "burn-in passed")
    for words in [[], ["--replace"], ["--dry-run"]]:
        # C is on no unit's way yet and B began so; A is blocked, and D is new.
        done = importing("A,L2,held\nB,L2,held\nC,L2,blocked\nD,L2,held\n", *words, code=1)
        assert "line 2: says held of 'A', which is blocked" in done.stderr
        assert "slipway allowlist hold" in done.stderr
        assert "line 3" not in done.stderr and "line 4" not in done.stderr
    done = importing("B,,blocked\nA,,expected\n", code=1)
    assert "line 2: says blocked of 'B', which is released" in done.stderr
    assert "line 3: says expected" not in done.stderr, "as the list has always said"
    importing("A,L2,blocked\nB,L2,held\nC,L2,blocked\nD,L2,held\n")
    states = [row.split(",") for row in slipway(
        line, "allowlist", "export", "states").splitlines()[1:]]
    assert [(row[0], row[4], row[5]) for row in states] == [
        ("A", "L2", "blocked"), ("B", "L2", "released"), ("C", "L2", "blocked"),
        ("D", "L2", "held")]
