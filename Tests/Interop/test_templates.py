"""Templates from outside: dry runs over the API's port, what AWS's clients may hand in, and what the
worst file costs."""

import json
import os
import resource
import subprocess

import botocore.exceptions
import pytest

import aws
from gateway import REPOSITORY, SLIPWAY
from test_access import Signed, credential, slipway

PATH = "/slipway/template-dry-run"
TEMPLATES = REPOSITORY / "Templates"
MEGABYTE = 1 << 20
# Above what the same command takes for a file of two bytes.
MEMORY_BYTES_MAX = 50_000_000


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


def sound(thing=None, **resources):
    """A template that the lint has only notes about, with more resources in it."""
    return {
        "Parameters": {"Serial": {"Type": "String"}},
        "Resources": {
            "thing": {
                "Type": "AWS::IoT::Thing",
                "Properties": {"ThingName": {"Fn::Sub": "pump-${Serial}"}, **(thing or {})},
                "OverrideSettings": {"AttributePayload": "FAIL"}},
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}}},
            **resources}}


def policy(**statement):
    return {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": {
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}}}


def test_the_port_and_the_command_line_answer_alike(make_gateway):
    """One decision, asked for in two ways, is one answer, to the byte of its JSON."""
    gateway = make_gateway().start()
    author = credential(gateway, "alice", "template-author")
    for parameters, question, code in [
            ({"SerialNumber": "SN-000001"}, "publish devices/sensor-SN-000001/t", 0),
            ({"SerialNumber": "SN-000001"}, "publish devices/other/t", 1),
            ({"SerialNumber": "nobody"}, "publish devices/sensor-nobody/t", 1),
            ({}, "connect x", 1)]:
        body = {"templateName": "demo-sensor", "parameters": parameters, "questions": [question]}
        status, _, answer = Signed(
            gateway, author, "POST", PATH, json.dumps(body).encode()).in_header().send()
        assert status == 200
        words = ["--parameters", *(f"{name}={value}" for name, value in parameters.items())]
        for against in ("LIVE", "DATABASE"):
            told = slipway(
                gateway, "template", "dry-run", "demo-sensor", "--json", "--against", against,
                "--can", *question.split(), *(words if parameters else []), code=code)
            assert json.loads(told) == json.loads(answer), against


def test_what_aws_clients_hand_in_is_linted(make_gateway):
    """Errors refuse a body by name, as AWS refuses one that it does not understand; a warning is
    no reason to break a client."""
    iot = aws.client(make_gateway().start())

    def hand_in(name, body, **more):
        return iot.create_provisioning_template(
            templateName=name, templateBody=json.dumps(body),
            provisioningRoleArn="arn:aws:iam::000000000000:role/provisioning", **more)

    def refused(call, *words, **more):
        with pytest.raises(botocore.exceptions.ClientError) as error:
            call(*words, **more)
        answer = error.value.response
        assert answer["Error"]["Code"] == "InvalidRequestException", answer
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
        return answer["Error"]["Message"]

    unknown = sound(policy=policy(Action="iot:Pubish", Resource="*"))
    message = refused(hand_in, "pump", unknown)
    assert "/Resources/policy/Properties/PolicyDocument/Statement/0/Action" in message
    assert "no certificate's subject fills 'Serial'" in refused(
        hand_in, "pump", sound(), type="JITP")
    packaged = sound({"PackageVersions": {"app": "1.0"}})
    assert "/Resources/thing/Properties/PackageVersions (line 1" in refused(
        hand_in, "pump", packaged)
    warned = sound(policy=policy(Action="iot:Publish", Resource="*"))
    assert hand_in("pump", warned)["defaultVersionId"] == 1
    again = refused(
        iot.create_provisioning_template_version, templateName="pump",
        templateBody=json.dumps(unknown))
    assert "Pubish" in again
    made = iot.create_provisioning_template_version(
        templateName="pump", templateBody=json.dumps(sound()), setAsDefault=True)
    assert made["versionId"] == 2 and made["isDefaultVersion"]
    described = iot.describe_provisioning_template(templateName="pump")
    assert json.loads(described["templateBody"]) == sound()


