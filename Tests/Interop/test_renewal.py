"""Devices that renew their own certificate, on paho-mqtt, with openssl as the judge."""

import json
import queue
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

import aws
from device import CREATE_FROM_CSR, REGISTER, Device, Key, Refused, store
from gateway import REPOSITORY, Gateway, slipway

RENEW = "$slipway/certificates/renew/{}"
# A device certificate lives for 3650 days, so that each may be renewed from its first day on.
ANY_TIME = {"keys-algorithm": "P_256", "renewal-window-days": "4000",
            "renewal-interval-seconds": "0", "provisioning-sweep-seconds": "1"}
NOT_AUTHORIZED = 0x87


def shown(gateway, certificate):
    return json.loads(slipway(gateway, "cert", "show", certificate, "--json"))


def parse(pem):
    return x509.load_pem_x509_certificate(pem.encode())


def digest(pem):
    return parse(pem).fingerprint(hashes.SHA256()).hex()


def public_key(pem):
    return parse(pem).public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    instance = Gateway(tmp_path_factory.mktemp("renewal"), settings=ANY_TIME).start()
    yield instance
    assert instance.stop() == 0, instance.log_text()
    instance.check_invariants()


def provision(gateway, serial, folder, key=None):
    """The thing's name, and the files of its first certificate and key."""
    with Device(gateway, client_id=f"station-{serial}") as station:
        station.subscribe_to_replies()
        return station.provision(serial, folder, key)


def speak(gateway, thing, credentials, **options):
    device = Device(gateway, credentials, client_id=thing, **options).connect()
    topic = RENEW.format(device.form)
    assert device.subscribe(f"{topic}/accepted", f"{topic}/rejected") == [1, 1]
    return device


def leave(device):
    device.client.disconnect()
    device.client.loop_stop()


