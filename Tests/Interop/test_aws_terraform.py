"""The calls of Terraform's AWS provider, resource by resource, replayed through boto3.

Create, read, import (a read by the id alone), update, destroy, and what the provider concludes
from the answers: a read after a change must show what was asked for and nothing else, or the next
plan is not empty; a refusal must be the class, and where it looks for words the words, that it
tries again on.
"""

import json

import pytest

import aws
import test_aws_model as model

ROLE = "arn:aws:iam::000000000000:role/provisioning"
TAGS = [{"Key": "team", "Value": "line"}]


def policy(action):
    return json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": [action], "Resource": "*"}]})


@pytest.fixture(scope="module")
def iot(control):
    return aws.client(control)


def check_tags(iot, arn):
    """aws_iot_*.tags: listed, changed one by one, taken away."""
    assert iot.list_tags_for_resource(resourceArn=arn)["tags"] == TAGS
    iot.untag_resource(resourceArn=arn, tagKeys=["team"])
    iot.tag_resource(resourceArn=arn, tags=[{"Key": "team", "Value": "other"}])
    assert iot.list_tags_for_resource(resourceArn=arn)["tags"] == [
        {"Key": "team", "Value": "other"}]
    iot.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert iot.list_tags_for_resource(resourceArn=arn)["tags"] == []


def test_aws_iot_thing(iot):
    iot.create_thing_type(thingTypeName="tf-of", thingTypeProperties={})
    iot.create_thing(thingName="tf-thing", thingTypeName="tf-of",
                     attributePayload={"attributes": {"One": "11111", "Two": "TwoTwo"}})
    read = iot.describe_thing(thingName="tf-thing")
    assert (read["defaultClientId"], read["version"]) == ("tf-thing", 1)
    assert read["thingArn"] == aws.arn("thing/tf-thing")
    iot.update_thing(thingName="tf-thing", removeThingType=True,
                     attributePayload={"attributes": {"Three": "333"}})
    read = iot.describe_thing(thingName="tf-thing")
    assert read["attributes"] == {"Three": "333"} and "thingTypeName" not in read
    # No attributes any more: the provider sends an empty map.
    iot.update_thing(thingName="tf-thing", attributePayload={"attributes": {}})
    assert iot.describe_thing(thingName="tf-thing")["attributes"] == {}
    iot.delete_thing(thingName="tf-thing")
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_thing(thingName="tf-thing")


def test_aws_iot_thing_type(iot):
    made = iot.create_thing_type(thingTypeName="tf-type-1", tags=TAGS, thingTypeProperties={
        "thingTypeDescription": "d", "searchableAttributes": ["a", "b"]})
    read = iot.describe_thing_type(thingTypeName="tf-type-1")
    assert read["thingTypeProperties"]["thingTypeDescription"] == "d"
    assert sorted(read["thingTypeProperties"]["searchableAttributes"]) == ["a", "b"]
    check_tags(iot, made["thingTypeArn"])
    for undo in (False, True):
        iot.deprecate_thing_type(thingTypeName="tf-type-1", undoDeprecate=undo)
        read = iot.describe_thing_type(thingTypeName="tf-type-1")
        assert read["thingTypeMetadata"]["deprecated"] is not undo
    # Destroy: deprecate, then ask until these words are gone, for six minutes.
    iot.deprecate_thing_type(thingTypeName="tf-type-1")
    with pytest.raises(iot.exceptions.InvalidRequestException) as refused:
        iot.delete_thing_type(thingTypeName="tf-type-1")
    assert "Please wait for 5 minutes after deprecation and then retry" in str(refused.value)


def test_aws_iot_thing_group(iot):
    iot.create_thing_group(thingGroupName="tf-root")
    iot.create_thing_group(thingGroupName="tf-parent", parentGroupName="tf-root")
    made = iot.create_thing_group(
        thingGroupName="tf-group", parentGroupName="tf-parent", tags=TAGS)
    read = iot.describe_thing_group(thingGroupName="tf-group")
    # "properties.#" is 0 where the configuration has none.
    assert read["thingGroupProperties"] == {}
    metadata = read["thingGroupMetadata"]
    assert metadata["parentGroupName"] == "tf-parent"
    assert [group["groupName"] for group in metadata["rootToParentThingGroups"]] == [
        "tf-root", "tf-parent"]
    check_tags(iot, made["thingGroupArn"])
    iot.update_thing_group(
        thingGroupName="tf-group", expectedVersion=read["version"], thingGroupProperties={
            "thingGroupDescription": "d", "attributePayload": {"attributes": {"Key1": "Value1"}}})
    read = iot.describe_thing_group(thingGroupName="tf-group")
    assert read["thingGroupProperties"] == {
        "thingGroupDescription": "d", "attributePayload": {"attributes": {"Key1": "Value1"}}}
    iot.update_thing_group(
        thingGroupName="tf-group", expectedVersion=read["version"], thingGroupProperties={
            "thingGroupDescription": "d", "attributePayload": {"attributes": {}}})
    read = iot.describe_thing_group(thingGroupName="tf-group")
    assert read["thingGroupProperties"] == {"thingGroupDescription": "d"}
    # Parents and children go at the same time: the provider asks again while a child is there.
    with pytest.raises(iot.exceptions.InvalidRequestException) as refused:
        iot.delete_thing_group(thingGroupName="tf-parent")
    assert "there are still child groups attached" in str(refused.value)
    for name in ("tf-group", "tf-parent", "tf-root", "tf-root"):
        iot.delete_thing_group(thingGroupName=name)
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_thing_group(thingGroupName="tf-group")


