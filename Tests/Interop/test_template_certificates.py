"""A dry run says who would sign a device's certificate and how, and refuses what the device is
refused: the same codes, whatever the template asks of the certificate."""

import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from device import Device, Key
from gateway import REPOSITORY, Gateway
from test_ca_commands import parsed, slipway
from test_hierarchy import template

# By template: what it asks of the certificate, and what the device hears (None: it is registered).
DEMANDS = {
    "by-issuer": ({"Issuer": "CN=Line CA", "ValidityDaysMax": 30, "Subject": {"O": "Acme"}}, None),
    "by-profile": ({"Profile": "line", "SubjectAlternativeNames": ["line.example"]}, None),
    "retired": ({"Issuer": "CN=Old CA"}, "InvalidParameters"),
    "foreign": ({"Issuer": "CN=Elsewhere"}, "InvalidParameters"),
    "no-profile": ({"Profile": "nobodys"}, "InternalFailure"),
    # The profile's CA is retired, and nobody follows it.
    "no-issuer": ({"Profile": "old"}, "InternalFailure"),
    "other-key": ({"KeyTypes": ["EC-P384"]}, "InvalidCSR"),
    "other-name": ({"Subject": {"CN": {"Ref": "SerialNumber"}}}, "InvalidParameters"),
}


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """Two issuing CAs beside the service's own, one of them retired."""
    settings = json.loads((REPOSITORY / "Templates/demo-sensor.settings.json").read_text())
    settings.pop("hook")
    templates = {}
    for name, (demands, _) in DEMANDS.items():
        templates[f"{name}.json"] = template(Certificate=demands)
        templates[f"{name}.settings.json"] = settings
    for path in (REPOSITORY / "Templates").glob("demo-sensor*.json"):
        templates.setdefault(path.name, path.read_text())
    instance = Gateway(
        tmp_path_factory.mktemp("foretold"), templates=templates, settings={"keys-ready": "1"})
    slipway(instance, "ca", "create", "line-ca", "--subject", "CN=Line CA")
    slipway(instance, "ca", "create", "old-ca", "--subject", "CN=Old CA")
    slipway(instance, "ca", "retire", "old-ca")
    (instance.directory / "pki/profiles/line.yaml").write_text(
        "use: device\nvalidity: 90d\nissuer: line-ca\n")
    (instance.directory / "pki/profiles/old.yaml").write_text(
        "use: device\nvalidity: 90d\nissuer: old-ca\n")
    instance.start()
    yield instance
    assert instance.stop() == 0, instance.log_text()


def claim(line, name, *templates):
    stem = line.directory / f"claim-{name}"
    words = [word for one in templates for word in ("--template", one)]
    slipway(line, "claim", "create", name, *words, "--output", stem)
    return f"{stem}.pem", f"{stem}.key"


def foretold(line, name, *words, accepted):
    return parsed(
        line, "template", "dry-run", name, "--parameters", f"SerialNumber=SN-{name}", *words,
        code=0 if accepted else 1)


