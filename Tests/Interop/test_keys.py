"""A key that a certificate is issued for is a key that the gateway lets its holder speak with."""

import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from device import Device

KINDS = {
    "P-256": (lambda: ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()),
    "P-384": (lambda: ec.generate_private_key(ec.SECP384R1()), hashes.SHA384()),
    "P-521": (lambda: ec.generate_private_key(ec.SECP521R1()), hashes.SHA512()),
    "RSA-2048": (lambda: rsa.generate_private_key(65537, 2048), hashes.SHA256()),
    "RSA-4096": (lambda: rsa.generate_private_key(65537, 4096), hashes.SHA512()),
    "Ed25519": (ed25519.Ed25519PrivateKey.generate, None),
}


class Kind:
    """A key of any kind, as `device.Key` is one of P-256."""

    def __init__(self, name):
        make, algorithm = KINDS[name]
        private = make()
        self.csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(
            private, algorithm).public_bytes(serialization.Encoding.PEM).decode()
        self.pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()).decode()


def test_every_kind_of_key_that_is_accepted_may_connect(make_gateway, tmp_path):
    gateway = make_gateway(settings={"keys-ed25519": "true"}).start()
    for number, name in enumerate(KINDS, start=1):
        with Device(gateway, client_id="station") as station:
            station.subscribe_to_replies()
            thing, credentials = station.provision(f"SN-{number:06}", tmp_path, Kind(name))
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with Device(gateway, credentials, thing, tls_version=version) as device:
                assert device.publish(f"devices/{thing}/hello", "x") == 0, (name, version)
    assert gateway.stop() == 0


@pytest.mark.parametrize("kind", ["Ed25519"])
def test_kind_of_key_that_is_not_allowed_gets_no_certificate(gateway, kind):
    with Device(gateway, client_id="refused-key") as device:
        device.subscribe_to_replies()
        device.create_from_csr(Kind(kind)).expect_rejected(400, "InvalidCSR")
