"""Every reason code, provoked at the real service's port."""

import json
import os
import queue
import signal
import subprocess
import time

import pytest
from cryptography.hazmat.primitives import serialization

import aws
from device import CREATE_FROM_CSR, CREATE_KEYS, REGISTER, Device, Key
from gateway import SLIPWAY, TEMPLATE
from test_claims import claim, slipway
from test_refusals import OPEN_TEMPLATE, csr_of, line

@pytest.fixture(scope="module")
def open_line(tmp_path_factory):
    """One open line for all that does not hurt it."""
    from gateway import Gateway

    template = json.loads(json.dumps(OPEN_TEMPLATE))
    template["Parameters"]["K"] = {"Type": "String", "Default": "k"}
    gateway = Gateway(
        tmp_path_factory.mktemp("open"),
        templates={f"{TEMPLATE}.json": template, f"{TEMPLATE}.settings.json": {"enabled": True}},
        hooks={}).start()
    yield gateway
    assert gateway.stop() == 0, gateway.log_text()


@pytest.fixture
def device(open_line):
    with Device(open_line, client_id="reasons") as device:
        device.subscribe_to_replies()
        yield device


SERIALS = iter(f"unit-{number}" for number in range(1000))


def serial():
    return {"SerialNumber": next(SERIALS), "Site": "lab"}


def create(device, key=None):
    return device.create_from_csr(key or Key()).expect_accepted()


def token(device, key=None):
    return create(device, key)["certificateOwnershipToken"]


def told(reply, code, parameter=None):
    """The refusal has the number, and all that goes with a number."""
    assert not reply.accepted, reply
    shown = reply.document
    assert shown["reasonCode"] == code, reply
    assert shown.get("parameter") == parameter, reply
    explained = json.loads(subprocess.run(
        [str(SLIPWAY), "reasons", str(code), "--json"], capture_output=True, text=True,
        check=True, timeout=60).stdout)[0]
    for member in ("reason", "step", "retryable", "retryAfterSeconds"):
        assert shown.get(member) == explained.get(member), (member, reply)
    assert len(shown["correlationId"]) == 16


def test_every_code_is_provoked_somewhere():
    """Here, or in another file that has its number or its name."""
    done = subprocess.run(
        [str(SLIPWAY), "reasons", "--json"], capture_output=True, text=True, check=True,
        timeout=60)
    folder = os.path.dirname(__file__)
    texts = "".join(open(os.path.join(folder, name)).read()
                    for name in sorted(os.listdir(folder)) if name.startswith("test_"))
    missing = [(row["reasonCode"], row["reason"]) for row in json.loads(done.stdout)
               if str(row["reasonCode"]) not in texts
               and row["reason"] not in texts]
    assert missing == []


def test_payloads(device):
    told(device.call(CREATE_FROM_CSR, b"{"), 1001)
    told(device.call(CREATE_FROM_CSR, {"certificateSigningRequest": 7}), 1002,
         "certificateSigningRequest")
    told(device.call(CREATE_FROM_CSR, {}), 1003, "certificateSigningRequest")
    told(device.call(CREATE_FROM_CSR, {"certificateSigningRequest": ""}), 1003,
         "certificateSigningRequest")
    told(device.register("T", {"": "x"}), 1004, "parameters")
    told(device.register("T", {"a": "x" * 5000}), 1004, "a")


def test_certificates(open_line, device):
    told(device.call(CREATE_FROM_CSR, {"certificateSigningRequest": "x"}), 2001,
         "certificateSigningRequest")
    told(device.call(CREATE_FROM_CSR, {"certificateSigningRequest": "x" * 5000}), 2002,
         "certificateSigningRequest")
    private = serialization.load_pem_private_key(open_line.claim[1].read_bytes(), None)
    told(device.call(CREATE_FROM_CSR, {"certificateSigningRequest": csr_of(private)}), 2003,
         "certificateSigningRequest")


TOKEN = "certificateOwnershipToken"


def test_tokens(open_line, device):
    told(device.call(REGISTER, {"parameters": serial()}), 3001, TOKEN)
    told(device.register("x", serial()), 3002, TOKEN)
    other = claim(open_line, "another")
    with Device(open_line, other, client_id="another") as another:
        another.subscribe_to_replies()
        told(device.register(token(another), serial()), 3003, TOKEN)
    used = token(device)
    device.register(used, serial()).expect_accepted()
    told(device.register(used, serial()), 3005, TOKEN)
    made = create(device)
    slipway(open_line, "cert", "revoke", made["certificateId"], "--reason", "keyCompromise")
    told(device.register(made["certificateOwnershipToken"], serial()), 3007, TOKEN)
    first, same = token(device), serial()
    device.register(first, same).expect_accepted()
    device.register(token(device), same).expect_accepted()
    told(device.register(first, same), 3008, TOKEN)


