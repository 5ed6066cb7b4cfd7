"""Enrolment over Secure Transport (RFC 7030), with curl as the client and openssl as the judge."""

import json
import socket
import ssl
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

import est
from device import Device, store
from gateway import SLIPWAY, Gateway, slipway

SETTINGS = {"est-enabled": "true", "est-port": "0", "est-template": "demo-sensor",
            "keys-algorithm": "P_256", "renewal-window-days": "4000",
            "renewal-interval-seconds": "0"}


def client(gateway):
    found = gateway.wait_for_log(r"url=(https://\S+)[^\n]*EST is served")
    return est.Client(gateway, found.group(1))


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    instance = Gateway(tmp_path_factory.mktemp("est"), settings=SETTINGS).start()
    yield instance
    assert instance.stop() == 0, instance.log_text()
    instance.check_invariants()


@pytest.fixture(scope="module")
def server(line):
    return client(line)


def digest(pem):
    return x509.load_pem_x509_certificate(pem.encode()).fingerprint(hashes.SHA256()).hex()


def public_key(pem):
    return x509.load_pem_x509_certificate(pem.encode()).public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def enrol(server, folder, serial, path="simpleenroll"):
    """The files of a device's certificate and key."""
    key, csr = est.request(folder, serial, f"/serialNumber={serial}/CN=unit {serial}")
    (pem,) = server.ask(path, server.gateway.claim, csr).expect(200).certificates()
    return store(folder, serial, pem, key.read_text())


def test_cacerts_need_no_certificate_and_verify_the_server(line, server, tmp_path):
    answer = server.ask("cacerts").expect(200)
    found = answer.certificates()
    assert {digest(pem) for pem in found} == {
        digest(line.ca.read_text()), digest(line.issuing_ca.read_text())}
    # With what it got it trusts the server by itself (RFC 7030 4.1.1).
    bundle = tmp_path / "trust.pem"
    bundle.write_text("".join(found))
    done = subprocess.run(
        ["curl", "--silent", "--fail", "--cacert", str(bundle), f"{server.url}/cacerts"],
        capture_output=True, timeout=60)
    assert done.returncode == 0
    assert answer.body.count(b"\n") > 3, "base64 in lines"
    for judge in (["base64", "-d"], ["openssl", "base64", "-d"]):
        done = subprocess.run(judge, input=answer.body, capture_output=True, timeout=60)
        assert done.returncode == 0 and done.stdout.startswith(b"\x30"), (judge, done)


def test_csrattrs_name_a_serial_number_and_a_key(server):
    answer = server.ask("csrattrs").expect(200)
    assert answer.headers["content-type"] == "application/csrattrs"
    der = est.openssl("base64", "-d", data=answer.body)
    printed = est.openssl("asn1parse", "-inform", "DER", data=der).decode()
    for name in ("serialNumber", "id-ecPublicKey", "prime256v1", "ecdsa-with-SHA256"):
        assert name in printed, printed


def test_head_has_no_content_and_a_wrong_method_is_told_the_right_one(line, server, tmp_path):
    whole = server.ask("cacerts").expect(200)
    head = server.ask("cacerts", more=["--head"]).expect(200)
    assert head.body == b"" and head.headers["content-type"] == whole.headers["content-type"]
    assert head.headers["content-length"] == whole.headers["content-length"]
    _, csr = est.request(tmp_path, "method", "/serialNumber=SN-000009")
    assert server.ask("cacerts", None, csr).expect(405).headers["allow"] == "GET, HEAD"
    assert server.ask("simpleenroll", line.claim).expect(405).headers["allow"] == "POST"


def test_the_media_type_may_have_parameters(line, server, tmp_path):
    _, csr = est.request(tmp_path, "typed", "/serialNumber=SN-000009")
    for kind in ("Application/PKCS10", "application/pkcs10; a=b", "application/pkcs10 ;a=b"):
        server.ask("simpleenroll", line.claim, csr, kind=kind).expect(200)
    for kind in ("text/plain", "application/pkcs101", "application/pkcs7-mime"):
        server.ask("simpleenroll", line.claim, csr, kind=kind).expect(415)


