"""Several issuing CAs, their rotation, a root elsewhere and profiles; judged by OpenSSL and by
devices that connect with what each of them signed."""

import hashlib
import json
import subprocess
import time
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

import aws
from device import Device, Key
from gateway import REPOSITORY, SLIPWAY, Gateway, free_port
from test_ca_commands import digest, parsed, slipway

KEY_TYPES = ["p-256", "p-384", "rsa-3072", "rsa-4096", "ed25519"]


def template(name="demo-sensor", **slipway_section):
    body = json.loads((REPOSITORY / f"Templates/{name}.json").read_text())
    if slipway_section:
        body["Slipway"] = {**body.get("Slipway", {}), **slipway_section}
    return body


def issuer_of(pem):
    return x509.load_pem_x509_certificate(pem.encode()).issuer.rfc4514_string()


def provisioned(gateway, claim, serial, folder, client_id, key=None):
    with Device(gateway, claim, client_id=client_id) as device:
        device.subscribe_to_replies()
        _, credentials = device.provision(serial, folder, key or Key())
    return credentials


def connects(gateway, credentials, thing=None):
    """As the thing that the demo template makes of the serial number, or another."""
    with Device(gateway, credentials, client_id=thing or f"sensor-{credentials[0].stem}"):
        return True


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """One issuing CA for devices of each kind of key, each asked for by a template of its own
    through a profile; claims and servers have issuers of theirs."""
    folder = tmp_path_factory.mktemp("hierarchy")
    templates = {}
    for kind in KEY_TYPES:
        settings = json.loads((REPOSITORY / "Templates/demo-sensor.settings.json").read_text())
        settings.pop("hook")
        templates[f"by-{kind}.json"] = template(Certificate={"Profile": f"by-{kind}"})
        templates[f"by-{kind}.settings.json"] = settings
    for path in (REPOSITORY / "Templates").glob("demo-sensor*.json"):
        templates.setdefault(path.name, path.read_text())
    instance = Gateway(
        folder, templates=templates, settings={
            "revocation-url": "http://127.0.0.1:9/pki", "revocation-port": free_port(),
            "keys-ready": "1"})
    for kind in KEY_TYPES:
        slipway(instance, "ca", "create", f"{kind}-ca", "--key-type", kind, "--subject",
                f"CN={kind} CA,O=Acme")
        (instance.directory / f"pki/profiles/by-{kind}.yaml").write_text(
            f"use: device\nvalidity: 1y\nissuer: {kind}-ca\n")
    slipway(instance, "ca", "create", "claim-ca", "--for", "claims")
    instance.start()
    yield instance
    assert instance.stop() == 0, instance.log_text()


@pytest.mark.parametrize("kind", KEY_TYPES)
def test_devices_of_every_issuer_verify_and_connect(line, kind, tmp_path):
    stem = tmp_path / "claim"
    slipway(line, "claim", "create", f"for-{kind}", "--template", f"by-{kind}", "--output", stem)
    claim = (f"{stem}.pem", f"{stem}.key")
    assert "CN=Slipway claim-ca" in issuer_of((tmp_path / "claim.pem").read_text())
    with Device(line, claim, client_id=f"line-{kind}") as device:
        device.subscribe_to_replies(f"by-{kind}")
        made = device.create_from_csr(key := Key()).expect_accepted()
        reply = device.register(
            made["certificateOwnershipToken"], {"SerialNumber": f"SN-{kind}"},
            template=f"by-{kind}")
        thing = reply.expect_accepted()["thingName"]
    assert issuer_of(made["certificatePem"]) == f"O=Acme,CN={kind} CA"
    leaf, secret = tmp_path / "device.pem", tmp_path / "device.key"
    leaf.write_text(made["certificatePem"])
    secret.write_text(key.pem)
    chain = tmp_path / "chain.pem"
    chain.write_text(slipway(line, "ca", "export", f"{kind}-ca").stdout)
    assert aws.openssl(
        "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", line.ca, "-untrusted", chain,
        leaf).strip().endswith(": OK")
    assert connects(line, (leaf, secret), thing)
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{line.port}", "-CAfile", str(line.ca),
         "-verify_return_error", "-cert", str(leaf), "-key", str(secret)],
        input="", capture_output=True, text=True, timeout=60)
    assert "Verify return code: 0 (ok)" in done.stdout, done.stdout + done.stderr
    slipway(line, "cert", "lint", leaf)


