"""What the gateway refuses beside the dialogue, and the trace that shows it."""

import json
import socket
import ssl
import subprocess

import pytest

from device import CREATE_KEYS, Device, Key, Refused
from gateway import SLIPWAY, run_slipway
from test_refusals import line as open_line


def trace(gateway, *words, code=0):
    done = subprocess.run(
        [str(SLIPWAY), "trace", *words, "--json", "--directory", str(gateway.directory)],
        capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def line(make_gateway):
    gateway = make_gateway().start()
    yield gateway
    assert gateway.stop() == 0


def refused(gateway, reason, cause=""):
    """Those with this reason, once `cause` is that of one; the log of connections is written as
    they end."""
    gateway.wait_for_log("connection refused|denied by policy|refused")
    for _ in range(200):
        found = [one for one in trace(gateway, "--refused", code=0)
                 if one["reason"] == reason]
        if any(cause in one["errorMessage"] for one in found):
            return found
    raise AssertionError(f"no {reason} {cause}: {trace(gateway, '--refused')}")


def context(gateway, credentials=None):
    made = ssl.create_default_context(cafile=str(gateway.ca))
    if credentials:
        made.load_cert_chain(*map(str, credentials))
    return made


def test_handshakes_that_are_refused_say_why(line, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=stranger"],
        check=True, capture_output=True)
    for credentials in [None, (certificate, key)]:
        with pytest.raises((OSError, EOFError)):
            with socket.create_connection(("127.0.0.1", line.port), timeout=60) as plain:
                with context(line, credentials).wrap_socket(
                        plain, server_hostname="localhost") as secure:
                    # TLS 1.3: the client is done before the server has seen its certificate.
                    secure.sendall(b"\x10")
                    if not secure.recv(1):
                        raise EOFError
    # Each is written down a moment after it was refused.
    for cause in ["no client certificate", "no trusted authority"]:
        line.wait_for_log(cause)
        found = refused(line, "handshakeFailed", cause)
    assert all(one["step"] == "tls" and one["source"] == "127.0.0.1" for one in found)
    assert "localhost" in {one["steps"][0].get("serverName") for one in found}


def test_a_client_that_leaves_is_told_from_one_that_is_refused(line):
    with socket.create_connection(("127.0.0.1", line.port), timeout=60):
        pass
    assert {one["errorMessage"] for one in refused(line, "handshakeFailed")} == {
        "the TLS handshake failed: the client closed the connection before it was done"}


def test_a_certificate_that_counts_no_more_is_in_its_trace(line, tmp_path):
    with Device(line, client_id="line") as device:
        device.subscribe_to_replies()
        name, credentials = device.provision("SN-000001", tmp_path, Key())
    id, = line.query("SELECT certificate FROM thing_principals")[0]
    subprocess.run(
        [str(SLIPWAY), "cert", "revoke", id, "--reason", "keyCompromise", "--directory",
         str(line.directory)], check=True, capture_output=True, timeout=60)
    with pytest.raises(Refused):
        Device(line, credentials, client_id=name).connect()
    refusal, = refused(line, "principalRefused")
    assert refusal["certificate"] == id and "REVOKED" in refusal["errorMessage"]
    # The story of its serial number ends with it.
    story = trace(line, "--serial", "SN-000001")
    assert [one["operation"] for one in story] == [
        "CreateCertificateFromCsr", "RegisterThing", "iot:Connect"]
    assert trace(line, "--certificate", id)[-1]["id"] == refusal["id"]
    assert trace(line, refusal["id"])[-1]["reasonCode"] == 1102
    text = subprocess.run(
        [str(SLIPWAY), "trace", refusal["id"], "--directory", str(line.directory)],
        capture_output=True, text=True, check=True, timeout=60).stdout
    assert "refused at tls: 1102 principalRefused: the certificate's status is REVOKED" in text


def test_policy_refusals_name_the_statement(line, tmp_path):
    with Device(line, client_id="line") as device:
        device.subscribe_to_replies()
        name, credentials = device.provision("SN-000002", tmp_path, Key())
    with pytest.raises(Refused):
        Device(line, credentials, client_id="somebody-else").connect()
    # Nothing of this one was refused: its attempts are found by other words.
    none = run_slipway(line, "trace", "--client-id", "line", code=1)
    assert "attempts are found by --serial or --certificate" in none.stderr
    connect, = trace(line, "--client-id", "somebody-else")
    assert (connect["reasonCode"], connect["reason"]) == (1201, "connectDenied")
    assert connect["steps"][0]["resource"] == "client/somebody-else"
    assert connect["steps"][0]["decidedBy"] == "no statement allows it"
    with Device(line, credentials, client_id=name) as device:
        assert device.publish("devices/another/x") == 0x87
        assert device.subscribe("#") == [0x87]
        assert device.publish("$aws/things/x/nothing") >= 0x80
        found = trace(line, "--client-id", name)
    assert [one["reasonCode"] for one in found] == [1202, 1203, 1204]
    assert found[0]["steps"][0]["resource"] == "topic/devices/another/x"


def test_long_and_odd_names_find_their_attempts(line):
    for serial in ["L" * 250, "L" * 300, "two\nlines"]:
        client = f"{len(serial)}-{'n' * 100}"
        with Device(line, client_id=client) as device:
            device.subscribe_to_replies()
            token = device.create_from_csr(Key()).expect_accepted()["certificateOwnershipToken"]
            reply = device.register(token, {"SerialNumber": serial})
            assert not reply.accepted
            assert device.publish("not/mine") == 0x87
            denied, = trace(line, "--client-id", client)
        assert denied["reasonCode"] == 1202
        found = trace(line, "--serial", serial)
        assert reply.document["correlationId"] in [one["id"] for one in found]
    assert trace(line, "--serial", "L" * 200, code=1) == []


def test_a_hooks_own_reason_code_is_everywhere(make_gateway):
    """In the reply, in the trace and in the audit record, beside the hook's sentence."""
    gateway = open_line(make_gateway, hook="""return function(request)
        return { allowProvisioning = false, reasonCode = "lot-closed", denyReason = "no more" }
        end""")
    with Device(gateway, client_id="closed") as device:
        device.subscribe_to_replies()
        held = device.create_from_csr(Key()).expect_accepted()["certificateOwnershipToken"]
        reply = device.register(held, {"SerialNumber": "SN-000001"})
        assert reply.expect_rejected(403, "AccessDenied") == "no more"
    assert reply.document["reasonCode"] == 6001
    assert reply.document["hookReasonCode"] == "lot-closed"
    traced = trace(gateway, reply.document["correlationId"])[-1]
    assert traced["hookReasonCode"] == "lot-closed"
    assert gateway.stop() == 0
    audited = subprocess.run(
        [str(SLIPWAY), "audit", "list", "--json", "--directory", str(gateway.directory)],
        capture_output=True, text=True, timeout=60)
    assert '"hookReasonCode":"lot-closed"' in audited.stdout.replace(" ", ""), audited


def test_what_is_no_connect_is_told_and_bounded(line):
    with socket.create_connection(("127.0.0.1", line.port), timeout=60) as plain:
        with context(line, line.claim).wrap_socket(
                plain, server_hostname="localhost") as secure:
            secure.sendall(b"\xc0\x00")
            assert secure.recv(16) == b""
    refusal, = refused(line, "connectRefused")
    assert refusal["step"] == "tls" and refusal["errorMessage"]
    # One peer gets so many lines and no more.
    with Device(line, client_id="flood") as device:
        for _ in range(60):
            device.publish("not/mine")
    assert len(trace(line, "--client-id", "flood")) == 20


def test_a_claim_may_connect_from_its_networks_only(line):
    stem = line.directory / "elsewhere"
    subprocess.run(
        [str(SLIPWAY), "claim", "create", "elsewhere", "--template", "demo-sensor", "--network",
         "127.0.0.2/32", "--output", str(stem), "--directory", str(line.directory)],
        check=True, capture_output=True, timeout=60)
    credentials = (f"{stem}.pem", f"{stem}.key")
    with pytest.raises(Refused):
        Device(line, credentials, client_id="outside").connect()
    refusal, = trace(line, "--client-id", "outside")
    assert refusal["reasonCode"] == 1102
    assert refusal["steps"][0]["decidedBy"] == "foreign-network"
    with Device(line, credentials, client_id="inside", source="127.0.0.2") as device:
        device.subscribe_to_replies()
        device.call(CREATE_KEYS).expect_accepted()
        # Narrowed while it is connected, the line answers, and its next connection is refused.
        subprocess.run(
            [str(SLIPWAY), "claim", "limit", "elsewhere", "--network", "192.0.2.0/24",
             "--directory", str(line.directory)], check=True, capture_output=True, timeout=60)
        device.call(CREATE_KEYS).expect_rejected(403, "AccessDenied")
    with pytest.raises(Refused):
        Device(line, credentials, client_id="late", source="127.0.0.2").connect()
