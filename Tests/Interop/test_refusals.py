"""Every row of the canonical refusals: code, status, a message that helps, an open connection."""

import base64
import json
import os
import re
import signal
import subprocess
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from device import CREATE_FROM_CSR, CREATE_KEYS, REGISTER, Device, Key, Refused
from gateway import SLIPWAY, TEMPLATE, slipway

FORMS = ["json", "cbor"]


@pytest.fixture(params=FORMS)
def device(request, gateway):
    with Device(gateway, client_id=f"refused-{request.param}", form=request.param) as device:
        device.subscribe_to_replies()
        yield device
        # None of the refusals may cost the connection: the same one still gets its certificate.
        device.create_from_csr(Key()).expect_accepted()


@pytest.fixture
def token(device):
    return device.create_from_csr(Key()).expect_accepted()["certificateOwnershipToken"]


# InvalidPayload 400

MALFORMED = {
    "json": [b"{", b"[]", b"null", b'"text"', b"{}{}", b'{"a":1,}', b'{"a":1,"a":2}', b"\xff",
             b'{"a":"\x01"}', b"[" * 100],
    "cbor": [b"\xa1", b"\x80", b"\xf6", b"\xa0\xa0", b"\xff", b"\xbf", b"\x9f" * 100,
             b"\xbb" + b"\xff" * 8, b"\xa1\x41\x61\x01"],
}


@pytest.mark.parametrize("topic", [CREATE_KEYS, CREATE_FROM_CSR, REGISTER],
                         ids=["keys", "csr", "register"])
def test_malformed_payload(device, topic):
    for payload in MALFORMED[device.form]:
        device.call(topic, payload).expect_rejected(400, "InvalidPayload")


@pytest.mark.parametrize("request_document,field", [
    ({"certificateOwnershipToken": 1}, "certificateOwnershipToken"),
    ({"certificateOwnershipToken": "T", "parameters": []}, "parameters"),
    ({"certificateOwnershipToken": "T", "parameters": {"SerialNumber": 7}}, "SerialNumber"),
    ({"certificateOwnershipToken": "T", "parameters": {"SerialNumber": None}}, "SerialNumber"),
])
def test_field_of_the_wrong_type_is_named(device, request_document, field):
    message = device.call(REGISTER, request_document).expect_rejected(400, "InvalidPayload")
    assert field in message


def test_csr_of_the_wrong_type_is_named(device):
    reply = device.call(CREATE_FROM_CSR, {"certificateSigningRequest": 1})
    assert "certificateSigningRequest" in reply.expect_rejected(400, "InvalidPayload")


# InvalidCSR 400


def csr_of(private, algorithm=hashes.SHA256()):
    return x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(
        private, algorithm).public_bytes(serialization.Encoding.PEM).decode()


def tampered():
    """The last byte of the signature is another."""
    lines = Key().csr.strip().split("\n")
    der = bytearray(base64.b64decode("".join(lines[1:-1])))
    der[-1] ^= 1
    body = base64.encodebytes(bytes(der)).decode()
    return f"{lines[0]}\n{body}{lines[-1]}\n"


BAD_CSRS = {
    "text": lambda: "not a CSR",
    "a certificate": lambda: "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
    "an empty sequence": lambda:
        "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n",
    "two": lambda: Key().csr + Key().csr,
    "tampered": tampered,
    "RSA-1024": lambda: csr_of(rsa.generate_private_key(65537, 1024)),
    "RSA exponent 3": lambda: csr_of(rsa.generate_private_key(3, 2048)),
    "secp256k1": lambda: csr_of(ec.generate_private_key(ec.SECP256K1())),
    "too long": lambda: "\n" * 5000 + Key().csr,
}


def test_empty_csr_counts_as_none(device):
    for document in ({}, {"certificateSigningRequest": ""}):
        message = device.call(CREATE_FROM_CSR, document).expect_rejected(400, "InvalidPayload")
        assert "certificateSigningRequest" in message


@pytest.mark.parametrize("name", BAD_CSRS)
def test_bad_csr(device, name):
    try:
        csr = BAD_CSRS[name]()
    except ValueError as error:
        pytest.skip(f"this machine's library makes no such key: {error}")
    device.call(CREATE_FROM_CSR, {"certificateSigningRequest": csr}).expect_rejected(
        400, "InvalidCSR")


