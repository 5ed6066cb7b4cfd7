"""A whole fleet in files: exported, applied to a service that has nothing, and the same again."""

import json
import os
import re
import shutil
import subprocess

import aws
import aws_account
from gateway import SLIPWAY
from test_cli import DOCUMENT, slipway

ROLE = "arn:aws:iam::000000000000:role/provisioning"
FUNCTION = f"arn:aws:lambda:eu-west-1:{aws_account.ACCOUNT}:function:signer"
HOOK = "return function(request)\n  return { allowProvisioning = %s }\nend\n"


def template(status):
    return json.dumps({
        "Parameters": {"SerialNumber": {"Type": "String"},
                       "AWS::IoT::Certificate::Id": {"Type": "String"}},
        "Resources": {
            "thing": {"Type": "AWS::IoT::Thing", "Properties": {
                "ThingName": {"Ref": "SerialNumber"}}},
            "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {
                "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": status}},
            "policy": {"Type": "AWS::IoT::Policy", "Properties": {
                "PolicyDocument": DOCUMENT.replace("iot:Connect", "iot:*")}}}})


def versions(iot):
    """Policies and templates with a past, and with a version made ahead of its time."""
    iot.create_policy(policyName="aged", policyDocument=DOCUMENT,
                      tags=[{"Key": "owner", "Value": "works"}])
    for action in ("iot:Publish", "iot:Receive", "iot:Subscribe"):
        iot.create_policy_version(
            policyName="aged", policyDocument=DOCUMENT.replace("iot:Connect", action))
    iot.set_default_policy_version(policyName="aged", policyVersionId="3")
    iot.delete_policy_version(policyName="aged", policyVersionId="2")
    iot.create_provisioning_template(
        templateName="aged", templateBody=template("ACTIVE"), enabled=True,
        provisioningRoleArn=ROLE, tags=[{"Key": "a", "Value": "b"}])
    iot.create_provisioning_template_version(
        templateName="aged", templateBody=template("INACTIVE"), setAsDefault=True)
    iot.create_provisioning_template_version(
        templateName="aged", templateBody=template("ACTIVE"))


def registry(iot, run, folder):
    iot.update_indexing_configuration(thingIndexingConfiguration={
        "thingIndexingMode": "REGISTRY", "thingConnectivityIndexingMode": "STATUS",
        "customFields": [{"name": "attributes.temp", "type": "Number"}]})
    iot.update_event_configurations(eventConfigurations={"THING": {"Enabled": True}})
    iot.create_thing_type(thingTypeName="Pump", tags=[{"Key": "k", "Value": "v"}])
    iot.create_billing_group(billingGroupName="cost", tags=[{"Key": "k", "Value": "w"}])
    iot.create_thing_group(thingGroupName="site", tags=[{"Key": "k", "Value": "x"}])
    iot.create_thing_group(thingGroupName="hall", parentGroupName="site")
    iot.create_dynamic_thing_group(thingGroupName="hot", queryString="attributes.temp>60")
    iot.create_thing(thingName="pump-1", thingTypeName="Pump", billingGroupName="cost",
                     attributePayload={"attributes": {"temp": "70"}})
    iot.add_thing_to_thing_group(thingGroupName="hall", thingName="pump-1")
    for status in ("ACTIVE", "INACTIVE", "REVOKED"):
        made = iot.create_keys_and_certificate(setAsActive=True)
        iot.attach_policy(policyName="aged", target=made["certificateArn"])
        iot.attach_thing_principal(thingName="pump-1", principal=made["certificateArn"])
        iot.update_certificate(certificateId=made["certificateId"], newStatus=status)
    ca = aws.authority(folder)
    iot.register_ca_certificate(
        caCertificate=ca[1].read_text(), certificateMode="SNI_ONLY", setAsActive=True,
        tags=[{"Key": "k", "Value": "y"}])
    iot.register_certificate(certificatePem=aws.signed_by(folder, ca, "leaf"), status="ACTIVE")
    document = folder / "role.json"
    document.write_text(json.dumps({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "iot:Describe*", "Resource": "*"}}))
    run("access", "role", "put", "viewer", document)


