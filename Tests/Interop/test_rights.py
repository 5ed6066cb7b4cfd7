"""Rights that show only in what is asked for, and how long they last."""

import json
import time

import pytest

import aws
from gateway import slipway
from test_access import Signed, credential, refusal

DENIED = ("AccessDeniedException", 403)
ROLE = "arn:aws:iam::000000000000:role/any"
TASK_SECONDS_MAX = 120


def order(key, **properties):
    """A task without certificates that may make what its template names."""
    thing = {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": "Name"}, **properties}}
    return {
        "templateBody": json.dumps({
            "Parameters": {"Name": {"Type": "String"}}, "Resources": {"thing": thing}}),
        "inputFileBucket": "bulk", "inputFileKey": key, "roleArn": ROLE}


def test_a_line_stops_its_claim_and_others_let_it_go_on(control):
    slipway(control, "claim", "create", "rights-line", "--template", "demo-sensor",
            "--output", control.directory / "rights-line")
    worker = credential(control, "otto", "factory-operator")
    officer = credential(control, "dora", "security-officer")

    def set_status(keys, status):
        body = json.dumps({"status": status}).encode()
        return Signed(
            control, keys, "PUT", "/slipway/claims/rights-line/status", body).in_header().send()[0]

    assert set_status(worker, "DISABLED") == 200
    assert set_status(worker, "ACTIVE") == 403
    assert set_status(officer, "ACTIVE") == 200


def test_types_and_groups_come_to_be_by_the_rights_to_make_them(control):
    """A member of ours: whoever registers devices may not by that fill the registry."""
    worker = credential(control, "otto", "factory-operator")
    keeper = credential(control, "paul", "factory-operator", "device-operator")

    def start(keys, **properties):
        body = json.dumps({**order("rights.none", **properties), "createMissing": True}).encode()
        return Signed(control, keys, "POST", "/thing-registration-tasks", body).in_header().send()

    for properties in ({"ThingTypeName": "rights-t"}, {"ThingGroups": ["rights-g"]},
                       {"BillingGroup": "rights-b"}):
        status, exception, _ = start(worker, **properties)
        assert (exception, status) == DENIED, properties
        assert start(keeper, **properties)[0] == 200
    # What names nothing that could be missing needs no more than to register.
    assert start(worker)[0] == 200


@pytest.mark.parametrize("take, message", [
    (lambda gateway, key: slipway(gateway, "access", "disable", key), "serves no longer"),
    (lambda gateway, key: slipway(gateway, "access", "rotate", key, "--disable"),
     "serves no longer"),
    (lambda gateway, key: slipway(gateway, "access", "roles", key, "--role", "auditor"),
     "no right to iot:StartThingRegistrationTask"),
], ids=["disable", "rotate", "roles"])
def test_a_task_ends_with_the_credential_that_started_it(control, take, message):
    control.bulk_folder.mkdir(exist_ok=True)
    lines = 200_000
    (control.bulk_folder / "rights.ndjson").write_text(
        "".join(f'{{"Name": "rights-{number}"}}\n' for number in range(lines)))
    keys = credential(control, "otto", "factory-operator")
    worker = aws.client(control, keys=keys)
    task = worker.start_thing_registration_task(**order("rights.ndjson"))["taskId"]
    take(control, keys[0])
    assert refusal(worker.create_thing, thingName="rights")[1] == 403
    iot = aws.client(control)
    deadline = time.monotonic() + TASK_SECONDS_MAX
    while (state := iot.describe_thing_registration_task(taskId=task))["status"] == "InProgress":
        assert time.monotonic() < deadline, state
        time.sleep(0.05)
    assert state["status"] == "Failed"
    assert keys[0] in state["message"] and message in state["message"]
    assert state["successCount"] < lines