def test_authoritys_own_key_is_no_devices_key(gateway, device):
    private = serialization.load_pem_private_key(
        (gateway.directory / "pki/issuing-ca.key").read_bytes(),
        (gateway.directory / "pki/ca.passphrase").read_bytes().strip())
    device.call(CREATE_FROM_CSR, {"certificateSigningRequest": csr_of(private)}).expect_rejected(
        400, "InvalidCSR")


# InvalidCertificateOwnershipToken 400


@pytest.mark.parametrize("bad", ["", "x", "eyJ2ZXJzaW9uIjoiMjAxOTEwMjMifQ==", "A" * 400, "A" * 5000])
def test_unknown_token(device, serials, bad):
    device.register(bad, {"SerialNumber": serials()}).expect_rejected(
        400, "InvalidCertificateOwnershipToken")


def test_missing_token(device):
    device.call(REGISTER, {"parameters": {}}).expect_rejected(
        400, "InvalidCertificateOwnershipToken")


def test_altered_token(device, token, serials):
    for position in (0, len(token) // 2, len(token) - 1):
        letter = "A" if token[position] != "A" else "B"
        altered = token[:position] + letter + token[position + 1:]
        if altered != token:
            device.register(altered, {"SerialNumber": serials()}).expect_rejected(
                400, "InvalidCertificateOwnershipToken")


def test_used_token_with_other_parameters(device, token, serials):
    device.register(token, {"SerialNumber": serials()}).expect_accepted()
    message = device.register(token, {"SerialNumber": serials()}).expect_rejected(
        400, "InvalidCertificateOwnershipToken")
    assert "used" in message


# AccessDenied 403


def test_serial_on_no_list(device, token):
    message = device.register(token, {"SerialNumber": "SN-999999"}).expect_rejected(
        403, "AccessDenied")
    assert "SN-999999" in message
    # The refusal did not use the token up.
    device.register(token, {"SerialNumber": "SN-001000"})


def test_no_serial_at_all(device, token):
    device.register(token, {}).expect_rejected(403, "AccessDenied")


def test_metacharacters_stay_inside_their_string(device, token):
    for serial in ['","x":"', '"}}', "\\", "${iot:ClientId}", "*", "\x00", "ü" * 100]:
        reply = device.register(token, {"SerialNumber": serial})
        assert not reply.accepted
        assert reply.document["errorCode"] in ("AccessDenied", "InvalidParameters")


def test_identity_in_a_payload_is_nobodys(gateway, device, serials):
    """Lesson of Vault's CVE-2020-16250: who speaks is what TLS says, never what the message says."""
    forged = {"claimCertificateId": "0" * 64, "certificateId": "0" * 64, "principal": "arn:x",
              "clientId": "somebody-else", "sourceAddress": "203.0.113.9"}
    created = device.call(
        CREATE_FROM_CSR, {"certificateSigningRequest": Key().csr, **forged}).expect_accepted()
    device.call(REGISTER, {
        "certificateOwnershipToken": created["certificateOwnershipToken"],
        "parameters": {"SerialNumber": serials()}, **forged}).expect_accepted()
    shown = subprocess.run(
        [str(SLIPWAY), "cert", "show", created["certificateId"], "--json", "--directory",
         str(gateway.directory)], capture_output=True, text=True, timeout=60, check=True).stdout
    provenance = json.loads(shown)["provenance"]
    claim = x509.load_pem_x509_certificate(gateway.claim[0].read_bytes())
    assert provenance["claimCertificateId"] == claim.fingerprint(hashes.SHA256()).hex()
    assert provenance["registration"]["clientId"] == f"refused-{device.form}"
    assert provenance["registration"]["sourceAddress"] == "127.0.0.1"
    assert "0" * 64 not in shown and "somebody-else" not in shown


# The rows below need a line of their own.

OPEN_TEMPLATE = {
    "Parameters": {
        "SerialNumber": {"Type": "String"},
        "Site": {"Type": "String", "Default": "lab"},
        "AWS::IoT::Certificate::Id": {"Type": "String"},
    },
    "Resources": {
        "thing": {"Type": "AWS::IoT::Thing", "Properties": {
            "ThingName": {"Ref": "SerialNumber"},
            "AttributePayload": {"site": {"Ref": "Site"}}}},
        "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {
            "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "Active"}},
        "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}]}}},
    },
    "DeviceConfiguration": {"every": "60"},
}
WILLING_HOOK = "return function(request) return {allowProvisioning=true} end"


def line(make_gateway, settings=None, hook=None, options=None):
    files = {f"{TEMPLATE}.json": OPEN_TEMPLATE,
             f"{TEMPLATE}.settings.json": {
                 "description": "open", "enabled": True, **({"hook": "test-hook"} if hook else {}),
                 **(settings or {})}}
    return make_gateway(
        templates=files, hooks={"test-hook.lua": hook} if hook else {}, settings=options).start()


def ask(gateway, parameters, client_id="line"):
    with Device(gateway, client_id=client_id) as device:
        device.subscribe_to_replies()
        token = device.create_from_csr(Key()).expect_accepted()["certificateOwnershipToken"]
        reply = device.register(token, parameters)
        device.create_from_csr(Key()).expect_accepted()
        return reply


def test_invalid_parameters_name_the_parameter(make_gateway):
    gateway = line(make_gateway)
    missing = ask(gateway, {"Site": "x"}).expect_rejected(400, "InvalidParameters")
    assert "SerialNumber" in missing
    for serial in ("", "a b", "a/b", "ü", '","x":"', "x" * 129):
        ask(gateway, {"SerialNumber": serial}).expect_rejected(400, "InvalidParameters")


def test_a_parameters_value_is_told_to_nobody(make_gateway):
    """It may be a password: the parameter and the rule are told, to the device and to the log."""
    secret = "s3cr3t! word"
    gateway = line(make_gateway)
    reply = ask(gateway, {"SerialNumber": "one", "Site": secret})
    reply.expect_rejected(400, "InvalidParameters")
    assert reply.document["parameter"] == "Site"
    correlation = reply.document["correlationId"]
    assert gateway.stop() == 0
    told = [json.dumps(reply.document), gateway.log_text(),
            slipway(gateway, "trace", correlation), slipway(gateway, "audit", "list", "--json")]
    told += [path.read_text() for path in (gateway.directory / "var").glob("*.log")]
    for text in told:
        assert secret not in text


def test_thing_that_is_somebody_elses(make_gateway):
    gateway = line(make_gateway)
    ask(gateway, {"SerialNumber": "one", "Site": "a"}).expect_accepted()
    ask(gateway, {"SerialNumber": "one", "Site": "b"}).expect_rejected(409, "ResourceConflict")


def test_disabled_template(make_gateway):
    gateway = line(make_gateway, settings={"enabled": False})
    ask(gateway, {"SerialNumber": "one"}).expect_rejected(403, "TemplateDisabled")


def test_template_that_is_not_there(make_gateway):
    gateway = make_gateway(templates={}, hooks={}).start()
    message = ask(gateway, {"SerialNumber": "one"}).expect_rejected(404, "TemplateNotFound")
    assert TEMPLATE in message


@pytest.mark.parametrize("source", [
    "return function(request) error('boom') end",
    "return function(request) return 7 end",
    "return function(request) return {allowProvisioning='true'} end",
    "return function(request) end",
    "return function(request) while true do end end",
    "return function(request) return {allowProvisioning=true, surprise=1} end",
])
def test_hook_that_errs_or_babbles_denies(make_gateway, source):
    gateway = line(make_gateway, hook=source)
    message = ask(gateway, {"SerialNumber": "one"}).expect_rejected(403, "AccessDenied")
    # What went wrong inside is for the operator, not for the device.
    assert "boom" not in message


@pytest.mark.parametrize("source", ["return 7", "this is no Lua"])
def test_hook_that_cannot_be_loaded_keeps_the_gateway_from_starting(make_gateway, source):
    files = {f"{TEMPLATE}.json": OPEN_TEMPLATE,
             f"{TEMPLATE}.settings.json": {"hook": "test-hook"}}
    gateway = make_gateway(templates=files, hooks={"test-hook.lua": WILLING_HOOK})
    (gateway.directory / "Hooks/test-hook.lua").write_text(source)
    gateway.start(wait=False)
    assert gateway.process.wait(timeout=60) == 1
    gateway.wait_for_log("test-hook")


def test_hook_that_hangs_is_killed_and_denies(make_gateway):
    gateway = line(
        make_gateway, hook=WILLING_HOOK,
        options={"hook-deadline-milliseconds": 500, "hook-workers": "1"})
    ask(gateway, {"SerialNumber": "one"}).expect_accepted()
    # A stopped process is what no limit inside it can end.
    for worker in gateway.hook_workers():
        os.kill(worker, signal.SIGSTOP)
    ask(gateway, {"SerialNumber": "two"}).expect_rejected(403, "HookTimeout")
    # Another worker has taken its place.
    ask(gateway, {"SerialNumber": "two"}).expect_accepted()


def test_too_many_requests_say_when_to_come_back(make_gateway):
    gateway = line(
        make_gateway, hook=WILLING_HOOK,
        options={"hook-deadline-milliseconds": 3000, "provisioning-in-flight-max": 1})
    ask(gateway, {"SerialNumber": "zero"}).expect_accepted()
    for worker in gateway.hook_workers():
        os.kill(worker, signal.SIGSTOP)
    with Device(gateway, client_id="slow") as slow, Device(gateway, client_id="late") as late:
        slow.subscribe_to_replies()
        late.subscribe_to_replies()
        token = slow.create_from_csr(Key()).expect_accepted()["certificateOwnershipToken"]
        refusals = []
        # Either of the two may find the one place taken, so both go on asking until one does.
        while not refusals:
            held = []
            waiting = threading.Thread(
                target=lambda: held.append(slow.register(token, {"SerialNumber": "one"})))
            waiting.start()
            while waiting.is_alive() and not refusals:
                reply = late.create_from_csr(Key())
                if not reply.accepted:
                    refusals.append(reply.expect_rejected(429, "TooManyRequests"))
            waiting.join()
            if held[0].document.get("statusCode") == 429:
                refusals.append(held[0].expect_rejected(429, "TooManyRequests"))
            else:
                held[0].expect_rejected(403, "HookTimeout")
        assert re.search(r"\d+ s", refusals[0]), refusals


def test_full_disk_is_an_internal_failure_and_passes(make_gateway):
    gateway = line(make_gateway)
    files = [gateway.database, gateway.database.with_name(gateway.database.name + "-wal")]
    size = max(path.stat().st_size for path in files if path.exists())

    def limit_files(to):
        subprocess.run(
            ["prlimit", "--pid", str(gateway.process.pid), f"--fsize={to}:unlimited"], check=True)

    with Device(gateway, client_id="full") as device:
        device.subscribe_to_replies()
        device.create_from_csr(Key()).expect_accepted()
        limit_files(size)
        failed = 0
        for _ in range(50):
            reply = device.create_from_csr(Key())
            if not reply.accepted:
                reply.expect_rejected(500, "InternalFailure")
                failed += 1
            if failed == 3:
                break
        assert failed == 3
        limit_files("unlimited")
        token = device.create_from_csr(Key()).expect_accepted()["certificateOwnershipToken"]
        device.register(token, {"SerialNumber": "after"}).expect_accepted()
    assert gateway.stop() == 0
    gateway.check_invariants()


# Refusals of the broker, before any dialogue.


@pytest.mark.parametrize("topic", [
    "$aws/certificates/create/xml", "$aws/certificates/create",
    f"$aws/provisioning-templates/other/provision/json", "$aws/things/x/shadow/update", "plain"])
def test_claim_publishes_nothing_else(gateway, topic):
    with Device(gateway, client_id="elsewhere") as device:
        assert device.publish(topic, b"{}") >= 0x80
        assert device.subscribe(topic)[0] >= 0x80
        device.subscribe_to_replies()


def test_old_protocol_closes_on_a_refused_publish(gateway):
    with pytest.raises(Refused):
        with Device(gateway, client_id="old", version=4) as device:
            device.client.publish("plain", b"", qos=1)
            device._wait("never")
