"""mosquitto_pub and mosquitto_sub with an issued certificate."""

import subprocess

import pytest


def arguments(program, gateway, credentials, client_id, *options):
    return [
        program, "-h", "127.0.0.1", "-p", str(gateway.port), "--cafile", str(gateway.ca),
        "--cert", str(credentials[0]), "--key", str(credentials[1]), "-i", client_id, "-q", "1",
        *options]


@pytest.mark.parametrize("version", ["311", "5"])
def test_message_goes_out_and_comes_back(gateway, provisioned, version):
    thing, credentials = provisioned
    topic = f"devices/{thing}/mosquitto"
    # One connection does both: a device speaks only under its own client id.
    done = subprocess.run(
        arguments("mosquitto_rr", gateway, credentials, thing, "-V", "mqttv" + version,
                  "-t", topic, "-e", topic, "-m", "from mosquitto", "-W", "20"),
        capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "from mosquitto"), done.stderr


@pytest.mark.parametrize("version", ["311", "5"])
def test_mosquitto_pub_is_acknowledged(gateway, provisioned, version):
    thing, credentials = provisioned
    done = subprocess.run(
        arguments("mosquitto_pub", gateway, credentials, thing, "-V", "mqttv" + version,
                  "-t", f"devices/{thing}/hello", "-m", "hello"),
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_stranger_is_turned_away(gateway, tmp_path):
    key, certificate = tmp_path / "stranger.key", tmp_path / "stranger.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", key, "-out", certificate, "-subj", "/CN=stranger", "-days", "1"],
        check=True, capture_output=True)
    done = subprocess.run(
        arguments("mosquitto_pub", gateway, (certificate, key), "stranger", "-t", "t", "-m", "m"),
        capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
