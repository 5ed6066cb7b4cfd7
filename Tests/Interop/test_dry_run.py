"""A dry run says beforehand what the broker and the registration say afterwards."""

import json

import pytest

import aws
from device import Device, Key, Refused, store
from gateway import REPOSITORY, run_slipway, slipway
from test_access import Signed, credential
from test_hierarchy import template

PATH = "/slipway/template-dry-run"
GROUPS = ["line-4"]
NOT_AUTHORIZED = 135


@pytest.fixture
def line(make_gateway):
    """The demo's template without its hook, and one that puts its things into a group."""
    settings = json.loads((REPOSITORY / "Templates/demo-sensor.settings.json").read_text())
    settings.pop("hook")
    grouped = template()
    thing = next(one for one in grouped["Resources"].values() if one["Type"] == "AWS::IoT::Thing")
    thing["Properties"]["ThingGroups"] = GROUPS
    files = {path.name: path.read_text()
             for path in (REPOSITORY / "Templates").glob("demo-sensor*.json")}
    for name, body in [("plain", template()), ("grouped", grouped)]:
        files[f"{name}.json"] = body
        files[f"{name}.settings.json"] = settings
    return make_gateway(templates=files).start()


def claim(line, name, template, *options):
    stem = line.directory / f"claim-{name}"
    slipway(line, "claim", "create", name, "--template", template, "--output", stem, *options)
    return f"{stem}.pem", f"{stem}.key"


def dry_run(line, template, serial, *words, code=0):
    return json.loads(slipway(
        line, "template", "dry-run", template, "--parameters", f"SerialNumber={serial}", "--json",
        *words, code=code))


def register(line, credentials, template, serial, key=None):
    """The reply, and the certificate that it is about."""
    with Device(line, credentials, client_id=f"nest-{serial}") as device:
        device.subscribe_to_replies(template)
        made = device.create_from_csr(key or Key()).expect_accepted()
        return made, device.register(
            made["certificateOwnershipToken"], {"SerialNumber": serial}, template=template)


def may_publish(line, credentials, thing, topic):
    try:
        with Device(line, credentials, client_id=thing) as device:
            return device.publish(topic) != NOT_AUTHORIZED
    except Refused:
        return False


def test_group_policies_count_as_the_broker_counts_them(line, tmp_path):
    iot = aws.client(line)
    iot.create_thing_group(thingGroupName="plant")
    iot.create_thing_group(thingGroupName="line-4", parentGroupName="plant")

    def hang(name, group, effect, topic):
        statement = {"Effect": effect, "Action": "iot:Publish",
                     "Resource": f"arn:aws:iot:local:000000000000:topic/{topic}"}
        iot.create_policy(policyName=name, policyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [statement]}))
        iot.attach_policy(
            policyName=name,
            target=iot.describe_thing_group(thingGroupName=group)["thingGroupArn"])

    hang("telemetry", "plant", "Allow", "plant/*")
    hang("silence", "line-4", "Deny", "devices/*/noise")
    thing = "sensor-SN-000001"
    topics = {"plant/x": True, f"devices/{thing}/noise": False, f"devices/{thing}/t": True,
              "elsewhere/x": False}
    for against in ("LIVE", "DATABASE"):
        for topic, expected in topics.items():
            told = dry_run(
                line, "grouped", "SN-000001", "--against", against, "--can", "publish", topic,
                code=0 if expected else 1)
            assert told["accepted"] and told["answers"][0]["allowed"] == expected, told
            assert told["groupPolicies"] == [
                {"group": "line-4", "policy": "silence"}, {"group": "plant", "policy": "telemetry"}]
    key = Key()
    made, reply = register(line, claim(line, "l4", "grouped"), "grouped", "SN-000001", key)
    reply.expect_accepted()
    credentials = store(tmp_path, "unit", made["certificatePem"], key.pem)
    for topic, expected in topics.items():
        assert may_publish(line, credentials, thing, topic) == expected, topic
    assert {policy["policyName"] for policy in iot.get_effective_policies(
        thingName=thing)["effectivePolicies"]} == {"silence", "telemetry"}


