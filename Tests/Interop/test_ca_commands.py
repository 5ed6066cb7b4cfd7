"""`slipway ca`, `cert expiring`, `cert lint` and `keys audit`, judged by OpenSSL."""

import json
import os
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import aws
from device import Device, Key
from gateway import Gateway
from gateway import run_slipway as slipway

EXPONENT = 65537


def parsed(gateway, *words, code=0):
    return json.loads(slipway(gateway, *words, "--json", code=code).stdout)


def digest(pem):
    return x509.load_pem_x509_certificate(pem.encode()).fingerprint(hashes.SHA256()).hex()


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """A gateway of this module's own, whose store holds what its tests bring."""
    instance = Gateway(
        tmp_path_factory.mktemp("authority"),
        settings={"revocation-url": "http://127.0.0.1:9/pki"}).start()
    yield instance
    assert instance.stop() == 0, instance.log_text()


@pytest.fixture(scope="module")
def thing(line, tmp_path_factory):
    """A provisioned device of the lot L7: its certificate's file."""
    stem = line.directory / "lot-seven"
    slipway(line, "claim", "create", "lot-seven", "--template", "demo-sensor", "--output", stem,
            "--lot", "L7")
    with Device(line, (f"{stem}.pem", f"{stem}.key"), client_id="nest") as device:
        device.subscribe_to_replies()
        _, credentials = device.provision(
            "SN-000001", tmp_path_factory.mktemp("device"), Key())
    return credentials[0]


def test_authorities_are_listed_and_shown(line):
    listed = parsed(line, "ca", "list")["authorities"]
    assert sorted(one["role"] for one in listed) == ["issuing", "root"]
    signing = [one for one in listed if one["signs"]]
    assert [one["role"] for one in signing] == ["issuing"]
    assert signing[0]["id"] == digest(line.issuing_ca.read_text())
    shown = parsed(line, "ca", "show", signing[0]["id"])
    assert shown == signing[0]
    assert shown["certificatePem"] in line.issuing_ca.read_text()
    assert signing[0]["id"] in slipway(line, "ca", "list").stdout
    again = slipway(line, "ca", "init", "--help").stdout
    assert "--offline-root" in again
    missing = slipway(line, "ca", "show", "0" * 64, code=1)
    assert "slipway ca list" in missing.stderr


def test_exported_chain_is_what_openssl_verifies_devices_with(line, thing, tmp_path):
    chain = tmp_path / "chain.pem"
    chain.write_text(slipway(line, "ca", "export").stdout)
    assert chain.read_text().count("BEGIN CERTIFICATE") == 2
    assert "PRIVATE" not in chain.read_text()
    assert aws.openssl("verify", "-CAfile", chain, thing).strip().endswith(": OK")
    assert aws.openssl(
        "verify", "-CAfile", line.ca, "-untrusted", chain, thing).strip().endswith(": OK")


def test_backup_holds_both_pairs_and_no_passphrase(line, tmp_path):
    folder = tmp_path / "safe/backup"
    slipway(line, "ca", "backup", "--to", folder)
    names = ["authorities.json", "issuing-ca.key", "issuing-ca.pem", "profiles", "root-ca.key",
             "root-ca.pem"]
    assert sorted(os.listdir(folder)) == names
    names.remove("profiles")
    for name in os.listdir(folder / "profiles"):
        names.append(f"profiles/{name}")
    assert "profiles/idevid.yaml" in names
    for name in names:
        assert (folder / name).read_bytes() == (line.directory / "pki" / name).read_bytes()
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    passphrase = line.directory / "pki/ca.passphrase"
    aws.openssl("pkey", "-in", folder / "issuing-ca.key", "-noout", "-passin",
                f"file:{passphrase}")
    again = slipway(line, "ca", "backup", "--to", folder, code=1)
    assert "name a new folder" in again.stderr


def test_backup_without_the_root_key_goes_through_and_without_the_issuers_makes_nothing(
        make_gateway, tmp_path):
    gateway = make_gateway()
    (gateway.directory / "pki/root-ca.key").unlink()
    slipway(gateway, "ca", "backup", "--to", tmp_path / "one")
    assert "root-ca.key" not in os.listdir(tmp_path / "one")
    key = gateway.directory / "pki/issuing-ca.key"
    plain = aws.openssl("genpkey", "-algorithm", "ED25519")
    key.unlink()
    key.write_text(plain)
    refused = slipway(gateway, "ca", "backup", "--to", tmp_path / "two", code=1)
    assert "no encrypted private key" in refused.stderr
    assert not (tmp_path / "two").exists()


