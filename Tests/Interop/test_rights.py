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


def test_a_right_is_asked_for_upon_all_that_is_joined(control, tmp_path):
    """Whoever may not touch a group, or a certificate, does not by way of a thing."""
    iot = aws.client(control)
    closed, certificate = "rights-closed", iot.create_keys_and_certificate()["certificateArn"]
    for name in (closed, "rights-open"):
        iot.create_thing_group(thingGroupName=name)
        iot.create_billing_group(billingGroupName=name)
        iot.create_thing(thingName=name)
    document = tmp_path / "rights.json"
    document.write_text(json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "iot:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "iot:*", "Resource": [
            aws.arn(f"*/{closed}"), certificate]}]}))
    slipway(control, "access", "role", "put", "rights-limited", document)
    limited = aws.client(control, keys=credential(control, "ines", "rights-limited"))

    for refused, joined in [
            (limited.add_thing_to_thing_group, ("thingName", "thingGroupName")),
            (limited.remove_thing_from_thing_group, ("thingName", "thingGroupName")),
            (limited.add_thing_to_billing_group, ("thingName", "billingGroupName")),
            (limited.remove_thing_from_billing_group, ("thingName", "billingGroupName"))]:
        for shut in joined:
            names = {name: closed if name == shut else "rights-open" for name in joined}
            assert refusal(refused, **names) == DENIED, (refused, shut)
        refused(**{name: "rights-open" for name in joined})
    for member in ("thingGroupsToAdd", "thingGroupsToRemove"):
        assert refusal(limited.update_thing_groups_for_thing, thingName="rights-open",
                       **{member: ["rights-open", closed]}) == DENIED
    limited.update_thing_groups_for_thing(
        thingName="rights-open", thingGroupsToAdd=["rights-open"])
    assert refusal(limited.create_thing_group, thingGroupName="rights-child",
                   parentGroupName=closed) == DENIED
    limited.create_thing_group(thingGroupName="rights-child", parentGroupName="rights-open")
    assert refusal(limited.create_thing, thingName="rights-new", billingGroupName=closed) == DENIED
    limited.create_thing(thingName="rights-new", billingGroupName="rights-open")
    for call in (limited.attach_thing_principal, limited.detach_thing_principal):
        assert refusal(call, thingName="rights-open", principal=certificate) == DENIED
    assert iot.list_things_in_thing_group(thingGroupName=closed)["things"] == []
    assert iot.list_principal_things(principal=certificate)["things"] == []


def test_a_claim_needs_a_right_upon_its_templates(control, tmp_path):
    document = tmp_path / "rights.json"
    document.write_text(json.dumps({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "slipway:*", "Resource": [
            aws.arn("claim/rights-*"), aws.arn("provisioningtemplate/demo-sensor")]}}))
    slipway(control, "access", "role", "put", "rights-claims", document)
    keys = credential(control, "lena", "rights-claims")

    def answered(method, path, **body):
        text = json.dumps(body).encode()
        return Signed(control, keys, method, path, text).in_header().send()[:2]

    denied = DENIED[::-1]
    for name, template, answer in [
            ("rights-a", "gateway", denied), ("rights-a", "demo-sensor", (200, None)),
            ("other", "demo-sensor", denied)]:
        assert answered("POST", "/slipway/claims", name=name, templates=[template]) == answer
    terms = "/slipway/claims/rights-a/terms"
    assert answered("PUT", terms, templates=["demo-sensor", "gateway"]) == denied
    assert answered("PUT", terms, templates=["demo-sensor"], budget=7) == (200, None)
    assert answered("PUT", terms, budget=8) == (200, None)


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