@pytest.mark.parametrize("name", DEMANDS)
def test_the_dry_run_says_what_the_device_hears(line, name, tmp_path):
    _, code = DEMANDS[name]
    key, request = Key("unit-7"), tmp_path / "request.pem"
    request.write_text(key.csr)
    credentials = claim(line, f"for-{name}", name)
    words = ["--csr", request, "--claim", f"for-{name}"]
    told = foretold(line, name, *words, accepted=code is None)
    beside = foretold(line, name, *words, "--against", "DATABASE", accepted=code is None)
    assert "unknown" not in beside
    with Device(line, credentials, client_id=f"line-{name}") as device:
        device.subscribe_to_replies(name)
        reply = made = device.create_from_csr(key)
        if made.accepted:
            reply = device.register(
                made.document["certificateOwnershipToken"], {"SerialNumber": f"SN-{name}"},
                template=name)
    assert reply.accepted == (code is None), reply
    if code is None:
        certificate = x509.load_pem_x509_certificate(
            made.document["certificatePem"].encode())
        fields = told["certificate"]
        assert fields["issuer"] == certificate.issuer.rfc4514_string() == "CN=Line CA"
        assert fields["subject"] == certificate.subject.rfc4514_string()
        life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        assert fields["validityDays"] == str(life.days)
        assert fields["keyType"] == "EC-P256" and fields["madeFor"] == f"claim 'for-{name}'"
        assert beside["certificate"] == fields and "unknown" not in told
        return
    for report in (told, beside):
        refusal = report["refusal"]
        assert refusal["errorCode"] == reply.document["errorCode"] == code
        assert refusal["statusCode"] == reply.document["statusCode"]
        assert refusal["reasonCode"] == reply.document["reasonCode"]
    if name == "no-profile":
        assert (reply.document["reasonCode"], reply.document["retryable"]) == (4004, True)
    if name == "no-issuer":
        assert reply.document["reasonCode"] == 2007


def test_a_profile_that_is_not_there_is_warned_of(line):
    """Neither the put nor the lint refuses it: a profile is a file, and may come after."""
    body = line.directory / "misspelt.json"
    body.write_text(json.dumps(template(Certificate={"Profile": "lime"})))
    for words in (["template", "lint", body],
                  ["template", "put", body, "--name", "misspelt"]):
        shown = slipway(line, *words, code=1 if words[1] == "lint" else 0)
        text = shown.stdout + shown.stderr
        assert "[unknown-profile]" in text and "did you mean 'line'?" in text, text


def test_a_made_key_is_of_the_templates_kind(line):
    name = "other-key"
    told = foretold(line, name, accepted=True)
    assert told["certificate"]["keyTypeByService"] == "EC-P384"
    assert any("--csr" in text for text in told["unknown"])
    # One claim is for the template alone, the other for two that differ.
    for label, templates, kind, code in [
            ("one", [name], ec.EllipticCurvePublicKey, None),
            ("two", [name, "by-issuer"], rsa.RSAPublicKey, "InvalidParameters")]:
        credentials = claim(line, label, *templates)
        with Device(line, credentials, client_id=label) as device:
            device.subscribe_to_replies(name)
            made = device.create_keys().expect_accepted()
            key = x509.load_pem_x509_certificate(made["certificatePem"].encode()).public_key()
            assert isinstance(key, kind)
            reply = device.register(
                made["certificateOwnershipToken"], {"SerialNumber": f"SN-{label}"}, template=name)
            if code is None:
                assert key.curve.name == "secp384r1"
                assert "BEGIN EC PRIVATE KEY" in made["privateKey"]
                reply.expect_accepted()
            else:
                assert "its key is RSA-2048, not EC-P384" in reply.expect_rejected(400, code)


def test_what_cannot_be_known_is_said(line, tmp_path):
    """Without a request, and without authorities."""
    told = foretold(line, "by-profile", accepted=True)
    assert told["certificate"]["issuer"] == "CN=Line CA"
    assert told["certificate"]["profile"] == "line"
    assert told["certificate"]["madeFor"] == "a claim for this template alone"
    assert [text for text in told["unknown"] if "certificate" in text] == told["unknown"][:1]
    shown = slipway(
        line, "template", "dry-run", "by-profile", "--parameters", "SerialNumber=SN-1").stdout
    assert "Not looked at" in shown and "issuer" in shown
    body = tmp_path / "body.json"
    body.write_text(json.dumps(template(Certificate={"Profile": "line"})))
    elsewhere = type("Folder", (), {"directory": tmp_path / "empty"})
    elsewhere.directory.mkdir()
    report = parsed(
        elsewhere, "template", "dry-run", body, "--parameters", "SerialNumber=SN-1", "--against",
        "EMPTY")
    assert report["accepted"] and "certificate" not in report
    assert any("no authorities" in text for text in report["unknown"])