def test_a_unit_that_was_seen_before_is_held_in_both(line):
    here = claim(line, "here", "plain", "--station", "S1")
    there = claim(line, "there", "plain", "--station", "S2")
    register(line, here, "plain", "SN-7")[1].expect_accepted()
    author = credential(line, "alice", "template-author")
    before = slipway(line, "audit", "list")

    def over_http(name):
        body = {"templateName": "plain", "parameters": {"SerialNumber": "SN-7"}, "claimName": name}
        status, _, answer = Signed(
            line, author, "POST", PATH, json.dumps(body).encode()).in_header().send()
        assert status == 200
        return json.loads(answer)

    told = over_http("there")
    assert not told["accepted"] and told["refusal"]["reason"] == "enrolmentHeld", told
    assert told["enrolment"][0]["finding"] == "elsewhere"
    for against in ("LIVE", "DATABASE"):
        same = dry_run(line, "plain", "SN-7", "--claim", "there", "--against", against, code=1)
        # Only the service knows its settings.
        doubts = same.pop("unknown", []) if against == "DATABASE" else ["settings"]
        assert len(doubts) == 1 and "settings" in doubts[0]
        assert same == told
    again = over_http("here")
    assert again["accepted"] and again["enrolment"][0]["outcome"] == "supersedes"
    shown = slipway(line, "template", "dry-run", "plain", "--parameters", "SerialNumber=SN-7")
    assert "Not looked at" in shown and "name a claim" in shown
    assert slipway(line, "audit", "list") == before
    reply = register(line, there, "plain", "SN-7")[1]
    for member in ("statusCode", "errorCode", "reasonCode"):
        assert told["refusal"][member] == reply.document[member], member
    register(line, here, "plain", "SN-7")[1].expect_accepted()


def test_a_thousand_lines(line, tmp_path):
    """Doubled ones, one that is no name, and more of them than the claim has left."""
    claim(line, "small", "plain", "--budget", "990")
    serials = [f"SN-{number:06}" for number in range(996)]
    serials[500:500] = ["SN-000003", "no/name", "SN-000003", "SN-000400"]
    file = tmp_path / "made-today.txt"
    file.write_text("\n".join(serials) + "\n")
    assert len(serials) == 1000
    before = slipway(line, "audit", "list")
    words = ["template", "dry-run", "plain", "--serials", file, "--claim", "small", "--can",
             "publish", "devices/sensor-${SerialNumber}/t", "--json"]
    told = {}
    for against in ("LIVE", "DATABASE"):
        told[against] = json.loads(slipway(line, *words, "--against", against, code=2))
    assert told["LIVE"] == told["DATABASE"]
    report = told["LIVE"]
    assert report["devices"] == len(report["lines"]) == 1000
    assert report["summary"] == {
        "created": 990, "updated": 0, "unchanged": 0, "repeated": 3, "refused": 7}
    assert [one["line"] for one in report["lines"]] == list(range(1, 1001))
    by_line = {one["line"]: one for one in report["lines"]}
    assert by_line[501]["outcome"] == by_line[503]["outcome"] == "repeated"
    assert by_line[502]["reasonCode"] == 5002
    assert "budget of 990" in by_line[1000]["message"]
    assert report["answers"] == [{
        "question": "publish devices/sensor-${SerialNumber}/t", "allowed": 993, "denied": 0}]
    assert slipway(line, "audit", "list") == before


def test_a_name_that_nobody_has_is_told_with_its_nearest(line):
    claim(line, "line-4", "plain")
    for words, nearest in [
            (["plain", "--claim", "line-5"], "line-4"), (["plian"], "plain"),
            (["plain", "--hook", "serial-alowlist"], "serial-allowlist")]:
        for against in ("LIVE", "DATABASE"):
            done = run_slipway(
                line, "template", "dry-run", *words, "--parameters", "SerialNumber=1", "--against",
                against, code=1)
            assert f"did you mean '{nearest}'?" in done.stderr, done
            assert "9005" not in done.stdout + done.stderr