def megabyte(name):
    """Files of a megabyte, each the worst in one way."""
    def fill(item, before="", after="", separator=","):
        count = (MEGABYTE - len(before) - len(after)) // (len(item) + len(separator))
        return before + separator.join([item] * count) + after

    def members(value, before="", after="", name="k"):
        keys, length = [], len(before) + len(after) + 2
        while length < MEGABYTE - 64 - len(value):
            keys.append(f'"{name}{len(keys)}":{value}')
            length += len(keys[-1]) + 1
        return before + "{" + ",".join(keys) + "}" + after

    whole = json.dumps(sound())
    resources = whole.index('"thing"')
    thing = whole.index('"ThingName"')
    name_at = whole.index('{"Fn::Sub"')
    name_end = whole.index("}", whole.index("${Serial}") + len("${Serial}")) + 1
    match name:
        case "brackets": return "[" * MEGABYTE
        case "braces": return '{"a":' * (MEGABYTE // 5)
        case "text": return '"' + "x" * (MEGABYTE - 2) + '"'
        case "escapes": return fill("\\u0041", '"', '"', "")
        case "numbers": return fill("1", "[", "]")
        case "lists": return fill("[]", "[", "]")
        case "objects": return fill("{}", "[", "]")
        case "nested": return fill("[[[1]]]", "[", "]")
        case "members": return members('"v"')
        case "parameters": return members('{"Type":"String"}', '{"Parameters":', "}")
        case "mappings": return members('{"a":{"b":"c"}}', '{"Mappings":', "," + whole[1:])
        case "resources":
            return members(
                '{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":{}}}',
                '{"Resources":', "}")
        case "attributes":
            return members('"v"', whole[:thing] + '"AttributePayload":', "," + whole[thing:])
        case "join":
            return fill(
                '{"Ref":"Serial"}', whole[:name_at] + '{"Fn::Join":["",[',
                "]]}" + whole[name_end:])
        case "substitution":
            return fill(
                "${Serial}", whole[:name_at] + '{"Fn::Sub":"', '"}' + whole[name_end:], "")
        case "statements":
            document = '"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":' \
                '{"Version":"2012-10-17","Statement":['
            return fill(
                '{"Effect":"Allow","Action":"iot:Publish","Resource":"*"}',
                whole[:resources] + document, "]}}}," + whole[resources:])
        case "lines": return whole[:1] + "\n" * (MEGABYTE * 9 // 10) + '"Parametres":{},' + whole[1:]
        # Functions within each other, down to a fault or to as many values as there is room for.
        case "chains" | "chained-values":
            levels, head, tail = 60, '{"Fn::Join":["",[', "]]}"
            if name == "chains":
                return members(head * levels + "1" + tail * levels, '{"DeviceConfiguration":',
                               "," + whole[1:])
            return fill('"x"', whole[:name_at] + head * levels, tail * levels + whole[name_end:])
        case "objects-in-objects":
            return fill('{"":' * 180 + "1" + "}" * 180, "[", "]")
        case "policies":
            return members(
                '{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":{"Version":"2012-10-17",'
                '"Statement":[{"Efect":"Allow","Action":"x","Resource":["a","b","c"]}]}}}',
                '{"Resources":', "}")
        case "faults":
            return members('" "', whole[:thing] + '"AttributePayload":', "," + whole[thing:])
        case "undeclared":
            return members('{"Ref":"No"}', '{"DeviceConfiguration":', "," + whole[1:])
        case "lookups":
            return members(
                '{"Fn::FindInMap":["M","a",{"Ref":"Serial"}]}', '{"DeviceConfiguration":',
                "," + whole[1:])
        case "rows":
            return members('{"a":"","b":""}', '{"Mappings":{"M":', "}," + whole[1:])
        case "long-keys":
            return members('""', '{"DeviceConfiguration":', "," + whole[1:], name="k" * 16)
    raise ValueError(name)


def peak_bytes(*words):
    """What a command's process held at most, and how it ended; in a minute or not at all."""
    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))

    environment = {
        **os.environ, "SLIPWAY_TEMPLATES_BODY_BYTES_MAX": str(MEGABYTE),
        "SLIPWAY_TEMPLATES_VALUES_MAX": "32768"}
    process = subprocess.Popen(
        [str(SLIPWAY), *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, env=environment, preexec_fn=limit)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * 1024, process.returncode


NASTY = [
    "brackets", "braces", "text", "escapes", "numbers", "lists", "objects", "nested", "members",
    "parameters", "mappings", "resources", "attributes", "join", "substitution", "statements",
    "lines", "chains", "chained-values", "objects-in-objects", "policies", "faults", "undeclared",
    "lookups", "rows", "long-keys"]


@pytest.mark.parametrize("name", NASTY)
def test_a_megabyte_costs_no_more_than_fifty(name, tmp_path):
    """No file of up to a megabyte crashes the lint, hangs it, or takes more than 50 MB."""
    small, large = tmp_path / "small.json", tmp_path / "large.json"
    small.write_text("{}")
    large.write_text(megabyte(name))
    assert MEGABYTE * 3 // 4 < large.stat().st_size <= MEGABYTE
    base, code = peak_bytes("template", "lint", small)
    assert code == 2
    peak, code = peak_bytes("template", "lint", large)
    assert code in (0, 1, 2), f"ended with {code}"
    assert peak - base < MEMORY_BYTES_MAX, f"{peak - base} bytes more than for a small file"


@pytest.mark.parametrize("content, place", [
    (b'{\n "a": "\xff"}', "2:8"), (b"", "1:1"), (b'{"a": 1,\n "a": 2}', "2:2"),
    (b'\xef\xbb\xbf{}', "1:1"), (b'{"a":\n' + b"[" * 300, "2:192"),
    (b'{"a": "' + b"x" * (2 * MEGABYTE) + b'"}', f"1:{MEGABYTE + 1}"),
    (b"{\n" + b" " * 20_000 + b"}", "2:10239")])
def test_a_file_that_nobody_can_read_is_one_error_at_its_place(content, place, tmp_path):
    file = tmp_path / "bad.json"
    file.write_bytes(content)
    done = subprocess.run(
        [str(SLIPWAY), "template", "lint", str(file)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert len(done.stdout.splitlines()) == 1
    assert done.stdout.startswith(f"{file}:{place}: error: "), done.stdout
    assert done.stdout.endswith("[unreadable]\n")


def test_sarif_counts_columns_as_it_says(tmp_path):
    """SARIF's columns are UTF-16 code units: letters beyond ASCII count as they do in an editor."""
    file = tmp_path / "é.json"
    template = {**sound(), "DeviceConfiguration": {"𝄞é": {"Ref": "Nobody"}}}
    body = json.dumps(template, ensure_ascii=False)
    file.write_text(body)
    done = subprocess.run(
        [str(SLIPWAY), "template", "lint", "--sarif", str(file)], capture_output=True, text=True,
        timeout=60)
    (run,) = json.loads(done.stdout)["runs"]
    assert run["columnKind"] == "utf16CodeUnits"
    (result,) = run["results"]
    place = result["locations"][0]["physicalLocation"]
    before = body[:body.index('{"Ref": "Nobody"}')]
    assert place["region"] == {
        "startLine": 1, "startColumn": len(before.encode("utf-16-le")) // 2 + 1}
    assert place["artifactLocation"]["uri"].endswith("/%C3%A9.json")
    assert result["ruleId"] in [rule["id"] for rule in run["tool"]["driver"]["rules"]]


def test_the_corpus_costs_little(tmp_path):
    small = tmp_path / "small.json"
    small.write_text("{}")
    base, _ = peak_bytes("template", "lint", small)
    shipped = [path for path in sorted(TEMPLATES.glob("*.json")) if path.name.count(".") == 1]
    assert len(shipped) >= 7
    peak, code = peak_bytes("template", "lint", *shipped)
    assert code == 0
    assert peak - base < MEMORY_BYTES_MAX