def lines(run, folder):
    """What AWS has not: hooks, allowlists, claims."""
    for verdict in ("false", "true"):
        hook = folder / "judge.lua"
        hook.write_text(HOOK % verdict)
        run("hook", "put", "judge", hook)
    run("hook", "disable", "judge")
    units = folder / "units.csv"
    units.write_text('serial,mac,lot,"note, of the line"\nA-1,00:11:22:33:44:55,L1,"say ""x"""\n'
                     "A-2,,L1,\nA-3,,,\nA-4,,,\n")
    run("allowlist", "import", "line", units)
    run("allowlist", "block", "line", "A-2", "--reason", "lost")
    run("allowlist", "hold", "line", "A-3")
    for name, options in (("line", ["--budget", "10", "--network", "127.0.0.0/8"]),
                          ("old", [])):
        run("claim", "create", name, "--template", "aged", "--output", folder / name, *options)
    run("claim", "revoke", "old", "--reason", "leaked")


def provision(gateway, claim, count, *options):
    done = subprocess.run(
        [str(SLIPWAY), "simulate", "--endpoint", f"127.0.0.1:{gateway.port}", "--template", "aged",
         "--claim-cert", f"{claim}.pem", "--claim-key", f"{claim}.key", "--ca", str(gateway.ca),
         "--devices", str(count), "--flow", "csr", "--json", *options],
        capture_output=True, text=True, timeout=120)
    return json.loads(done.stdout)


def export(gateway, folder):
    slipway("export", folder, directory=gateway.directory)
    return {str(path.relative_to(folder)): path.read_text()
            for path in folder.rglob("*") if path.is_file()}


def test_a_fleet_that_was_lost_comes_back_the_same(make_gateway, tmp_path):
    one = make_gateway(templates={}, hooks={}).start()
    iot = aws.client(one)
    versions(iot)
    registry(iot, lambda *words: slipway(*words, directory=one.directory), tmp_path)
    lines(lambda *words: slipway(*words, directory=one.directory), tmp_path)
    iot.update_provisioning_template(templateName="aged", defaultVersionId=1)
    provisioned = provision(one, tmp_path / "line", 3)
    assert provisioned["provisioned"] == 3, provisioned
    iot.update_provisioning_template(templateName="aged", defaultVersionId=2)
    # A station may be a thing itself, by its claim's certificate.
    shown = json.loads(slipway("claim", "show", "line", "--json", directory=one.directory).stdout)
    iot.attach_thing_principal(thingName="pump-1", principal=aws.arn(
        f"cert/{shown['certificates'][0]['certificateId']}"))
    revoked = [line["certificateId"] for line in iot.list_certificates()["certificates"]
               if line["status"] == "REVOKED"]
    before = export(one, tmp_path / "before")
    assert not any("PRIVATE KEY" in text for text in before.values())
    assert set(folder.split("/")[0] for folder in before) == {
        "roles", "hooks", "policies", "types", "billing-groups", "groups", "templates",
        "authorities", "certificates.jsonl", "allowlists", "claims", "things.jsonl", "settings"}
    assert json.loads(before["claims/line.json"])["spent"] == 3
    aged = json.loads(before["policies/aged.json"])
    assert [aged["document"]["Statement"]["Action"],
            aged["olderVersions"][0]["Statement"]["Action"],
            aged["newerVersions"][0]["Statement"]["Action"]] == [
        "iot:Receive", "iot:Connect", "iot:Subscribe"]
    assert one.stop() == 0

    # Keys are kept elsewhere, as they must be; the database is gone.
    shutil.copytree(one.directory / "pki", tmp_path / "gateway-1" / "pki")
    two = make_gateway(templates={}, hooks={}).start()
    plan = json.loads(slipway(
        "apply", tmp_path / "before", "--plan", "--json", directory=two.directory).stdout)
    assert plan["failures"] == [] and plan["done"] == 0
    first = json.loads(slipway(
        "apply", tmp_path / "before", "--yes", "--json", directory=two.directory).stdout)
    assert first["failures"] == [] and first["done"] == len(plan["changes"])
    after = export(two, tmp_path / "after")
    assert after == before
    second = json.loads(slipway(
        "apply", tmp_path / "before", "--yes", "--json", directory=two.directory).stdout)
    assert (second["changes"], second["failures"]) == ([], [])

    # What the authority has revoked stays revoked, and the claim's holder goes on under its budget.
    assert {row[0] for row in two.query(
        "SELECT certificate FROM revocations WHERE issuer_id IS NOT NULL")} >= set(revoked)
    aws.client(two).update_provisioning_template(templateName="aged", defaultVersionId=1)
    again = provision(two, tmp_path / "line", 1, "--serials", "NEW-{n:06}")
    assert again["provisioned"] == 1, again
    shown = json.loads(slipway("claim", "show", "line", "--json", directory=two.directory).stdout)
    assert (shown["spent"], shown["remaining"]) == (4, 6)