def test_certificates_that_end_soon_are_counted_by_lot(line, thing):
    assert parsed(line, "cert", "expiring", "--within", "30d")["certificates"] == []
    groups = parsed(line, "cert", "expiring", "--within", "4000d", "--by", "lot")["groups"]
    lots = {group["lot"]: group for group in groups}
    assert lots["L7"]["certificates"] >= 1 and lots["L7"]["ended"] == 0
    found = parsed(line, "cert", "expiring", "--within", "4000d")["certificates"]
    assert digest(thing.read_text()) in {one["certificateId"] for one in found}
    assert "L7" in slipway(line, "cert", "expiring", "--within", "4000d", "--by", "lot").stdout
    slipway(line, "cert", "expiring", "--within", "soon", code=64)


def test_store_passes_the_linter(line, thing):
    """Also with addresses of lists and OCSP in every certificate."""
    assert "CRL Distribution" in aws.openssl("x509", "-in", thing, "-noout", "-text")
    report = parsed(line, "cert", "lint")
    assert report["findings"] == [] and report["certificates"] >= 4
    slipway(line, "cert", "lint", thing, line.directory / "pki/gateway.pem", line.ca)
    slipway(line, "cert", "lint", thing, "--issuer", line.issuing_ca)


def test_linter_names_file_and_rule(line, tmp_path):
    _, foreign = aws.authority(tmp_path, "foreign")
    report = parsed(line, "cert", "lint", foreign, code=2)
    assert report["certificates"] == 1
    assert {finding["place"] for finding in report["findings"]} == {str(foreign)}
    leaf = tmp_path / "leaf.pem"
    leaf.write_text(aws.signed_by(tmp_path, (tmp_path / "foreign.key", foreign), "leaf"))
    told = slipway(line, "cert", "lint", leaf, code=2).stdout
    assert f"{leaf}: no authority that is known here signed it" in told
    missing = slipway(line, "cert", "lint", tmp_path / "none.pem", code=1)
    assert "none.pem" in missing.stderr
    broken = tmp_path / "broken.pem"
    broken.write_text(foreign.read_text() + "and more")
    assert str(broken) in slipway(line, "cert", "lint", broken, code=1).stderr


def test_service_elsewhere_is_not_taken_for_this_one(line):
    for words in (["ca", "list"], ["ca", "export"], ["cert", "lint"], ["keys", "audit"]):
        refused = slipway(line, *words, "--endpoint-url", "http://127.0.0.1:9", code=1)
        assert "without --endpoint-url" in refused.stderr


def prime():
    while True:
        found = int(aws.openssl("prime", "-generate", "-bits", "1024", "-hex"), 16)
        if (found - 1) % EXPONENT:
            return found


def certificate(folder, name, key):
    """Self-signed by openssl, with a key that is in a file."""
    return aws.openssl(
        "req", "-x509", "-new", "-key", key, "-subj", f"/CN={name}", "-days", "10", "-addext",
        "basicConstraints=critical,CA:FALSE")


def composed(folder, name, p, q):
    """The file of the RSA key with these primes."""
    d = pow(EXPONENT, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p),
        rsa.RSAPublicNumbers(EXPONENT, p * q))
    path = folder / f"{name}.key"
    path.write_bytes(numbers.private_key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    return path


def test_keys_that_share_a_prime_are_named_and_no_others(make_gateway, tmp_path):
    gateway = make_gateway().start()
    iot = aws.client(gateway)
    assert parsed(gateway, "keys", "audit")["findings"] == []
    shared = prime()
    keys = {
        "weak-1": composed(tmp_path, "weak-1", shared, prime()),
        "weak-2": composed(tmp_path, "weak-2", shared, prime()),
        "sound": composed(tmp_path, "sound", prime(), prime())}
    ids = {}
    for name, key in keys.items():
        answer = iot.register_certificate_without_ca(
            certificatePem=certificate(tmp_path, name, key), status="ACTIVE")
        ids[name] = answer["certificateId"]
    report = parsed(gateway, "keys", "audit", code=2)
    assert report["rsaKeys"] == 3
    assert {(one["certificateId"], one["subject"], one["defect"])
            for one in report["findings"]} == {
        (ids["weak-1"], "CN=weak-1", "shared-factor"),
        (ids["weak-2"], "CN=weak-2", "shared-factor")}
    told = slipway(gateway, "keys", "audit", code=2).stdout
    assert ids["weak-1"] in told and ids["sound"] not in told
    again = iot.register_certificate_without_ca(
        certificatePem=certificate(tmp_path, "copy", keys["sound"]), status="ACTIVE")
    found = parsed(gateway, "keys", "audit", code=2)["findings"]
    assert {one["certificateId"] for one in found if one["defect"] == "key-used-again"} == {
        ids["sound"], again["certificateId"]}
    soon = parsed(gateway, "cert", "expiring", "--within", "30d")["certificates"]
    assert {one["subject"] for one in soon} == {"CN=weak-1", "CN=weak-2", "CN=sound", "CN=copy"}
    assert gateway.stop() == 0
