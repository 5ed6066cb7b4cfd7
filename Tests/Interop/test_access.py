"""Who may use the API: signatures made by botocore's own signers, credentials, roles, four eyes."""

import datetime
import hashlib
import json
import ssl
import subprocess
import time
import urllib.error
import urllib.request

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import pytest

import aws
from gateway import run_slipway, slipway


def credential(gateway, user, *roles):
    words = [word for role in roles for word in ("--role", role)]
    made = json.loads(slipway(gateway, "access", "create", user, *words, "--json"))
    return made["accessKeyId"], made["secretAccessKey"]


def refusal(call, *words, **options):
    """The code and status that a call of boto3 is refused with."""
    with pytest.raises(botocore.exceptions.ClientError) as error:
        call(*words, **options)
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


DOCUMENT = json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}})


class Signed:
    """A request as botocore signs it, sent as it is, or altered on its way."""

    def __init__(self, gateway, keys, method="GET", path="/policies", body=b"", token=None,
                 region=aws.REGION, headers=None):
        self.request = botocore.awsrequest.AWSRequest(
            method=method, url=gateway.api + path, data=body, headers=headers or {})
        self.credentials = botocore.credentials.Credentials(*keys, token=token)
        self.region = region

    def in_header(self):
        botocore.auth.SigV4Auth(self.credentials, "iot", self.region).add_auth(self.request)
        return self

    def in_query(self, expires=60):
        botocore.auth.SigV4QueryAuth(
            self.credentials, "iot", self.region, expires=expires).add_auth(self.request)
        return self

    def send(self, url=lambda url: url, body=None):
        """Status, exception and answer."""
        prepared = self.request.prepare()
        data = body if body is not None else prepared.body
        request = urllib.request.Request(
            url(prepared.url), data=data or None, method=prepared.method,
            headers={name: value for name, value in prepared.headers.items()})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, None, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers["x-amzn-ErrorType"], error.read()


@pytest.fixture(scope="module")
def admin(control):
    return aws.credentials(control)


def test_a_request_that_is_not_signed_is_told(control):
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(control.api + "/policies", timeout=30)
    assert error.value.code == 403
    assert error.value.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"
    assert json.loads(error.value.read()) == {"message": "Missing Authentication Token"}


def test_a_refusal_says_itself_in_a_header_where_a_header_can(control):
    iot = aws.client(control)
    for call, words in [
            (iot.list_jobs, {}), (iot.describe_thing, {"thingName": "access-none"}),
            (iot.describe_thing, {"thingName": "caf\u00e9"}),
            (iot.describe_thing, {"thingName": "a\r\nset-cookie: a=b"})]:
        with pytest.raises(botocore.exceptions.ClientError) as error:
            call(**words)
        answer = error.value.response
        message, headers = answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPHeaders"]
        assert message
        assert headers.get("x-amzn-errormessage") == (
            message if message.isascii() and message.isprintable() else None)
        assert "set-cookie" not in headers


def test_a_wrong_secret_and_an_unknown_key(control, admin):
    wrong = aws.client(control, keys=(admin[0], "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))
    assert refusal(wrong.list_policies) == ("InvalidSignatureException", 403)
    unknown = aws.client(control, keys=("AKIAIOSFODNN7EXAMPLE", admin[1]))
    assert refusal(unknown.list_policies) == ("UnrecognizedClientException", 403)


def test_a_disabled_credential_is_refused_at_once(control):
    keys = credential(control, "mallory", "auditor")
    client = aws.client(control, keys=keys)
    for _ in range(3):
        client.list_policies()
        slipway(control, "access", "disable", keys[0])
        assert refusal(client.list_policies) == ("UnrecognizedClientException", 403)
        slipway(control, "access", "enable", keys[0])
    client.list_policies()
    rotated = json.loads(slipway(control, "access", "rotate", keys[0], "--disable", "--json"))
    assert refusal(client.list_policies) == ("UnrecognizedClientException", 403)
    aws.client(
        control, keys=(rotated["accessKeyId"], rotated["secretAccessKey"])).list_policies()


def test_roles_decide_what_may_be_done(control):
    auditor = aws.client(control, keys=credential(control, "olga", "auditor"))
    auditor.list_policies()
    assert refusal(auditor.delete_policy, policyName="no") == ("AccessDeniedException", 403)
    officer = aws.client(control, keys=credential(control, "dora", "security-officer"))
    officer.create_policy(policyName="access-1", policyDocument=DOCUMENT)
    assert refusal(officer.delete_provisioning_template, templateName="no") == (
        "AccessDeniedException", 403)
    officer.delete_policy(policyName="access-1")


def test_a_role_of_ones_own_is_limited_to_its_resources(control, tmp_path):
    document = tmp_path / "plant.json"
    document.write_text(json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["iot:*Policy"], "Resource": aws.arn("policy/plant-*")},
        {"Effect": "Deny", "Action": "iot:DeletePolicy", "Resource": "*"}]}))
    slipway(control, "access", "role", "put", "plant", document)
    client = aws.client(control, keys=credential(control, "paula", "plant"))
    client.create_policy(policyName="plant-1", policyDocument=DOCUMENT)
    client.get_policy(policyName="plant-1")
    denied = ("AccessDeniedException", 403)
    assert refusal(client.create_policy, policyName="other", policyDocument=DOCUMENT) == denied
    assert refusal(client.get_policy, policyName="other") == denied
    assert refusal(client.delete_policy, policyName="plant-1") == denied
    assert refusal(client.list_policies) == denied