def test_an_account_is_imported_page_by_page_and_patiently(make_gateway, tmp_path):
    names = [f"pump-{number}" for number in range(5)]
    answers = {
        ("GET", "/policies"): ("policies", "marker", [
            {"policyName": name, "policyArn": aws_account.arn(f"policy/{name}")} for name in names]),
        ("GET", "/thing-types"): ("thingTypes", "token", [{"thingTypeName": "Pump"}]),
        ("GET", "/thing-types/Pump"): {
            "thingTypeName": "Pump", "thingTypeArn": aws_account.arn("thingtype/Pump"),
            "thingTypeProperties": {"thingTypeDescription": "moves water"},
            "thingTypeMetadata": {"deprecated": False}},
        ("GET", "/billing-groups"): ("billingGroups", "token", []),
        ("GET", "/thing-groups"): ("thingGroups", "token", [
            {"groupName": name} for name in ("site", "hall", "annex", "yard")]),
        ("GET", "/provisioning-templates"): ("templates", "token", []),
        ("GET", "/cacertificates"): ("certificates", "marker", []),
        ("GET", "/things"): ("things", "token", [{"thingName": name} for name in names]),
        ("GET", "/certificate-providers/"): ("certificateProviders", "token", [
            {"certificateProviderName": "works"}]),
        ("GET", "/certificate-providers/works"): {
            "certificateProviderName": "works", "lambdaFunctionArn": FUNCTION,
            "certificateProviderArn": aws_account.arn("certificateprovider:works"),
            "accountDefaultForOperations": ["CreateCertificateFromCsr"]},
    }
    for name in names:
        document = DOCUMENT.replace('"*"', f'"{aws_account.arn(f"client/{name}")}"')
        answers["GET", f"/policies/{name}"] = {
            "policyName": name, "policyArn": aws_account.arn(f"policy/{name}"),
            "policyDocument": document, "defaultVersionId": "1"}
        answers["GET", f"/policies/{name}/version"] = {
            "policyVersions": [{"versionId": "1", "isDefaultVersion": True}]}
        answers["GET", f"/things/{name}"] = {
            "thingName": name, "thingTypeName": "Pump", "attributes": {"site": "a"}, "version": 1}
        answers["GET", f"/things/{name}/thing-groups"] = ("thingGroups", "token", [
            {"groupName": "hall"}, {"groupName": "annex"}, {"groupName": "yard"}])
        answers["GET", f"/things/{name}/principals-v2"] = ("thingPrincipalObjects", "token", [])
    for name, parent in (("site", None), ("hall", "site"), ("annex", None), ("yard", None)):
        metadata = {"parentGroupName": parent} if parent else {}
        answers["GET", f"/thing-groups/{name}"] = {
            "thingGroupName": name, "thingGroupArn": aws_account.arn(f"thinggroup/{name}"),
            "thingGroupMetadata": metadata, "thingGroupProperties": {}}
        answers["POST", f"/attached-policies/{aws_account.arn(f'thinggroup/{name}')}"] = (
            "policies", "marker",
            [{"policyName": other} for other in names] if name == "site" else [])

    one = make_gateway().start()
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    with aws_account.Account(answers) as account:
        words = ("import", "aws", "--endpoint-url", account.url, "--region", "eu-west-1",
                 "--yes", "--json")
        # The function of a certificate provider is a webhook here, which has to be there.
        early = json.loads(slipway(
            *words[:-2], "--plan", "--json", status=2, environment=keys,
            directory=one.directory).stdout)
        assert [failure["message"] for failure in early["failures"]] == [
            "aws/certificate-providers/works.json: it needs the hook 'signer', which is neither "
            "there nor declared well"]
        hook = tmp_path / "signer.json"
        hook.write_text(json.dumps({"url": "https://localhost:1/sign", "secret": "line"}))
        (one.directory / "pki/webhooks").mkdir()
        (one.directory / "pki/webhooks/line").write_text("the-secret-of-two-services\n")
        slipway("hook", "put", "signer", hook, directory=one.directory)
        account.calls.clear()
        done = slipway(*words, environment=keys, directory=one.directory)
        first = json.loads(done.stdout)
        # What it allows there is allowed nobody here, and nothing else would say so.
        assert f"name arn:aws:iot:eu-west-1:{aws_account.ACCOUNT}:" in done.stderr
        second = json.loads(slipway(
            *words, environment=keys, directory=one.directory).stdout)
    assert first["failures"] == [] and (second["changes"], second["failures"]) == ([], [])
    assert {change["name"] for change in first["changes"]} >= {*names, "Pump", "site", "hall"}
    assert account.unsigned == 0 and account.throttled > 20
    pages = [query for _, path, query in account.calls if path == "/things"]
    assert [query.get("nextToken") for query in pages] == [None, "2", "4"] * 2
    iot = aws.client(one)
    assert len(iot.list_attached_policies(
        target=aws.arn("thinggroup/site"))["policies"]) == len(names)
    provider = iot.describe_certificate_provider(certificateProviderName="works")
    assert provider["lambdaFunctionArn"] == FUNCTION
    groups = iot.list_thing_groups_for_thing(thingName="pump-3")["thingGroups"]
    assert sorted(group["groupName"] for group in groups) == ["annex", "hall", "yard"]


