"""Reason codes that hang on a moment: a clock, a lock on a file, a race, an operator who is faster."""

import json
import os
import signal
import sqlite3
import threading
import time

import pytest

import est
from device import CREATE_FROM_CSR, REGISTER, Device, Key
from test_claims import slipway
from test_clock import Clock
from test_est import SETTINGS as EST_SETTINGS
from test_est import client
from test_reason_codes import told, token
from test_refusals import line
from test_renewal import RENEW, leave, provision, speak

TRIES = 40


def test_2101_a_certificate_that_does_not_renew_itself(make_gateway, tmp_path):
    gateway = make_gateway(settings={
        "keys-algorithm": "P_256", "renewal-window-days": "0"}).start()
    thing, credentials = provision(gateway, "SN-000001", tmp_path, Key())
    device = speak(gateway, thing, credentials)
    told(device.call(RENEW), 2101)
    leave(device)


def test_2104_a_certificate_that_ended_while_it_was_connected(make_gateway, tmp_path):
    """The gateway looks for such connections every quarter of their keep-alive."""
    clock = Clock(tmp_path)
    gateway = make_gateway(settings={"keys-algorithm": "P_256", "device-validity-days": "1"})
    gateway.start(environment=clock.environment)
    thing, credentials = provision(gateway, "SN-000001", tmp_path, Key())
    device = speak(gateway, thing, credentials)
    clock.set(2 * 86_400)
    told(device.call(RENEW), 2104)
    leave(device)


# Its work after the look takes far longer than the look.
SLOW_HOOK = """return function(request)
    local serial = request.parameters.SerialNumber
    if not allowlist.contains("demo", serial) then return { allowProvisioning = false } end
    for i = 1, 8000000 do end
    return { allowProvisioning = true }
end"""


def ran(worker):
    """The nanoseconds that it has run for."""
    with open(f"/proc/{worker}/schedstat") as file:
        return int(file.read().split()[0])


def stop_at_work(workers):
    """The one of them that has begun to work, stopped where it is."""
    before = {worker: ran(worker) for worker in workers}
    while True:
        for worker in workers:
            # A message has come, and the script has begun.
            if ran(worker) - before[worker] > 1_000_000:
                os.kill(worker, signal.SIGSTOP)
                return worker


@pytest.mark.parametrize("words,code", [
    (["remove"], 6201), (["block", "--reason", "recall"], 6203)])
def test_a_unit_taken_off_its_list_while_its_hook_is_at_work(make_gateway, words, code):
    gateway = line(make_gateway, hook=SLOW_HOOK, options={
        "hook-workers": "2", "hook-deadline-milliseconds": "60000", "keys-algorithm": "P_256"})
    with Device(gateway, client_id="slow") as device:
        device.subscribe_to_replies()
        for number in range(1, TRIES):
            unit, held = f"SN-{number:06}", token(device)
            workers = gateway.hook_workers()
            device.client.publish(REGISTER.format("json"), json.dumps({
                "certificateOwnershipToken": held,
                "parameters": {"SerialNumber": unit, "Site": "lab"}}), qos=1)
            worker = stop_at_work(workers)
            slipway(gateway, "allowlist", words[0], "demo", unit, *words[1:])
            os.kill(worker, signal.SIGCONT)
            _, payload = device._replies.get(timeout=60)
            reply = json.loads(payload)
            # Stopped before the look, or after the answer: once more.
            if reply.get("reasonCode") == code:
                break
            print(number, reply)
    assert reply["reasonCode"] == code and reply["step"] == "allowlist", reply
    assert gateway.stop() == 0


def test_8001_a_claim_from_another_network(make_gateway, tmp_path):
    """Over MQTT it gets no further than the handshake; HTTP has words for it."""
    gateway = make_gateway(settings=EST_SETTINGS).start()
    slipway(gateway, "claim", "limit", "demo-line", "--network", "10.0.0.0/8")
    _, csr = est.request(tmp_path, "away", "/serialNumber=SN-000001")
    answer = client(gateway).ask("simpleenroll", gateway.claim, csr).expect(403)
    print(answer.text, answer.headers)
    assert "claimNotActive" in answer.text and "8001" in answer.text


def test_9002_a_store_that_another_program_holds(make_gateway):
    gateway = line(make_gateway)
    with Device(gateway, client_id="busy") as device:
        device.subscribe_to_replies()
        token(device)
        other = sqlite3.connect(gateway.database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        told(device.create_from_csr(Key()), 9002)
        other.execute("ROLLBACK")
        other.close()
        token(device)
    assert gateway.stop() == 0


def test_9006_a_race_that_is_lost_again_and_again(make_gateway):
    """Many units with one serial number: each registration changes what the others decided by."""
    gateway = line(make_gateway, options={"keys-algorithm": "P_256"})
    seen = set()

    def race(number):
        with Device(gateway, client_id=f"racer-{number}") as device:
            device.subscribe_to_replies()
            deadline = time.monotonic() + 60
            while 9006 not in seen and time.monotonic() < deadline:
                reply = device.register(token(device), {"SerialNumber": "one", "Site": "lab"})
                if not reply.accepted:
                    seen.add(reply.document["reasonCode"])
                    if reply.document["reasonCode"] == 9006:
                        told(reply, 9006)

    racers = [threading.Thread(target=race, args=[number]) for number in range(16)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert 9006 in seen, seen
    assert gateway.stop() == 0
    gateway.check_invariants()
