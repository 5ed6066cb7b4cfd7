"""Registry events: switched on through AWS's API, heard by a device over MQTT."""

import json

import pytest

import aws
from device import Device

POLICY = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["iot:Connect", "iot:Subscribe"], "Resource": "*"},
    {"Effect": "Allow", "Action": "iot:Receive",
     "Resource": aws.arn("topic/$aws/events/*")}]})


@pytest.fixture(scope="module")
def iot(control):
    return aws.client(control)


@pytest.fixture
def listener(control, iot, tmp_path):
    """A device that may hear every event, subscribed to all of them."""
    made = iot.create_keys_and_certificate(setAsActive=True)
    files = tmp_path / "listener.pem", tmp_path / "listener.key"
    files[0].write_text(made["certificatePem"])
    files[1].write_text(made["keyPair"]["PrivateKey"])
    try:
        iot.create_policy(policyName="listener", policyDocument=POLICY)
    except iot.exceptions.ResourceAlreadyExistsException:
        pass
    iot.attach_policy(policyName="listener", target=made["certificateArn"])
    with Device(control, files, client_id="listener") as device:
        assert device.subscribe("$aws/events/#") == [1]
        yield device


@pytest.fixture
def switched(iot):
    """Switches event types, and all of them off again."""
    types = iot.describe_event_configurations()["eventConfigurations"]

    def switch(*names):
        iot.update_event_configurations(eventConfigurations={
            name: {"Enabled": name in names} for name in types})

    # Another test of this gateway may have left some on.
    switch()
    yield switch
    switch()


def hear(listener):
    """The next event as (topic without its prefix, payload)."""
    topic, payload, qos = listener.messages.get(timeout=30)
    assert qos == 1
    return topic.removeprefix("$aws/events/"), json.loads(payload)


def test_nothing_is_told_until_it_is_switched_on(iot, listener, switched):
    iot.create_thing(thingName="ev-silent")
    switched("THING")
    assert iot.describe_event_configurations()["eventConfigurations"]["THING"] == {
        "Enabled": True}
    iot.create_thing_type(thingTypeName="ev-silent-type")
    thing = iot.create_thing(thingName="ev-1", attributePayload={"attributes": {"site": "a"}})
    topic, event = hear(listener)
    assert topic == "thing/ev-1/created"
    assert event.pop("eventId") and event.pop("timestamp") > 1_000_000_000_000
    assert event == {
        "eventType": "THING_EVENT", "operation": "CREATED", "accountId": aws.ACCOUNT,
        "thingId": thing["thingId"], "thingName": "ev-1", "versionNumber": 1,
        "thingTypeName": None, "attributes": {"site": "a"}}


def test_a_things_life_is_told(iot, listener, switched):
    iot.create_thing_type(thingTypeName="ev-type")
    switched("THING", "THING_TYPE_ASSOCIATION", "THING_GROUP_MEMBERSHIP")
    iot.create_thing(thingName="ev-2")
    iot.update_thing(thingName="ev-2", thingTypeName="ev-type")
    iot.create_thing_group(thingGroupName="ev-group")
    iot.add_thing_to_thing_group(thingName="ev-2", thingGroupName="ev-group")
    iot.remove_thing_from_thing_group(thingName="ev-2", thingGroupName="ev-group")
    iot.delete_thing(thingName="ev-2")
    heard = [hear(listener) for _ in range(6)]
    assert [topic for topic, _ in heard] == [
        "thing/ev-2/created", "thing/ev-2/updated",
        "thingTypeAssociation/thing/ev-2/thingType/ev-type/added",
        "thingGroupMembership/thingGroup/ev-group/thing/ev-2/added",
        "thingGroupMembership/thingGroup/ev-group/thing/ev-2/removed", "thing/ev-2/deleted"]
    assert heard[3][1]["membershipId"] == heard[4][1]["membershipId"]
    assert heard[3][1]["groupArn"] == aws.arn("thinggroup/ev-group")
    assert heard[5][1]["thingTypeName"] == "ev-type"


def test_a_groups_place_is_told(iot, listener, switched):
    plant = iot.create_thing_group(thingGroupName="ev-plant")
    switched("THING_GROUP", "THING_GROUP_HIERARCHY")
    hall = iot.create_thing_group(thingGroupName="ev-hall", parentGroupName="ev-plant")
    iot.delete_thing_group(thingGroupName="ev-hall")
    heard = [hear(listener) for _ in range(4)]
    assert [topic for topic, _ in heard] == [
        "thingGroup/ev-hall/created",
        "thingGroupHierarchy/thingGroup/ev-plant/childThingGroup/ev-hall/added",
        "thingGroup/ev-hall/deleted",
        "thingGroupHierarchy/thingGroup/ev-plant/childThingGroup/ev-hall/removed"]
    assert heard[0][1]["rootToParentThingGroups"] == [
        {"groupArn": plant["thingGroupArn"], "groupId": plant["thingGroupId"]}]
    assert heard[2][1]["thingGroupId"] == hall["thingGroupId"]


def test_a_dynamic_group_tells_who_comes_and_who_leaves(iot, listener, switched):
    iot.create_thing(thingName="ev-dyn", attributePayload={"attributes": {"ev-temp": "20"}})
    group = iot.create_dynamic_thing_group(
        thingGroupName="ev-warm", queryString="attributes.ev-temp>60")
    switched("THING_GROUP_MEMBERSHIP")
    for value in ("61", "70", "20"):
        iot.update_thing(thingName="ev-dyn", attributePayload={
            "attributes": {"ev-temp": value}, "merge": True})
    iot.create_thing(thingName="ev-dyn-2", attributePayload={"attributes": {"ev-temp": "90"}})
    heard = [hear(listener) for _ in range(3)]
    place = "thingGroupMembership/thingGroup/ev-warm/thing"
    assert [topic for topic, _ in heard] == [
        f"{place}/ev-dyn/added", f"{place}/ev-dyn/removed", f"{place}/ev-dyn-2/added"]
    assert heard[0][1]["groupId"] == group["thingGroupId"]
    assert heard[0][1]["membershipId"] == heard[1][1]["membershipId"]
    iot.delete_dynamic_thing_group(thingGroupName="ev-warm")