def test_aws_iot_thing_group_membership(iot):
    iot.create_thing(thingName="tf-member")
    iot.create_thing_group(thingGroupName="tf-members")
    iot.add_thing_to_thing_group(
        thingGroupName="tf-members", thingName="tf-member", overrideDynamicGroups=False)
    pages = iot.get_paginator("list_thing_groups_for_thing").paginate(thingName="tf-member")
    assert [group["groupName"] for page in pages for group in page["thingGroups"]] == [
        "tf-members"]
    for _ in range(2):
        iot.remove_thing_from_thing_group(thingGroupName="tf-members", thingName="tf-member")
    assert iot.list_thing_groups_for_thing(thingName="tf-member")["thingGroups"] == []
    iot.delete_thing(thingName="tf-member")
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.list_thing_groups_for_thing(thingName="tf-member")
    iot.delete_thing_group(thingGroupName="tf-members")


def test_aws_iot_billing_group(iot):
    made = iot.create_billing_group(billingGroupName="tf-bill", tags=TAGS)
    read = iot.describe_billing_group(billingGroupName="tf-bill")
    assert read["billingGroupProperties"] == {} and read["version"] == 1
    check_tags(iot, made["billingGroupArn"])
    answer = iot.update_billing_group(
        billingGroupName="tf-bill", expectedVersion=1,
        billingGroupProperties={"billingGroupDescription": "who pays"})
    read = iot.describe_billing_group(billingGroupName="tf-bill")
    assert (answer["version"], read["version"]) == (2, 2)
    assert read["billingGroupProperties"] == {"billingGroupDescription": "who pays"}
    iot.delete_billing_group(billingGroupName="tf-bill", expectedVersion=2)
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_billing_group(billingGroupName="tf-bill")


@pytest.mark.parametrize("way", ["keys", "csr", "registered"])
def test_aws_iot_certificate(iot, tmp_path, way):
    if way == "keys":
        made = iot.create_keys_and_certificate(setAsActive=True)
        assert {"PublicKey", "PrivateKey"} == made["keyPair"].keys()
    elif way == "csr":
        made = iot.create_certificate_from_csr(
            certificateSigningRequest=aws.csr(tmp_path)[1], setAsActive=True)
    else:
        pem = aws.signed_by(tmp_path, aws.authority(tmp_path), "tf-leaf")
        made = iot.register_certificate_without_ca(certificatePem=pem, status="ACTIVE")
    name = made["certificateId"]

    def read():
        return iot.describe_certificate(certificateId=name)["certificateDescription"]

    assert (read()["status"], read()["certificateArn"]) == ("ACTIVE", made["certificateArn"])
    if way == "registered":
        assert read()["certificatePem"] == pem
    iot.update_certificate(certificateId=name, newStatus="INACTIVE")
    assert read()["status"] == "INACTIVE"
    iot.update_certificate(certificateId=name, newStatus="ACTIVE")
    # Destroy.
    iot.update_certificate(certificateId=name, newStatus="INACTIVE")
    iot.delete_certificate(certificateId=name)
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_certificate(certificateId=name)


def test_aws_iot_ca_certificate(iot, tmp_path):
    ca = aws.authority(tmp_path, "tf-ca")
    code = iot.get_registration_code()["registrationCode"]
    made = iot.register_ca_certificate(
        caCertificate=ca[1].read_text(), allowAutoRegistration=False, certificateMode="DEFAULT",
        verificationCertificate=aws.signed_by(tmp_path, ca, code), setAsActive=True, tags=TAGS)
    name = made["certificateId"]

    def read():
        return iot.describe_ca_certificate(certificateId=name)

    described = read()["certificateDescription"]
    assert described["certificatePem"] == ca[1].read_text()
    assert (described["status"], described["autoRegistrationStatus"]) == ("ACTIVE", "DISABLE")
    assert {"customerVersion", "generationId", "validity", "certificateMode"} <= described.keys()
    # No block in the configuration, none in the state.
    assert read().get("registrationConfig") in (None, {})
    check_tags(iot, made["certificateArn"])
    # Every update says both, changed or not.
    iot.update_ca_certificate(
        certificateId=name, newStatus="ACTIVE", newAutoRegistrationStatus="DISABLE")
    iot.update_ca_certificate(certificateId=name, newStatus="INACTIVE")
    iot.delete_ca_certificate(certificateId=name)
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        read()


