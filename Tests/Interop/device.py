"""A device on paho-mqtt, with each answer waited for by name."""

import json
import queue
import ssl
import threading

import cbor2
import paho.mqtt.client as paho
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway import TEMPLATE

ANSWER_SECONDS_MAX = 90
CREATE_KEYS = "$aws/certificates/create/{}"
CREATE_FROM_CSR = "$aws/certificates/create-from-csr/{}"
REGISTER = "$aws/provisioning-templates/" + TEMPLATE + "/provision/{}"


def registration(template):
    """The topic to register at, but for the form."""
    return REGISTER.replace(TEMPLATE, template)


class Refused(Exception):
    """The gateway closed the door, or never opened it."""


class Reply:
    def __init__(self, accepted, document):
        self.accepted = accepted
        self.document = document

    def __repr__(self):
        return f"{'accepted' if self.accepted else 'rejected'} {self.document}"

    def expect_accepted(self):
        assert self.accepted, self
        return self.document

    def expect_rejected(self, status, code):
        assert not self.accepted, self
        extra = {"reasonCode", "reason", "step", "retryable", "correlationId"}
        assert set(self.document) - {"parameter", "hookReasonCode", "retryAfterSeconds"} == {
            "statusCode", "errorCode", "errorMessage"} | extra, self
        assert (self.document["statusCode"], self.document["errorCode"]) == (status, code), self
        assert self.document["errorMessage"], self
        return self.document["errorMessage"]


class Key:
    """A device's own P-256 key, and the CSR that speaks for it."""

    def __init__(self, name="device", key=None):
        self.private = key or ec.generate_private_key(ec.SECP256R1())
        request = x509.CertificateSigningRequestBuilder().subject_name(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        ).sign(self.private, hashes.SHA256())
        self.csr = request.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def pem(self):
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption()).decode()


