"""AWS IoT Device SDK for Python v2, both identity clients, MQTT 3.1.1 and MQTT 5, unchanged."""

import threading
from concurrent.futures import Future

import pytest
from awscrt import mqtt, mqtt5, mqtt_request_response
from awsiot import V2ServiceException, iotidentity, mqtt5_client_builder, mqtt_connection_builder

from device import Key, store
from gateway import TEMPLATE

SECONDS_MAX = 60


class OverMQTT3:
    """An awscrt MQTT 3.1.1 connection, with awscrt's own defaults: a persistent session."""

    def __init__(self, gateway, credentials, client_id):
        self.protocol_client = mqtt_connection_builder.mtls_from_path(
            endpoint="localhost", port=gateway.port, ca_filepath=str(gateway.ca),
            cert_filepath=str(credentials[0]), pri_key_filepath=str(credentials[1]),
            client_id=client_id)

    def __enter__(self):
        self.protocol_client.connect().result(SECONDS_MAX)
        return self

    def __exit__(self, *failure):
        self.protocol_client.disconnect().result(SECONDS_MAX)

    def publish(self, topic, payload):
        self.protocol_client.publish(topic, payload, mqtt.QoS.AT_LEAST_ONCE)[0].result(SECONDS_MAX)


class OverMQTT5:
    """An awscrt MQTT 5 client, with awscrt's own defaults."""

    def __init__(self, gateway, credentials, client_id):
        self.connected = Future()
        self.stopped = threading.Event()
        self.protocol_client = mqtt5_client_builder.mtls_from_path(
            endpoint="localhost", port=gateway.port, ca_filepath=str(gateway.ca),
            cert_filepath=str(credentials[0]), pri_key_filepath=str(credentials[1]),
            client_id=client_id,
            on_lifecycle_connection_success=lambda data: self._settle(data.negotiated_settings),
            on_lifecycle_connection_failure=lambda data: self._settle(data.exception),
            on_lifecycle_stopped=lambda data: self.stopped.set())

    def _settle(self, result):
        if self.connected.done():
            return
        if isinstance(result, Exception):
            self.connected.set_exception(result)
        else:
            self.connected.set_result(result)

    def __enter__(self):
        self.protocol_client.start()
        self.connected.result(SECONDS_MAX)
        return self

    def __exit__(self, *failure):
        self.protocol_client.stop()
        assert self.stopped.wait(SECONDS_MAX)

    def publish(self, topic, payload):
        result = self.protocol_client.publish(mqtt5.PublishPacket(
            topic=topic, payload=payload, qos=mqtt5.QoS.AT_LEAST_ONCE)).result(SECONDS_MAX)
        assert result.puback.reason_code == mqtt5.PubackReasonCode.SUCCESS


TRANSPORTS = [OverMQTT3, OverMQTT5]


class IdentityV1:
    """The first identity client: subscribe, publish, wait for a callback."""

    def __init__(self, transport):
        connection = transport.protocol_client
        if isinstance(connection, mqtt5.Client):
            connection = connection.new_connection()
        self.client = iotidentity.IotIdentityClient(connection)

    def _call(self, name, request, subscription, publish):
        outcome = Future()
        for kind, settle in (("accepted", outcome.set_result),
                             ("rejected", lambda error: outcome.set_exception(
                                 AssertionError(f"{error.status_code} {error.error_code}")))):
            subscribe = getattr(self.client, f"subscribe_to_{name}_{kind}")
            subscribe(subscription, mqtt.QoS.AT_LEAST_ONCE, settle)[0].result(SECONDS_MAX)
        publish(request, mqtt.QoS.AT_LEAST_ONCE).result(SECONDS_MAX)
        return outcome.result(SECONDS_MAX)

    def create_keys(self):
        return self._call(
            "create_keys_and_certificate", iotidentity.CreateKeysAndCertificateRequest(),
            iotidentity.CreateKeysAndCertificateSubscriptionRequest(),
            self.client.publish_create_keys_and_certificate)

    def create_from_csr(self, csr):
        return self._call(
            "create_certificate_from_csr",
            iotidentity.CreateCertificateFromCsrRequest(certificate_signing_request=csr),
            iotidentity.CreateCertificateFromCsrSubscriptionRequest(),
            self.client.publish_create_certificate_from_csr)

    def register(self, token, parameters):
        return self._call(
            "register_thing",
            iotidentity.RegisterThingRequest(
                template_name=TEMPLATE, certificate_ownership_token=token, parameters=parameters),
            iotidentity.RegisterThingSubscriptionRequest(template_name=TEMPLATE),
            self.client.publish_register_thing)


class IdentityV2:
    """The second identity client: request and response."""

    def __init__(self, transport):
        self.client = iotidentity.IotIdentityClientV2(
            transport.protocol_client, mqtt_request_response.ClientOptions(
                max_request_response_subscriptions=4, max_streaming_subscriptions=2,
                operation_timeout_in_seconds=SECONDS_MAX))

    def create_keys(self):
        return self.client.create_keys_and_certificate(
            iotidentity.CreateKeysAndCertificateRequest()).result(SECONDS_MAX)

    def create_from_csr(self, csr):
        return self.client.create_certificate_from_csr(
            iotidentity.CreateCertificateFromCsrRequest(
                certificate_signing_request=csr)).result(SECONDS_MAX)

    def register(self, token, parameters):
        return self.client.register_thing(iotidentity.RegisterThingRequest(
            template_name=TEMPLATE, certificate_ownership_token=token,
            parameters=parameters)).result(SECONDS_MAX)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("identity", [IdentityV1, IdentityV2])
@pytest.mark.parametrize("own_key", [True, False], ids=["csr", "keys"])
def test_sdk_provisions_and_comes_back(gateway, serials, tmp_path, transport, identity, own_key):
    serial = serials()
    key = Key(serial)
    with transport(gateway, gateway.claim, f"sdk-{serial}") as claim:
        client = identity(claim)
        created = client.create_from_csr(key.csr) if own_key else client.create_keys()
        registered = client.register(
            created.certificate_ownership_token, {"SerialNumber": serial})
    assert created.certificate_id
    assert registered.thing_name
    assert registered.device_configuration is not None
    credentials = store(
        tmp_path, serial, created.certificate_pem, key.pem if own_key else created.private_key)
    with transport(gateway, credentials, registered.thing_name) as device:
        device.publish(f"devices/{registered.thing_name}/hello", b"hello")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_sdk_is_told_why_it_was_refused(gateway, transport):
    with transport(gateway, gateway.claim, "sdk-refused") as claim:
        client = IdentityV2(claim)
        token = client.create_keys().certificate_ownership_token
        with pytest.raises(V2ServiceException) as refusal:
            client.register(token, {"SerialNumber": "on-no-list"})
        assert refusal.value.modeled_error.status_code == 403
        assert refusal.value.modeled_error.error_code == "AccessDenied"
        assert refusal.value.modeled_error.error_message
