"""Every operation of AWS IoT that Slipway has, called by boto3 and held against AWS's model."""

import json
import subprocess

import pytest

import aws
from gateway import SLIPWAY
from test_certificate_providers import OPERATIONS, TARGET, put_webhook

POLICY = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow", "Action": "iot:Connect",
        "Resource": aws.arn("client/${iot:Connection.Thing.ThingName}")}]})
TEMPLATE = json.dumps({
    "Parameters": {"SerialNumber": {"Type": "String"},
                   "AWS::IoT::Certificate::Id": {"Type": "String"}},
    "Resources": {
        "thing": {"Type": "AWS::IoT::Thing", "Properties": {
            "ThingName": {"Ref": "SerialNumber"}}},
        "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {
            "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "ACTIVE"}},
        "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": POLICY}}}})
BULK_TEMPLATE = json.dumps({
    "Parameters": {"Name": {"Type": "String"}, "CSR": {"Type": "String"}},
    "Resources": {
        "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": "Name"}}},
        "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {
            "CertificateSigningRequest": {"Ref": "CSR"}}}}})
ROLE = "arn:aws:iam::000000000000:role/provisioning"


def supported():
    done = subprocess.run(
        [str(SLIPWAY), "operations", "--json"], capture_output=True, text=True, check=True)
    return {row["name"] for row in json.loads(done.stdout) if row["aws"]}


def things(iot):
    iot.create_thing_type(thingTypeName="m-type", thingTypeProperties={
        "thingTypeDescription": "a type", "searchableAttributes": ["site"]},
        tags=[{"Key": "k", "Value": "v"}])
    iot.describe_thing_type(thingTypeName="m-type")
    iot.list_thing_types(thingTypeName="m-type")
    iot.create_billing_group(billingGroupName="m-bill", billingGroupProperties={
        "billingGroupDescription": "who pays"})
    iot.describe_billing_group(billingGroupName="m-bill")
    iot.update_billing_group(billingGroupName="m-bill", billingGroupProperties={
        "billingGroupDescription": "who pays now"}, expectedVersion=1)
    iot.list_billing_groups(namePrefixFilter="m-")
    iot.create_thing(thingName="m-1", thingTypeName="m-type", billingGroupName="m-bill",
                     attributePayload={"attributes": {"site": "a", "model": "x"}})
    iot.create_thing(thingName="m-2")
    iot.describe_thing(thingName="m-1")
    iot.update_thing(thingName="m-1", attributePayload={"attributes": {"site": "b"},
                                                        "merge": True}, expectedVersion=1)
    iot.list_things(attributeName="site", attributeValue="b")
    iot.list_things(thingTypeName="m-type", maxResults=1)
    iot.add_thing_to_billing_group(billingGroupName="m-bill", thingName="m-2")
    iot.list_things_in_billing_group(billingGroupName="m-bill")
    iot.remove_thing_from_billing_group(billingGroupName="m-bill", thingName="m-2")


def groups(iot):
    iot.create_thing_group(thingGroupName="m-root", thingGroupProperties={
        "thingGroupDescription": "root", "attributePayload": {"attributes": {"a": "1"}}})
    iot.create_thing_group(thingGroupName="m-leaf", parentGroupName="m-root")
    iot.describe_thing_group(thingGroupName="m-leaf")
    iot.update_thing_group(thingGroupName="m-leaf", thingGroupProperties={
        "thingGroupDescription": "leaf"}, expectedVersion=1)
    iot.list_thing_groups(parentGroup="m-root", recursive=True)
    iot.add_thing_to_thing_group(thingGroupName="m-leaf", thingName="m-1")
    iot.list_things_in_thing_group(thingGroupName="m-root", recursive=True)
    iot.list_thing_groups_for_thing(thingName="m-1")
    iot.remove_thing_from_thing_group(thingGroupName="m-leaf", thingName="m-1")
    iot.update_thing_groups_for_thing(thingName="m-1", thingGroupsToAdd=["m-leaf"])
    resource = aws.arn("thinggroup/m-leaf")
    iot.tag_resource(resourceArn=resource, tags=[{"Key": "site", "Value": "a"}])
    iot.list_tags_for_resource(resourceArn=resource)
    iot.untag_resource(resourceArn=resource, tagKeys=["site"])