class Device:
    """One connection. Use it in a `with`; every call waits for its answer."""

    def __init__(self, gateway, credentials=None, client_id="device", version=5, form="json",
                 host="127.0.0.1", tls_version=None, source="", packet_bytes=None):
        self.form = form
        self.version = version
        self.gateway = gateway
        self.host = host
        # All of 127.0.0.0/8 is this machine: two units can be in two places.
        self.source = source
        self.properties = None
        if packet_bytes:
            self.properties = Properties(PacketTypes.CONNECT)
            self.properties.MaximumPacketSize = packet_bytes
        self.messages = queue.Queue()
        self._replies = queue.Queue()
        self._events = queue.Queue()
        self._disconnected = threading.Event()
        self.client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id=client_id,
            protocol=paho.MQTTv5 if version == 5 else paho.MQTTv311, reconnect_on_failure=False)
        certificate, key = credentials or gateway.claim
        context = ssl.create_default_context(cafile=str(gateway.ca))
        context.load_cert_chain(str(certificate), str(key))
        if tls_version is not None:
            context.minimum_version = context.maximum_version = tls_version
        self.client.tls_set_context(context)
        self.client.on_connect = lambda c, u, f, reason, p: self._note("connack", None, reason)
        self.client.on_subscribe = lambda c, u, mid, reasons, p: self._note(
            "suback", mid, reasons)
        self.client.on_publish = lambda c, u, mid, reason, p: self._note("puback", mid, reason)
        self.client.on_disconnect = self._on_disconnect
        self.client.on_message = self._on_message

    def _note(self, kind, mid, value):
        self._events.put((kind, mid, value))

    def _on_disconnect(self, client, userdata, flags, reason, properties):
        self.disconnect_reason = reason
        self._disconnected.set()
        self._events.put(("disconnect", None, reason))

    def _on_message(self, client, userdata, message):
        if message.topic.endswith(("/accepted", "/rejected")):
            self._replies.put((message.topic, message.payload))
        self.messages.put((message.topic, message.payload, message.qos))

    def _wait(self, kind, mid=None):
        while True:
            try:
                event, number, value = self._events.get(timeout=ANSWER_SECONDS_MAX)
            except queue.Empty:
                raise AssertionError(f"no {kind} in time") from None
            if event == kind and number == mid:
                return value
            if event == "disconnect":
                raise Refused(f"waiting for {kind}: {value}")

    def connect(self):
        try:
            self.client.connect(
                self.host, self.gateway.port, keepalive=60, bind_address=self.source,
                properties=self.properties)
        except OSError as error:  # ssl.SSLError is one.
            raise Refused(str(error)) from error
        self.client.loop_start()
        reason = self._wait("connack")
        if reason.is_failure:
            raise Refused(f"CONNACK {reason}")
        return self

    def __enter__(self):
        try:
            return self.connect()
        except BaseException:
            self.client.loop_stop()
            raise

    def __exit__(self, *failure):
        self.client.disconnect()
        self.client.loop_stop()

    def subscribe(self, *filters, qos=1):
        """The reason codes, one for each filter."""
        _, mid = self.client.subscribe([(text, qos) for text in filters])
        return [reason.value for reason in self._wait("suback", mid)]

    def subscribe_to_replies(self, template=TEMPLATE):
        calls = [CREATE_KEYS, CREATE_FROM_CSR, registration(template)]
        filters = [f"{call.format(self.form)}/{end}"
                   for call in calls for end in ("accepted", "rejected")]
        assert self.subscribe(*filters) == [1] * 6
        return self

    def publish(self, topic, payload=b"", qos=1):
        """The PUBACK's reason code; in 3.1.1 that of success, always."""
        message = self.client.publish(topic, payload, qos=qos)
        reason = self._wait("puback", message.mid)
        return reason.value if reason is not None else 0

    def encode(self, document):
        if isinstance(document, (bytes, str)):
            return document
        return cbor2.dumps(document) if self.form == "cbor" else json.dumps(document)

    def decode(self, payload):
        return cbor2.loads(payload) if self.form == "cbor" else json.loads(payload)

    def call(self, topic, document=b""):
        """A request and its reply."""
        topic = topic.format(self.form)
        self.client.publish(topic, self.encode(document), qos=1)
        try:
            where, payload = self._replies.get(timeout=ANSWER_SECONDS_MAX)
        except queue.Empty:
            raise AssertionError(f"no reply to {topic}; {self.gateway.log_text()[-2000:]}") \
                from None
        assert where in (f"{topic}/accepted", f"{topic}/rejected"), where
        return Reply(where.endswith("/accepted"), self.decode(payload))

    def create_from_csr(self, key):
        return self.call(CREATE_FROM_CSR, {"certificateSigningRequest": key.csr})

    def create_keys(self, payload=b""):
        return self.call(CREATE_KEYS, payload)

    def register(self, token, parameters, template=TEMPLATE):
        return self.call(
            registration(template), {"certificateOwnershipToken": token, "parameters": parameters})

    def provision(self, serial, folder, key=None):
        """The whole dialogue; the thing's name and its credential files."""
        reply = (self.create_from_csr(key) if key else self.create_keys()).expect_accepted()
        registered = self.register(
            reply["certificateOwnershipToken"], {"SerialNumber": serial}).expect_accepted()
        private = key.pem if key else reply["privateKey"]
        return registered["thingName"], store(
            folder, serial, reply["certificatePem"], private)

    def ended(self):
        """The reason that the gateway gave as it closed the connection."""
        assert self._disconnected.wait(ANSWER_SECONDS_MAX), self.gateway.log_text()[-2000:]
        return self.disconnect_reason

    def silence(self, seconds=1.0):
        """Nothing comes for a while."""
        try:
            topic, payload, _ = self.messages.get(timeout=seconds)
        except queue.Empty:
            return
        raise AssertionError(f"a message to {topic}")


def store(folder, name, certificate, key):
    paths = (folder / f"{name}.pem", folder / f"{name}.key")
    paths[0].write_text(certificate)
    paths[1].write_text(key)
    paths[1].chmod(0o600)
    return paths
