"""Certificates of the customer's own CA: registered ahead, at their first CONNECT, by a template."""

import json
import subprocess
from pathlib import Path

import pytest

import aws
from device import Device, Refused
from gateway import slipway

ANYTHING = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]})
TEMPLATE = json.dumps({
    "Parameters": {
        "AWS::IoT::Certificate::CommonName": {"Type": "String"},
        "AWS::IoT::Certificate::Id": {"Type": "String"}},
    "Resources": {
        "thing": {"Type": "AWS::IoT::Thing", "Properties": {
            "ThingName": {"Ref": "AWS::IoT::Certificate::CommonName"}}},
        "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {
            "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "ACTIVE"}},
        "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": ANYTHING}}}})
NEEDS_COUNTRY = TEMPLATE.replace(
    '"Parameters": {', '"Parameters": {"AWS::IoT::Certificate::Country": {"Type": "String"}, ')

HAS_COUNTRY = NEEDS_COUNTRY.replace(
    '"AWS::IoT::Certificate::Country": {"Type": "String"}',
    '"AWS::IoT::Certificate::Country": {"Type": "String", "Default": "ZZ"}').replace(
    '"ThingName":',
    '"AttributePayload": {"country": {"Ref": "AWS::IoT::Certificate::Country"}}, "ThingName":')


@pytest.fixture(scope="module")
def iot(control):
    iot = aws.client(control)
    iot.create_policy(policyName="own-anything", policyDocument=ANYTHING)
    return iot


def leaf(folder, ca, name, usage="clientAuth", **more):
    """The files of a certificate and its key."""
    key, request, extensions = (Path(folder) / f"{name}.{end}" for end in ("key", "csr", "ext"))
    aws.openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    request.write_text(aws.openssl("req", "-new", "-key", key, "-subj", f"/CN={name}"))
    extensions.write_text(
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        f"extendedKeyUsage={usage}\n" + more.get("extension", ""))
    pem = Path(folder) / f"{name}.pem"
    pem.write_text(aws.openssl("x509", "-req", "-in", request, "-CA", ca[1], "-CAkey", ca[0],
                               "-days", more.get("days", "10"), "-extfile", extensions))
    return pem, key


def registered(iot, folder, name, automatic=False, config=None):
    """A CA of the customer's, ACTIVE, and its id."""
    ca = aws.authority(folder, name)
    more = {"registrationConfig": config} if config else {}
    answer = iot.register_ca_certificate(
        caCertificate=ca[1].read_text(), certificateMode="SNI_ONLY", setAsActive=True,
        allowAutoRegistration=automatic, **more)
    return ca, answer["certificateId"]


def publish(control, credentials, client):
    return subprocess.run(
        ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(control.port), "--cafile",
         str(control.ca), "--cert", str(credentials[0]), "--key", str(credentials[1]), "-i",
         client, "-q", "1", "-t", f"own/{client}", "-m", "hello"],
        capture_output=True, text=True, timeout=60)


def attach(iot, arn):
    iot.attach_policy(policyName="own-anything", target=arn)


def test_certificate_registered_with_its_ca_connects(control, iot, tmp_path):
    ca, _ = registered(iot, tmp_path, "own-with-ca")
    credentials = leaf(tmp_path, ca, "with-ca")
    assert publish(control, credentials, "with-ca").returncode != 0
    answer = iot.register_certificate(
        certificatePem=credentials[0].read_text(), caCertificatePem=ca[1].read_text(),
        status="ACTIVE")
    attach(iot, answer["certificateArn"])
    done = publish(control, credentials, "with-ca")
    assert done.returncode == 0, done.stderr


def test_certificate_registered_without_a_ca_connects(control, iot, tmp_path):
    ca = aws.authority(tmp_path, "never-registered")
    credentials = leaf(tmp_path, ca, "without-ca")
    assert publish(control, credentials, "without-ca").returncode != 0
    answer = iot.register_certificate_without_ca(
        certificatePem=credentials[0].read_text(), status="ACTIVE")
    attach(iot, answer["certificateArn"])
    done = publish(control, credentials, "without-ca")
    assert done.returncode == 0, done.stderr


def test_certificate_for_servers_is_no_clients(control, iot, tmp_path):
    ca, _ = registered(iot, tmp_path, "own-servers", automatic=True)
    credentials = leaf(tmp_path, ca, "a-server", usage="serverAuth")
    assert publish(control, credentials, "a-server").returncode != 0
    control.wait_for_log("does not say clientAuth")


def test_unknown_critical_extension_is_refused(control, iot, tmp_path):
    ca, _ = registered(iot, tmp_path, "own-critical", automatic=True)
    credentials = leaf(
        tmp_path, ca, "critical", extension="1.2.3.4=critical,ASN1:UTF8String:what\n")
    assert publish(control, credentials, "critical").returncode != 0
    control.wait_for_log(r"1\.2\.3\.4 is not understood")


