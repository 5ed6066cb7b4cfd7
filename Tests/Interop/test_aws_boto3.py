"""boto3 as scripts and infrastructure tools use it: errors by class, paginators, call sequences."""

import json

import botocore.exceptions
import pytest

import aws

POLICY = json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Action": "iot:*", "Resource": "*"}})


@pytest.fixture(scope="module")
def iot(control):
    return aws.client(control)


def status(error):
    return error.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_errors_have_their_classes_and_statuses(iot):
    exceptions = iot.exceptions
    with pytest.raises(exceptions.ResourceNotFoundException) as error:
        iot.describe_thing(thingName="nobody")
    assert status(error) == 404
    iot.create_thing(thingName="e-1", attributePayload={"attributes": {"a": "1"}})
    iot.create_thing(thingName="e-1", attributePayload={"attributes": {"a": "1"}})
    with pytest.raises(exceptions.ResourceAlreadyExistsException) as error:
        iot.create_thing(thingName="e-1", attributePayload={"attributes": {"a": "2"}})
    assert status(error) == 409
    assert error.value.response["resourceId"] == "e-1"
    assert error.value.response["resourceArn"] == aws.arn("thing/e-1")
    with pytest.raises(exceptions.VersionConflictException) as error:
        iot.update_thing(thingName="e-1", expectedVersion=7)
    assert status(error) == 409
    with pytest.raises(exceptions.MalformedPolicyException) as error:
        iot.create_policy(policyName="e-bad", policyDocument='{"Version": "2012-10-17"}')
    assert status(error) == 400
    iot.create_policy(policyName="e-policy", policyDocument=POLICY)
    made = iot.create_keys_and_certificate(setAsActive=True)
    with pytest.raises(exceptions.CertificateStateException) as error:
        iot.delete_certificate(certificateId=made["certificateId"])
    assert status(error) == 406
    iot.attach_policy(policyName="e-policy", target=made["certificateArn"])
    with pytest.raises(exceptions.DeleteConflictException) as error:
        iot.delete_policy(policyName="e-policy")
    assert status(error) == 409
    iot.update_certificate(certificateId=made["certificateId"], newStatus="INACTIVE")
    with pytest.raises(exceptions.DeleteConflictException) as error:
        iot.delete_certificate(certificateId=made["certificateId"])
    with pytest.raises(exceptions.InvalidRequestException):
        iot.update_certificate(
            certificateId=made["certificateId"], newStatus="PENDING_ACTIVATION")
    iot.attach_thing_principal(thingName="e-1", principal=made["certificateArn"])
    with pytest.raises(exceptions.InvalidRequestException) as error:
        iot.delete_thing(thingName="e-1")
    assert status(error) == 400


def test_paginators_see_everything_once(iot):
    for number in range(11):
        iot.create_thing_group(thingGroupName=f"page-{number:02}")
        iot.create_policy(policyName=f"page-{number:02}", policyDocument=POLICY)
    pages = iot.get_paginator("list_thing_groups").paginate(
        namePrefixFilter="page-", PaginationConfig={"PageSize": 3})
    names = [group["groupName"] for page in pages for group in page["thingGroups"]]
    assert names == [f"page-{number:02}" for number in range(11)]
    pages = iot.get_paginator("list_policies").paginate(PaginationConfig={"PageSize": 3})
    names = [policy["policyName"] for page in pages for policy in page["policies"]]
    assert [name for name in sorted(names) if name.startswith("page-")] == [
        f"page-{number:02}" for number in range(11)]
    assert len(names) == len(set(names))


