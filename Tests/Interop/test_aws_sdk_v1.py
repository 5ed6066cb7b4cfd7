"""AWSIoTPythonSDK, the first Python SDK: MQTT 3.1.1 with its own ideas about everything."""

import json
import queue

from AWSIoTPythonSDK.MQTTLib import AWSIoTMQTTClient

from device import CREATE_KEYS, REGISTER, store

SECONDS_MAX = 60


def connect(gateway, credentials, client_id):
    client = AWSIoTMQTTClient(client_id)
    client.configureEndpoint("localhost", gateway.port)
    client.configureCredentials(str(gateway.ca), str(credentials[1]), str(credentials[0]))
    client.configureConnectDisconnectTimeout(SECONDS_MAX)
    client.configureMQTTOperationTimeout(SECONDS_MAX)
    assert client.connect()
    return client


def test_first_sdk_provisions_and_comes_back(gateway, serials, tmp_path):
    serial = serials()
    client = connect(gateway, gateway.claim, f"v1-{serial}")
    replies = queue.Queue()
    for call in (CREATE_KEYS, REGISTER):
        for end in ("accepted", "rejected"):
            assert client.subscribe(
                f"{call.format('json')}/{end}", 1,
                lambda c, u, message: replies.put((message.topic, json.loads(message.payload))))

    def request(topic, document):
        assert client.publish(topic, json.dumps(document), 1)
        where, reply = replies.get(timeout=SECONDS_MAX)
        assert where == topic + "/accepted", reply
        return reply

    created = request(CREATE_KEYS.format("json"), {})
    registered = request(REGISTER.format("json"), {
        "certificateOwnershipToken": created["certificateOwnershipToken"],
        "parameters": {"SerialNumber": serial}})
    assert client.disconnect()

    thing = registered["thingName"]
    credentials = store(tmp_path, thing, created["certificatePem"], created["privateKey"])
    device = connect(gateway, credentials, thing)
    assert device.publish(f"devices/{thing}/hello", "hello", 1)
    assert device.disconnect()