def wait_until(gateway, certificate, status):
    """The status comes with a commit, which nobody announces to a test."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        rows = gateway.query(f"SELECT status FROM certificates WHERE id = '{certificate}'")
        if rows == [(status,)]:
            return
        time.sleep(0.05)
    raise AssertionError(f"{certificate} is {rows}, not {status}")


def test_device_renews_for_the_same_key_and_the_old_certificate_retires(line, tmp_path):
    key = Key("unit one")
    thing, credentials = provision(line, "SN-000001", tmp_path, key)
    old = speak(line, thing, credentials)
    answer = old.call(RENEW).expect_accepted()
    before, after = credentials[0].read_text(), answer["certificatePem"]
    assert answer["certificateId"] == digest(after) != digest(before)
    assert answer["renewedCertificateId"] == digest(before)
    assert public_key(after) == public_key(before)
    assert parse(after).subject == parse(before).subject
    assert parse(after).serial_number != parse(before).serial_number
    assert answer["notAfter"] == int(parse(after).not_valid_after_utc.timestamp())
    renewed = store(tmp_path, "renewed", after, key.pem)
    chain = tmp_path / "chain.pem"
    chain.write_text(line.ca.read_text() + line.issuing_ca.read_text())
    aws.openssl("verify", "-CAfile", chain, renewed[0])

    # Both speak until the new one is seen.
    assert old.publish(f"devices/{thing}/up", b"{}") == 0
    assert shown(line, digest(before))["status"] == "ACTIVE"
    expiring = json.loads(
        slipway(line, "cert", "expiring", "--within", "4000d", "--json"))["certificates"]
    found = {one["certificateId"]: one["renewedAs"] for one in expiring}
    assert found[digest(before)] == digest(after)
    assert found[digest(after)] is None
    with Device(line, renewed, client_id=thing) as new:
        assert new.publish(f"devices/{thing}/up", b"{}") == 0
        old.ended()
        wait_until(line, digest(before), "INACTIVE")
    leave(old)
    with pytest.raises(Refused):
        Device(line, credentials, client_id=thing).connect()

    record = shown(line, digest(before))
    assert record["statusReason"] == f"renewed as {digest(after)}"
    assert record["renewal"]["renewedAs"] == digest(after)
    assert record["renewal"]["settledAt"] is not None
    for certificate in (before, after):
        links = shown(line, digest(certificate))["renewals"]
        assert [link["certificateId"] for link in links] == [digest(before), digest(after)]
    record = shown(line, digest(after))
    assert record["provenance"]["renewalOf"] == digest(before)
    assert record["things"] == [thing] and record["policies"]
    log = slipway(line, "audit", "list")
    assert "RenewCertificate" in log and "RetireCertificate" in log
    text = slipway(line, "cert", "show", digest(after))
    assert digest(before) in text and digest(after) in text


def test_new_key_over_cbor_and_the_same_request_again(line, tmp_path):
    first = Key("unit two")
    thing, credentials = provision(line, "SN-000002", tmp_path, first)
    device = speak(line, thing, credentials, form="cbor")
    second = Key("unit two")
    request = {"certificateSigningRequest": second.csr}
    answers = [device.call(RENEW, request).expect_accepted() for _ in range(3)]
    assert len({answer["certificatePem"] for answer in answers}) == 1
    # Another request for the same key, as a device that forgot its first one makes it.
    again = {"certificateSigningRequest": Key("unit two", second.private).csr}
    assert device.call(RENEW, again).expect_accepted()["certificateId"] \
        == answers[0]["certificateId"]
    assert public_key(answers[0]["certificatePem"]) != public_key(credentials[0].read_text())
    leave(device)
    renewed = store(tmp_path, "two", answers[0]["certificatePem"], second.pem)
    with Device(line, renewed, client_id=thing) as device:
        assert device.publish(f"devices/{thing}/up", b"{}") == 0
    wait_until(line, digest(credentials[0].read_text()), "INACTIVE")


def test_lost_answer_and_another_key_leave_one_new_certificate(line, tmp_path):
    thing, credentials = provision(line, "SN-000003", tmp_path, Key("unit three"))
    device = speak(line, thing, credentials)
    lost, kept = (
        device.call(RENEW, {"certificateSigningRequest": Key("unit three").csr})
        .expect_accepted()["certificateId"] for _ in range(2))
    leave(device)
    assert shown(line, lost)["status"] == "INACTIVE"
    assert shown(line, kept)["status"] == "ACTIVE"


def test_service_made_pair_is_renewed_by_its_own_subject(line, tmp_path):
    thing, credentials = provision(line, "SN-000004", tmp_path)
    device = speak(line, thing, credentials)
    answer = device.call(RENEW, {}).expect_accepted()
    assert parse(answer["certificatePem"]).subject \
        == parse(credentials[0].read_text()).subject
    leave(device)


def test_refusals_are_told_by_number(line, tmp_path):
    thing, credentials = provision(line, "SN-000005", tmp_path, Key("unit five"))
    device = speak(line, thing, credentials)

    def reason(request, status, code):
        reply = device.call(RENEW, request)
        reply.expect_rejected(status, code)
        traced = slipway(line, "trace", reply.document["correlationId"])
        assert "RenewCertificate" in traced
        return reply.document["reason"]

    csr = {"certificateSigningRequest": Key("somebody else").csr}
    assert reason(csr, 400, "InvalidCSR") == "renewalOfAnotherSubject"
    _, theirs = provision(line, "SN-000006", tmp_path, other := Key("unit six"))
    csr = {"certificateSigningRequest": Key("unit five", other.private).csr}
    assert reason(csr, 409, "ResourceConflict") == "keyNotFree"
    assert reason({"certificateSigningRequest": "x"}, 400, "InvalidCSR") == "csrRefused"
    assert reason({"certificateSigningRequest": 7}, 400, "InvalidPayload") == "fieldOfWrongKind"
    assert reason(b"{", 400, "InvalidPayload") == "payloadUnreadable"
    leave(device)


def test_policy_decides_who_may_ask(line):
    """A claim's policy says nothing of renewals."""
    with Device(line, client_id="claim") as station:
        topic = RENEW.format("json")
        assert station.subscribe(f"{topic}/accepted") == [NOT_AUTHORIZED]
        assert station.publish(topic, b"{}") == NOT_AUTHORIZED


def test_revocation_by_claim_reaches_renewed_certificates(line, tmp_path):
    thing, credentials = provision(line, "SN-000007", tmp_path, Key("unit seven"))
    device = speak(line, thing, credentials)
    renewed = device.call(RENEW).expect_accepted()["certificateId"]
    leave(device)
    claim = shown(line, renewed)["provenance"]["claimCertificateId"]
    assert claim == digest(line.claim[0].read_text())
    row = line.query(f"SELECT claim, template FROM certificates WHERE id = '{renewed}'")
    assert row == [(claim, "demo-sensor")]


def test_renewal_comes_too_early(make_gateway, tmp_path):
    gateway = make_gateway(settings={"keys-algorithm": "P_256"}).start()
    thing, credentials = provision(gateway, "SN-000001", tmp_path, Key("early"))
    device = speak(gateway, thing, credentials)
    reply = device.call(RENEW)
    message = reply.expect_rejected(409, "ResourceConflict")
    assert reply.document["reason"] == "renewalTooEarly" and "renew it from" in message
    leave(device)


def test_renewals_are_bounded_in_time(make_gateway, tmp_path):
    gateway = make_gateway(settings={**ANY_TIME, "renewal-interval-seconds": "3600"}).start()
    thing, credentials = provision(gateway, "SN-000001", tmp_path, Key("hasty"))
    device = speak(gateway, thing, credentials)
    reply = device.call(RENEW)
    assert "retry after" in reply.expect_rejected(429, "TooManyRequests")
    assert reply.document["reason"] == "renewalTooOften"
    leave(device)