def test_device_enrols_and_speaks_mqtt(line, server, tmp_path):
    credentials = enrol(server, tmp_path, "SN-000001")
    certificate = x509.load_pem_x509_certificate(credentials[0].read_bytes())
    assert "SN-000001" in certificate.subject.rfc4514_string()
    chain = tmp_path / "chain.pem"
    chain.write_text(line.ca.read_text() + line.issuing_ca.read_text())
    est.openssl("verify", "-CAfile", chain, credentials[0])
    with Device(line, credentials, client_id="sensor-SN-000001") as device:
        assert device.publish("devices/sensor-SN-000001/up", b"{}") == 0
    record = json.loads(
        slipway(line, "cert", "show", digest(credentials[0].read_text()), "--json"))
    assert record["status"] == "ACTIVE" and record["things"] == ["sensor-SN-000001"]
    provenance = record["provenance"]
    assert provenance["claimCertificateId"] == digest(line.claim[0].read_text())
    assert provenance["registration"]["templateName"] == "demo-sensor"
    assert provenance["registration"]["hook"] == "serial-allowlist"
    assert provenance["registration"]["parameters"]["SerialNumber"] == "SN-000001"
    audit = slipway(line, "audit", "list")
    assert "CreateCertificateFromCsr" in audit and "RegisterThing" in audit
    assert "SimpleEnroll" in slipway(line, "trace", "--serial", "SN-000001")


def test_label_is_a_template(server, tmp_path):
    enrol(server, tmp_path, "SN-000002", "demo-sensor/simpleenroll")
    _, csr = est.request(tmp_path, "x", "/serialNumber=SN-000003")
    # What the claim's policy does not name it may not use, there or not.
    server.ask("gateway/simpleenroll", server.gateway.claim, csr).expect(403)
    server.ask("no-such/simpleenroll", server.gateway.claim, csr).expect(403)
    server.ask("cacerts/simpleenroll", server.gateway.claim, csr).expect(404)
    server.ask("a/b/simpleenroll", server.gateway.claim, csr).expect(404)


def test_lost_answer_is_asked_for_again_and_is_the_same(line, server, tmp_path):
    key, csr = est.request(tmp_path, "lost", "/serialNumber=SN-000004")
    (first,) = server.ask("simpleenroll", line.claim, csr).expect(200).certificates()
    # The same key in another request, as openssl signs it anew.
    _, again = est.request(tmp_path, "lost", "/serialNumber=SN-000004", key)
    assert again != csr
    for body in (csr, again):
        (same,) = server.ask("simpleenroll", line.claim, body).expect(200).certificates()
        assert same == first


def test_server_made_key_fits_its_certificate(line, server, tmp_path):
    _, csr = est.request(tmp_path, "temporary", "/serialNumber=SN-000005")
    answer = server.ask("serverkeygen", line.claim, csr).expect(200)
    (kind, key), (other, der) = answer.parts()
    assert (kind, other) == ("application/pkcs8", "application/pkcs7-mime")
    assert answer.headers["cache-control"] == "no-store"
    pem = est.openssl("pkcs8", "-inform", "DER", "-nocrypt", data=key).decode()
    printed = est.openssl("pkcs7", "-inform", "DER", "-print_certs", data=der).decode()
    certificate = printed[printed.index("-----BEGIN"):]
    assert est.openssl("pkey", "-pubout", data=pem.encode()) == public_key(certificate)
    credentials = store(tmp_path, "made", certificate, pem)
    with Device(line, credentials, client_id="sensor-SN-000005") as device:
        assert device.publish("devices/sensor-SN-000005/up", b"{}") == 0
    body = pem.split("-----")[2].strip().split("\n")[1]
    assert body not in line.log_text()