def test_what_a_role_does_not_say_is_not_had_by_another_way(control, tmp_path):
    """Rights that show only in a body, or in what is stored."""
    denied = ("AccessDeniedException", 403)
    worker = aws.client(control, keys=credential(control, "otto", "factory-operator"))
    resources = {
        "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": "access-esc"}},
        "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {
            "CertificateSigningRequest": {"Ref": "CSR"}}},
        "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": DOCUMENT}}}
    body = json.dumps({"Parameters": {"CSR": {"Type": "String"}}, "Resources": resources})
    parameters = {"CSR": aws.csr(tmp_path)[1]}
    assert refusal(worker.register_thing, templateBody=body, parameters=parameters) == denied
    assert refusal(worker.start_thing_registration_task, templateBody=body,
                   inputFileBucket="bulk", inputFileKey="x",
                   roleArn="arn:aws:iam::000000000000:role/any") == denied
    # A policy that somebody who may has written can be named.
    aws.client(control).create_policy(policyName="access-esc", policyDocument=DOCUMENT)
    resources["policy"]["Properties"] = {"PolicyName": "access-esc"}
    body = json.dumps({"Parameters": {"CSR": {"Type": "String"}}, "Resources": resources})
    worker.register_thing(templateBody=body, parameters=parameters)
    # Who looks after devices does not open and close a line.
    keeper = aws.client(control, keys=credential(control, "paul", "device-operator"))
    claim = hashlib.sha256(ssl.PEM_cert_to_DER_cert(control.claim[0].read_text())).hexdigest()
    assert refusal(keeper.update_certificate, certificateId=claim, newStatus="INACTIVE") == denied
    # Who may take a credential away does not give it back.
    officer = credential(control, "dora", "security-officer")
    target, _ = credential(control, "anna", "auditor")
    path = f"/slipway/access-keys/{target}/status"
    for status, answer in [("Inactive", 200), ("Active", 403)]:
        body = json.dumps({"status": status}).encode()
        assert Signed(control, officer, "PUT", path, body).in_header().send()[0] == answer


def test_a_role_is_limited_to_one_allowlist_and_one_claim(control, tmp_path):
    document = tmp_path / "line.json"
    document.write_text(json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "slipway:*", "Resource": [
            aws.arn("allowlist/access-*"), aws.arn("claim/demo-*")]}]}))
    slipway(control, "access", "role", "put", "access-line", document)
    keys = credential(control, "lena", "access-line")

    def status(method, path, body=b""):
        return Signed(control, keys, method, path, body).in_header().send()[0]

    serials = json.dumps({"serials": ["A-1"]}).encode()
    assert status("POST", "/slipway/allowlists/access-1/entries", serials) == 200
    assert status("POST", "/slipway/allowlists/demo/entries", serials) == 403
    assert status("GET", "/slipway/allowlists/access-1") == 200
    assert status("GET", "/slipway/allowlists/demo") == 403
    assert status("GET", "/slipway/claims/demo-line") == 200
    assert status("GET", "/slipway/claims/other") == 403
    # A role that somebody has does not go: what it denies would be allowed.
    refused = run_slipway(control, "access", "role", "delete", "access-line", code=1)
    assert keys[0] in refused.stderr


def test_names_that_a_path_has_to_encode(control, admin):
    client = aws.client(control, keys=admin)
    for name in ["a=b", "a+b", "a,b", "a@b", "a.b", "a_b"]:
        client.create_policy(policyName=name, policyDocument=DOCUMENT)
        assert client.get_policy(policyName=name)["policyName"] == name
        client.delete_policy(policyName=name)


def test_presigned_requests(control, admin):
    assert Signed(control, admin).in_query().send()[0] == 200
    status, exception, _ = Signed(control, admin).in_query().send(
        url=lambda url: url.replace("/policies?", "/certificates?"))
    assert (status, exception) == (403, "InvalidSignatureException")


def test_a_body_that_was_altered_is_refused(control, admin):
    body = json.dumps({"policyDocument": DOCUMENT}).encode()
    signed = Signed(control, admin, "POST", "/policies/altered", body).in_header()
    status, exception, _ = signed.send(body=body.replace(b"Allow", b"Deny "))
    assert (status, exception) == (403, "InvalidSignatureException")
    assert signed.send()[0] == 200


@pytest.mark.parametrize("header", ["UNSIGNED-PAYLOAD", None])
def test_signed_and_unsigned_payloads(control, admin, header):
    body = json.dumps({"policyDocument": DOCUMENT}).encode()
    headers = {"X-Amz-Content-SHA256": header} if header else {}
    signed = Signed(control, admin, "POST", f"/policies/payload-{header}", body, headers=headers)
    assert signed.in_header().send()[0] == 200