def policies(iot, certificate):
    iot.create_policy(policyName="m-policy", policyDocument=POLICY)
    iot.get_policy(policyName="m-policy")
    iot.list_policies(ascendingOrder=True, pageSize=5)
    iot.create_policy_version(policyName="m-policy", policyDocument=POLICY.replace(
        "iot:Connect", "iot:*"), setAsDefault=False)
    iot.get_policy_version(policyName="m-policy", policyVersionId="2")
    iot.list_policy_versions(policyName="m-policy")
    iot.set_default_policy_version(policyName="m-policy", policyVersionId="2")
    iot.delete_policy_version(policyName="m-policy", policyVersionId="1")
    iot.attach_policy(policyName="m-policy", target=certificate)
    iot.attach_policy(policyName="m-policy", target=aws.arn("thinggroup/m-root"))
    iot.list_attached_policies(target=certificate, recursive=True)
    iot.list_targets_for_policy(policyName="m-policy")
    iot.list_policy_principals(policyName="m-policy")
    iot.list_principal_policies(principal=certificate)
    iot.get_effective_policies(principal=certificate, thingName="m-1")
    iot.test_authorization(
        principal=certificate, clientId="m-1", authInfos=[
            {"actionType": "CONNECT", "resources": [aws.arn("client/m-1")]},
            {"actionType": "PUBLISH", "resources": [aws.arn("topic/t")]}])
    iot.detach_policy(policyName="m-policy", target=aws.arn("thinggroup/m-root"))
    iot.detach_principal_policy(policyName="m-policy", principal=certificate)
    iot.attach_principal_policy(policyName="m-policy", principal=certificate)


def principals(iot, certificate):
    iot.attach_thing_principal(thingName="m-1", principal=certificate)
    iot.list_thing_principals(thingName="m-1")
    iot.list_thing_principals_v2(thingName="m-1", thingPrincipalType="NON_EXCLUSIVE_THING")
    iot.list_principal_things(principal=certificate)
    iot.list_principal_things_v2(principal=certificate)


def authorities(iot, folder):
    code = iot.get_registration_code()["registrationCode"]
    ca = aws.authority(folder)
    registered = iot.register_ca_certificate(
        caCertificate=ca[1].read_text(), setAsActive=True, allowAutoRegistration=False,
        verificationCertificate=aws.signed_by(folder, ca, code),
        tags=[{"Key": "k", "Value": "v"}])
    ca_id = registered["certificateId"]
    iot.describe_ca_certificate(certificateId=ca_id)
    iot.list_ca_certificates(ascendingOrder=True)
    leaf = iot.register_certificate(
        certificatePem=aws.signed_by(folder, ca, "leaf-1"), status="ACTIVE")
    iot.list_certificates_by_ca(caCertificateId=ca_id)
    other = aws.authority(folder, "other")
    alone = iot.register_certificate_without_ca(
        certificatePem=aws.signed_by(folder, other, "leaf-2"))
    for certificate in (leaf["certificateId"], alone["certificateId"]):
        iot.update_certificate(certificateId=certificate, newStatus="INACTIVE")
        iot.delete_certificate(certificateId=certificate)
    iot.update_ca_certificate(certificateId=ca_id, newStatus="INACTIVE",
                              newAutoRegistrationStatus="DISABLE")
    iot.delete_ca_certificate(certificateId=ca_id)
    iot.delete_registration_code()


def templates(iot):
    iot.create_provisioning_template(
        templateName="m-template", description="d", templateBody=TEMPLATE, enabled=True,
        provisioningRoleArn=ROLE, tags=[{"Key": "k", "Value": "v"}])
    iot.describe_provisioning_template(templateName="m-template")
    iot.create_provisioning_template_version(
        templateName="m-template", templateBody=TEMPLATE.replace("ACTIVE", "INACTIVE"))
    iot.describe_provisioning_template_version(templateName="m-template", versionId=2)
    iot.list_provisioning_template_versions(templateName="m-template")
    iot.update_provisioning_template(templateName="m-template", defaultVersionId=2)
    iot.delete_provisioning_template_version(templateName="m-template", versionId=1)
    iot.list_provisioning_templates(maxResults=10)
    iot.create_provisioning_claim(templateName="m-template")
    iot.delete_provisioning_template(templateName="m-template")


def providers(iot, folder, control):
    put_webhook(control, folder, 1, aws.authority(folder, "provider")[1])
    name = "m-provider"
    iot.create_certificate_provider(
        certificateProviderName=name, lambdaFunctionArn=TARGET,
        accountDefaultForOperations=OPERATIONS, tags=[{"Key": "k", "Value": "v"}])
    iot.describe_certificate_provider(certificateProviderName=name)
    iot.update_certificate_provider(
        certificateProviderName=name, lambdaFunctionArn=TARGET + ":live")
    iot.list_certificate_providers(ascendingOrder=True)
    iot.delete_certificate_provider(certificateProviderName=name)