def test_rsa_pair_is_handed_out_as_pkcs8(make_gateway, tmp_path):
    gateway = make_gateway(settings={**SETTINGS, "keys-algorithm": "RSA_2048"}).start()
    _, csr = est.request(tmp_path, "temporary", "/serialNumber=SN-000001")
    answer = client(gateway).ask("serverkeygen", gateway.claim, csr).expect(200)
    (_, key), (_, der) = answer.parts()
    pem = est.openssl("pkcs8", "-inform", "DER", "-nocrypt", data=key)
    assert b"RSA key ok" in est.openssl("rsa", "-check", "-noout", data=pem)
    printed = est.openssl("pkcs7", "-inform", "DER", "-print_certs", data=der).decode()
    assert est.openssl("pkey", "-pubout", data=pem) == public_key(
        printed[printed.index("-----BEGIN"):])


def test_device_enrols_again_with_its_own_certificate(line, server, tmp_path):
    old = enrol(server, tmp_path, "SN-000006")
    key, csr = est.request(tmp_path, "next", "/serialNumber=SN-000006/CN=unit SN-000006")
    (pem,) = server.ask("simplereenroll", old, csr).expect(200).certificates()
    record = json.loads(slipway(line, "cert", "show", digest(pem), "--json"))
    assert record["provenance"]["renewalOf"] == digest(old[0].read_text())
    assert record["provenance"]["claimCertificateId"] == digest(line.claim[0].read_text())
    assert record["things"] == ["sensor-SN-000006"]
    # Another subject is somebody else's (RFC 7030 4.2.2).
    _, foreign = est.request(tmp_path, "foreign", "/serialNumber=SN-000999")
    refused = server.ask("simplereenroll", old, foreign).expect(400)
    assert "renewalOfAnotherSubject" in refused.text
    renewed = store(tmp_path, "renewed", pem, key.read_text())
    with Device(line, renewed, client_id="sensor-SN-000006") as device:
        assert device.publish("devices/sensor-SN-000006/up", b"{}") == 0
    # A pair made by the service, for a device that shows its own certificate.
    (_, made), (_, der) = server.ask("serverkeygen", renewed, csr).expect(200).parts()
    printed = est.openssl("pkcs7", "-inform", "DER", "-print_certs", data=der).decode()
    certificate = printed[printed.index("-----BEGIN"):]
    pem = est.openssl("pkcs8", "-inform", "DER", "-nocrypt", data=made)
    assert est.openssl("pkey", "-pubout", data=pem) == public_key(certificate)


def test_claim_has_nothing_to_renew(line, server, tmp_path):
    _, csr = est.request(tmp_path, "claim", "/CN=x")
    server.ask("simplereenroll", line.claim, csr).expect(403)


def test_who_shows_nothing_is_asked_who_it_is(server, tmp_path):
    _, csr = est.request(tmp_path, "nobody", "/serialNumber=SN-000007")
    for operation in ("simpleenroll", "simplereenroll", "serverkeygen"):
        answer = server.ask(operation, None, csr).expect(401)
        assert "www-authenticate" in answer.headers


def test_stranger_gets_no_further_than_tls(server, tmp_path):
    key = tmp_path / "stranger.key"
    pem = tmp_path / "stranger.pem"
    est.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", "/CN=stranger", "-keyout", key, "-out", pem)
    _, csr = est.request(tmp_path, "x", "/serialNumber=SN-000007")
    with pytest.raises(est.Refused):
        server.ask("simpleenroll", (pem, key), csr)


def test_refusals_name_the_reason(line, server, tmp_path):
    def reason(subject, status):
        _, csr = est.request(tmp_path, "refused", subject)
        return server.ask("simpleenroll", line.claim, csr).expect(status).text

    assert "hookDenied" in reason("/serialNumber=NOT-ON-THE-LIST", 403)
    assert "parameterMissing" in reason("/O=nameless", 400)
    assert "has 2 serialNumbers" in reason("/serialNumber=SN-000008/serialNumber=SN-000009", 400)
    assert "correlation id" in reason("/serialNumber=NOT-ON-THE-LIST", 403)
    for body, status in [(b"", 400), (b"!!", 400), (b"aGVsbG8=\n", 400), (b"A" * 8192, 400),
                         (b"A" * 8193, 413)]:
        server.ask("simpleenroll", line.claim, body).expect(status)
    _, csr = est.request(tmp_path, "kind", "/serialNumber=SN-000008")
    server.ask("simpleenroll", line.claim, csr, kind="text/plain").expect(415)
    server.ask("simpleenroll", line.claim).expect(405)
    server.ask("cacerts", None, b"x").expect(405)
    server.ask("fullcmc", line.claim, csr).expect(501)
    server.ask("nonsense").expect(404)
    server.ask("x" * 2000).expect(414)


