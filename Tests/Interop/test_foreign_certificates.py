"""Certificates as people make them by the commands that AWS's own pages show."""

import http.client
from concurrent.futures import ThreadPoolExecutor

import pytest

import aws
from test_own_authority import publish

POLICY = ('{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iot:*", '
          '"Resource": "*"}}')


@pytest.fixture(scope="module")
def iot(control):
    client = aws.client(control)
    client.create_policy(policyName="foreign", policyDocument=POLICY)
    return client


def connects(control, iot, arn, files):
    iot.attach_policy(policyName="foreign", target=arn)
    done = publish(control, files, arn[-8:])
    return done.returncode == 0 or done.stderr


def test_a_leaf_without_extensions_is_a_device(control, iot, tmp_path):
    ca = aws.authority(tmp_path)
    iot.register_ca_certificate(
        caCertificate=ca[1].read_text(), setAsActive=True,
        verificationCertificate=aws.signed_by(
            tmp_path, ca, iot.get_registration_code()["registrationCode"]))
    key, request = aws.csr(tmp_path)
    (tmp_path / "device.csr").write_text(request)
    leaf = tmp_path / "device.pem"
    aws.openssl("x509", "-req", "-in", tmp_path / "device.csr", "-CA", ca[1], "-CAkey", ca[0],
                "-CAcreateserial", "-days", "10", "-out", leaf)
    assert "Version: 1 (0x0)" in aws.openssl("x509", "-in", leaf, "-noout", "-text")
    made = iot.register_certificate(certificatePem=leaf.read_text(), status="ACTIVE")
    assert connects(control, iot, made["certificateArn"], (leaf, key)) is True
    # It is a leaf, and cannot be made an authority.
    with pytest.raises(iot.exceptions.CertificateValidationException):
        iot.register_ca_certificate(
            caCertificate=leaf.read_text(), certificateMode="SNI_ONLY")


def test_a_self_signed_certificate_is_taken_for_what_it_is(control, iot, tmp_path):
    key, pem = tmp_path / "self.key", tmp_path / "self.pem"
    aws.openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    aws.openssl("req", "-x509", "-new", "-key", key, "-subj", "/CN=plain", "-days", "100", "-out",
                pem)
    made = iot.register_certificate_without_ca(certificatePem=pem.read_text(), status="ACTIVE")
    assert connects(control, iot, made["certificateArn"], (pem, key)) is True
    # Nothing that it signs is let in.
    leaf = aws.signed_by(tmp_path, (key, pem), "below")
    with pytest.raises(iot.exceptions.CertificateValidationException):
        iot.register_certificate(certificatePem=leaf)


def test_policies_that_greengrass_asks_for_are_kept(iot):
    document = POLICY.replace('"iot:*"', '["iot:Connect", "iot:Publish", "greengrass:*"]')
    iot.create_policy(policyName="greengrass", policyDocument=document)
    with pytest.raises(iot.exceptions.MalformedPolicyException):
        iot.create_policy(policyName="other", policyDocument=POLICY.replace("iot:*", "ec2:*"))


def test_many_who_change_the_same_are_all_served(control, iot):
    iot.create_thing(thingName="raced")
    clients = [aws.client(control) for _ in range(24)]

    def change(pair):
        number, client = pair
        client.update_thing(thingName="raced", attributePayload={
            "attributes": {f"k{number}": "1"}, "merge": True})

    with ThreadPoolExecutor(24) as pool:
        list(pool.map(change, enumerate(clients)))
    assert len(iot.describe_thing(thingName="raced")["attributes"]) == 24


def test_a_body_that_is_too_long_is_refused_unread(control):
    connection = http.client.HTTPConnection("127.0.0.1", control.api_port, timeout=60)
    connection.putrequest("POST", "/things/too-long")
    connection.putheader("Content-Length", "99999999999999")
    connection.endheaders()
    connection.send(b"{}")
    response = connection.getresponse()
    assert (response.status, response.getheader("x-amzn-ErrorType")) == (
        400, "InvalidRequestException")