def test_a_break_in_a_value_is_no_line_of_the_report(line):
    done = run_slipway(
        line, "template", "dry-run", "plain", "--parameters",
        "SerialNumber=1\nACCEPTED\nx\x1b[2J", code=1)
    assert "\nACCEPTED" not in done.stdout and "\x1b" not in done.stdout, done.stdout
    assert "1\\nACCEPTED\\nx" in done.stdout


def test_against_nothing_a_stored_template_is_still_stored(line):
    aws.client(line).create_thing(
        thingName="sensor-1", attributePayload={"attributes": {"site": "attic"}})
    assert dry_run(line, "plain", "1")["plan"]["thing"]["outcome"] == "updated"
    told = dry_run(line, "plain", "1", "--against", "EMPTY")
    assert told["accepted"] and told["against"] == "EMPTY"
    assert told["plan"]["thing"]["outcome"] == "created" and told["template"]["version"] == 1


@pytest.mark.parametrize("text, complaint", [
    ("SerialNumber,SerialNumber\n1,2\n", "line 1: each column"),
    ("SerialNumber,\n1,2\n", "line 1: each column"),
    ("SerialNumber,Site\n1\n", "line 2 has 1 columns"),
    ('{"SerialNumber": 1}\n', "/SerialNumber is text"), ("{\n", "line 1 is no JSON"),
    ("# nothing\n", "names no device"), (b"\xff\xfe", "no"),
])
def test_a_file_of_devices_that_is_none_tries_nothing(line, tmp_path, text, complaint):
    file = tmp_path / "devices"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    done = run_slipway(line, "template", "dry-run", "plain", "--serials", file, code=1)
    assert complaint in done.stderr and not done.stdout, done


def test_a_file_of_devices_as_spreadsheets_write_them(line, tmp_path):
    file = tmp_path / "devices.csv"
    file.write_bytes(b'\xef\xbb\xbfSerialNumber,Site\r\n1,"hall 4, ""west"""\r\n\r\n2,x\r\n')
    report = json.loads(slipway(
        line, "template", "dry-run", "plain", "--serials", file, "--json", code=2))
    assert [one["line"] for one in report["lines"]] == [2, 4]
    assert report["lines"][0]["reasonCode"] == 5002
    assert report["lines"][1]["thing"] == "sensor-2"


REALM = "arn:aws:iot:local:000000000000"
LONG = "t" * 256
DEEP = "a/b/c/d/e/f/g/h"
FAILURE = 0x80


def put(line, tmp_path, name, *statements, status="ACTIVE"):
    """The demo's template with another policy."""
    body = template()
    for resource in body["Resources"].values():
        if resource["Type"] == "AWS::IoT::Policy":
            resource["Properties"] = {"PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", **one} for one in statements]}}
        if resource["Type"] == "AWS::IoT::Certificate":
            resource["Properties"]["Status"] = status
    file = tmp_path / f"{name}.json"
    file.write_text(json.dumps(body))
    slipway(line, "template", "put", file, "--enable")


def device_of(line, tmp_path, name):
    key = Key()
    made, reply = register(line, claim(line, name, name), name, "SN-1", key)
    reply.expect_accepted()
    return store(tmp_path, f"{name}-unit", made["certificatePem"], key.pem)


def may(line, credentials, verb, topic, thing="sensor-SN-1"):
    try:
        with Device(line, credentials, client_id=topic if verb == "connect" else thing) as device:
            if verb == "connect":
                return True
            code = device.publish(topic) if verb == "publish" else device.subscribe(topic)[0]
            return code < FAILURE
    except Refused:
        return False


def told(line, name, verb, topic, allowed, *words):
    report = dry_run(
        line, name, "SN-1", "--can", verb, topic, *words, code=0 if allowed else 1)
    assert report["accepted"] and report["answers"][0]["allowed"] == allowed, report["answers"]
    return report