def test_refusals_are_audited_and_traced_as_those_over_mqtt(line, server, tmp_path):
    def audited():
        return slipway(line, "audit", "list").count("SimpleEnroll")

    def kept(code):
        return [one for one in map(json.loads, slipway(
            line, "trace", "--refused", "--json").splitlines()) if one["reasonCode"] == code]

    before = audited()
    told = server.ask("simpleenroll", line.claim, b"aGVsbG8=\n").expect(400).text
    found = [word for word in told.split() if len(word) == 16][-1]
    assert "csrRefused" in slipway(line, "trace", found)
    until(lambda: audited() > before)
    # What a policy denies, and whom TLS does not let in.
    denied, strangers = len(kept(1202)), len(kept(1101))
    _, csr = est.request(tmp_path, "denied", "/serialNumber=SN-000008")
    server.ask("gateway/simpleenroll", line.claim, csr).expect(403)
    until(lambda: len(kept(1202)) == denied + 1)
    key, pem = tmp_path / "foreign.key", tmp_path / "foreign.pem"
    est.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", "/CN=foreign", "-keyout", key, "-out", pem)
    with pytest.raises(est.Refused):
        server.ask("simpleenroll", (pem, key), csr)
    until(lambda: len(kept(1101)) == strangers + 1)


def until(check):
    """What is written behind an answer's back takes a moment."""
    deadline = time.monotonic() + 60
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_body_that_trickles_is_not_waited_for(line, server):
    """The head promises more than ever comes; the service gives up, not the client."""
    port = int(server.url.split(":")[2].split("/")[0])
    context = ssl.create_default_context(cafile=str(line.ca))
    context.load_cert_chain(*map(str, line.claim))
    with socket.create_connection(("127.0.0.1", port)) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as tls:
            tls.sendall(b"POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: localhost\r\n"
                        b"Content-Type: application/pkcs10\r\nContent-Length: 500\r\n\r\nMII")
            tls.settimeout(60)
            try:
                head = tls.recv(4096)
            except ConnectionError:
                head = b""
    assert head == b"" or head.startswith(b"HTTP/1.1 400")


def test_device_that_is_held_asks_until_somebody_decides(make_gateway, tmp_path):
    gateway = make_gateway(settings={**SETTINGS, "enrolment-on-rework": "hold"}).start()
    server = client(gateway)
    enrol(server, tmp_path, "SN-000001")
    key, csr = est.request(tmp_path, "second", "/serialNumber=SN-000001")
    for _ in range(2):
        answer = server.ask("simpleenroll", gateway.claim, csr).expect(202)
        assert int(answer.headers["retry-after"]) > 0
        assert "enrolmentHeld" in answer.text
    held = json.loads(slipway(gateway, "enrolment", "list", "--held", "--json"))
    (one,) = held["enrolments"] if isinstance(held, dict) else held
    slipway(gateway, "enrolment", "decide", one["certificateId"], "allow")
    (pem,) = server.ask("simpleenroll", gateway.claim, csr).expect(200).certificates()
    assert digest(pem) == one["certificateId"]
    assert gateway.query("SELECT count(*) FROM things") == [(1,)]


def test_a_copied_image_is_judged_and_its_refusal_is_not_the_originals(make_gateway, tmp_path):
    gateway = make_gateway(
        settings={**SETTINGS, "enrolment-on-copied-image": "hold"}).start()
    server = client(gateway)
    enrol(server, tmp_path, "SN-000001")
    _, own = est.request(
        tmp_path, "SN-000001", "/serialNumber=SN-000001/CN=unit SN-000001")
    _, copy = est.request(tmp_path, "SN-000001", "/serialNumber=SN-000002")
    assert "enrolmentHeld" in server.ask("simpleenroll", gateway.claim, copy).expect(202).text
    (held,) = json.loads(slipway(gateway, "enrolment", "list", "--held", "--json"))
    slipway(gateway, "enrolment", "decide", held["certificateId"], "refuse")
    assert "enrolmentRefused" in server.ask("simpleenroll", gateway.claim, copy).text
    server.ask("simpleenroll", gateway.claim, own).expect(200)