def test_first_connection_registers_and_announces(control, iot, tmp_path):
    """JITR: PENDING_ACTIVATION, the event each time, and a working device once it is activated."""
    ca, authority = registered(iot, tmp_path, "own-jitr", automatic=True)
    watcher = leaf(tmp_path, ca, "watcher")
    answer = iot.register_certificate(certificatePem=watcher[0].read_text(), status="ACTIVE")
    attach(iot, answer["certificateArn"])
    credentials = leaf(tmp_path, ca, "jitr")
    topic = f"$aws/events/certificates/registered/{authority}"
    with Device(control, watcher, "watcher") as ears:
        ears.subscribe(topic)
        for _ in range(2):
            with pytest.raises(Refused):
                Device(control, credentials, "jitr").connect()
            heard, payload, _ = ears.messages.get(timeout=30)
            event = json.loads(payload)
            assert heard == topic
            assert set(event) == {
                "certificateId", "caCertificateId", "timestamp", "certificateStatus",
                "awsAccountId", "certificateRegistrationTimestamp"}
            assert event["certificateStatus"] == "PENDING_ACTIVATION"
            assert event["caCertificateId"] == authority
            assert isinstance(event["timestamp"], int)
            assert isinstance(event["certificateRegistrationTimestamp"], str)
    described = iot.describe_certificate(
        certificateId=event["certificateId"])["certificateDescription"]
    assert described["status"] == "PENDING_ACTIVATION"
    assert described["caCertificateId"] == authority
    iot.update_certificate(certificateId=event["certificateId"], newStatus="ACTIVE")
    attach(iot, described["certificateArn"])
    done = publish(control, credentials, "jitr")
    assert done.returncode == 0, done.stderr


def test_bare_handshake_registers_nothing(control, iot, tmp_path):
    ca, authority = registered(iot, tmp_path, "own-handshake", automatic=True)
    pem, key = leaf(tmp_path, ca, "handshake")
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{control.port}", "-cert", pem, "-key",
         key, "-CAfile", control.ca], input="", capture_output=True, text=True, timeout=60)
    assert "Verify return code: 0" in done.stdout
    assert iot.list_certificates_by_ca(caCertificateId=authority)["certificates"] == []


@pytest.mark.parametrize("named", [False, True])
def test_first_connection_by_template_is_accepted(control, iot, tmp_path, named):
    """JITP: registered, provisioned and accepted in one connection."""
    name = f"jitp-{'named' if named else 'body'}"
    config = {"templateBody": TEMPLATE}
    if named:
        iot.create_provisioning_template(
            templateName="own-jitp", templateBody=TEMPLATE, type="JITP", enabled=True,
            provisioningRoleArn="arn:aws:iam::000000000000:role/jitp")
        config = {"templateName": "own-jitp"}
    ca, _ = registered(iot, tmp_path, f"own-{name}", automatic=True, config=config)
    done = publish(control, leaf(tmp_path, ca, name), name)
    assert done.returncode == 0, done.stderr
    principals = iot.list_thing_principals(thingName=name)["principals"]
    assert len(principals) == 1
    identity = principals[0].rsplit("/", 1)[1]
    described = iot.describe_certificate(certificateId=identity)["certificateDescription"]
    assert described["status"] == "ACTIVE"
    record = json.loads(slipway(control, "cert", "show", identity, "--json"))
    kept = record["provenance"]
    assert kept["createdByClientId"] == kept["registration"]["clientId"] == name
    assert kept["registration"]["templateName"] == ("own-jitp" if named else None)
    assert kept["registration"]["templateVersion"] == (1 if named else None)
    by = "template own-jitp version 1" if named else "the template of its CA"
    assert record["statusReason"] == f"registered as {name} by {by}"


def test_template_that_can_bring_in_nobody_is_refused_with_its_ca(iot, tmp_path):
    """AWS: Invalid registration template, and not at the first device's CONNECT."""
    _, authority = registered(iot, tmp_path, "own-sound", config={"templateBody": TEMPLATE})
    unsound = {
        "nonsense": "is no JSON", "{}": "the template has no Resources",
        json.dumps({"templateBody": TEMPLATE}): "stands in templateBody",
        TEMPLATE.replace("AWS::IoT::Certificate::CommonName", "Serial"):
            "no certificate's subject fills 'Serial'"}
    for index, (body, words) in enumerate(unsound.items()):
        config = {"templateBody": body}
        with pytest.raises(iot.exceptions.InvalidRequestException) as refused:
            registered(iot, tmp_path, f"own-unsound-{index}", automatic=True, config=config)
        assert "/registrationConfig/templateBody" in str(refused.value)
        assert words in str(refused.value)
        with pytest.raises(iot.exceptions.InvalidRequestException) as refused:
            iot.update_ca_certificate(certificateId=authority, registrationConfig=config)
        assert words in str(refused.value)
    kept = iot.describe_ca_certificate(certificateId=authority)["registrationConfig"]
    assert kept["templateBody"] == TEMPLATE


def test_template_that_fails_leaves_the_certificate_waiting(control, iot, tmp_path):
    ca, authority = registered(
        iot, tmp_path, "own-failing", automatic=True, config={"templateBody": NEEDS_COUNTRY})
    assert publish(control, leaf(tmp_path, ca, "no-country"), "no-country").returncode != 0
    listed = iot.list_certificates_by_ca(caCertificateId=authority)["certificates"]
    assert [one["status"] for one in listed] == ["PENDING_ACTIVATION"]
    control.wait_for_log(r"\{Ref=AWS::IoT::Certificate::Country\}")


def test_a_default_stands_for_what_the_subject_lacks(control, iot, tmp_path):
    ca, _ = registered(
        iot, tmp_path, "own-default", automatic=True, config={"templateBody": HAS_COUNTRY})
    done = publish(control, leaf(tmp_path, ca, "by-default"), "by-default")
    assert done.returncode == 0, done.stderr
    assert iot.describe_thing(thingName="by-default")["attributes"] == {"country": "ZZ"}


def test_inactive_ca_brings_in_nobody(control, iot, tmp_path):
    ca, authority = registered(iot, tmp_path, "own-inactive", automatic=True)
    iot.update_ca_certificate(certificateId=authority, newStatus="INACTIVE")
    assert publish(control, leaf(tmp_path, ca, "inactive"), "inactive").returncode != 0
    assert iot.list_certificates_by_ca(caCertificateId=authority)["certificates"] == []