def test_parameters(device):
    told(device.register(token(device), {}), 5001, "SerialNumber")
    told(device.register(token(device), {"SerialNumber": "a/b"}), 5002, "SerialNumber")
    # KELVIN SIGN, which is canonically K and other bytes.
    told(device.register(token(device), {**serial(), "\u212a": "x"}), 5003)


def test_registry(open_line, device):
    taken = serial()
    device.register(token(device), taken).expect_accepted()
    told(device.register(token(device), {**taken, "Site": "other"}), 7001)

    key = Key()
    first, second = create(device, key), create(device, key)
    lost = serial()
    device.register(first["certificateOwnershipToken"], lost).expect_accepted()
    slipway(open_line, "cert", "revoke", first["certificateId"], "--reason", "keyCompromise")
    told(device.register(second["certificateOwnershipToken"], lost), 7003)


def test_a_policy_that_somebody_changed(make_gateway):
    """A line of its own: policies of one text are one, and every device of it meets the change."""
    gateway = line(make_gateway)
    with Device(gateway, client_id="spoilt") as device:
        device.subscribe_to_replies()
        spoilt, made = serial(), create(device)
        device.register(made["certificateOwnershipToken"], spoilt).expect_accepted()
        policy, = gateway.query(
            f"SELECT policy FROM certificate_policies "
            f"WHERE certificate = '{made['certificateId']}'")[0]
        iot = aws.client(gateway)
        iot.create_policy_version(policyName=policy, setAsDefault=True, policyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "iot:Connect", "Resource": aws.arn("client/x")}]}))
        told(device.register(token(device), spoilt), 7002)


def test_a_claim_that_is_disabled(open_line):
    credentials = claim(open_line, "off")
    with Device(open_line, credentials, client_id="off") as device:
        device.subscribe_to_replies()
        slipway(open_line, "claim", "disable", "off", "--reason", "lunch")
        told(device.create_from_csr(Key()), 8002)


JUST_IN_TIME = {
    "Parameters": {"AWS::IoT::Certificate::CommonName": {"Type": "String"},
                   "AWS::IoT::Certificate::Id": {"Type": "String"}},
    "Resources": {
        **OPEN_TEMPLATE["Resources"],
        "thing": {"Type": "AWS::IoT::Thing", "Properties": {
            "ThingName": {"Ref": "AWS::IoT::Certificate::CommonName"}}}},
}


def asked(gateway, parameters=None):
    with Device(gateway, client_id="asked") as device:
        device.subscribe_to_replies()
        return device.register(token(device), parameters or serial())


def test_templates(make_gateway):
    gateway = make_gateway(templates={}, hooks={}).start()
    told(asked(gateway), 4001)
    aws.client(gateway).create_provisioning_template(
        templateName=TEMPLATE, type="JITP", enabled=True,
        provisioningRoleArn="arn:aws:iam::000000000000:role/provisioning",
        templateBody=json.dumps(JUST_IN_TIME))
    told(asked(gateway), 4003)
    assert gateway.stop() == 0
    gateway = line(make_gateway, settings={"enabled": False})
    told(asked(gateway), 4002)


def test_a_type_that_is_not_there(make_gateway):
    template = json.loads(json.dumps(OPEN_TEMPLATE))
    template["Resources"]["thing"]["Properties"]["ThingTypeName"] = "nowhere"
    gateway = make_gateway(
        templates={f"{TEMPLATE}.json": template, f"{TEMPLATE}.settings.json": {"enabled": True}},
        hooks={}).start()
    told(asked(gateway), 5004)


def test_hooks(make_gateway):
    gateway = line(
        make_gateway, options={"hook-deadline-milliseconds": "6000", "hook-workers": "1"},
        hook="""return function(request)
            if request.parameters.SerialNumber == "break" then error("boom") end
            return { allowProvisioning = request.parameters.SerialNumber ~= "no" } end""")
    told(asked(gateway, {"SerialNumber": "no"}), 6001)
    told(asked(gateway, {"SerialNumber": "break"}), 6004)
    with Device(gateway, client_id="first") as first, Device(gateway, client_id="second") as second:
        for device in (first, second):
            device.subscribe_to_replies()
        for worker in gateway.hook_workers():
            os.kill(worker, signal.SIGSTOP)
        tokens = token(first), token(second)
        # One is with the worker until its deadline; the other waits for it longer than it may.
        topic = REGISTER.format("json")
        for device, held, name in zip((first, second), tokens, ("a", "b")):
            device.client.publish(topic, json.dumps({
                "certificateOwnershipToken": held, "parameters": {"SerialNumber": name}}), qos=1)
        codes = {json.loads(device._replies.get(timeout=30)[1])["reasonCode"]
                 for device in (first, second)}
    assert codes == {6002, 6003}, codes