def test_every_issuer_has_its_crl_and_ocsp(line):
    listed = parsed(line, "ca", "list")["authorities"]
    own = [one for one in listed if one["role"] == "issuing"]
    assert len(own) == len(KEY_TYPES) + 2
    base = f"http://127.0.0.1:{line.settings['revocation-port']}"
    for one in own:
        url = f"{base}/crl/{one['id'][:16]}.crl"
        crl = x509.load_der_x509_crl(urllib.request.urlopen(url, timeout=60).read())
        certificate = x509.load_pem_x509_certificate(one["certificatePem"].encode())
        assert crl.is_signature_valid(certificate.public_key()), one["name"]
        served = urllib.request.urlopen(f"{base}/ca/{one['id'][:16]}.cer", timeout=60).read()
        assert served == certificate.public_bytes(serialization.Encoding.DER)


def test_a_store_of_all_issuers_passes_the_linter(line):
    report = parsed(line, "cert", "lint")
    assert report["findings"] == [] and report["certificates"] >= len(KEY_TYPES) + 3


def test_rotation_overlaps(make_gateway, tmp_path):
    port = free_port()
    gateway = make_gateway(settings={"revocation-port": port}).start()
    before = provisioned(gateway, None, "SN-000001", tmp_path, "before")
    assert gateway.stop() == 0
    old = parsed(gateway, "ca", "list")["authorities"]
    later = parsed(gateway, "ca", "rotate", "issuing-ca", "--from", "2999-01-01")
    assert later["name"] == "issuing-ca-2" and later["subject"] == "CN=Slipway Issuing CA 2"
    refused = slipway(gateway, "ca", "retire", "issuing-ca", code=1)
    assert "only issuing CA" in refused.stderr
    refused = slipway(gateway, "ca", "rotate", "issuing-ca", code=1)
    assert "followed already" in refused.stderr
    gateway.start()
    waiting = provisioned(gateway, None, "SN-000002", tmp_path, "waiting")
    assert issuer_of(waiting[0].read_text()) == "CN=Slipway Issuing CA"
    assert gateway.stop() == 0
    # The date has come.
    path = gateway.directory / "pki/authorities.json"
    path.write_text(path.read_text().replace("2999-01-01", "2020-01-01"))
    slipway(gateway, "ca", "retire", "issuing-ca")
    gateway.start()
    after = provisioned(gateway, None, "SN-000003", tmp_path, "after")
    assert issuer_of(after[0].read_text()) == "CN=Slipway Issuing CA 2"
    names = {one["name"]: one for one in parsed(gateway, "ca", "list")["authorities"]}
    assert names["issuing-ca-2"]["signsNow"] == ["claims", "devices", "servers"]
    assert names["issuing-ca"]["signsNow"] == [] and "retired" in names["issuing-ca"]
    assert len(old) == 2 and len(names) == 3
    # Both are honoured, and what the old one signed can still be revoked and told so.
    for credentials in (before, waiting, after):
        assert connects(gateway, credentials)
    slipway(gateway, "cert", "revoke", digest(before[0].read_text()))
    serial = x509.load_pem_x509_certificate(before[0].read_bytes()).serial_number
    url = f"http://127.0.0.1:{port}/crl/{names['issuing-ca']['id'][:16]}.crl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        crl = x509.load_der_x509_crl(urllib.request.urlopen(url, timeout=60).read())
        if crl.get_revoked_certificate_by_serial_number(serial) is not None:
            break
    else:
        raise AssertionError("the retired CA's list does not name the certificate")
    assert gateway.stop() == 0


