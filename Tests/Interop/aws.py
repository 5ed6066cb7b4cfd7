"""boto3 and the aws CLI, pointed at a gateway of ours as their users would point them."""

import configparser
import json
import os
import subprocess
import sys
from pathlib import Path

import boto3
import botocore.config

import aws_model
from gateway import SLIPWAY

REGION = "local"
ACCOUNT = "000000000000"


def arn(resource):
    return f"arn:aws:iot:{REGION}:{ACCOUNT}:{resource}"


def credentials(gateway):
    """What `slipway init` left for the first administrator."""
    parser = configparser.ConfigParser()
    assert parser.read(gateway.credentials), f"no {gateway.credentials}"
    section = parser[parser.sections()[0]]
    return section["aws_access_key_id"], section["aws_secret_access_key"]


def client(gateway, service="iot", **options):
    key, secret = options.pop("keys", None) or credentials(gateway)
    config = botocore.config.Config(
        retries={"max_attempts": 1, "mode": "standard"}, read_timeout=60,
        **options.pop("config", {}))
    return boto3.session.Session().client(
        service, endpoint_url=gateway.api, region_name=options.pop("region", REGION),
        aws_access_key_id=key, aws_secret_access_key=secret, config=config, **options)


class Judged:
    """A client whose every answer is held against the model; it remembers what was called."""

    def __init__(self, gateway):
        self.client = client(gateway)
        self.called = set()
        self.problems = []
        self.client.meta.events.register("after-call.iot.*", self._judge)

    def _judge(self, http_response, parsed, model, **_):
        if http_response.status_code >= 300:
            return
        self.called.add(model.name)
        headers = {key.lower(): value for key, value in http_response.headers.items()}
        try:
            aws_model.check_response(
                model, http_response.status_code, headers, http_response.content)
        except AssertionError as problem:
            self.problems.append(f"{model.name}: {problem}")

    def __getattr__(self, name):
        return getattr(self.client, name)


def cli(gateway, *words, check=True, **environment):
    """`aws iot …` as it is typed, with what `slipway env` prints in the environment."""
    done = subprocess.run(
        [sys.executable, "-m", "awscli", *map(str, words)], capture_output=True, text=True,
        timeout=120, env={
            **os.environ, **exported(gateway), "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1",
            **environment})
    if check:
        assert done.returncode == 0, f"aws {' '.join(map(str, words))}: {done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None
    return done


def exported(gateway):
    """The variables of `slipway env`, read as a shell reads them."""
    settings = {"SLIPWAY_API_PORT": str(gateway.api_port)}
    if "api-tls" in gateway.settings:
        settings["SLIPWAY_API_TLS"] = gateway.settings["api-tls"]
    done = subprocess.run(
        [str(SLIPWAY), "env", "--json", "--directory", str(gateway.directory)],
        capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, **settings})
    return json.loads(done.stdout)


def openssl(*words, input=None):
    return subprocess.run(
        ["openssl", *map(str, words)], capture_output=True, text=True, input=input,
        check=True).stdout


def csr(folder, name="device"):
    """A key of the test's own, and a request for it."""
    key = Path(folder) / f"{name}.key"
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    return key, openssl("req", "-new", "-key", key, "-subj", f"/CN={name}")


def authority(folder, name="ca"):
    """A CA of the customer's own: its key file and certificate file."""
    key, pem = Path(folder) / f"{name}.key", Path(folder) / f"{name}.pem"
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    openssl("req", "-x509", "-new", "-key", key, "-subj", f"/CN={name}", "-days", "30", "-out",
            pem, "-addext", "basicConstraints=critical,CA:TRUE", "-addext",
            "keyUsage=critical,keyCertSign,cRLSign")
    return key, pem


def signed_by(folder, ca, common_name):
    """A leaf of the customer's own CA, in PEM."""
    key = Path(folder) / "leaf.key"
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    request = Path(folder) / "leaf.csr"
    request.write_text(openssl("req", "-new", "-key", key, "-subj", f"/CN={common_name}"))
    extensions = Path(folder) / "leaf.ext"
    extensions.write_text(
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        "extendedKeyUsage=clientAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
    return openssl("x509", "-req", "-in", request, "-CA", ca[1], "-CAkey", ca[0], "-days", "10",
                   "-extfile", extensions)
