"""What a policy says, asked of all who answer: the broker by what it does, TestAuthorization, and
`slipway policy simulate`. Documents are drawn at random; the seed is in every message."""

import json
import random
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

import aws
from device import Device, Key, Refused, store
from gateway import SLIPWAY

SUBJECT = {
    "Country": ["DE"], "Organization": ["Acme, Inc."], "OrganizationalUnit": ["a", "b"],
    "State": ["Bay+ern"], "CommonName": ["dev-1"], "SerialNumber": ["SN?1"]}
OIDS = {
    "Country": NameOID.COUNTRY_NAME, "Organization": NameOID.ORGANIZATION_NAME,
    "OrganizationalUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "State": NameOID.STATE_OR_PROVINCE_NAME, "CommonName": NameOID.COMMON_NAME,
    "SerialNumber": NameOID.SERIAL_NUMBER}
ATTRIBUTES = {"site": "plant/7", "odd": "a:b@c.d", "hash": "x#[1]=,"}
CHARACTERS_MAX = 2048
# Names that would widen a grant, were they ever read as wildcards or variables.
CLIENTS = ["dev-1", "dev-2", "+", "a/b", "*", "x${iot:ClientId}", "$x", "Pump"]
TOPICS = ["a", "a/b", "dev-1", "dev-2/a", "Pump/x", "plant/7/a", "a:b@c.d", "*", "?", "a/*",
          "dev-1/Pump", "$aws/things/a"]
FILTERS = TOPICS + ["+", "#", "a/+", "a/#", "+/a", "dev-1/#", "+/+", "plant/7/#", "$share/g/a"]
THING = "iot:Connection.Thing"
CERTIFICATE = "iot:Certificate.Subject"
VARIABLES = ["iot:ClientId", f"{THING}.ThingName", f"{THING}.ThingTypeName", "*", "?", "$"] + [
    f"{THING}.Attributes[{name}]" for name in [*ATTRIBUTES, "none"]] + [
    f"{CERTIFICATE}.{name}" for name in [
        *SUBJECT, "OrganizationalUnit.1", "OrganizationalUnit.2", "OrganizationalUnit.List"]]
WORDS = ["a", "b", "+", "#", "*", "?", "dev-1", "Pump", "plant/7", "x"]
KINDS = {"iot:Connect": "client", "iot:Publish": "topic", "iot:Receive": "topic",
         "iot:Subscribe": "topicfilter"}
KEYS = ["iot:ClientId", f"{THING}.ThingName", f"{THING}.Attributes[site]",
        f"{THING}.Attributes[none]", f"{CERTIFICATE}.CommonName",
        f"{CERTIFICATE}.OrganizationalUnit.List", "iot:Certificate.AvailableKeys"]
OPERANDS = ["dev-1", "DEV-1", "dev-*", "plant*", "a", "*", "${iot:ClientId}",
            f"${{{THING}.ThingName}}", f"{CERTIFICATE}.CommonName"]


class Documents:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def name(self, least=1):
        return "/".join(
            f"${{{self.random.choice(VARIABLES)}}}" if self.random.random() < 0.4
            else self.random.choice(WORDS) for _ in range(self.random.randint(least, 3)))

    def condition(self):
        key = self.random.choice(KEYS)
        name = self.random.choice(
            ["StringEquals", "StringNotEquals", "StringLike", "StringEqualsIgnoreCase", "Null"])
        if name == "Null":
            return {name: {key: self.random.choice(["true", "false"])}}
        quantifier = self.random.choice(["ForAllValues:", "ForAnyValue:"])
        is_set = key.endswith(("List", "AvailableKeys"))
        return {(quantifier if is_set else "") + name + self.random.choice(["", "IfExists"]): {
            key: self.random.choice(OPERANDS)}}

    def statement(self):
        action = self.random.choice(list(KINDS))
        resources = [
            "*" if self.random.random() < 0.1 else aws.arn(f"{KINDS[action]}/{self.name()}")
            for _ in range(self.random.randint(1, 3))]
        statement = {
            "Effect": self.random.choice(["Allow", "Allow", "Allow", "Deny"]),
            "Action": self.random.choice([action, action, "iot:*"]),
            self.random.choice(["Resource"] * 8 + ["NotResource"]): resources}
        if self.random.random() < 0.3:
            statement["Condition"] = self.condition()
        return statement

    def document(self):
        """One that is short enough."""
        while True:
            text = self.any_document()
            if len("".join(text.split())) <= CHARACTERS_MAX:
                return text

    def any_document(self):
        statements = [self.statement() for _ in range(self.random.randint(1, 4))]
        if self.random.random() < 0.8:
            statements.append({"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"})
        return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.fixture(scope="module")
