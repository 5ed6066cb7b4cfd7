"""What AWS refuses of templates and of claims for them, and what it leaves out of listings."""

import json

import botocore.exceptions
import pytest

import aws
from test_aws_model import ROLE, TEMPLATE
from test_cli import slipway
from test_own_authority import TEMPLATE as JITP_TEMPLATE

HOOK = {"targetArn": "arn:aws:lambda:local:000000000000:function:serial-allowlist"}


@pytest.fixture(scope="module")
def iot(control):
    return aws.client(control, config={"parameter_validation": False})


@pytest.fixture(scope="module")
def template(iot):
    iot.create_provisioning_template(
        templateName="rules", templateBody=TEMPLATE, provisioningRoleArn=ROLE, enabled=True)
    return "rules"


def refused(operation, **members):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        operation(**members)
    response = caught.value.response
    assert response["Error"]["Code"] == "InvalidRequestException", response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return response["Error"]["Message"]


def test_a_role_is_asked_for(iot):
    common = {"templateName": "rules-role", "templateBody": TEMPLATE}
    assert "/provisioningRoleArn is missing" in refused(
        iot.create_provisioning_template, **common)
    assert "20 to 2048" in refused(
        iot.create_provisioning_template, provisioningRoleArn="short", **common)
    assert "control character" in refused(
        iot.create_provisioning_template, provisioningRoleArn=ROLE, description="\u0007", **common)
    iot.create_provisioning_template(provisioningRoleArn=ROLE, **common)
    described = iot.describe_provisioning_template(templateName="rules-role")
    assert described["provisioningRoleArn"] == ROLE
    assert "description" not in described
    # One from a file has none of its own, and tells one all the same.
    assert iot.describe_provisioning_template(
        templateName="demo-sensor")["provisioningRoleArn"].startswith("arn:aws:iam::")


def test_a_template_that_asks_no_hook_has_none(iot, template):
    common = {"templateBody": JITP_TEMPLATE, "provisioningRoleArn": ROLE}
    assert "JITP" in refused(
        iot.create_provisioning_template, templateName="rules-hook", type="JITP",
        preProvisioningHook=HOOK, **common)
    iot.create_provisioning_template(templateName="rules-jitp", type="JITP", **common)
    assert "JITP" in refused(
        iot.update_provisioning_template, templateName="rules-jitp", preProvisioningHook=HOOK)
    assert "exclude" in refused(
        iot.update_provisioning_template, templateName=template, preProvisioningHook=HOOK,
        removePreProvisioningHook=True)
    assert "no claim registers by it" in refused(
        iot.create_provisioning_claim, templateName="rules-jitp")


def test_a_template_that_is_disabled_has_no_claims(iot, template):
    iot.update_provisioning_template(templateName=template, enabled=False)
    assert "enable it first" in refused(
        iot.create_provisioning_claim, templateName=template)
    iot.update_provisioning_template(templateName=template, enabled=True)
    iot.create_provisioning_claim(templateName=template)


def test_a_claim_for_minutes_is_in_no_listing_of_aws(iot, control, template):
    made = iot.create_provisioning_claim(templateName=template)["certificateId"]
    pages = iot.get_paginator("list_certificates").paginate()
    assert made not in [c["certificateId"] for page in pages for c in page["certificates"]]
    listed = json.loads(slipway(
        "cert", "list", "--where", "kind=temporaryClaim", "--json", directory=control.directory).stdout)
    assert made in json.dumps(listed)


def test_a_certificate_that_is_there_is_named(iot, tmp_path):
    pem = aws.signed_by(tmp_path, aws.authority(tmp_path), "twice")
    made = iot.register_certificate_without_ca(certificatePem=pem, status="ACTIVE")
    with pytest.raises(iot.exceptions.ResourceAlreadyExistsException) as caught:
        iot.register_certificate_without_ca(certificatePem=pem, status="ACTIVE")
    response = caught.value.response
    assert response["resourceId"] == made["certificateId"]
    assert response["resourceArn"] == made["certificateArn"]


def test_attributes_without_a_type_can_be_few(make_gateway):
    iot = aws.client(make_gateway(settings={"registry-attributes-without-type": "3"}).start())

    def attributes(count):
        return {"attributes": {f"a{number}": "x" for number in range(count)}}

    iot.create_thing_type(thingTypeName="Any")
    iot.create_thing(thingName="three", attributePayload=attributes(3))
    assert "at most 3 attributes" in refused(
        iot.create_thing, thingName="four", attributePayload=attributes(4))
    assert "at most 3 attributes" in refused(
        iot.update_thing, thingName="three",
        attributePayload={"attributes": {"more": "x"}, "merge": True})
    iot.create_thing(thingName="typed", thingTypeName="Any", attributePayload=attributes(50))


def test_the_audit_log_is_read_from_elsewhere(iot, control):
    key, secret = aws.credentials(control)
    iot.create_thing(thingName="audited-from-afar")
    done = slipway(
        "audit", "list", "--json", "--endpoint-url", control.api,
        environment={"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret})
    far = [json.loads(line) for line in done.stdout.splitlines()]
    near = [json.loads(line) for line in slipway(
        "audit", "list", "--json", directory=control.directory).stdout.splitlines()]
    assert far == near[:len(far)]
    assert [record["sequence"] for record in far] == list(range(1, len(far) + 1))
    refusal = slipway("audit", "verify", "--endpoint-url", control.api, status=1)
    assert "without --endpoint-url" in refusal.stderr


def test_a_hook_that_does_not_load_is_not_stored(make_gateway, tmp_path):
    gateway = make_gateway()
    (gateway.directory / "Hooks/broken.lua").write_text("x = = 1")
    for command in ("init", "serve"):
        done = gateway.run(command, check=False)
        assert done.returncode != 0
        assert "the hook 'broken' does not load" in done.stderr
    (gateway.directory / "Hooks/broken.lua").unlink()
    assert "broken" not in slipway("hook", "list", directory=gateway.directory).stdout
