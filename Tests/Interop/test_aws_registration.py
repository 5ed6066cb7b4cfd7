"""Registration by operators: RegisterThing, and files of devices, as boto3 drives them."""

import contextlib
import json
import os
import random
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import botocore.exceptions
import pytest

import aws

POLICY = {"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}]}
ROLE = "arn:aws:iam::000000000000:role/registration"
WAIT_SECONDS_MAX = 120


def template(certificate, **thing):
    resources = {
        "thing": {"Type": "AWS::IoT::Thing",
                  "Properties": {"ThingName": {"Ref": "Name"}, **thing}}}
    if certificate:
        resources["certificate"] = {"Type": "AWS::IoT::Certificate", "Properties": certificate}
        resources["policy"] = {
            "Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": POLICY}}
    return json.dumps({
        "Parameters": {
            "Name": {"Type": "String"}, "CSR": {"Type": "String", "Default": ""},
            "PEM": {"Type": "String", "Default": ""},
            "AWS::IoT::Certificate::Id": {"Type": "String"}},
        "Resources": resources})


BY_REQUEST = template({"CertificateSigningRequest": {"Ref": "CSR"}})
THING_ALONE = template(None)


@pytest.fixture(scope="module")
def iot(control):
    return aws.client(control)


@pytest.fixture(scope="module")
def request_pem(tmp_path_factory):
    return aws.csr(tmp_path_factory.mktemp("csr"))[1]


def put(gateway, name, lines):
    """A file of the bucket `bulk`."""
    path = gateway.bulk_folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = lines if isinstance(lines, (str, bytes)) else "".join(
        json.dumps(line) + "\n" for line in lines)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def start(iot, key, body=THING_ALONE, bucket="bulk"):
    return iot.start_thing_registration_task(
        templateBody=body, inputFileBucket=bucket, inputFileKey=key, roleArn=ROLE)["taskId"]


def wait(iot, task):
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while time.monotonic() < deadline:
        described = iot.describe_thing_registration_task(taskId=task)
        if described["status"] not in ("InProgress", "Cancelling"):
            return described
        time.sleep(0.1)
    raise AssertionError(f"the task does not end: {described}")


def report(iot, task, kind):
    """Fetched as an AWS user fetches it: by its link, without credentials."""
    answer = iot.list_thing_registration_task_reports(taskId=task, reportType=kind)
    assert answer["reportType"] == kind
    lines = []
    for link in answer["resourceLinks"]:
        with urllib.request.urlopen(link, timeout=60) as response:
            lines += [json.loads(line) for line in response.read().splitlines()]
    return lines


# RegisterThing.

def test_register_thing_issues_a_certificate_for_a_request(iot, request_pem, tmp_path):
    answer = iot.register_thing(
        templateBody=BY_REQUEST, parameters={"Name": "r-1", "CSR": request_pem})
    arns = answer["resourceArns"]
    assert arns["thing"] == aws.arn("thing/r-1")
    certificate = arns["certificate"]
    described = iot.describe_certificate(certificateId=certificate.split("/")[1])
    assert described["certificateDescription"]["status"] == "ACTIVE"
    assert described["certificateDescription"]["certificatePem"] == answer["certificatePem"]
    assert iot.list_thing_principals(thingName="r-1")["principals"] == [certificate]
    policies = iot.list_attached_policies(target=certificate)["policies"]
    assert [policy["policyArn"] for policy in policies] == [arns["policy"]]
    pem = tmp_path / "issued.pem"
    pem.write_text(answer["certificatePem"])
    assert "CN = device" in aws.openssl("x509", "-in", pem, "-noout", "-subject")


def test_bodies_are_linted_as_templates_are(iot):
    """What is an error is refused with its place; a warning is on record and breaks no client."""
    body = template(None, PackageVersions={"app": "1.0"})
    for call in (
            lambda: iot.register_thing(templateBody=body, parameters={"Name": "r-1"}),
            lambda: start(iot, "key", body)):
        with pytest.raises(iot.exceptions.InvalidRequestException) as refused:
            call()
        assert "/Resources/thing/Properties/PackageVersions (line 1, column " in str(refused.value)