def test_an_infrastructure_tool_makes_reads_changes_and_destroys(iot):
    """The calls of Terraform's provider for thing, certificate, policy and attachments."""
    # Create, each followed by the read that the tool makes.
    iot.create_thing_type(thingTypeName="tf-type", thingTypeProperties={
        "searchableAttributes": ["site"]})
    iot.describe_thing_type(thingTypeName="tf-type")
    iot.create_thing(thingName="tf", thingTypeName="tf-type",
                     attributePayload={"attributes": {"site": "a"}})
    assert iot.describe_thing(thingName="tf")["defaultClientId"] == "tf"
    made = iot.create_keys_and_certificate(setAsActive=True)
    read = iot.describe_certificate(certificateId=made["certificateId"])
    assert read["certificateDescription"]["status"] == "ACTIVE"
    iot.create_policy(policyName="tf", policyDocument=POLICY,
                      tags=[{"Key": "team", "Value": "line"}])
    policy = iot.get_policy(policyName="tf")
    assert json.loads(policy["policyDocument"]) == json.loads(POLICY)
    assert iot.list_tags_for_resource(resourceArn=policy["policyArn"])["tags"] == [
        {"Key": "team", "Value": "line"}]
    iot.attach_policy(policyName="tf", target=made["certificateArn"])
    attached = iot.list_attached_policies(target=made["certificateArn"])["policies"]
    assert [policy["policyName"] for policy in attached] == ["tf"]
    iot.attach_thing_principal(thingName="tf", principal=made["certificateArn"])
    assert iot.list_thing_principals(thingName="tf")["principals"] == [made["certificateArn"]]
    iot.create_thing_group(thingGroupName="tf", thingGroupProperties={
        "attributePayload": {"attributes": {"a": "1"}}}, tags=[{"Key": "k", "Value": "v"}])
    iot.describe_thing_group(thingGroupName="tf")
    iot.add_thing_to_thing_group(thingGroupName="tf", thingName="tf")
    assert iot.list_thing_groups_for_thing(thingName="tf")["thingGroups"] == [
        {"groupName": "tf", "groupArn": aws.arn("thinggroup/tf")}]
    # Update.
    version = iot.describe_thing(thingName="tf")["version"]
    iot.update_thing(thingName="tf", attributePayload={"attributes": {"site": "b"}})
    changed = iot.describe_thing(thingName="tf")
    assert changed["attributes"] == {"site": "b"} and changed["version"] == version + 1
    iot.create_policy_version(policyName="tf", policyDocument=POLICY.replace("iot:*", "iot:C*"),
                              setAsDefault=True)
    assert iot.get_policy(policyName="tf")["defaultVersionId"] == "2"
    iot.untag_resource(resourceArn=policy["policyArn"], tagKeys=["team"])
    # Destroy, in the only order there is.
    iot.remove_thing_from_thing_group(thingGroupName="tf", thingName="tf")
    iot.delete_thing_group(thingGroupName="tf")
    iot.detach_thing_principal(thingName="tf", principal=made["certificateArn"])
    iot.detach_policy(policyName="tf", target=made["certificateArn"])
    for version in iot.list_policy_versions(policyName="tf")["policyVersions"]:
        if not version["isDefaultVersion"]:
            iot.delete_policy_version(policyName="tf", policyVersionId=version["versionId"])
    iot.delete_policy(policyName="tf")
    iot.update_certificate(certificateId=made["certificateId"], newStatus="INACTIVE")
    iot.delete_certificate(certificateId=made["certificateId"])
    iot.delete_thing(thingName="tf")
    iot.delete_thing(thingName="tf")
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_certificate(certificateId=made["certificateId"])


@pytest.mark.parametrize("alter", [
    {"keys": ("AKIAAAAAAAAAAAAAAAAA", "x" * 40)},
    {"keys": None, "secret": "x" * 40},
])
def test_a_wrong_credential_is_refused(control, alter):
    keys = alter["keys"] or (aws.credentials(control)[0], alter["secret"])
    with pytest.raises(botocore.exceptions.ClientError) as error:
        aws.client(control, keys=keys).list_things()
    assert status(error) == 403
    assert error.value.response["Error"]["Code"] in (
        "UnrecognizedClientException", "InvalidSignatureException")


def test_a_version_counts_what_somebody_changed(control, iot, tmp_path):
    """From 1, whatever else the service writes of a certificate or an authority."""
    made = iot.create_keys_and_certificate(setAsActive=False)["certificateId"]

    def version():
        return iot.describe_certificate(
            certificateId=made)["certificateDescription"]["customerVersion"]

    assert version() == 1
    for status, wanted in (("ACTIVE", 2), ("ACTIVE", 2), ("INACTIVE", 3), ("REVOKED", 4)):
        iot.update_certificate(certificateId=made, newStatus=status)
        assert version() == wanted
    ca = aws.authority(tmp_path, "versions")
    registered = iot.register_ca_certificate(
        caCertificate=ca[1].read_text(), certificateMode="SNI_ONLY")["certificateId"]

    def of_authority():
        return iot.describe_ca_certificate(
            certificateId=registered)["certificateDescription"]["customerVersion"]

    assert of_authority() == 1
    iot.update_ca_certificate(certificateId=registered, newStatus="ACTIVE")
    assert of_authority() == 2


def test_a_page_of_certificates_is_filled_with_what_is_listed(iot):
    made = iot.create_keys_and_certificate(setAsActive=True)
    # The certificate of a claim that lives for minutes is newer, and is not listed.
    iot.create_provisioning_claim(templateName="demo-sensor")
    page = iot.list_certificates(pageSize=1)["certificates"]
    assert [certificate["certificateId"] for certificate in page] == [made["certificateId"]]


def test_the_data_plane_over_http_is_said_to_be_missing(control):
    data = aws.client(control, "iot-data")
    for call, options in [
            (data.get_thing_shadow, {"thingName": "e-1"}), (data.list_retained_messages, {}),
            (data.publish, {"topic": "a/b", "payload": b"{}"})]:
        with pytest.raises(botocore.exceptions.ClientError) as error:
            call(**options)
        assert error.value.response["Error"]["Code"] == "UnsupportedOperationException"
        assert status(error) == 400


def test_what_the_model_knows_no_absence_of(iot):
    """Operations whose modelled errors have no ResourceNotFoundException."""
    nobody = "0" * 64
    assert iot.list_certificates_by_ca(caCertificateId=nobody)["certificates"] == []
    with pytest.raises(iot.exceptions.InvalidRequestException):
        iot.list_thing_registration_task_reports(
            taskId="00000000-0000-0000-0000-000000000000", reportType="ERRORS")