def test_root_is_kept_elsewhere(tmp_path):
    service, vault = tmp_path / "service", tmp_path / "vault"
    vault.mkdir()

    def at(folder, *words, code=0):
        done = subprocess.run(
            [str(SLIPWAY), *map(str, words), "--directory", str(folder)], capture_output=True,
            text=True, timeout=60, cwd=folder)
        assert done.returncode == code, f"{words}: {done.stdout}{done.stderr}"
        return done

    class Offline(Gateway):
        def run(self, command, check=True, environment=None):
            return super().run(
                command + (" --offline-root" if command == "init" else ""), check, environment)

    gateway = Offline(service)
    assert not (service / "pki/root-ca.key").exists()
    assert not (service / "var/fleet.db").exists()
    assert "slipway ca accept" in slipway(gateway, "serve", code=1).stderr
    made = json.loads(at(
        vault, "ca", "create", "root-ca", "--root", "--key-type", "p-384", "--subject",
        "CN=Vault Root,O=Acme", "--json").stdout)
    request = service / "pki/issuing-ca.csr"
    aws.openssl("req", "-in", request, "-verify", "-noout")
    answer = tmp_path / "issuing-ca.pem"
    at(vault, "ca", "sign", request, "--out", answer, "--days", "3650", "--name-constraint",
       "exclude:dns:evil.example")
    refused = slipway(gateway, "ca", "accept", answer, code=1).stderr
    assert made["id"] in refused and "--root-sha256" in refused
    wrong = slipway(gateway, "ca", "accept", answer, "--root-sha256", "0" * 64, code=1).stderr
    assert "not the one that was given" in wrong
    slipway(gateway, "ca", "accept", answer, "--root-sha256", made["id"])
    slipway(gateway, "init")
    gateway.start()
    leaf, key = provisioned(gateway, None, "SN-000001", tmp_path, "offline")
    assert aws.openssl(
        "verify", "-x509_strict", "-CAfile", gateway.ca, "-untrusted",
        service / "pki/issuing-ca.pem", leaf).strip().endswith(": OK")
    assert connects(gateway, (leaf, key))
    text = aws.openssl("x509", "-in", service / "pki/issuing-ca.pem", "-noout", "-text")
    assert "Name Constraints: critical" in text and "evil.example" in text
    # The next one goes the same way, to the root that is known by now, while the service runs.
    slipway(gateway, "ca", "rotate", "issuing-ca", "--request-out", tmp_path / "next.csr")
    at(vault, "ca", "sign", tmp_path / "next.csr", "--out", tmp_path / "next.pem")
    accepted = slipway(gateway, "ca", "accept", tmp_path / "next.pem")
    assert "has taken it in" in accepted.stdout
    leaf, key = provisioned(gateway, None, "SN-000002", tmp_path, "next")
    assert issuer_of(leaf.read_text()) == "CN=Slipway Issuing CA 2"
    assert connects(gateway, (leaf, key))
    assert gateway.stop() == 0


CEREMONY = """\
ceremony: Acme 2027
witnesses: [A. Able, B. Baker]
root:
  subject: CN=Acme Root CA,O=Acme
  key: p-384
  validity: none
authorities:
  - name: idevid-ca
    subject: CN=Acme IDevID CA,O=Acme
    key: p-256
    validity: none
    for: [devices]
    name-constraints: ["permit:name:O=Acme"]
  - name: service-ca
    subject: CN=Acme Service CA,O=Acme
    key: rsa-3072
    validity: 10y
    for: [claims, servers]
"""