def test_aws_iot_policy_and_attachments(iot):
    made = iot.create_policy(policyName="tf-policy", policyDocument=policy("iot:*"), tags=TAGS)
    read = iot.get_policy(policyName="tf-policy")
    assert (read["policyArn"], read["defaultVersionId"]) == (made["policyArn"], "1")
    assert json.loads(read["policyDocument"]) == json.loads(policy("iot:*"))
    check_tags(iot, made["policyArn"])
    for number in range(2, 8):
        iot.create_policy_version(policyName="tf-policy", setAsDefault=True,
                                  policyDocument=policy(f"iot:Connect{'*' * (number % 2)}"))
        assert iot.get_policy(policyName="tf-policy")["defaultVersionId"] == str(number)
    certificate = iot.create_keys_and_certificate(setAsActive=True)["certificateArn"]
    group = iot.create_thing_group(thingGroupName="tf-attached")["thingGroupArn"]
    for target in (certificate, group):
        iot.attach_policy(policyName="tf-policy", target=target)
        pages = iot.get_paginator("list_attached_policies").paginate(
            target=target, recursive=False, PaginationConfig={"PageSize": 250})
        assert [held["policyName"] for page in pages for held in page["policies"]] == [
            "tf-policy"]
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.list_attached_policies(target=aws.arn(f"cert/{'0' * 64}"))
    # aws_iot_thing_principal_attachment, of a stated and of no stated type.
    iot.create_thing(thingName="tf-holder")
    for kind, asked in (("EXCLUSIVE_THING", {"thingPrincipalType": "EXCLUSIVE_THING"}),
                        ("NON_EXCLUSIVE_THING", {})):
        iot.attach_thing_principal(thingName="tf-holder", principal=certificate, **asked)
        assert iot.list_thing_principals_v2(thingName="tf-holder")["thingPrincipalObjects"] == [
            {"principal": certificate, "thingPrincipalType": kind}]
        iot.detach_thing_principal(thingName="tf-holder", principal=certificate)
    # Destroy: the attachments first, then the versions but for the default, then the policy.
    for target in (certificate, group):
        iot.detach_policy(policyName="tf-policy", target=target)
    for version in iot.list_policy_versions(policyName="tf-policy")["policyVersions"]:
        if not version["isDefaultVersion"]:
            iot.delete_policy_version(
                policyName="tf-policy", policyVersionId=version["versionId"])
    iot.delete_policy(policyName="tf-policy")
    for call in (iot.get_policy, iot.list_policy_versions):
        with pytest.raises(iot.exceptions.ResourceNotFoundException):
            call(policyName="tf-policy")
    iot.delete_thing_group(thingGroupName="tf-attached")
    iot.delete_thing(thingName="tf-holder")


def test_aws_iot_provisioning_template(iot):
    made = iot.create_provisioning_template(
        templateName="tf-template", templateBody=model.TEMPLATE, enabled=False, tags=TAGS,
        provisioningRoleArn=ROLE)
    read = iot.describe_provisioning_template(templateName="tf-template")
    assert (read["enabled"], read["type"], read["defaultVersionId"]) == (
        False, "FLEET_PROVISIONING", 1)
    assert read["templateBody"] == model.TEMPLATE and read["provisioningRoleArn"] == ROLE
    assert "preProvisioningHook" not in read
    check_tags(iot, made["templateArn"])
    other = model.TEMPLATE.replace("ACTIVE", "INACTIVE")
    iot.create_provisioning_template_version(
        templateName="tf-template", templateBody=other, setAsDefault=True)
    iot.update_provisioning_template(
        templateName="tf-template", description="", enabled=True, provisioningRoleArn=ROLE + "-2")
    read = iot.describe_provisioning_template(templateName="tf-template")
    assert (read["enabled"], read["defaultVersionId"]) == (True, 2)
    assert (read["templateBody"], read["provisioningRoleArn"]) == (other, ROLE + "-2")
    assert read.get("description", "") == ""
    iot.delete_provisioning_template(templateName="tf-template")
    for call in (iot.describe_provisioning_template, iot.delete_provisioning_template):
        with pytest.raises(iot.exceptions.ResourceNotFoundException):
            call(templateName="tf-template")


def test_aws_iot_event_and_indexing_configurations(iot):
    kinds = iot.describe_event_configurations()["eventConfigurations"].keys()
    assert len(kinds) == 11
    for enabled in (True, False):
        asked = {kind: {"Enabled": enabled} for kind in kinds}
        iot.update_event_configurations(eventConfigurations=asked)
        assert iot.describe_event_configurations()["eventConfigurations"] == asked
    iot.update_indexing_configuration(
        thingIndexingConfiguration={"thingIndexingMode": "REGISTRY",
                                    "thingConnectivityIndexingMode": "STATUS"},
        thingGroupIndexingConfiguration={"thingGroupIndexingMode": "ON"})
    read = iot.get_indexing_configuration()
    assert read["thingIndexingConfiguration"]["thingIndexingMode"] == "REGISTRY"
    assert read["thingGroupIndexingConfiguration"]["thingGroupIndexingMode"] == "ON"
