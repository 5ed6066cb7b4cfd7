"""A device that slept past its certificate's end: within the grace it may have it renewed and do
nothing else, after it TLS ends; shown by a service whose clock goes on in days."""

import pytest

import est
from device import Device, Key, Refused, store
from test_clock import Clock
from test_est import client
from test_renewal import (NOT_AUTHORIZED, RENEW, digest, leave, parse, provision, shown, slipway,
                          speak)
from test_trace import refused

DAY = 86_400
SETTINGS = {"keys-algorithm": "P_256", "device-validity-days": "1", "renewal-grace-days": "2",
            "renewal-interval-seconds": "0", "est-enabled": "true", "est-port": "0"}


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


@pytest.fixture
def gateway(make_gateway, clock):
    instance = make_gateway(settings=SETTINGS).start(environment=clock.environment)
    yield instance
    assert instance.stop() == 0, instance.log_text()
    instance.check_invariants()


def refused_at_tls(gateway, thing, credentials):
    """Nothing is said to it but that TLS is over; the log says why."""
    before = gateway.log_text().count("the certificate has expired")
    with pytest.raises(Refused):
        Device(gateway, credentials, client_id=thing).connect()
    gateway.wait_for_log(r"(?s)(the certificate has expired.*){%d}" % (before + 1))


def test_within_the_grace_it_renews_and_does_nothing_else(gateway, clock, tmp_path):
    key = Key("sleeper")
    thing, credentials = provision(gateway, "SN-000001", tmp_path, key)
    with Device(gateway, credentials, client_id=thing) as device:
        assert device.publish(f"devices/{thing}/up", b"{}") == 0
    clock.set(2 * DAY)
    device = speak(gateway, thing, credentials)
    assert device.publish(f"devices/{thing}/up", b"{}") == NOT_AUTHORIZED
    assert device.subscribe(f"devices/{thing}/down") == [NOT_AUTHORIZED]
    answer = device.call(RENEW).expect_accepted()
    leave(device)
    assert parse(answer["certificatePem"]).not_valid_after_utc \
        > parse(credentials[0].read_text()).not_valid_after_utc
    renewed = store(tmp_path, "renewed", answer["certificatePem"], key.pem)
    with Device(gateway, renewed, client_id=thing) as device:
        assert device.publish(f"devices/{thing}/up", b"{}") == 0
    assert shown(gateway, answer["certificateId"])["status"] == "ACTIVE"


def test_within_the_grace_est_enrols_it_again_and_nobody_new(gateway, clock, tmp_path):
    _, credentials = provision(gateway, "SN-000002", tmp_path, Key("unit"))
    subject = "/CN=unit"
    clock.set(2 * DAY)
    server = client(gateway)
    _, csr = est.request(tmp_path, "next", subject)
    server.ask("demo-sensor/simpleenroll", credentials, csr).expect(403)
    (pem,) = server.ask("simplereenroll", credentials, csr).expect(200).certificates()
    assert shown(gateway, digest(pem))["provenance"]["renewalOf"] \
        == digest(credentials[0].read_text())


def test_after_the_grace_it_is_refused_at_tls(gateway, clock, tmp_path):
    thing, credentials = provision(gateway, "SN-000003", tmp_path, Key("late"))
    clock.set(3 * DAY + 3600)
    refused_at_tls(gateway, thing, credentials)
    assert refused(gateway, "handshakeFailed")[-1]["reasonCode"] == 1101
    _, csr = est.request(tmp_path, "late", "/CN=late")
    with pytest.raises(est.Refused):
        client(gateway).ask("simplereenroll", credentials, csr)


def test_a_claim_has_no_grace(gateway, clock, tmp_path):
    stem = tmp_path / "short"
    slipway(gateway, "claim", "create", "short", "--template", "demo-sensor", "--output", stem,
            "--validity-days", "1")
    clock.set(DAY + 3600)
    refused_at_tls(gateway, "line", (f"{stem}.pem", f"{stem}.key"))


def test_without_the_setting_there_is_none(make_gateway, clock, tmp_path):
    gateway = make_gateway(settings={**SETTINGS, "renewal-grace-days": "0"})
    gateway.start(environment=clock.environment)
    thing, credentials = provision(gateway, "SN-000001", tmp_path, Key("none"))
    clock.set(DAY + 3600)
    refused_at_tls(gateway, thing, credentials)
    assert gateway.stop() == 0
