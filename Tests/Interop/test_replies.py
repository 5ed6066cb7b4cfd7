"""Replies go to the connection that asked, and to nobody else."""

import json
import queue

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from device import ANSWER_SECONDS_MAX, CREATE_FROM_CSR, CREATE_KEYS, Device, Key

FAMILIES = "$aws/certificates/create/json/accepted", "$aws/certificates/create-from-csr/json/accepted"


def test_two_devices_on_one_claim_get_their_own_replies_only(gateway, serials):
    with Device(gateway, client_id="left") as left, Device(gateway, client_id="right") as right:
        left.subscribe_to_replies()
        right.subscribe_to_replies()
        keys = {left: Key("left"), right: Key("right")}
        certificates = {device: device.create_from_csr(keys[device]).expect_accepted()
                        for device in (left, right)}
        assert certificates[left]["certificateId"] != certificates[right]["certificateId"]
        for device in (left, right):
            serial = serials()
            registered = device.register(
                certificates[device]["certificateOwnershipToken"],
                {"SerialNumber": serial}).expect_accepted()
            assert registered["thingName"].endswith(serial)
        for device in (left, right):
            for _ in range(2):
                device.messages.get_nowait()
            device.silence()


def test_requests_in_flight_together_are_not_mixed_up(gateway):
    devices = [Device(gateway, client_id=f"flight-{number}").connect() for number in range(6)]
    try:
        keys = [Key(f"flight-{number}") for number in range(6)]
        for device, key in zip(devices, keys):
            device.subscribe_to_replies()
        for device, key in zip(devices, keys):
            device.client.publish(
                "$aws/certificates/create-from-csr/json",
                json.dumps({"certificateSigningRequest": key.csr}), qos=1)
        from cryptography import x509
        for device, key in zip(devices, keys):
            _, payload = device._replies.get(timeout=30)
            certificate = x509.load_pem_x509_certificate(
                json.loads(payload)["certificatePem"].encode())
            assert certificate.public_key() == key.private.public_key()
            assert device.messages.qsize() == 1
    finally:
        for device in devices:
            device.__exit__()


@pytest.mark.parametrize("filters", [
    FAMILIES,
    ("$aws/certificates/create/json/+", "$aws/certificates/create-from-csr/json/+"),
    ("$aws/certificates/create/#", "$aws/certificates/create-from-csr/#"),
])
def test_bystander_with_the_same_claim_sees_nothing(gateway, serials, filters):
    with Device(gateway, client_id="bystander") as bystander, \
            Device(gateway, client_id="asker") as asker:
        # Whether such a filter is granted at all is the gateway's affair; that it shows nothing
        # is the promise.
        bystander.subscribe(*filters)
        asker.subscribe_to_replies()
        reply = asker.create_keys().expect_accepted()
        asker.register(
            reply["certificateOwnershipToken"], {"SerialNumber": serials()}).expect_accepted()
        bystander.silence()


def test_subscriber_gets_exactly_one_copy(gateway):
    with Device(gateway, client_id="one-copy") as device:
        device.subscribe("$aws/certificates/create/json/accepted")
        device.subscribe("$aws/certificates/create/json/accepted")
        device.create_keys().expect_accepted()
        device.messages.get_nowait()
        device.silence()


def test_correlation_data_comes_back(gateway):
    """MQTT 5, 4.10: with the reply that holds a private key, and with a refusal."""
    with Device(gateway, client_id="correlated") as device:
        device.subscribe_to_replies()
        answers = queue.Queue()
        device.client.on_message = lambda client, userdata, message: answers.put(message)
        for call, payload, end in [
                (CREATE_KEYS, b"", "accepted"), (CREATE_FROM_CSR, b"{}", "rejected")]:
            asked = Properties(PacketTypes.PUBLISH)
            asked.ResponseTopic = "elsewhere"
            asked.CorrelationData = b"\x00\xff" + end.encode()
            device.client.publish(call.format("json"), payload, qos=1, properties=asked)
            answer = answers.get(timeout=ANSWER_SECONDS_MAX)
            assert answer.topic == f"{call.format('json')}/{end}"
            assert answer.properties.CorrelationData == asked.CorrelationData
            assert not hasattr(answer.properties, "ResponseTopic")