@pytest.mark.parametrize("setting,code", [
    ("enrolment-on-retry", 7101), ("enrolment-on-rework", 7102),
    ("enrolment-on-elsewhere", 7103), ("enrolment-on-copied-image", 7104)])
def test_verdicts(make_gateway, setting, code):
    # Rework that is never soon enough is elsewhere.
    soon = {"enrolment-rework-seconds": "0"} if code == 7103 else {}
    gateway = line(make_gateway, options={setting: "refuse", **soon})
    with Device(gateway, client_id="again") as device:
        device.subscribe_to_replies()
        key, same = Key(), serial()
        device.register(token(device, key), same).expect_accepted()
        again = key if code in (7101, 7104) else Key()
        told(device.register(token(device, again), serial() if code == 7104 else same), code)


def test_held_and_refused(make_gateway):
    gateway = line(make_gateway, options={"enrolment-on-rework": "hold"})
    with Device(gateway, client_id="held") as device:
        device.subscribe_to_replies()
        same = serial()
        device.register(token(device), same).expect_accepted()
        made = create(device)
        told(device.register(made["certificateOwnershipToken"], same), 7105)
        slipway(gateway, "enrolment", "decide", made["certificateId"], "refuse")
        told(device.register(made["certificateOwnershipToken"], same), 7106)


def test_allowlists(make_gateway):
    gateway = make_gateway().start()
    slipway(gateway, "allowlist", "hold", "demo", "SN-000007", "--reason", "burn-in")
    slipway(gateway, "allowlist", "lease", "demo", "SN-000009", "--station", "nest-3")
    units = gateway.directory / "units.csv"
    units.write_text("serial,key_fingerprint,mac\nSN-000010," + "ab" * 32 + ",\n"
                     "SN-000011,,02:00:00:00:00:01\n")
    slipway(gateway, "allowlist", "import", "demo", str(units))
    with Device(gateway, client_id="units") as device:
        device.subscribe_to_replies()

        def registered(number, **more):
            return device.register(token(device), {"SerialNumber": f"SN-{number:06}", **more})

        told(registered(7), 6202)
        told(registered(9), 6204)
        told(registered(10), 6205)
        told(registered(11, MacAddress="02:00:00:00:00:02"), 6206, "MacAddress")


@pytest.mark.parametrize("room,connections,code", [("1", 1, 9001), ("2000", 16, 9003)])
def test_too_much_at_once(make_gateway, room, connections, code):
    """More requests than there is room for, and more devices without a key than can wait."""
    gateway = make_gateway(settings={
        "keys-ready": "0", "provisioning-in-flight-max": room}).start()
    devices = [Device(gateway, client_id=f"flood-{number}").connect()
               for number in range(connections)]
    for device in devices:
        device.subscribe_to_replies()
    # They gather in the service's sockets, so that it finds them at once, however slowly they
    # are sent.
    gateway.process.send_signal(signal.SIGSTOP)
    for device in devices:
        for _ in range(8):
            device.client.publish(CREATE_KEYS.format("json"), b"", qos=1)
    deadline = time.monotonic() + 60
    while any(device.client.want_write() for device in devices):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    gateway.process.send_signal(signal.SIGCONT)
    # Whoever is turned away is told at once, long before the last of the others has a key.
    refusal = first_refusal(devices)
    assert refusal["reasonCode"] == code and refusal["retryAfterSeconds"] > 0
    gateway.kill()
    for device in devices:
        device.client.loop_stop()


def first_refusal(devices):
    """Whichever of them it is that is turned away."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for device in devices:
            try:
                topic, payload = device._replies.get(timeout=0.01)
            except queue.Empty:
                continue
            if topic.endswith("/rejected"):
                return json.loads(payload)
    raise AssertionError("nobody was turned away")


def test_a_full_disk(make_gateway):
    gateway = line(make_gateway)
    files = [gateway.database, gateway.database.with_name(gateway.database.name + "-wal")]
    size = max(path.stat().st_size for path in files if path.exists())
    with Device(gateway, client_id="full") as device:
        device.subscribe_to_replies()
        subprocess.run(["prlimit", "--pid", str(gateway.process.pid),
                        f"--fsize={size}:unlimited"], check=True)
        for _ in range(50):
            reply = device.create_from_csr(Key())
            if not reply.accepted:
                break
        told(reply, 9005)
    gateway.kill()