@pytest.mark.parametrize("minutes,words", [(-6, b"Signature expired"), (6, b"not yet current")])
def test_a_clock_that_is_wrong(control, admin, monkeypatch, minutes, words):
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    wrong = now + datetime.timedelta(minutes=minutes)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: wrong)
    status, exception, answer = Signed(control, admin).in_header().send()
    assert (status, exception) == (403, "InvalidSignatureException")
    assert words in answer


def test_temporary_credentials(control):
    keys = credential(control, "sven", "auditor")
    session = json.loads(
        slipway(control, "access", "session", keys[0], "--seconds", 900, "--json"))
    temporary = (session["accessKeyId"], session["secretAccessKey"])
    client = aws.client(control, keys=temporary, aws_session_token=session["sessionToken"])
    client.list_policies()
    assert refusal(client.delete_policy, policyName="no") == ("AccessDeniedException", 403)
    assert Signed(control, temporary, token=session["sessionToken"]).in_query().send()[0] == 200
    assert Signed(control, temporary).in_header().send()[1] == "UnrecognizedClientException"
    assert Signed(control, keys, token=session["sessionToken"]).in_header().send()[1] == (
        "UnrecognizedClientException")
    slipway(control, "access", "disable", keys[0])
    assert refusal(client.list_policies) == ("UnrecognizedClientException", 403)


def lines_of(control, principal, count):
    """What the access log says of one principal: calls are written some milliseconds later."""
    deadline = time.monotonic() + 60
    while True:
        text = (control.directory / "var/access.log").read_text()
        # The last line may still be on its way.
        lines = map(json.loads, text[:text.rfind("\n") + 1].splitlines())
        found = [line for line in lines if line.get("principal") == principal]
        if len(found) >= count or time.monotonic() > deadline:
            return found


def test_what_is_written_down(control):
    keys = credential(control, "walter", "auditor")
    client = aws.client(control, keys=keys)
    client.list_policies()
    assert refusal(client.delete_policy, policyName="w-1") == ("AccessDeniedException", 403)
    mine = lines_of(control, f"walter/{keys[0]}", 2)
    assert [(line["operation"], line["outcome"], line["source"]) for line in mine] == [
        ("iot:ListPolicies", "allowed", "127.0.0.1"), ("iot:DeletePolicy", "refused", "127.0.0.1")]
    assert mine[1]["target"] == aws.arn("policy/w-1")
    audited = [line for line in slipway(control, "audit", "list").splitlines()
               if f"walter/{keys[0]}" in line]
    assert len(audited) == 1 and "DeletePolicy" in audited[0]
    for file in (control.directory / "var").iterdir():
        if file.is_file():
            assert keys[1].encode() not in file.read_bytes(), file


def test_a_region_may_be_demanded(make_gateway):
    gateway = make_gateway(settings={"rights-region": "eu-north-9"}).start()
    admin = aws.credentials(gateway)
    assert Signed(gateway, admin, region="eu-north-9").in_header().send()[0] == 200
    status, exception, answer = Signed(gateway, admin, region="us-east-1").in_header().send()
    assert (status, exception) == (403, "InvalidSignatureException")
    assert b"scoped to a valid region" in answer


def test_nobody_writes_a_hook_and_approves_it(make_gateway, tmp_path):
    gateway = make_gateway(settings={"rights-four-eyes": "true"}).start()
    name = "serial-allowlist"

    serials = (f"SN-{number:06}" for number in range(1, 1000))

    def provisioned():
        file = tmp_path / "serials"
        file.write_text(next(serials) + "\n")
        words = gateway.simulate_arguments("--devices", 1, "--serials", file)
        return subprocess.run(words, capture_output=True, timeout=120).returncode == 0

    def hook(user):
        return json.loads(Signed(gateway, user, path=f"/slipway/hooks/{name}")
                          .in_header().send()[2])

    def put(user, source):
        body = json.dumps({"source": source}).encode()
        return Signed(gateway, user, "PUT", f"/slipway/hooks/{name}", body).in_header().send()

    def approve(user):
        body = json.dumps({"digest": hook(user)["digest"]}).encode()
        return Signed(gateway, user, "POST", f"/slipway/hooks/{name}/approval", body) \
            .in_header().send()[:2]

    alice = credential(gateway, "alice", "template-author")
    again = credential(gateway, "alice", "template-author")
    bob = credential(gateway, "bob", "security-officer")
    # Loaded from a file by whoever works on this machine: not his to approve.
    assert not provisioned()
    shipped = hook(alice)
    slipway(gateway, "hook", "approve", name, shipped["digest"], code=1)
    assert approve(alice) == (200, None)
    assert provisioned()
    # Another text has to be approved anew, by another than its author, whatever key he has.
    assert put(alice, shipped["source"] + "\n-- alice was here\n")[0] == 200
    assert not provisioned()
    assert approve(alice) == (403, "AccessDeniedException")
    assert approve(again) == (403, "AccessDeniedException")
    assert put(bob, "return 1")[:2] == (403, "AccessDeniedException")
    assert approve(bob) == (200, None)
    assert provisioned()
