"""A running service takes in what changes in `pki/`, and keeps its own certificate; judged by
OpenSSL and by devices that connect."""

import base64
import json
import subprocess
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp as ocsp_module

import aws
import est
from gateway import free_port
from test_ca_commands import digest, parsed, slipway
from test_hierarchy import connects, issuer_of, provisioned


def first(path):
    """The leaf of a chain, in PEM."""
    end = "-----END CERTIFICATE-----\n"
    return path.read_text().split(end)[0] + end


def shown(gateway):
    """What the gateway shows in TLS, in PEM."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-CAfile",
         str(gateway.ca), "-verify_return_error", "-servername", "localhost"],
        input="", capture_output=True, text=True, timeout=60)
    begin = done.stdout.index("-----BEGIN CERTIFICATE-----")
    end = "-----END CERTIFICATE-----\n"
    assert "Verification: OK" in done.stdout, done.stdout + done.stderr
    return done.stdout[begin:done.stdout.index(end) + len(end)]


def ocsp(gateway, port, issuer, pem, folder):
    path = folder / "asked.pem"
    path.write_text(pem)
    return aws.openssl(
        "ocsp", "-issuer", gateway.directory / f"pki/{issuer}.pem", "-cert", path, "-url",
        f"http://127.0.0.1:{port}/ocsp", "-CAfile", gateway.ca)


def test_rotation_takes_effect_while_the_service_runs(make_gateway, tmp_path):
    port = free_port()
    gateway = make_gateway(settings={"revocation-port": port}).start()
    # Its port is open a moment after the gateway's.
    gateway.wait_for_log("CRL and OCSP are served")
    before = provisioned(gateway, None, "SN-000001", tmp_path, "before")
    own = first(gateway.directory / "pki/gateway.pem")
    assert shown(gateway) == own
    assert "asked.pem: good" in ocsp(gateway, port, "issuing-ca", own, tmp_path)
    told = slipway(gateway, "ca", "rotate", "issuing-ca")
    assert "has taken it in" in told.stdout
    after = provisioned(gateway, None, "SN-000002", tmp_path, "after")
    assert issuer_of(after[0].read_text()) == "CN=Slipway Issuing CA 2"
    for credentials in (before, after):
        assert connects(gateway, credentials)
    # It speaks for itself at once.
    names = {one["name"]: one for one in parsed(gateway, "ca", "list")["authorities"]}
    url = f"http://127.0.0.1:{port}/crl/{names['issuing-ca-2']['id'][:16]}.crl"
    crl = x509.load_der_x509_crl(urllib.request.urlopen(url, timeout=60).read())
    assert crl.issuer.rfc4514_string() == "CN=Slipway Issuing CA 2"
    assert "asked.pem: good" in ocsp(
        gateway, port, "issuing-ca-2", after[0].read_text(), tmp_path)
    # The gateway's own certificate follows, with its record and its audit record.
    new = shown(gateway)
    assert new != own and issuer_of(new) == "CN=Slipway Issuing CA 2"
    assert new == first(gateway.directory / "pki/gateway.pem")
    assert "asked.pem: good" in ocsp(gateway, port, "issuing-ca-2", new, tmp_path)
    record = parsed(gateway, "cert", "show", digest(own))
    assert (record["kind"], record["status"]) == ("gateway", "INACTIVE")
    assert record["statusReason"] == f"renewed as {digest(new)}"
    assert "RenewGatewayCertificate" in slipway(gateway, "audit", "list").stdout
    # Retired while it runs: what it signed is still honoured.
    slipway(gateway, "ca", "retire", "issuing-ca")
    assert connects(gateway, before)
    assert gateway.stop() == 0
    gateway.check_invariants()


def test_what_does_not_hold_changes_nothing(make_gateway, tmp_path):
    gateway = make_gateway().start()
    path = gateway.directory / "pki/authorities.json"
    sound = path.read_text()
    device = gateway.directory / "pki/profiles/device.yaml"
    for text in ("", sound[:len(sound) // 2], sound.replace("issuing-ca", "nobody-ca")):
        path.write_text(text)
        refused = slipway(gateway, "ca", "reload", code=1)
        assert "nobody-ca" in refused.stderr or "authorities.json" in refused.stderr
    path.write_text(sound)
    profile = device.read_text()
    device.write_text("use: device\nvaliditty: 1y\n")
    assert "validitty" in slipway(gateway, "ca", "reload", code=1).stderr
    refused = slipway(gateway, "ca", "create", "plant-ca", code=1)
    assert "validitty" in refused.stderr
    device.write_text(profile)
    leaf, key = provisioned(gateway, None, "SN-000001", tmp_path, "unharmed")
    assert issuer_of(leaf.read_text()) == "CN=Slipway Issuing CA"
    assert [one["name"] for one in parsed(gateway, "ca", "reload")["authorities"]] \
        == ["issuing-ca"]
    assert connects(gateway, (leaf, key))
    assert gateway.stop() == 0


def responder_of(gateway, port):
    """The certificate that signs OCSP answers."""
    issuer = x509.load_pem_x509_certificate(gateway.issuing_ca.read_bytes())
    asked = ocsp_module.OCSPRequestBuilder().add_certificate(
        x509.load_pem_x509_certificate(first(gateway.directory / "pki/gateway.pem").encode()),
        issuer, hashes.SHA256()).build().public_bytes(serialization.Encoding.DER)
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/ocsp", data=asked,
        headers={"Content-Type": "application/ocsp-request"})
    answer = ocsp_module.load_der_ocsp_response(
        urllib.request.urlopen(request, timeout=60).read())
    (certificate,) = answer.certificates
    return certificate


def test_the_ocsp_responder_follows_its_profile(make_gateway):
    port = free_port()
    gateway = make_gateway(settings={"revocation-port": port}).start()
    # Its port is open a moment after the gateway's.
    gateway.wait_for_log("CRL and OCSP are served")
    before = responder_of(gateway, port)
    slipway(gateway, "ca", "reload")
    assert responder_of(gateway, port) == before, "nothing has changed"
    profile = gateway.directory / "pki/profiles/ocsp.yaml"
    profile.write_text(profile.read_text().replace("CN=Slipway OCSP Responder", "CN=Plant OCSP"))
    assert responder_of(gateway, port) == before
    slipway(gateway, "ca", "reload")
    assert responder_of(gateway, port).subject.rfc4514_string() == "CN=Plant OCSP"
    assert gateway.stop() == 0


def test_est_tells_of_the_authorities_there_are(make_gateway):
    gateway = make_gateway(settings={"est-enabled": "true", "est-port": "0"}).start()
    url = gateway.wait_for_log(r"url=https://(\S+?)/\S+[^\n]*EST is served").group(1)

    def told():
        body = subprocess.run(
            ["curl", "--silent", "--fail", "--cacert", str(gateway.ca),
             f"https://{url}/.well-known/est/cacerts"], capture_output=True, timeout=60,
            check=True).stdout
        return est.openssl("pkcs7", "-inform", "DER", "-print_certs", "-noout",
                           data=base64.b64decode(body)).decode()

    # Devices of registered CAs come too: TLS names no authority, and shuts nobody out by it.
    done = subprocess.run(
        ["openssl", "s_client", "-connect", url, "-CAfile", str(gateway.ca)], input="",
        capture_output=True, text=True, timeout=60)
    assert "No client certificate CA names sent" in done.stdout
    assert "plant-ca" not in told()
    slipway(gateway, "ca", "create", "plant-ca")
    assert "Slipway plant-ca" in told()
    slipway(gateway, "ca", "create", "root-two", "--root")
    slipway(gateway, "ca", "reload")
    assert "Slipway root-two" in told()
    assert gateway.stop() == 0


def test_a_passphrase_that_is_gone_is_not_guessed(make_gateway):
    gateway = make_gateway()
    file = gateway.directory / "pki/ca.passphrase"
    secret = file.read_text().strip()
    file.rename(file.with_suffix(".away"))
    gateway.start(environment={"SLIPWAY_CA_PASSPHRASE": secret})
    refused = slipway(gateway, "ca", "reload", code=1)
    assert "start the service anew" in refused.stderr and secret not in refused.stderr
    assert gateway.stop() == 0


def test_an_own_authority_that_is_dropped_is_inactive(make_gateway):
    gateway = make_gateway().start()
    slipway(gateway, "ca", "create", "plant-ca")
    path = gateway.directory / "pki/authorities.json"
    sound = path.read_text()

    def status():
        listed = parsed(gateway, "ca", "list")["authorities"]
        return {one["subject"]: one["status"] for one in listed}

    assert status()["CN=Slipway plant-ca"] == "ACTIVE"
    listed = json.loads(sound)
    listed["authorities"] = [one for one in listed["authorities"] if one["name"] != "plant-ca"]
    path.write_text(json.dumps(listed))
    slipway(gateway, "ca", "reload")
    assert status()["CN=Slipway plant-ca"] == "INACTIVE"
    assert status()["CN=Slipway Issuing CA"] == "ACTIVE"
    path.write_text(sound)
    slipway(gateway, "ca", "reload")
    assert status()["CN=Slipway plant-ca"] == "ACTIVE"
    assert gateway.stop() == 0


def test_a_gateway_certificate_that_ends_is_made_anew(make_gateway):
    gateway = make_gateway(settings={"api-tls": "true"})
    profile = gateway.directory / "pki/profiles/server.yaml"
    shipped = profile.read_text()
    pem, key = (gateway.directory / f"pki/gateway.{kind}" for kind in ("pem", "key"))
    profile.write_text("use: server\nvalidity: 60s\nbackdate: 1h\n")
    for path in (pem, key):
        path.unlink()
    gateway.run("init")
    profile.write_text(shipped)
    ending = first(pem)
    gateway.start()
    new = shown(gateway)
    assert new != ending and new == first(pem)
    gateway.wait_for_log("because=ending")
    # The API's port shows it too.
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.api_port}", "-CAfile",
         str(gateway.ca), "-servername", "localhost"],
        input="", capture_output=True, text=True, timeout=60)
    assert new.strip() in done.stdout, done.stdout + done.stderr
    # Whoever's key is lost revokes it by its id, and the next is made when the service looks.
    slipway(gateway, "cert", "revoke", digest(new), "--reason", "keyCompromise")
    slipway(gateway, "ca", "reload")
    newest = shown(gateway)
    assert newest not in (new, ending)
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.api_port}", "-CAfile",
         str(gateway.ca), "-servername", "localhost"],
        input="", capture_output=True, text=True, timeout=60)
    assert newest.strip() in done.stdout, "the API's next handshake shows the next certificate"
    assert parsed(gateway, "cert", "show", digest(new))["status"] == "REVOKED"
    assert gateway.stop() == 0
    # A power cut between the two files of a replacement.
    successor = gateway.directory / "pki/.gateway.successor"
    successor.mkdir()
    pem.rename(successor / "gateway.pem")
    pem.write_text(ending)
    gateway.start()
    assert shown(gateway) == newest
    assert not successor.exists()
    assert gateway.stop() == 0


def test_a_gateway_certificate_of_somebody_else_is_left_alone(make_gateway, tmp_path):
    gateway = make_gateway()
    pem, key = (gateway.directory / f"pki/gateway.{kind}" for kind in ("pem", "key"))
    for path in (pem, key):
        path.unlink()
    aws.openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
        "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key,
        "-out", pem)
    foreign = pem.read_text()
    gateway.start()
    slipway(gateway, "ca", "reload")
    assert pem.read_text() == foreign
    assert gateway.query("SELECT count(*) FROM certificates WHERE kind = 'gateway'") == [(0,)]
    assert gateway.stop() == 0


def test_names_that_are_added_come_with_the_next_start(make_gateway):
    gateway = make_gateway().start()
    before = shown(gateway)
    assert gateway.stop() == 0
    gateway.settings["gateway-names"] = "localhost,127.0.0.1,::1,Line-4.example,10.4.0.1"
    gateway.start()
    gateway.wait_for_log("the gateway's certificate is made anew")
    own = first(gateway.directory / "pki/gateway.pem")
    names = x509.load_pem_x509_certificate(own.encode()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName).value
    assert {"localhost", "line-4.example"} <= set(names.get_values_for_type(x509.DNSName))
    assert {"127.0.0.1", "::1", "10.4.0.1"} <= {
        str(address) for address in names.get_values_for_type(x509.IPAddress)}
    record = parsed(gateway, "cert", "show", digest(own))
    assert record["statusReason"] == "made anew: namesAdded"
    assert parsed(gateway, "cert", "show", digest(before))["status"] == "INACTIVE"
    # It has them now, and stays.
    gateway.stop()
    gateway.start()
    assert shown(gateway) == own
    assert first(gateway.directory / "pki/gateway.pem") == own
