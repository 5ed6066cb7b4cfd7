"""OpenSSL's command line as the judge of chains, certificates, keys and handshakes."""

import re
import subprocess

import pytest

from device import Device, Key, store
from gateway import SLIPWAY


def openssl(*arguments, **options):
    return subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=60, **options)


@pytest.fixture(scope="module")
def certificates(gateway, serials, provisioned, tmp_path_factory):
    """One certificate of each kind that Slipway makes."""
    folder = tmp_path_factory.mktemp("kinds")
    with Device(gateway, client_id="kinds") as device:
        device.subscribe_to_replies()
        _, made_by_service = device.provision(serials(), folder)
    return {"csr": provisioned[1], "keys": made_by_service, "claim": gateway.claim}


@pytest.mark.parametrize("kind", ["csr", "keys", "claim"])
def test_chain_verifies(gateway, certificates, kind):
    done = openssl(
        "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", gateway.ca,
        "-untrusted", gateway.issuing_ca, certificates[kind][0])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", ["csr", "keys", "claim"])
def test_key_and_certificate_belong_together(certificates, kind):
    certificate, key = certificates[kind]
    of_key = openssl("pkey", "-in", key, "-pubout")
    of_certificate = openssl("x509", "-in", certificate, "-noout", "-pubkey")
    assert of_key.returncode == 0, of_key.stderr
    assert of_key.stdout == of_certificate.stdout


def test_device_certificate_has_the_profile(certificates):
    text = openssl("x509", "-in", certificates["csr"][0], "-noout", "-text").stdout
    assert "Version: 3 (0x2)" in text
    assert re.search(r"X509v3 Basic Constraints: critical\s+CA:FALSE", text)
    assert re.search(r"X509v3 Key Usage: critical\s+Digital Signature\n", text)
    assert re.search(r"X509v3 Extended Key Usage:.*\n\s+TLS Web Client Authentication\n", text)
    assert "X509v3 Subject Key Identifier" in text
    assert "X509v3 Authority Key Identifier" in text
    serial = openssl("x509", "-in", certificates["csr"][0], "-noout", "-serial").stdout
    digits = serial.strip().removeprefix("serial=")
    assert len(digits) == 40 and int(digits[0], 16) < 8, serial


def test_issuing_authority_can_sign_no_further_authority(gateway):
    text = openssl("x509", "-in", gateway.issuing_ca, "-noout", "-text").stdout
    assert re.search(r"Basic Constraints: critical\s+CA:TRUE, pathlen:0", text)
    assert openssl("verify", "-CAfile", gateway.ca, gateway.issuing_ca).returncode == 0


def test_authority_keys_are_encrypted_and_openssl_opens_them(gateway):
    for name in ("root-ca", "issuing-ca"):
        key = gateway.directory / f"pki/{name}.key"
        assert "ENCRYPTED" in key.read_text()
        passphrase = gateway.directory / "pki/ca.passphrase"
        assert openssl(
            "pkey", "-in", key, "-passin", f"file:{passphrase}", "-noout").returncode == 0
        assert openssl("pkey", "-in", key, "-passin", "pass:wrong", "-noout").returncode != 0


def test_no_secret_file_is_open_to_others(gateway):
    for folder in ("pki", "var"):
        for path in (gateway.directory / folder).rglob("*"):
            if path.is_file() and path.suffix in (".key", ".passphrase", ".db", ".txt"):
                assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_handshake_succeeds(gateway, provisioned, version):
    certificate, key = provisioned[1]
    done = openssl(
        "s_client", "-connect", f"127.0.0.1:{gateway.port}", version, "-CAfile", gateway.ca,
        "-verify_return_error", "-verify_ip", "127.0.0.1", "-cert", certificate, "-key", key,
        input="")
    assert "Verify return code: 0 (ok)" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_old_versions_of_tls_are_refused(gateway, provisioned, version):
    certificate, key = provisioned[1]
    done = openssl(
        "s_client", "-connect", f"127.0.0.1:{gateway.port}", version, "-cipher",
        "ALL:@SECLEVEL=0", "-cert", certificate, "-key", key, input="")
    assert done.returncode != 0
    assert "Cipher is (NONE)" in done.stdout


def test_client_without_a_certificate_gets_nowhere(gateway):
    done = openssl(
        "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-tls1_2", "-CAfile", gateway.ca,
        input="")
    assert done.returncode != 0


def test_rsa_csr_is_served_too(gateway, tmp_path):
    key, csr = tmp_path / "rsa.key", tmp_path / "rsa.csr"
    made = openssl(
        "req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", csr,
        "-subj", "/C=DE/O=Example/CN=pump 7/emailAddress=x@example.org")
    assert made.returncode == 0, made.stderr
    with Device(gateway, client_id="rsa-csr") as device:
        device.subscribe_to_replies()
        request = Key()
        request.csr = csr.read_text()
        reply = device.create_from_csr(request).expect_accepted()
    certificate, _ = store(tmp_path, "rsa", reply["certificatePem"], key.read_text())
    subject = openssl("x509", "-in", certificate, "-noout", "-subject").stdout
    assert "CN = pump 7" in subject
    # Not on the whitelist.
    assert "example.org" not in subject


def test_subject_that_steers_a_terminal_is_listed_in_plain_view(make_gateway, tmp_path):
    gateway = make_gateway().start()
    key = Key("pump\u202e1-NS")
    with Device(gateway, client_id="steering") as device:
        device.subscribe_to_replies()
        reply = device.create_from_csr(key)
        assert "certificateId" in reply.expect_accepted()
    listed = subprocess.run(
        [SLIPWAY, "cert", "list", "--directory", gateway.directory],
        capture_output=True, text=True, check=True).stdout
    assert "\u202e" not in listed
    assert "pump\\u{202e}1-NS" in listed
    assert gateway.stop() == 0
