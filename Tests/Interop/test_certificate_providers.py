"""An operator's own signer behind CreateCertificateFromCsr: set through boto3, asked over HTTPS."""

import http.server
import json
import ssl
import subprocess
import threading
import uuid

import pytest

import aws
from device import Device, Key
from gateway import TEMPLATE, free_port
from test_access import slipway
from test_reason_codes import told
from test_refusals import line

TARGET = "arn:aws:lambda:local:000000000000:function:signer"
OPERATIONS = ["CreateCertificateFromCsr"]


class Signer:
    """An HTTPS service with an authority of its own; `mode` says what it does next."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = aws.authority(folder, "factory")
        self.mode = "sign"
        self.seen = []
        self.over = threading.Event()
        key, self.certificate = folder / "tls.key", folder / "tls.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", self.certificate,
             "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
            check=True, capture_output=True)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server.server_address[1]

    def sign(self, request):
        extensions = self.folder / "signed.ext"
        kind = "CA:TRUE" if self.mode == "ca" else "CA:FALSE"
        extensions.write_text(
            f"basicConstraints=critical,{kind}\nsubjectKeyIdentifier=hash\n"
            "authorityKeyIdentifier=keyid\n")
        more = {"subject": ["-subj", "/CN=somebody-else"]}.get(self.mode, [])
        return aws.openssl("x509", "-req", "-CA", self.ca[1], "-CAkey", self.ca[0], "-days", "10",
                           "-extfile", extensions, *more, input=request)

    def handler(signer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                signer.seen.append((dict(self.headers.items()), body))
                request = body["certificateSigningRequest"]
                answer = {}
                if signer.mode == "hang":
                    signer.over.wait(60)
                elif signer.mode == "key":
                    request = Key(body["clientId"]).csr
                if signer.mode not in ("hang", "break", "empty"):
                    answer = {"certificatePem": signer.sign(request)}
                    if signer.mode == "two":
                        answer["certificatePem"] += signer.ca[1].read_text()
                text = json.dumps(answer).encode()
                self.send_response(500 if signer.mode == "break" else 200)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *words):
                pass

        return Handler

    def close(self):
        self.over.set()
        self.server.shutdown()


@pytest.fixture
def signer(tmp_path):
    service = Signer(tmp_path)
    yield service
    service.close()


def put_webhook(gateway, folder, port, ca, **more):
    secrets = gateway.directory / "pki/webhooks"
    secrets.mkdir(exist_ok=True)
    (secrets / "signer").write_text("0123456789abcdef0123456789abcdef\n")
    file = folder / "signer.json"
    file.write_text(json.dumps({
        "url": f"https://localhost:{port}/sign", "secret": "signer", "caFile": str(ca), **more}))
    slipway(gateway, "hook", "put", "signer", file)


@pytest.fixture
def provided(make_gateway, tmp_path, signer):
    """A line whose requests the signer answers."""
    gateway = line(make_gateway)
    put_webhook(gateway, tmp_path, signer.port, signer.certificate)
    iot = aws.client(gateway)
    iot.create_certificate_provider(
        certificateProviderName="factory", lambdaFunctionArn=TARGET,
        accountDefaultForOperations=OPERATIONS)
    return gateway, iot, signer


def test_the_device_gets_what_the_signer_made_and_connects_with_it(provided, tmp_path):
    gateway, iot, signer = provided
    key = Key("unit-1")
    with Device(gateway, client_id="line") as device:
        device.subscribe_to_replies()
        thing, credentials = device.provision("unit-1", tmp_path, key)
        claim = signer.seen[0][1]["principalId"]
        # Keys that the service makes are certified by the service, as ever.
        device.create_keys().expect_accepted()
    assert len(signer.seen) == 1
    headers, body = signer.seen[0]
    assert set(body) == {"certificateSigningRequest", "principalId", "clientId"}
    assert body["certificateSigningRequest"] == key.csr and body["clientId"] == "line"
    assert "slipway-signature" in {name.lower() for name in headers}
    with Device(gateway, credentials, client_id=thing):
        pass
    arn = iot.list_thing_principals(thingName=thing)["principals"][0]
    description = iot.describe_certificate(
        certificateId=arn.split("/")[1])["certificateDescription"]
    assert description["status"] == "ACTIVE" and "caCertificateId" not in description
    assert description["certificateMode"] == "SNI_ONLY"
    shown = json.loads(slipway(gateway, "cert", "show", arn.split("/")[1], "--json"))
    assert claim in json.dumps(shown)
    # Without the provider this service signs again.
    iot.delete_certificate_provider(certificateProviderName="factory")
    with Device(gateway, client_id="line") as device:
        device.subscribe_to_replies()
        device.create_from_csr(Key()).expect_accepted()
    assert len(signer.seen) == 1


def test_a_registered_authority_is_named_and_rules(provided, tmp_path):
    gateway, iot, signer = provided
    ca = iot.register_ca_certificate(
        caCertificate=signer.ca[1].read_text(), setAsActive=True, allowAutoRegistration=True,
        verificationCertificate=aws.signed_by(
            tmp_path, signer.ca, iot.get_registration_code()["registrationCode"]))
    with Device(gateway, client_id="line") as device:
        device.subscribe_to_replies()
        made = device.create_from_csr(Key("unit-2")).expect_accepted()
        described = iot.describe_certificate(certificateId=made["certificateId"])
        assert described["certificateDescription"]["caCertificateId"] == ca["certificateId"]
        assert described["certificateDescription"]["status"] == "PENDING_ACTIVATION"
        iot.update_ca_certificate(certificateId=ca["certificateId"], newStatus="INACTIVE")
        told(device.create_from_csr(Key("unit-3")), 2006)


@pytest.mark.parametrize("mode", ["key", "subject", "ca", "two", "empty", "break"])
def test_an_answer_that_cannot_be_used_is_no_certificate(provided, mode):
    gateway, iot, signer = provided
    signer.mode = mode
    with Device(gateway, client_id="line") as device:
        device.subscribe_to_replies()
        reply = device.create_from_csr(Key("unit-4"))
        told(reply, 2006)
        assert "factory" not in reply.expect_rejected(500, "InternalFailure")
        signer.mode = "sign"
        device.create_from_csr(Key("unit-4")).expect_accepted()
    gateway.wait_for_log("certificate provider 'factory'")


def test_a_signer_that_is_late_or_gone_is_worth_another_try(provided, tmp_path):
    gateway, iot, signer = provided
    put_webhook(gateway, tmp_path, signer.port, signer.certificate, timeoutMilliseconds=1000)
    signer.mode = "hang"
    with Device(gateway, client_id="line") as device:
        device.subscribe_to_replies()
        told(device.create_from_csr(Key()), 2004)
        put_webhook(gateway, tmp_path, free_port(), signer.certificate)
        for _ in range(5):
            told(device.create_from_csr(Key()), 2004)
        # It failed too often, and is left alone.
        told(device.create_from_csr(Key()), 2005)


def test_providers_answer_as_aws_does(make_gateway, tmp_path, signer):
    gateway = line(make_gateway)
    iot = aws.client(gateway)

    def create(name, target=TARGET, **more):
        return iot.create_certificate_provider(
            certificateProviderName=name, lambdaFunctionArn=target,
            accountDefaultForOperations=OPERATIONS, **more)

    with pytest.raises(iot.exceptions.InvalidRequestException):
        create("factory")
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_certificate_provider(certificateProviderName="factory")
    assert iot.list_certificate_providers()["certificateProviders"] == []
    put_webhook(gateway, tmp_path, signer.port, signer.certificate)
    token = str(uuid.uuid4())
    made = create("factory", clientToken=token, tags=[{"Key": "a", "Value": "b"}])
    arn = aws.arn("certificateprovider:factory")
    assert (made["certificateProviderName"], made["certificateProviderArn"]) == ("factory", arn)
    assert create("factory", clientToken=token)["certificateProviderArn"] == arn
    with pytest.raises(iot.exceptions.ResourceAlreadyExistsException):
        create("factory")
    with pytest.raises(iot.exceptions.LimitExceededException):
        create("other")
    assert iot.list_tags_for_resource(resourceArn=arn)["tags"] == [{"Key": "a", "Value": "b"}]
    put_script = tmp_path / "script.lua"
    put_script.write_text("return function() return { allowProvisioning = true } end")
    slipway(gateway, "hook", "put", "script", put_script)
    with pytest.raises(iot.exceptions.InvalidRequestException):
        iot.update_certificate_provider(
            certificateProviderName="factory",
            lambdaFunctionArn=TARGET.replace("signer", "script"))
    iot.update_certificate_provider(
        certificateProviderName="factory", lambdaFunctionArn=TARGET + ":live",
        accountDefaultForOperations=OPERATIONS)
    described = iot.describe_certificate_provider(certificateProviderName="factory")
    assert described["lambdaFunctionArn"] == TARGET + ":live"
    assert described["accountDefaultForOperations"] == OPERATIONS
    assert described["lastModifiedDate"] >= described["creationDate"]
    assert iot.list_certificate_providers(ascendingOrder=True)["certificateProviders"] == [
        {"certificateProviderName": "factory", "certificateProviderArn": arn}]
    iot.delete_certificate_provider(certificateProviderName="factory")
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.delete_certificate_provider(certificateProviderName="factory")
    actions = slipway(gateway, "audit", "list")
    for action in ("Create", "Update", "Delete"):
        assert f"{action}CertificateProvider" in actions


def test_commands_and_files_know_providers(make_gateway, tmp_path, signer):
    gateway = line(make_gateway)
    put_webhook(gateway, tmp_path, signer.port, signer.certificate)
    slipway(gateway, "cert", "provider", "create", "factory", "--webhook", "signer",
            "--tag", "a=b")
    assert "factory" in slipway(gateway, "cert", "provider", "list")
    slipway(gateway, "export", tmp_path / "fleet")
    file = tmp_path / "fleet/certificate-providers/factory.json"
    declared = json.loads(file.read_text())
    assert declared == {"lambdaFunctionArn": "signer", "tags": {"a": "b"}}
    slipway(gateway, "cert", "provider", "update", "factory", "--webhook", TARGET)
    shown = json.loads(slipway(gateway, "cert", "provider", "show", "factory", "--json"))
    assert shown["lambdaFunctionArn"] == TARGET
    slipway(gateway, "cert", "provider", "delete", "factory")
    slipway(gateway, "apply", tmp_path / "fleet", "--yes")
    shown = json.loads(slipway(gateway, "cert", "provider", "show", "factory", "--json"))
    assert shown["lambdaFunctionArn"] == "signer"
    again = json.loads(slipway(gateway, "apply", tmp_path / "fleet", "--plan", "--json"))
    assert (again["changes"], again["failures"]) == ([], [])


def test_commands_for_what_only_aws_tools_could_do(make_gateway, tmp_path):
    gateway = line(make_gateway)
    slipway(gateway, "claim", "temporary", TEMPLATE, "--output", tmp_path / "bench")
    credentials = (tmp_path / "bench.pem", tmp_path / "bench.key")
    with Device(gateway, credentials, client_id="bench") as device:
        device.subscribe_to_replies()
        device.provision("bench-1", tmp_path, Key())
    code = slipway(gateway, "cert", "authority", "code").strip()
    assert "forgotten" in slipway(gateway, "cert", "authority", "code", "--forget")
    assert slipway(gateway, "cert", "authority", "code").strip() != code
    iot = aws.client(gateway)
    body = iot.describe_provisioning_template(templateName=TEMPLATE)["templateBody"]
    iot.create_provisioning_template_version(
        templateName=TEMPLATE, templateBody=body.replace("}", "} ", 1))
    assert "version 2 of" in slipway(gateway, "template", "delete", TEMPLATE, "--version", "2")
    csr = tmp_path / "registered"
    template = tmp_path / "template.json"
    template.write_text(json.dumps({
        "Parameters": {"SerialNumber": {"Type": "String"}, "CSR": {"Type": "String"}},
        "Resources": {
            "thing": {"Type": "AWS::IoT::Thing", "Properties": {
                "ThingName": {"Ref": "SerialNumber"}}},
            "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {
                "CertificateSigningRequest": {"Ref": "CSR"}, "Status": "ACTIVE"}}}}))
    slipway(gateway, "thing", "register", template, "--parameter", "SerialNumber=registered",
            "--parameter", f"CSR={Key('registered').csr}", "--output", csr)
    assert "BEGIN CERTIFICATE" in (tmp_path / "registered.pem").read_text()
    assert iot.describe_thing(thingName="registered")["thingName"] == "registered"
    for number in range(4):
        iot.create_thing(thingName=f"room-{number}", attributePayload={
            "attributes": {"temp": str(number * 10)}})
    words = ("search", "thingName:room-*", "--statistics", "attributes.temp")
    found = json.loads(slipway(gateway, *words, "--json"))
    assert found["statistics"]["maximum"] == 30 and len(found["percentiles"]) == 7
    assert "average" in slipway(gateway, *words)