def test_a_file_is_a_list_and_a_claim_without_keys_gets_its_first(make_gateway, tmp_path):
    one = make_gateway().start()

    def run(*words):
        return slipway(*words, directory=one.directory).stdout

    folder = tmp_path / "fleet"
    (folder / "allowlists").mkdir(parents=True)
    (folder / "claims").mkdir()
    (folder / "allowlists/line.csv").write_text("serial,lot\nA-1,L1\nA-2,L1\n")
    (folder / "claims/line.json").write_text(json.dumps(
        {"templates": ["demo-sensor"], "budget": 5, "status": "DISABLED"}))

    def applied(status=0):
        return json.loads(slipway(
            "apply", folder, "--yes", "--json", status=status, directory=one.directory).stdout)

    assert applied()["done"] == 2
    assert applied()["changes"] == []
    run("allowlist", "add", "line", "A-3")
    (folder / "claims/line.json").write_text(json.dumps(
        {"templates": ["demo-sensor"], "budget": 6}))
    assert [change["name"] for change in applied()["changes"]] == ["line", "line"]
    assert applied()["changes"] == []
    assert re.findall("A-.", run("allowlist", "show", "line", "--entries")) == ["A-1", "A-2"]
    shown = json.loads(run("claim", "show", "line", "--json"))
    assert (shown["budget"], shown["status"], shown["certificates"]) == (6, "ACTIVE", [])
    run("claim", "rotate", "line", "--output", tmp_path / "line")
    assert os.path.exists(tmp_path / "line.key")
    assert applied()["changes"] == []
    # An older file brings nothing back that is revoked, and its plan does not say so.
    run("claim", "revoke", "line", "--reason", "lost")
    failed = applied(status=1)
    assert (failed["changes"], failed["done"]) == ([], 0)
    assert "the claim is REVOKED, for good" in failed["failures"][0]["message"]
    (folder / "claims/line.json").unlink()
    (folder / "allowlists/line.csv").write_text("serial\nA-1\nA 2\x07\n")
    failed = applied(status=1)
    assert "allowlists/line.csv: line 3" in failed["failures"][0]["message"]
