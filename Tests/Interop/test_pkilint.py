"""pkilint over every certificate Slipway makes: no finding of severity error or fatal."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from device import Device, Key

LINT = Path(sys.executable).parent / "lint_pkix_cert"


def findings(path, tmp_path):
    certificate = x509.load_pem_x509_certificates(path.read_bytes())[0]
    der = tmp_path / "certificate.der"
    der.write_bytes(certificate.public_bytes(serialization.Encoding.DER))
    done = subprocess.run(
        [str(LINT), "lint", "-s", "ERROR", "-f", "JSON", str(der)],
        capture_output=True, text=True, timeout=120)
    return [
        f"{finding['severity']} {finding['code']}: {finding.get('message', '')}"
        for result in json.loads(done.stdout)["results"]
        for finding in result["finding_descriptions"]
    ] if done.stdout.strip() else [done.stderr]


@pytest.mark.parametrize("kind", ["csr", "keys", "claim", "gateway", "issuing-ca", "root-ca"])
def test_certificate_has_no_error(gateway, serials, provisioned, tmp_path, kind):
    if kind == "csr":
        path = provisioned[1][0]
    elif kind == "keys":
        with Device(gateway, client_id="lint") as device:
            device.subscribe_to_replies()
            _, (path, _) = device.provision(serials(), tmp_path)
    elif kind == "claim":
        path = gateway.claim[0]
    else:
        path = gateway.directory / f"pki/{kind}.pem"
    found = findings(path, tmp_path)
    if kind == "gateway":
        # "localhost" and a bare host name have no dot; pkilint knows only names of the public DNS.
        found = [text for text in found if "invalid_domain_name_syntax" not in text]
    assert found == []


def test_subject_taken_from_a_csr_has_no_error(gateway, tmp_path):
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    names = [
        (NameOID.COUNTRY_NAME, "DE"), (NameOID.STATE_OR_PROVINCE_NAME, "Bayern"),
        (NameOID.LOCALITY_NAME, "München"), (NameOID.ORGANIZATION_NAME, "Pumpen & Söhne"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "Werk 3"), (NameOID.COMMON_NAME, "pump-7"),
        (NameOID.SERIAL_NUMBER, "A-7")]
    private = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(oid, text) for oid, text in names])
    ).sign(private, hashes.SHA256())
    key = Key()
    key.csr = request.public_bytes(serialization.Encoding.PEM).decode()
    with Device(gateway, client_id="lint-subject") as device:
        device.subscribe_to_replies()
        pem = device.create_from_csr(key).expect_accepted()["certificatePem"]
    path = tmp_path / "subject.pem"
    path.write_text(pem)
    assert findings(path, tmp_path) == []
