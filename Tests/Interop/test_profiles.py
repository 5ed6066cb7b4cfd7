"""pkilint over a thousand certificates of every profile: nothing of severity error or fatal, and
no warning that the page on the certificate authority does not explain."""

import json
import re
import subprocess
from concurrent.futures import ProcessPoolExecutor

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pkilint import loader, validation
from pkilint.pkix import certificate, extension, name

from gateway import REPOSITORY, SLIPWAY, Gateway

COUNT = 1000
PROFILES = ["ca", "claim", "device", "everything", "idevid", "ocsp", "server"]
PAGE = REPOSITORY / "Documentation/certificate-authority.md"
EVERYTHING = """\
use: device
validity: 2y
keys: [EC-P256, EC-P384, Ed25519]
subject:
  require: [CN, serialNumber]
  set: "O=Acme,C=DE"
alternative-names: ["dns:${CN}.devices.example.com", "uri:https://devices.example.com/${serialNumber}"]
policies: [1.3.6.1.4.1.55555.1]
extensions:
  - oid: 1.3.6.1.4.1.55555.2
    text: "${serialNumber}"
"""


def linter():
    return certificate.create_pkix_certificate_validator_container(
        certificate.create_decoding_validators(
            name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS),
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ])


def findings(ders):
    """How often each finding of the severity NOTICE or worse comes in these certificates."""
    validator = linter()
    found = {}
    for der in ders:
        document = loader.load_der_certificate(der, "certificate")
        for result in validator.validate(document.root):
            for finding in result.finding_descriptions:
                severity = finding.finding.severity
                if severity <= validation.ValidationFindingSeverity.NOTICE:
                    key = (severity.name, finding.finding.code)
                    found[key] = found.get(key, 0) + 1
    return found


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """Two folders, made side by side, with the addresses of CRL and OCSP in every certificate."""
    gateway = Gateway(tmp_path_factory.mktemp("profiles"))
    (gateway.directory / "pki/profiles/everything.yaml").write_text(EVERYTHING)
    made = []
    for number, names in enumerate([PROFILES[::2], PROFILES[1::2]]):
        folder = gateway.directory / f"samples-{number}"
        made.append((folder, subprocess.Popen(
            [str(SLIPWAY), "cert", "sample", *names, "--count", str(COUNT), "--output",
             str(folder), "--revocation-url", "http://pki.example.com", "--directory",
             str(gateway.directory)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)))
    for _, process in made:
        _, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors
    return [folder for folder, _ in made]


def test_a_thousand_of_every_profile_have_no_error(samples):
    explained = set(re.findall(r"^\| `(pkix\.[a-z_.]+)`", PAGE.read_text(), re.MULTILINE))
    chunks = []
    for path in (path for folder in samples for path in sorted(folder.glob("*.pem"))):
        ders = [one.public_bytes(serialization.Encoding.DER)
                for one in x509.load_pem_x509_certificates(path.read_bytes())]
        assert len(ders) == (6 if path.stem == "authorities" else COUNT), path
        assert len({x509.load_der_x509_certificate(der).serial_number for der in ders}) == len(ders)
        chunks += [(path.stem, ders[start:start + 250]) for start in range(0, len(ders), 250)]
    assert {stem for stem, _ in chunks} == {"authorities", *PROFILES}
    with ProcessPoolExecutor(max_workers=2) as pool:
        outcomes = list(pool.map(findings, [ders for _, ders in chunks]))
    found = {}
    for (stem, _), outcome in zip(chunks, outcomes):
        for key in outcome:
            found.setdefault(key, set()).add(stem)
    severe = {key: stems for key, stems in found.items() if key[0] in ("ERROR", "FATAL")}
    assert severe == {}, severe
    unexplained = {key: sorted(stems) for key, stems in found.items() if key[1] not in explained}
    assert unexplained == {}, json.dumps({str(key): stems for key, stems in unexplained.items()})


def test_samples_are_signed_by_their_authorities(samples):
    for folder in samples:
        authorities = x509.load_pem_x509_certificates((folder / "authorities.pem").read_bytes())
        issuers = {one.subject: one for one in authorities}
        for path in folder.glob("*.pem"):
            for one in x509.load_pem_x509_certificates(path.read_bytes())[:25]:
                one.verify_directly_issued_by(issuers[one.issuer])
