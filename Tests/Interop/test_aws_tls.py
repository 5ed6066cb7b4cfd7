"""The AWS IoT API over TLS, with what `slipway env` prints and nothing else."""

import json
import subprocess

import botocore.exceptions
import pytest
import requests

import aws
from test_cli import slipway


@pytest.fixture
def secure(make_gateway):
    return make_gateway(settings={"api-tls": "true"}).start()


def test_aws_tools_speak_tls_by_what_env_prints(secure, tmp_path):
    variables = aws.exported(secure)
    assert variables["AWS_ENDPOINT_URL_IOT"] == secure.api
    assert variables["AWS_ENDPOINT_URL_IOT"].startswith("https://")
    made = aws.cli(secure, "iot", "create-thing", "--thing-name", "tls-1")
    assert made["thingName"] == "tls-1"
    # In the form that a shell takes.
    done = subprocess.run(
        ["bash", "-c", f'eval "$({slipway.__globals__["SLIPWAY"]} env --directory '
         f'{secure.directory} --api-tls true --api-port {secure.api_port})" && '
         'python3 -c "import os; print(os.environ[\'AWS_CA_BUNDLE\'])"'],
        capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(secure.ca)
    iot = aws.client(secure, verify=variables["AWS_CA_BUNDLE"])
    keys = iot.create_keys_and_certificate(setAsActive=True)
    assert "PRIVATE KEY" in keys["keyPair"]["PrivateKey"]
    assert iot.describe_thing(thingName="tls-1")["thingName"] == "tls-1"

    key, secret = aws.credentials(secure)
    environment = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    trusted = {**environment, "AWS_CA_BUNDLE": str(secure.ca)}
    far = ["--endpoint-url", secure.api]
    assert "tls-1" in slipway("thing", "list", *far, environment=trusted).stdout
    refused = slipway("thing", "list", *far, status=1, environment=environment)
    assert "did not answer" in refused.stderr


def test_nobody_is_believed_without_the_authority(secure):
    with pytest.raises(botocore.exceptions.SSLError):
        aws.client(secure).list_things()
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(f"http://127.0.0.1:{secure.api_port}/things", timeout=30)


@pytest.mark.parametrize("version, works", [("tls1_1", False), ("tls1_2", True), ("tls1_3", True)])
def test_old_versions_of_tls_are_refused(secure, version, works):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{secure.api_port}", f"-{version}",
         "-CAfile", str(secure.ca), "-verify_return_error", "-brief"],
        input="", capture_output=True, text=True, timeout=60)
    assert ("CONNECTION ESTABLISHED" in done.stdout + done.stderr) == works, done.stderr


def test_env_asks_the_service_that_runs(secure):
    """Whatever it was started with, which no file says."""
    shown = json.loads(slipway("env", "--json", "--directory", secure.directory).stdout)
    assert shown["AWS_ENDPOINT_URL_IOT"] == secure.api
    assert shown["AWS_ACCOUNT_ID"] == aws.ACCOUNT and shown["AWS_REGION"] == aws.REGION
    assert shown["AWS_CA_BUNDLE"] == str(secure.ca)
    assert secure.stop() == 0
    shown = json.loads(slipway("env", "--json", "--directory", secure.directory).stdout)
    assert shown["AWS_ENDPOINT_URL_IOT"] != secure.api and "AWS_CA_BUNDLE" not in shown
