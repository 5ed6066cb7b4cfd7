"""Dry runs over the API's port: signed as AWS's clients sign, and with rights of their own."""

import json

from test_access import Signed, credential, slipway

PATH = "/slipway/template-dry-run"


def test_a_dry_run_needs_a_right_and_writes_nothing(make_gateway):
    gateway = make_gateway().start()
    author = credential(gateway, "alice", "template-author")
    worker = credential(gateway, "otto", "factory-operator")

    def dry_run(user, question):
        body = json.dumps(question).encode()
        return Signed(gateway, user, "POST", PATH, body).in_header().send()

    question = {
        "templateName": "demo-sensor", "parameters": {"SerialNumber": "SN-000001"},
        "questions": ["publish devices/sensor-SN-000001/t", "publish devices/other/t"]}
    before = slipway(gateway, "audit", "list")
    status, _, answer = dry_run(author, question)
    report = json.loads(answer)
    assert status == 200 and report["accepted"] and not report["wrote"], report
    assert report["hook"]["outcome"] == "allowed"
    assert report["parameters"]["Site"] == {"value": "lab", "from": "default"}
    assert [line["allowed"] for line in report["answers"]] == [True, False]
    assert "/SpeakOfItself" in report["answers"][0]["statement"].replace("'", "/")
    refused = json.loads(dry_run(author, {**question, "parameters": {}})[2])
    assert refused["refusal"]["errorCode"] == "AccessDenied"
    assert slipway(gateway, "audit", "list") == before

    assert dry_run(worker, question)[:2] == (403, "AccessDeniedException")
    for wrong in ({}, {**question, "sirial": 1}, {**question, "templateBody": "{}"},
                  {**question, "questions": ["publish"]}):
        assert dry_run(author, wrong)[:2] == (400, "InvalidRequestException"), wrong
    nobody = dry_run(author, {"templateName": "nobody"})
    assert nobody[:2] == (404, "ResourceNotFoundException")