def test_ceremony_is_rehearsed_and_then_done(tmp_path):
    folder = tmp_path / "acme"
    folder.mkdir()
    script = folder / "acme.yaml"
    script.write_text(CEREMONY)

    class Bare(Gateway):
        def run(self, command, check=True, environment=None):
            if command == "init" and not self.founded:
                return None
            return super().run(command, check, environment)

    Bare.founded = False
    gateway = Bare(folder)
    rehearsal = folder / "rehearsal.json"
    told = slipway(gateway, "ca", "ceremony", script, "--rehearse", "--transcript", rehearsal)
    assert "REHEARSAL" in told.stdout
    assert not (folder / "pki/authorities.json").exists()
    transcript = folder / "transcript.json"
    slipway(gateway, "ca", "ceremony", script, "--transcript", transcript)
    again = slipway(gateway, "ca", "ceremony", script, "--transcript", folder / "x.json", code=1)
    assert "has authorities already" in again.stderr
    first, second = json.loads(rehearsal.read_text()), json.loads(transcript.read_text())
    assert first["rehearsal"] is True and second["rehearsal"] is False
    assert first["ceremonyFileSHA256"] == second["ceremonyFileSHA256"] \
        == hashlib.sha256(script.read_bytes()).hexdigest()
    for step in second["steps"]:
        assert step["lint"] == []
        for name, digest_of_file in step["files"].items():
            assert hashlib.sha256((folder / "pki" / name).read_bytes()).hexdigest() \
                == digest_of_file
        pem = (folder / f"pki/{step['name']}.pem").read_bytes()
        certificate = x509.load_pem_x509_certificate(pem)
        assert certificate.fingerprint(hashes.SHA256()).hex() == step["certificateSHA256"]
        assert step["certificateSHA256"] not in rehearsal.read_text()
    assert [step["name"] for step in second["steps"]] == ["root-ca", "idevid-ca", "service-ca"]

    # An identity without an end, of an authority without one, by a template that asks for it.
    Bare.founded = True
    (folder / "Templates/demo-sensor.json").write_text(
        json.dumps(template(Certificate={"Profile": "idevid"})))
    gateway.run("init")
    gateway.start()
    key = Key("pump")
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme"),
        x509.NameAttribute(NameOID.SERIAL_NUMBER, "SN-000001")])).sign(
            key.private, hashes.SHA256())
    with Device(gateway, client_id="refused") as device:
        device.subscribe_to_replies()
        code = device.create_from_csr(Key("no-serial")).document["errorCode"]
        assert code == "InvalidCSR"
    key.csr = request.public_bytes(serialization.Encoding.PEM).decode()
    leaf, secret = provisioned(gateway, None, "SN-000001", tmp_path, "idevid", key)
    assert "99991231235959Z" in aws.openssl("asn1parse", "-in", leaf)
    assert issuer_of(leaf.read_text()).find("Acme IDevID CA") >= 0
    assert issuer_of((folder / "pki/claim-demo.pem").read_text()).find("Service CA") >= 0
    assert connects(gateway, (leaf, secret))
    assert parsed(gateway, "cert", "lint")["findings"] == []
    assert gateway.stop() == 0


@pytest.mark.parametrize("wrong,told", [
    ("CN=Acme Service CA,O=Acme", "CN=Acme IDevID CA,O=Acme"),
    ("name: service-ca", "name: idevid-ca"),
    ("validity: none\nauthorities", "validity: 1y\nauthorities")])
def test_a_ceremony_that_cannot_be_finished_makes_nothing(tmp_path, wrong, told):
    script = tmp_path / "acme.yaml"
    assert wrong in CEREMONY
    script.write_text(CEREMONY.replace(wrong, told))
    words = [str(SLIPWAY), "ca", "ceremony", str(script), "--transcript",
             str(tmp_path / "transcript.json"), "--directory", str(tmp_path / "acme")]
    (tmp_path / "acme").mkdir()
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done.stdout
    assert not list((tmp_path / "acme").rglob("*.key")), done.stderr
    assert not (tmp_path / "transcript.json").exists()
    # Mended, it founds the same folder.
    script.write_text(CEREMONY)
    subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)


