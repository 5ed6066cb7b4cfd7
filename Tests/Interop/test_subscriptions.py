"""What AWS IoT bounds of a SUBSCRIBE, and what is wrong with a filter: told line by line."""

import socket
import ssl
import struct

import pytest

from device import CREATE_KEYS, Device, Key
from test_ca_commands import slipway
from test_trace import trace

FILTER = CREATE_KEYS.format("json") + "/accepted"
QUOTA_EXCEEDED = 0x97
TOPIC_FILTER_INVALID = 0x8F
FAILURE = 0x80


def text(value):
    return struct.pack(">H", len(value.encode())) + value.encode()


def number(octets):
    """A variable byte integer off an iterator (MQTT 5, 1.5.5)."""
    value = shift = 0
    for octet in octets:
        value |= (octet & 127) << shift
        shift += 7
        if octet < 128:
            return value
    raise AssertionError("the number has no end")


class Raw:
    """A client that says what it is told, also what no library would."""

    def __init__(self, gateway, version):
        self.version = version
        certificate, key = gateway.claim
        context = ssl.create_default_context(cafile=str(gateway.ca))
        context.load_cert_chain(str(certificate), str(key))
        self.socket = context.wrap_socket(
            socket.create_connection(("127.0.0.1", gateway.port), timeout=30),
            server_hostname="localhost")
        self.none = b"\0" if version == 5 else b""
        self.ask(0x10, text("MQTT") + bytes([version, 2, 0, 60]) + self.none + text("raw"))

    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            assert more, "the connection is closed"
            data += more
        return data

    def ask(self, first, body):
        assert len(body) < 16384
        length = bytes([len(body)]) if len(body) < 128 else bytes(
            [len(body) % 128 | 128, len(body) // 128])
        self.socket.sendall(bytes([first]) + length + body)
        self.read(1)
        return self.read(number(iter(lambda: self.read(1)[0], None)))

    def reasons(self, body):
        """What stands behind the identifier and, in MQTT 5, the properties."""
        rest = iter(body[2:])
        if self.version == 5:
            for _ in range(number(rest)):
                next(rest)
        return list(rest)

    def subscribe(self, *filters):
        lines = b"".join(text(each) + b"\x01" for each in filters)
        return self.reasons(self.ask(0x82, b"\0\x07" + self.none + lines))

    def unsubscribe(self, *filters):
        lines = b"".join(text(each) for each in filters)
        return self.reasons(self.ask(0xA2, b"\0\x08" + self.none + lines))


@pytest.fixture(params=[4, 5])
def raw(request, gateway):
    client = Raw(gateway, request.param)
    yield client
    # None of it may cost the connection.
    assert client.subscribe(FILTER) == [1]
    client.socket.close()


def test_nine_filters_at_once_are_too_many(raw):
    failure = QUOTA_EXCEEDED if raw.version == 5 else FAILURE
    assert raw.subscribe(*[FILTER] * 9) == [failure] * 9
    assert raw.subscribe(*[FILTER] * 8) == [1] * 8


def test_malformed_filters_are_refused_alone(gateway, raw):
    failure = TOPIC_FILTER_INVALID if raw.version == 5 else FAILURE
    assert raw.subscribe("a#", FILTER, "a/#/b", "", "+a") == [failure, 1] + [failure] * 3
    assert raw.unsubscribe("a#", FILTER) == ([failure, 0] if raw.version == 5 else [])
    gateway.wait_for_log(r"explanation='\+' takes a whole level.* filter=a# .*subscription refused")


def test_a_reply_above_the_clients_packet_size_is_told_counted_and_kept(gateway):
    with Device(gateway, client_id="narrow", packet_bytes=300) as device:
        device.subscribe_to_replies()
        reply = device.create_keys()
        assert reply.document["reasonCode"] == 1104 and not reply.accepted
        assert reply.document["statusCode"] == 400 and "Maximum Packet Size" in repr(reply)
    gateway.wait_for_log("reasonCode=1104 reasonName=replyTooLarge .*a message was not sent")
    kept = trace(gateway, "--client-id", "narrow")
    assert 1104 in [line.get("reasonCode") for line in kept], kept


def test_a_certificate_whose_reply_was_not_sent_is_withdrawn(make_gateway):
    gateway = make_gateway(settings={"keys-algorithm": "P_256"}).start()
    key = Key()
    with Device(gateway, client_id="narrow", packet_bytes=300) as device:
        device.subscribe_to_replies()
        for number, ask in enumerate((device.create_keys, lambda: device.create_from_csr(key)), 1):
            assert ask().document["reasonCode"] == 1104
            gateway.wait_for_log(r"(?s)(certificate=[^\n]*a certificate is withdrawn.*){%d}" % number)
    held = "SELECT count(*) FROM certificates WHERE kind = 'device'"
    assert gateway.query(held) == [(0,)]
    assert gateway.query("SELECT count(*) FROM ownership_tokens") == [(0,)]
    audit = slipway(gateway, "audit", "list").stdout
    assert audit.count("WithdrawCertificate") == 2, audit
    # The same key is free, on a connection that takes the reply.
    with Device(gateway, client_id="wide") as device:
        device.subscribe_to_replies()
        device.create_from_csr(key).expect_accepted()
    assert gateway.query(held) == [(1,)]
    assert gateway.stop() == 0
    gateway.check_invariants()