def registration(iot, folder, control):
    _, request = aws.csr(folder, "m-registered")
    iot.register_thing(templateBody=BULK_TEMPLATE, parameters={
        "Name": "m-registered", "CSR": request})
    source = control.bulk_folder
    source.mkdir(exist_ok=True)
    (source / "lines.json").write_text(json.dumps({"Name": "m-bulk", "CSR": request}) + "\n")
    task = iot.start_thing_registration_task(
        templateBody=BULK_TEMPLATE, inputFileBucket="bulk", inputFileKey="lines.json",
        roleArn=ROLE)["taskId"]
    iot.describe_thing_registration_task(taskId=task)
    iot.list_thing_registration_tasks(status="InProgress")
    iot.list_thing_registration_task_reports(taskId=task, reportType="RESULTS")
    iot.stop_thing_registration_task(taskId=task)


def index(iot):
    iot.get_indexing_configuration()
    iot.update_indexing_configuration(
        thingIndexingConfiguration={"thingIndexingMode": "REGISTRY"})
    iot.list_indices()
    iot.describe_index(indexName="AWS_Things")
    iot.search_index(queryString="thingName:m-*")
    iot.get_statistics(queryString="thingName:m-*")
    iot.get_cardinality(queryString="*", aggregationField="thingTypeName")
    iot.get_percentiles(queryString="*", aggregationField="registry.version")
    iot.get_buckets_aggregation(
        queryString="*", aggregationField="thingTypeName",
        bucketsAggregationType={"termsAggregation": {"maxBuckets": 5}})
    iot.get_thing_connectivity_data(thingName="m-1")
    iot.create_dynamic_thing_group(
        thingGroupName="m-dynamic", queryString="attributes.site:b")
    iot.update_dynamic_thing_group(
        thingGroupName="m-dynamic", thingGroupProperties={"thingGroupDescription": "d"})
    iot.delete_dynamic_thing_group(thingGroupName="m-dynamic")


def account(iot):
    iot.describe_endpoint(endpointType="iot:Data-ATS")
    iot.update_event_configurations(eventConfigurations={"THING": {"Enabled": True}})
    iot.describe_event_configurations()


def ending(iot, certificate, certificate_id):
    iot.detach_thing_principal(thingName="m-1", principal=certificate)
    iot.detach_policy(policyName="m-policy", target=certificate)
    iot.update_certificate(certificateId=certificate_id, newStatus="INACTIVE")
    iot.delete_certificate(certificateId=certificate_id, forceDelete=True)
    iot.delete_policy(policyName="m-policy")
    iot.delete_thing(thingName="m-1")
    iot.delete_thing(thingName="m-2")
    iot.delete_thing_group(thingGroupName="m-leaf")
    iot.delete_thing_group(thingGroupName="m-root")
    iot.delete_billing_group(billingGroupName="m-bill")
    iot.update_thing_type(thingTypeName="m-type", thingTypeProperties={
        "mqtt5Configuration": {"propagatingAttributes": [
            {"userPropertyKey": "site", "thingAttribute": "site"}]}})
    iot.deprecate_thing_type(thingTypeName="m-type")
    iot.deprecate_thing_type(thingTypeName="m-type", undoDeprecate=True)


def test_every_operation_answers_as_the_model_says(control, tmp_path):
    ours = supported()
    iot = aws.Judged(control)
    _, request = aws.csr(tmp_path)
    iot.create_certificate_from_csr(certificateSigningRequest=request)
    made = iot.create_keys_and_certificate(setAsActive=True)
    certificate = made["certificateArn"]
    iot.describe_certificate(certificateId=made["certificateId"])
    iot.list_certificates(pageSize=10, ascendingOrder=True)
    things(iot)
    groups(iot)
    policies(iot, certificate)
    principals(iot, certificate)
    authorities(iot, tmp_path)
    templates(iot)
    providers(iot, tmp_path, control)
    if "RegisterThing" in ours:
        registration(iot, tmp_path, control)
    if "SearchIndex" in ours:
        index(iot)
    account(iot)
    ending(iot, certificate, made["certificateId"])
    # What takes a wait before it succeeds is called for its refusal alone.
    with pytest.raises(iot.client.exceptions.InvalidRequestException):
        iot.delete_thing_type(thingTypeName="m-type")
    assert iot.problems == []
    assert ours - iot.called - {"DeleteThingType"} == set()