def fleet(control, tmp_path_factory):
    """A certificate for two things, of which one is in a group below another."""
    folder = tmp_path_factory.mktemp("policies")
    iot = aws.client(control)
    key = Key()
    name = x509.Name([x509.NameAttribute(OIDS[field], value)
                      for field, values in SUBJECT.items() for value in values])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(
        key.private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    made = iot.create_certificate_from_csr(
        certificateSigningRequest=request, setAsActive=True)
    iot.create_thing_type(thingTypeName="Pump")
    iot.create_thing_group(thingGroupName="pol-root")
    iot.create_thing_group(thingGroupName="pol-leaf", parentGroupName="pol-root")
    for thing in ["dev-1", "dev-2"]:
        iot.create_thing(thingName=thing, thingTypeName="Pump", attributePayload={
            "attributes": ATTRIBUTES})
        iot.attach_thing_principal(thingName=thing, principal=made["certificateArn"])
    iot.add_thing_to_thing_group(thingName="dev-1", thingGroupName="pol-leaf")
    targets = {"cert": made["certificateArn"], "root": aws.arn("thinggroup/pol-root"),
               "leaf": aws.arn("thinggroup/pol-leaf")}
    for policy, target in targets.items():
        iot.create_policy(policyName=f"pol-{policy}", policyDocument=json.dumps({
            "Version": "2012-10-17",
            "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}))
        iot.attach_policy(policyName=f"pol-{policy}", target=target)
    issuer = x509.load_pem_x509_certificate(made["certificatePem"].encode()).issuer
    fields = {f"Subject.{field}": values for field, values in SUBJECT.items()}
    fields["Issuer.CommonName"] = [
        part.value for part in issuer.get_attributes_for_oid(NameOID.COMMON_NAME)]
    fields["SerialNumber"] = "0a"
    return iot, folder, made["certificateArn"], store(
        folder, "dev-1", made["certificatePem"], key.pem), fields


def questions():
    return [("publish", "PUBLISH", topic, aws.arn(f"topic/{topic}")) for topic in TOPICS] + [
        ("subscribe", "SUBSCRIBE", text, aws.arn(f"topicfilter/{text}")) for text in FILTERS]


def decided(iot, certificate, client, asked):
    decisions = []
    for start in range(0, len(asked), 10):
        results = iot.test_authorization(principal=certificate, clientId=client, authInfos=[
            {"actionType": kind, "resources": [resource]}
            for _, kind, _, resource in asked[start:start + 10]])["authResults"]
        decisions += [result["authDecision"] for result in results]
    return decisions


def simulated(folder, fields, client, asked):
    row = {"clientId": client, "certificate": fields}
    if client in ["dev-1", "dev-2"]:
        row |= {"thing": client, "thingType": "Pump", "attributes": ATTRIBUTES}
    row["policies"] = [
        f"{name}.json" for name in ["cert", "root", "leaf"]
        if name == "cert" or client == "dev-1"]
    rows = folder / "who.json"
    rows.write_text(json.dumps({
        "connections": {"device": row},
        "questions": [f"{verb} {name}" for verb, _, name, _ in asked]}))
    done = subprocess.run(
        [str(SLIPWAY), "policy", "simulate", str(folder / "cert.json"), "--matrix", "--json",
         "--connections", str(rows)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["rows"][0]["decisions"]


def done(device, verb, name):
    """Whether the broker lets it happen."""
    if verb == "subscribe":
        return device.subscribe(name)[0] < 128
    return device.publish(name) < 128


@pytest.mark.parametrize("seed", range(4))
def test_broker_test_authorization_and_simulate_agree(control, fleet, seed):
    iot, folder, certificate, credentials, fields = fleet
    documents = Documents(seed)
    for name in ["cert", "root", "leaf"]:
        text = documents.document()
        (folder / f"{name}.json").write_text(text)
        iot.create_policy_version(
            policyName=f"pol-{name}", policyDocument=text, setAsDefault=True)
    for client in CLIENTS:
        asked = [("connect", "CONNECT", client, aws.arn(f"client/{client}")), *questions()]
        policies = decided(iot, certificate, client, asked)
        cells = simulated(folder, fields, client, asked)
        # Of policies alone, both say the same.
        assert [cell.get("policyDecision", cell["decision"]) for cell in cells] == policies, (
            f"seed {seed}, {client}")
        try:
            device = Device(control, credentials, client_id=client).connect()
        except Refused:
            assert cells[0]["decision"] != "ALLOWED", f"seed {seed}, {client}"
            continue
        happened = [True] + [done(device, verb, name) for verb, _, name, _ in asked[1:]]
        device.__exit__()
        differing = [
            (verb, name, cell, what) for (verb, _, name, _), cell, what
            in zip(asked, cells, happened) if (cell["decision"] == "ALLOWED") != what]
        assert not differing, f"seed {seed}, {client}"