def test_register_thing_takes_a_certificate_by_its_id(iot):
    made = iot.create_keys_and_certificate()
    answer = iot.register_thing(
        templateBody=template({"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}}),
        parameters={"Name": "r-2", "AWS::IoT::Certificate::Id": made["certificateId"]})
    assert answer["certificatePem"] == made["certificatePem"]
    described = iot.describe_certificate(certificateId=made["certificateId"])
    assert described["certificateDescription"]["status"] == "ACTIVE"


def test_register_thing_takes_a_certificate_of_a_registered_authority(iot, tmp_path):
    ca = aws.authority(tmp_path, "factory")
    code = iot.get_registration_code()["registrationCode"]
    body = template({"CertificatePem": {"Ref": "PEM"}})
    leaf = aws.signed_by(tmp_path, ca, "unit-1")
    with pytest.raises(iot.exceptions.ResourceRegistrationFailureException) as refused:
        iot.register_thing(templateBody=body, parameters={"Name": "r-3", "PEM": leaf})
    assert "/Resources/certificate/Properties/CertificatePem" in str(refused.value)
    iot.register_ca_certificate(
        caCertificate=ca[1].read_text(), setAsActive=True,
        verificationCertificate=aws.signed_by(tmp_path, ca, code))
    answer = iot.register_thing(templateBody=body, parameters={"Name": "r-3", "PEM": leaf})
    assert answer["certificatePem"] == leaf
    impostor = aws.authority(tmp_path, "impostor")
    aws.openssl("req", "-x509", "-new", "-key", impostor[0], "-subj", "/CN=factory", "-days", "9",
                "-out", impostor[1])
    with pytest.raises(iot.exceptions.ResourceRegistrationFailureException) as refused:
        iot.register_thing(templateBody=body, parameters={
            "Name": "r-4", "PEM": aws.signed_by(tmp_path, impostor, "unit-2")})
    assert "signature does not verify" in str(refused.value)


def test_register_thing_says_what_it_refuses_and_where(iot, request_pem):
    failure = iot.exceptions.ResourceRegistrationFailureException
    for body, parameters, reason in [
            (BY_REQUEST, {"Name": "r-5", "CSR": "garbage"}, "CertificateSigningRequest"),
            (BY_REQUEST, {"Name": "no name", "CSR": request_pem}, "is no thing name"),
            (BY_REQUEST, {"CSR": request_pem}, "Cannot resolve reference value: Name"),
            (template(None, ThingTypeName="unheard-of"), {"Name": "r-5"}, "no thing type"),
            (template(None, ThingGroups=["nowhere"]), {"Name": "r-5"}, "no thing group")]:
        with pytest.raises(failure) as refused:
            iot.register_thing(templateBody=body, parameters=parameters)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert reason in str(refused.value)
    with pytest.raises(iot.exceptions.InvalidRequestException) as refused:
        iot.register_thing(templateBody='{"Resources": {"thing": {"Type": "AWS::S3::Bucket"}}}')
    assert "/Resources/thing/Type" in str(refused.value)
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_thing(thingName="r-5")


# Tasks.

def test_a_file_of_devices_is_registered_and_reported(iot, control, tmp_path):
    # A key of its own: the shared one belongs to another test's thing.
    _, request_pem = aws.csr(tmp_path)
    put(control, "lots/7.ndjson", [
        {"Name": f"b-{number}", "CSR": request_pem if number == 1 else ""}
        for number in range(1, 4)])
    task = start(iot, "lots/7.ndjson", BY_REQUEST)
    done = wait(iot, task)
    assert done["status"] == "Completed"
    assert (done["successCount"], done["failureCount"]) == (1, 2)
    assert done["percentageProgress"] == 100
    assert done["templateBody"] == BY_REQUEST
    (result,) = report(iot, task, "RESULTS")
    assert (result["LineNumber"], result["Offset"]) == (1, 0)
    assert result["Response"]["resourceArns"]["thing"] == aws.arn("thing/b-1")
    assert result["Response"]["certificatePem"].startswith("-----BEGIN CERTIFICATE-----")
    errors = report(iot, task, "ERRORS")
    assert [line["LineNumber"] for line in errors] == [2, 3]
    assert {line["ErrorCode"] for line in errors} == {"ResourceRegistrationFailureException"}
    assert task in iot.list_thing_registration_tasks(status="Completed")["taskIds"]
    assert task not in iot.list_thing_registration_tasks(status="InProgress")["taskIds"]


def test_tasks_of_any_number_run_together(iot, control):
    for number in range(6):
        put(control, f"many-{number}", [
            {"Name": f"many-{number}-{line}"} for line in range(50)])
    tasks = [start(iot, f"many-{number}") for number in range(6)]
    for task in tasks:
        assert wait(iot, task)["successCount"] == 50
    pages = iot.get_paginator("list_thing_registration_tasks").paginate(
        PaginationConfig={"PageSize": 2})
    listed = [task for page in pages for task in page["taskIds"]]
    assert len(listed) == len(set(listed))
    assert set(tasks) <= set(listed)


def test_hostile_lines_are_reported_and_do_no_harm(iot, control):
    lines = [
        b'{"Name": "h-1"}', b'{"Name": "torn', b'\xff\xfe\xff', b'{"Name": "' + b"x" * (1 << 20),
        b'[' * 5000, b'{"Name": {"deep": "er"}}', b'{"Name": 7}', b'{"Name": "a", "Name": "b"}',
        b'', b'\x00\x00', b'{"Name": "h-2"}\r']
    put(control, "hostile", b"\n".join(lines))
    task = start(iot, "hostile")
    done = wait(iot, task)
    assert (done["status"], done["successCount"], done["failureCount"]) == ("Completed", 2, 8)
    assert [line["LineNumber"] for line in report(iot, task, "RESULTS")] == [1, 11]
    errors = report(iot, task, "ERRORS")
    assert [line["LineNumber"] for line in errors] == [2, 3, 4, 5, 6, 7, 8, 10]
    for line in errors:
        assert len(line["ErrorMessage"]) < 1000


def test_nothing_outside_the_sources_is_read(iot, control, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text('{"Name": "stolen"}\n')
    put(control, "inside", [{"Name": "honest"}])
    for name, target in [("link", outside / "secret"), ("door", outside)]:
        link = control.bulk_folder / name
        if not link.is_symlink():
            link.symlink_to(target)
    os.mkfifo(control.bulk_folder / f"pipe-{random.random()}")
    for bucket, key in [
            ("elsewhere", "inside"), ("bulk", "../serve.log"), ("bulk", "a/../../serve.log"),
            ("bulk", "/etc/passwd"), ("bulk", "./inside"), ("bulk", "a//inside")]:
        with pytest.raises(iot.exceptions.InvalidRequestException):
            start(iot, key, bucket=bucket)
    pipe = next(control.bulk_folder.glob("pipe-*")).name
    for key in ["link", "door/secret", "missing", "lots", pipe]:
        done = wait(iot, start(iot, key))
        assert done["status"] == "Failed", key
        assert "cannot be read" in done["message"]
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_thing(thingName="stolen")


def test_a_link_opens_one_report_and_nothing_else(iot, control):
    put(control, "linked", [{"Name": "linked-1"}])
    task = start(iot, "linked")
    wait(iot, task)
    (link,) = iot.list_thing_registration_task_reports(
        taskId=task, reportType="RESULTS")["resourceLinks"]
    path, query = link.removeprefix(control.api).split("?")
    expires, signature = (pair.split("=")[1] for pair in query.split("&"))
    other = "0" if signature[0] != "0" else "1"
    for altered in [
            path, f"{path}?expires={expires}", f"{path}?signature={signature}",
            f"{path}?expires={int(expires) + 1}&signature={signature}",
            f"{path}?expires={expires}&signature={other}{signature[1:]}",
            f"{path.replace('results', 'errors')}?{query}",
            f"/thing-registration-tasks?{query}", f"/things?{query}",
            f"{path.rsplit('/', 1)[0]}?{query}"]:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(control.api + altered, timeout=60)
        assert refused.value.code in (400, 403), altered
    assert urllib.request.urlopen(link, timeout=60).status == 200


# HTTP sources.

class Shelf(BaseHTTPRequestHandler):
    """A file server with a bad day."""

    protocol_version = "HTTP/1.1"
    asked = []

    def do_GET(self):
        self.asked.append(self.path)
        if self.path == "/files/redirect":
            self.send_response(302)
            self.send_header("Location", "/other/lines")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        flaky = self.path == "/files/flaky" and self.asked.count(self.path) < 3
        if flaky or self.path == "/files/missing":
            self.send_response(503 if flaky else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        name = self.path.rsplit("/", 1)[1]
        body = "".join(json.dumps({"Name": f"http-{name}-{n}"}) + "\n" for n in range(20)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.path == "/files/short":
            self.wfile.write(body[:30])
            self.close_connection = True
            return
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_files_come_over_http_from_below_the_prefix(make_gateway):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shelf)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}/files/"
        gateway = make_gateway(settings={"bulk-sources": f"shelf={url}"}).start()
        iot = aws.client(gateway)
        assert wait(iot, start(iot, "lines", bucket="shelf"))["successCount"] == 20
        assert wait(iot, start(iot, "flaky", bucket="shelf"))["successCount"] == 20
        for key, reason in [("missing", "404"), ("redirect", "302")]:
            done = wait(iot, start(iot, key, bucket="shelf"))
            assert done["status"] == "Failed"
            assert reason in done["message"]
        assert "/other/lines" not in Shelf.asked
        # One that never arrives whole is tried again and again; nobody registers its half.
        task = start(iot, "short", bucket="shelf")
        time.sleep(1)
        described = iot.describe_thing_registration_task(taskId=task)
        assert (described["status"], described["successCount"]) == ("InProgress", 0)
        iot.stop_thing_registration_task(taskId=task)
        assert wait(iot, task)["status"] == "Cancelled"
        assert gateway.stop() == 0
    finally:
        server.shutdown()


# Death and resurrection.

def bulk_gateway(make_gateway, tmp_path):
    return make_gateway(settings={
        "keys-algorithm": "P_256", "bulk-sources": f"bulk={tmp_path}/gateway-0/bulk"})


def check_whole(gateway, iot, task, count):
    """Every line once: a thing, a certificate, a line of the results, in order."""
    results = report(iot, task, "RESULTS")
    assert [line["LineNumber"] for line in results] == list(range(1, count + 1))
    told = [line["Response"]["resourceArns"]["certificate"].split("/")[1] for line in results]
    assert len(set(told)) == count
    known = {row[0] for row in gateway.query("SELECT id FROM certificates WHERE kind = 'device'")}
    assert known == set(told)
    for line in results:
        number = line["LineNumber"]
        assert line["Response"]["resourceArns"]["thing"] == aws.arn(f"thing/k-{number}")
    assert gateway.query("SELECT count(*) FROM registered_lines") == [(0,)]
    assert report(iot, task, "ERRORS") == []


def requests(folder, count):
    """One key's requests would all be one key: each device has its own."""
    folder.mkdir()
    return [aws.csr(folder, f"d{number}")[1] for number in range(count)]


FAIL_IF_THERE = json.dumps({
    **json.loads(BY_REQUEST), "Resources": {
        **json.loads(BY_REQUEST)["Resources"],
        "thing": {**json.loads(BY_REQUEST)["Resources"]["thing"],
                  "OverrideSettings": {"AttributePayload": "FAIL"}}}})


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_again_and_again_a_task_does_every_line_once(make_gateway, tmp_path, seed):
    chance = random.Random(seed)
    count = 120
    gateway = bulk_gateway(make_gateway, tmp_path)
    pems = requests(tmp_path / "keys", count)
    put(gateway, "lines", [
        {"Name": f"k-{number}", "CSR": pem} for number, pem in enumerate(pems, start=1)])
    gateway.settings["bulk-line-workers"] = "2"
    gateway.start()
    task = start(aws.client(gateway), "lines", FAIL_IF_THERE)
    for _ in range(6):
        # A task that is asked after first has that long to come to its end on a busy machine.
        time.sleep(chance.uniform(0.02, 0.25))
        gateway.kill()
        gateway.start()
        done = aws.client(gateway).describe_thing_registration_task(taskId=task)
        if done["status"] != "InProgress":
            break
    iot = aws.client(gateway)
    done = wait(iot, task)
    assert (done["status"], done["successCount"]) == ("Completed", count), done
    check_whole(gateway, iot, task, count)
    assert gateway.stop() == 0
    gateway.check_invariants()


@pytest.mark.parametrize("point", [
    "beforeDirectCommit", "afterDirectCommit", "afterTaskReport", "afterTaskCheckpoint"])
def test_death_between_any_two_steps_of_a_task(make_gateway, tmp_path, point):
    count = 10
    gateway = bulk_gateway(make_gateway, tmp_path)
    put(gateway, "lines", [
        {"Name": f"k-{number}", "CSR": pem}
        for number, pem in enumerate(requests(tmp_path / "keys", count), start=1)])
    after = {"beforeDirectCommit": "5", "afterDirectCommit": "5"}.get(point, "1")
    gateway.start(environment={"SLIPWAY_CRASH_AT": point, "SLIPWAY_CRASH_AFTER": after})
    # The task may have come so far before its beginning is answered.
    with contextlib.suppress(botocore.exceptions.HTTPClientError):
        start(aws.client(gateway), "lines", FAIL_IF_THERE)
    assert gateway.process.wait(timeout=60) == -9, gateway.log_text()
    gateway.start()
    iot = aws.client(gateway)
    task, = iot.list_thing_registration_tasks()["taskIds"]
    assert wait(iot, task)["successCount"] == count
    check_whole(gateway, iot, task, count)
    assert gateway.stop() == 0
    gateway.check_invariants()


def test_a_stop_of_the_service_is_no_stop_of_the_task(make_gateway, tmp_path):
    gateway = bulk_gateway(make_gateway, tmp_path)
    put(gateway, "lines", [{"Name": f"s-{number}"} for number in range(20000)])
    gateway.start()
    task = start(aws.client(gateway), "lines")
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while gateway.query("SELECT count(*) FROM things") == [(0,)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert gateway.stop() == 0
    gateway.start()
    iot = aws.client(gateway)
    described = iot.describe_thing_registration_task(taskId=task)
    assert described["status"] == "InProgress"
    iot.stop_thing_registration_task(taskId=task)
    done = wait(iot, task)
    assert done["status"] == "Cancelled"
    assert 0 < done["successCount"] < 20000
    assert len(report(iot, task, "RESULTS")) == done["successCount"]
    assert gateway.query("SELECT count(*) FROM things") == [(done["successCount"],)]
    assert gateway.stop() == 0