def test_budget_is_the_claims_own(make_gateway, tmp_path):
    gateway = make_gateway(settings=SETTINGS).start()
    stem = tmp_path / "small"
    slipway(gateway, "claim", "create", "small", "--template", "demo-sensor", "--output", stem,
            "--budget", "2")
    credentials = (f"{stem}.pem", f"{stem}.key")
    server = client(gateway)
    for number in (1, 2, 3):
        _, csr = est.request(tmp_path, f"unit-{number}", f"/serialNumber=SN-00000{number}")
        server.ask("simpleenroll", credentials, csr).expect(200 if number < 3 else 403)
    _, csr = est.request(tmp_path, "unit-1", "/serialNumber=SN-000001")
    server.ask("simpleenroll", credentials, csr).expect(200)
    shown = subprocess.run(
        [str(SLIPWAY), "claim", "show", "small", "--json", "--directory",
         str(gateway.directory)], capture_output=True, text=True, timeout=60)
    assert json.loads(shown.stdout)["spent"] == 2


def test_a_claim_over_its_rate_is_told_when_to_come_again(make_gateway, tmp_path):
    gateway = make_gateway(settings=SETTINGS).start()
    stem = tmp_path / "slow"
    slipway(gateway, "claim", "create", "slow", "--template", "demo-sensor", "--output", stem,
            "--per-minute", "1")
    server = client(gateway)
    for number, status in ((1, 200), (2, 429)):
        _, csr = est.request(tmp_path, f"unit-{number}", f"/serialNumber=SN-00000{number}")
        answer = server.ask("simpleenroll", (f"{stem}.pem", f"{stem}.key"), csr).expect(status)
    assert int(answer.headers["retry-after"]) > 0
    assert "reason 8003 claimRateExceeded" in answer.text
    told = int(answer.headers["retry-after"])
    assert f"retry after {told} seconds" in answer.text, "head and text name one wait"


def test_a_claim_with_too_many_pending_is_told_so(make_gateway, tmp_path):
    gateway = make_gateway(settings=SETTINGS).start()
    stem = tmp_path / "busy"
    slipway(gateway, "claim", "create", "busy", "--template", "demo-sensor", "--output", stem,
            "--pending-max", "1")
    server = client(gateway)
    # The first leaves a certificate that waits: the hook does not let it in.
    for serial, status in (("NOT-ON-THE-LIST", 403), ("SN-000001", 429)):
        _, csr = est.request(tmp_path, serial, f"/serialNumber={serial}")
        answer = server.ask("simpleenroll", (f"{stem}.pem", f"{stem}.key"), csr).expect(status)
    assert "reason 8004 claimPendingExceeded" in answer.text


@pytest.mark.parametrize("point", ["afterCreateCommit", "afterRegisterCommit", "beforeReply"])
def test_enrolment_is_whole_over_a_crash(make_gateway, tmp_path, point):
    gateway = make_gateway(settings=SETTINGS).start()
    assert gateway.stop() == 0
    gateway.log.unlink()
    gateway.start(environment={"SLIPWAY_CRASH_AT": point})
    key, csr = est.request(tmp_path, "unlucky", "/serialNumber=SN-000001")
    with pytest.raises(est.Refused):
        client(gateway).ask("simpleenroll", gateway.claim, csr)
    assert gateway.process.wait(timeout=60) == -9
    gateway.log.unlink()
    gateway.start()
    (pem,) = client(gateway).ask("simpleenroll", gateway.claim, csr).expect(200).certificates()
    rows = gateway.query("SELECT id FROM certificates WHERE kind = 'device'")
    assert rows == [(digest(pem),)]
    assert gateway.stop() == 0
    gateway.check_invariants()


def test_it_is_off_unless_asked_for(gateway):
    assert "EST is served" not in gateway.log_text()