def test_what_the_gateway_refuses_is_a_no(line, tmp_path):
    put(line, tmp_path, "open", {"Action": "iot:*", "Resource": "*"})
    credentials = device_of(line, tmp_path, "open")
    questions = {
        "publish": {
            "$aws/foo": False, "$aws/things/sensor-SN-1/shadow/update": False, "$SYS/x": False,
            "$share/g/a": False, f"{DEEP}/i": False, DEEP: True, f"{LONG}t": False, LONG: True},
        "subscribe": {
            "$share/g/a/#": False, "$SYS/#": False, f"{DEEP}/#": False, f"{LONG}t": False,
            LONG: True, "#": True, "$aws/certificates/create/json": False,
            "$aws/certificates/create/json/accepted": True},
        "connect": {"sensor-SN-1": True, "another": True, "$x": False, LONG: False},
    }
    for verb, topics in questions.items():
        for topic, allowed in topics.items():
            assert may(line, credentials, verb, topic) == allowed, (verb, topic)
            told(line, "open", verb, topic, allowed)


def test_a_certificate_that_is_not_active_may_nothing(line, tmp_path):
    put(line, tmp_path, "shut", {"Action": "iot:*", "Resource": "*"}, status="INACTIVE")
    credentials = device_of(line, tmp_path, "shut")
    assert not may(line, credentials, "connect", "sensor-SN-1")
    report = told(line, "shut", "connect", "sensor-SN-1", False)
    assert "INACTIVE" in report["answers"][0]["explanation"]
    assert {one["decision"] for one in report["effectivePolicy"]} <= {"REFUSED"}


def test_the_address_that_a_device_comes_from_counts(line, tmp_path):
    here = {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}
    put(line, tmp_path, "near", {"Action": "iot:Connect", "Resource": "*"},
        {"Action": "iot:Publish", "Resource": f"{REALM}:topic/a", "Condition": here})
    credentials = device_of(line, tmp_path, "near")
    assert may(line, credentials, "publish", "a")
    told(line, "near", "publish", "a", True, "--source-address", "127.0.0.1")
    told(line, "near", "publish", "a", False, "--source-address", "192.0.2.1")
    report = told(line, "near", "publish", "a", False)
    assert any("aws:SourceIp" in text for text in report["unknown"])


def test_a_claim_with_too_many_pending_is_refused_in_both(line):
    credentials = claim(line, "busy", "plain", "--pending-max", "1", "--per-minute", "1000")
    assert dry_run(line, "plain", "SN-3", "--claim", "busy")["unknown"]
    with Device(line, credentials, client_id="nest") as device:
        device.subscribe_to_replies("plain")
        device.create_from_csr(Key()).expect_accepted()
        refused = device.create_from_csr(Key())
    report = dry_run(line, "plain", "SN-3", "--claim", "busy", code=1)
    for member in ("statusCode", "errorCode", "reasonCode"):
        assert report["refusal"][member] == refused.document[member], member


def test_a_second_line_for_a_thing_is_refused_as_the_second_device_is(line, tmp_path):
    claim(line, "once", "plain", "--registrations-per-unit", "1")
    serials = [f"SN-{number:04}" for number in range(150)]
    file = tmp_path / "made-today.txt"
    # The service is asked about some hundred lines at a time: one comes again at once, one later.
    file.write_text("\n".join(["SN-0000", *serials, "SN-0001"]) + "\n")
    for words, refused in [((), []), (("--claim", "once"), [2, 152])]:
        report = json.loads(slipway(
            line, "template", "dry-run", "plain", "--serials", file, "--json", *words,
            code=2 if refused else 0))
        assert [one["line"] for one in report["lines"] if one["outcome"] == "refused"] == refused
        again = {one["line"]: one["outcome"] for one in report["lines"]}
        assert {again[2], again[152]} == {"refused" if refused else "repeated"}


def test_a_named_service_is_the_one_that_is_asked(line):
    done = run_slipway(
        line, "template", "dry-run", "plain", "--parameters", "SerialNumber=1", "--endpoint-url",
        "http://127.0.0.1:1", code=1)
    assert "ACCEPTED" not in done.stdout, done