def test_old_certificate_retires_when_the_overlap_is_over(make_gateway, tmp_path):
    gateway = make_gateway(settings={**ANY_TIME, "renewal-overlap-hours": "0"}).start()
    thing, credentials = provision(gateway, "SN-000001", tmp_path, Key("overlap"))
    device = speak(gateway, thing, credentials)
    renewed = device.call(RENEW).expect_accepted()["certificateId"]
    device.ended()
    leave(device)
    record = shown(gateway, digest(credentials[0].read_text()))
    assert record["status"] == "INACTIVE"
    assert shown(gateway, renewed)["status"] == "ACTIVE"


def test_aws_way_with_the_own_certificate(make_gateway, tmp_path):
    """CreateCertificateFromCsr and RegisterThing, where the device's policy allows them."""
    template = json.loads((REPOSITORY / "Templates/demo-sensor.json").read_text())
    document = template["Resources"]["policy"]["Properties"]["PolicyDocument"]
    document["Statement"].append({"Effect": "Allow", "Action": "iot:*", "Resource": "*"})
    settings = (REPOSITORY / "Templates/demo-sensor.settings.json").read_text()
    gateway = make_gateway(
        settings=ANY_TIME,
        templates={"demo-sensor.json": template, "demo-sensor.settings.json": settings}).start()
    thing, credentials = provision(gateway, "SN-000001", tmp_path, Key("aws"))
    key = Key("aws")
    with Device(gateway, credentials, client_id=thing) as device:
        device.subscribe_to_replies()
        created = device.call(
            CREATE_FROM_CSR, {"certificateSigningRequest": key.csr}).expect_accepted()
        registered = device.call(REGISTER, {
            "certificateOwnershipToken": created["certificateOwnershipToken"],
            "parameters": {"SerialNumber": "SN-000001"}}).expect_accepted()
    assert registered["thingName"] == thing
    renewed = store(tmp_path, "aws", created["certificatePem"], key.pem)
    with Device(gateway, renewed, client_id=thing) as device:
        assert device.publish(f"devices/{thing}/up", b"{}") == 0
    wait_until(gateway, digest(credentials[0].read_text()), "INACTIVE")
    record = shown(gateway, created["certificateId"])
    assert record["provenance"]["renewalOf"] == digest(credentials[0].read_text())
    assert record["provenance"]["claimCertificateId"] == digest(gateway.claim[0].read_text())


@pytest.mark.parametrize("point", ["afterSign", "beforeRenewCommit", "afterRenewCommit",
                                   "beforeReply"])
def test_renewal_is_whole_over_a_crash(make_gateway, tmp_path, point):
    gateway = make_gateway(settings=ANY_TIME).start()
    thing, credentials = provision(gateway, "SN-000001", tmp_path, Key("unlucky"))
    with Device(gateway, credentials, client_id=thing):
        pass
    wait_for_first_sight(gateway)
    assert gateway.stop() == 0
    key = Key("unlucky")
    request = json.dumps({"certificateSigningRequest": key.csr})
    gateway.start(environment={"SLIPWAY_CRASH_AT": point})
    device = speak(gateway, thing, credentials)
    device.client.publish(RENEW.format("json"), request, qos=1)
    assert gateway.process.wait(timeout=60) == -9
    with pytest.raises(queue.Empty):
        device._replies.get_nowait()
    device.client.loop_stop()
    gateway.start()
    device = speak(gateway, thing, credentials)
    answer = device.call(RENEW, request).expect_accepted()
    leave(device)
    rows = gateway.query("SELECT id FROM certificates WHERE kind = 'device' AND status = 'ACTIVE'")
    assert sorted(rows) == sorted(
        [(answer["certificateId"],), (digest(credentials[0].read_text()),)])
    renewed = store(tmp_path, "lucky", answer["certificatePem"], key.pem)
    with Device(gateway, renewed, client_id=thing) as device:
        assert device.publish(f"devices/{thing}/up", b"{}") == 0
    wait_until(gateway, digest(credentials[0].read_text()), "INACTIVE")
    assert gateway.stop() == 0
    gateway.check_invariants()


def wait_for_first_sight(gateway):
    """Written behind the connection's back; a crash point would find it otherwise."""
    deadline = time.monotonic() + 60
    while not gateway.query("SELECT 1 FROM certificates WHERE first_seen_at IS NOT NULL "
                            "AND kind = 'device'"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_simulated_fleet_renews(make_gateway, tmp_path):
    line = make_gateway(settings=ANY_TIME).start()
    done = subprocess.run(
        line.simulate_arguments(
            "--devices", 6, "--concurrency", 3, "--flow", "mixed", "--renew", "--format", "cbor",
            "--out", tmp_path / "fleet", "--seed", 7),
        capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["steps"]["renew"]["count"] == 6