def test_what_a_start_would_not_take_is_not_accepted(make_gateway, tmp_path):
    gateway = make_gateway()
    listed = (gateway.directory / "pki/authorities.json").read_text
    request, answer = tmp_path / "next.csr", tmp_path / "next.pem"
    slipway(gateway, "ca", "create", "next-ca", "--request-out", request)
    before = listed()
    key, root = tmp_path / "root.key", tmp_path / "root.pem"
    aws.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", "/CN=Foreign Root", "-days", "30", "-keyout", key, "-out", root)
    extensions = tmp_path / "extensions"

    def signed(more, subject="/CN=Next CA"):
        extensions.write_text(
            "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n"
            "authorityKeyIdentifier=keyid\n" + more)
        aws.openssl("x509", "-req", "-in", request, "-CA", root, "-CAkey", key, "-days", "20",
                    "-set_serial", "77", "-extfile", extensions, "-subj", subject, "-out", answer)
        answer.write_text(answer.read_text() + root.read_text())
        return ("ca", "accept", answer, "--root-sha256", digest(root.read_text()))

    identifier = "subjectKeyIdentifier=hash\n"
    for more, subject, told in [
            (identifier + "nameConstraints=permitted;URI:.example\n", "/CN=Next CA",
             "name constraints"),
            ("subjectKeyIdentifier=none\n", "/CN=Next CA", "subjectKeyIdentifier"),
            (identifier, "/CN=Slipway Issuing CA", "already")]:
        assert told in slipway(gateway, *signed(more, subject), code=1).stderr
        assert listed() == before
    slipway(gateway, *signed(identifier))
    gateway.start()
    assert gateway.stop() == 0


def test_an_authority_is_shown_by_its_name(line):
    named = parsed(line, "ca", "show", "issuing-ca")
    assert named == parsed(line, "ca", "show", named["id"])
    assert "no CA" in slipway(line, "ca", "show", "0" * 64, code=1).stderr
    assert slipway(line, "ca", "show", "nobody-ca", code=1).stderr


def test_a_rotation_that_would_change_nothing_is_refused(make_gateway):
    gateway = make_gateway()
    slipway(gateway, "ca", "rotate", "issuing-ca", "--from", "2999-01-01")
    for when in ([], ["--from", "2998-01-01"]):
        told = slipway(gateway, "ca", "rotate", "issuing-ca-2", *when, code=1)
        assert "2999-01-01" in told.stderr and "later --from" in told.stderr


@pytest.mark.parametrize("text", ["", "{", '{"authorities": 1}', '{"authorities": []}',
                                  '{"authorities": [{"name": "x", "role": "root"}], "y": 1}'])
def test_a_list_of_authorities_that_does_not_hold_starts_nothing(make_gateway, text):
    gateway = make_gateway()
    path = gateway.directory / "pki/authorities.json"
    path.write_text(text)
    for command in (["serve"], ["ca", "list"], ["init"]):
        refused = slipway(gateway, *command, code=1)
        assert "authorities.json" in refused.stderr or "root-ca" in refused.stderr


def test_a_profile_that_does_not_hold_is_named(make_gateway):
    gateway = make_gateway()
    path = gateway.directory / "pki/profiles/device.yaml"
    sound = path.read_text()
    for text, part in [
            ("use: device\nvaliditty: 1y\n", "validitty"), ("use: device\n\tx: 1\n", "line 2"),
            ("use: claim\nvalidity: 1y\n", "must be for device"),
            ("use: device\nissuer: nobody-ca\n", "nobody-ca")]:
        path.write_text(text)
        refused = slipway(gateway, "serve", code=1)
        assert "device" in refused.stderr and part in refused.stderr, refused.stderr
    path.write_text(sound)
    (gateway.directory / "pki/authorities.json").unlink()
    assert "slipway init" in slipway(gateway, "serve", code=1).stderr
    slipway(gateway, "init")
    assert (gateway.directory / "pki/authorities.json").exists()
