"""paho-mqtt: both encodings, both protocols, both TLS versions."""

import ssl

import pytest

from device import CREATE_KEYS, REGISTER, Device, Key, Refused

VERSIONS = [4, 5]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("form", ["json", "cbor"])
@pytest.mark.parametrize("own_key", [True, False], ids=["csr", "keys"])
def test_device_becomes_itself(gateway, serials, tmp_path, version, form, own_key):
    key = Key() if own_key else None
    with Device(gateway, version=version, form=form, client_id=f"{form}{own_key}") as claim:
        claim.subscribe_to_replies()
        thing, credentials = claim.provision(serials(), tmp_path, key)
    with Device(gateway, credentials, client_id=thing, version=version) as device:
        topic = f"devices/{thing}/hello"
        assert device.subscribe(topic) == [1]
        assert device.publish(topic, b"hello") == 0
        assert device.messages.get(timeout=30)[:2] == (topic, b"hello")


@pytest.mark.parametrize("tls", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_tls_versions_are_spoken(gateway, provisioned, tls):
    thing, credentials = provisioned
    with Device(gateway, credentials, client_id=thing, tls_version=tls) as device:
        assert device.publish(f"devices/{thing}/hello", b"") == 0


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"test_data": 1}', b'{"unknown": {"a": []}}'])
def test_every_empty_request_is_understood(gateway, payload):
    with Device(gateway, client_id="empty") as device:
        device.subscribe_to_replies()
        reply = device.create_keys(payload).expect_accepted()
    assert set(reply) == {
        "certificateId", "certificatePem", "privateKey", "certificateOwnershipToken",
        "serverTime"}
    assert reply["privateKey"].startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    assert reply["certificatePem"].startswith("-----BEGIN CERTIFICATE-----\n")
    assert reply["certificatePem"].endswith("\n-----END CERTIFICATE-----\n")
    assert len(reply["certificateOwnershipToken"].encode()) <= 400
    assert len(reply["certificatePem"]) <= 1600


@pytest.mark.parametrize("payload", [b"", b"\xa0", b"\xbf\xff", b"\xa1\x61x\x41\x00"])
def test_every_empty_cbor_request_is_understood(gateway, payload):
    with Device(gateway, client_id="empty-cbor", form="cbor") as device:
        device.subscribe_to_replies()
        device.create_keys(payload).expect_accepted()


def test_cbor_of_indefinite_length_is_understood(gateway, serials):
    with Device(gateway, client_id="streamed", form="cbor") as device:
        device.subscribe_to_replies()
        token = device.create_keys().expect_accepted()["certificateOwnershipToken"].encode()
        head, tail = token[:7], token[7:]
        serial = serials().encode()
        request = (
            b"\xbf\x78\x19certificateOwnershipToken\x7f"
            + bytes([0x60 + len(head)]) + head
            + b"\x79" + len(tail).to_bytes(2) + tail + b"\xff"
            + b"\x6aparameters\xbf\x6cSerialNumber" + bytes([0x60 + len(serial)]) + serial
            + b"\xff\xff")
        device.call(REGISTER, request).expect_accepted()


def test_qos_0_requests_are_answered(gateway):
    with Device(gateway, client_id="qos0") as device:
        device.subscribe_to_replies()
        device.client.publish(CREATE_KEYS.format("json"), b"", qos=0)
        topic, _, _ = device.messages.get(timeout=30)
        assert topic == "$aws/certificates/create/json/accepted"


def test_reply_comes_even_without_a_subscription(gateway):
    with Device(gateway, client_id="unsubscribed") as device:
        device.create_keys().expect_accepted()
        device.messages.get_nowait()
        device.silence()


def answer(reply):
    """An accepted reply but for the time at which it was sent."""
    members = dict(reply.expect_accepted())
    assert members.pop("serverTime") > 1_700_000_000
    return members


def test_same_request_again_gets_the_same_answer(gateway, serials):
    serial = serials()
    with Device(gateway, client_id="twice") as device:
        device.subscribe_to_replies()
        token = device.create_from_csr(Key()).expect_accepted()["certificateOwnershipToken"]
        first = answer(device.register(token, {"SerialNumber": serial}))
        assert answer(device.register(token, {"SerialNumber": serial})) == first
    # The token belongs to the claim, not to the connection.
    with Device(gateway, client_id="twice-more") as device:
        device.subscribe_to_replies()
        assert answer(device.register(token, {"SerialNumber": serial})) == first


def test_same_csr_gives_two_certificates(gateway):
    key = Key()
    with Device(gateway, client_id="same-csr") as device:
        device.subscribe_to_replies()
        first = device.create_from_csr(key).expect_accepted()
        second = device.create_from_csr(key).expect_accepted()
    assert first["certificateId"] != second["certificateId"]


def test_pending_certificate_is_refused(gateway, tmp_path):
    from device import store

    key = Key()
    with Device(gateway, client_id="pending") as device:
        device.subscribe_to_replies()
        reply = device.create_from_csr(key).expect_accepted()
    credentials = store(tmp_path, "pending", reply["certificatePem"], key.pem)
    with pytest.raises(Refused):
        Device(gateway, credentials, client_id="pending").__enter__()
    gateway.wait_for_log(f"(?i)pending.*{reply['certificateId']}|{reply['certificateId']}.*(?i:pending)")


def test_device_speaks_only_under_its_own_name(gateway, provisioned):
    thing, credentials = provisioned
    with pytest.raises(Refused):
        Device(gateway, credentials, client_id="somebody-else").__enter__()
    with Device(gateway, credentials, client_id=thing) as device:
        assert device.publish("devices/somebody-else/hello", b"") == 0x87
        assert device.subscribe("#", "devices/+/hello") == [0x87, 0x87]
        # Neither refusal cost it the connection.
        assert device.publish(f"devices/{thing}/hello", b"") == 0
