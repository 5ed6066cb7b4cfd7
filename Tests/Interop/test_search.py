"""Fleet indexing through boto3: search, figures, connectivity and dynamic groups."""

import time

import pytest

import aws
from device import Device


@pytest.fixture(scope="module")
def iot(control):
    judged = aws.Judged(control)
    judged.create_thing_group(thingGroupName="s-site")
    for number in range(1, 6):
        judged.create_thing(thingName=f"s-{number}", attributePayload={"attributes": {
            "batch": "search", "temp": str(number * 10)}})
    judged.add_thing_to_thing_group(thingGroupName="s-site", thingName="s-1")
    yield judged
    assert not judged.problems, judged.problems


def names(answer):
    return [thing["thingName"] for thing in answer["things"]]


def until(seconds, question):
    """The first answer that is true: what is written behind a connection's back takes a moment."""
    deadline = time.monotonic() + seconds
    while True:
        answer = question()
        if answer or time.monotonic() > deadline:
            return answer
        time.sleep(0.05)


def test_things_are_found_by_the_documented_language(iot):
    def found(query):
        return names(iot.search_index(queryString=query))

    assert found("attributes.batch:SEARCH") == [f"s-{n}" for n in range(1, 6)]
    assert found("thingName:s-? AND attributes.temp:[20 TO 40}") == ["s-2", "s-3"]
    assert found("attributes.batch:search attributes.temp<30 NOT thingGroupNames:s-site") == ["s-2"]
    assert found("search -attributes.temp>10") == ["s-1"]
    # Each way of writing a name's beginning is found, in the order of names.
    iot.create_thing(thingName="S-0", attributePayload={"attributes": {"batch": "SEARCH"}})
    assert found("thingName:s-* attributes.batch:sea*") == ["S-0"] + [f"s-{n}" for n in range(1, 6)]
    iot.delete_thing(thingName="S-0")

    first = iot.search_index(queryString="attributes.batch:search", maxResults=3)
    rest = iot.search_index(
        queryString="attributes.batch:search", maxResults=3, nextToken=first["nextToken"])
    assert names(first) + names(rest) == [f"s-{n}" for n in range(1, 6)]
    assert "nextToken" not in rest
    assert first["things"][0]["thingGroupNames"] == ["s-site"]

    with pytest.raises(iot.exceptions.InvalidQueryException) as error:
        iot.search_index(queryString="attributes.batch:search AND")
    assert "column" in str(error.value)
    for query in ("attributes.temp=10", "thingName:s-1 and thingName:s-2"):
        with pytest.raises(iot.exceptions.InvalidQueryException):
            iot.search_index(queryString=query)
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.search_index(indexName="AWS_Cars", queryString="*")
    groups = iot.search_index(indexName="AWS_ThingGroups", queryString="thingGroupName:s-site")
    assert [group["thingGroupName"] for group in groups["thingGroups"]] == ["s-site"]


def test_figures_over_what_is_found(iot):
    query = {"queryString": "attributes.batch:search", "aggregationField": "attributes.temp"}
    assert iot.get_statistics(**query)["statistics"] == {
        "count": 5, "average": 30.0, "sum": 150.0, "minimum": 10.0, "maximum": 50.0,
        "sumOfSquares": 5500.0, "variance": 200.0, "stdDeviation": 200.0 ** 0.5}
    assert iot.get_cardinality(**query)["cardinality"] == 5
    assert iot.get_percentiles(percents=[50], **query)["percentiles"] == [
        {"percent": 50.0, "value": 30.0}]
    buckets = iot.get_buckets_aggregation(
        queryString="attributes.batch:search", aggregationField="attributes.batch",
        bucketsAggregationType={"termsAggregation": {"maxBuckets": 1}})
    assert buckets["totalCount"] == 5
    assert buckets["buckets"] == [{"keyValue": "search", "count": 5}]
    with pytest.raises(iot.exceptions.InvalidAggregationException):
        iot.get_percentiles(queryString="*", aggregationField="thingName")


def test_a_dynamic_group_is_what_its_query_finds(iot):
    made = iot.create_dynamic_thing_group(
        thingGroupName="s-warm", queryString="attributes.batch:search AND attributes.temp>30")
    assert made["thingGroupArn"] == aws.arn("thinggroup/s-warm")
    members = iot.list_things_in_thing_group(thingGroupName="s-warm")["things"]
    assert members == ["s-4", "s-5"]
    iot.update_thing(thingName="s-1", attributePayload={"attributes": {"temp": "99"},
                                                        "merge": True})
    pages = iot.client.get_paginator("list_things_in_thing_group").paginate(
        thingGroupName="s-warm", PaginationConfig={"PageSize": 1})
    assert [name for page in pages for name in page["things"]] == ["s-1", "s-4", "s-5"]
    groups = iot.list_thing_groups_for_thing(thingName="s-1")["thingGroups"]
    assert [group["groupName"] for group in groups] == ["s-site", "s-warm"]
    assert iot.describe_thing_group(thingGroupName="s-warm")["status"] == "ACTIVE"
    with pytest.raises(iot.exceptions.InvalidQueryException):
        iot.create_dynamic_thing_group(thingGroupName="s-bad", queryString="shadow.reported.a:1")
    iot.delete_dynamic_thing_group(thingGroupName="s-warm")


def test_who_is_connected_is_known_a_moment_later(iot, control, tmp_path):
    iot.create_thing(thingName="s-device")
    assert iot.get_thing_connectivity_data(thingName="s-device")["connected"] is False
    made = iot.create_keys_and_certificate(setAsActive=True)
    iot.create_policy(policyName="s-policy", policyDocument=(
        '{"Version":"2012-10-17","Statement":'
        '{"Effect":"Allow","Action":"iot:*","Resource":"*"}}'))
    iot.attach_policy(policyName="s-policy", target=made["certificateArn"])
    (tmp_path / "cert.pem").write_text(made["certificatePem"])
    (tmp_path / "cert.key").write_text(made["keyPair"]["PrivateKey"])

    def state():
        return iot.get_thing_connectivity_data(thingName="s-device")

    with Device(control, credentials=(tmp_path / "cert.pem", tmp_path / "cert.key"),
                client_id="s-device"):
        assert until(60, lambda: state()["connected"])
        assert state()["disconnectReason"] == "NONE"
        found = names(iot.search_index(queryString="connectivity.connected:true thingName:s-*"))
        assert found == ["s-device"]
    assert until(60, lambda: not state()["connected"])
    assert state()["disconnectReason"] == "CLIENT_INITIATED_DISCONNECT"
    found = iot.search_index(
        queryString="connectivity.disconnectReason:CLIENT_INITIATED_DISCONNECT thingName:s-*")
    assert names(found) == ["s-device"]
    assert found["things"][0]["connectivity"]["timestamp"] > 1_700_000_000_000
