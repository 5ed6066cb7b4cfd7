"""Bad input, made from AWS's own model: of every operation, whatever the model rules out.

Each call of `test_aws_model` is preceded by its own deformations: values too long, too short, out
of their pattern or range, of every wrong type, missing, unknown, doubled, in bytes that are no
UTF-8. Every one must be refused as a bad request, and since the call itself succeeds afterwards,
nothing has been changed by any of them.
"""

import copy
import http.client
import json
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

import aws
import test_aws_model as calls

# What is allowed to be longer than anybody would send in a test.
LENGTH_MAX = 500_000
COUNT_MAX = 3000
VALUES = [("a string", "x y"), ("a number", 7), ("a fraction", 1.5), ("a boolean", True),
          ("an array", []), ("an array of numbers", [7]), ("an object", {"zzz": 1})]
RIGHT = {"string": ["a string"], "integer": ["a number"], "long": ["a number"],
         "boolean": ["a boolean"], "timestamp": ["a number", "a fraction"],
         "double": ["a number", "a fraction"], "list": ["an array"]}


def out_of_bounds(shape):
    """Values of the right type that the model rules out."""
    bounds = shape.metadata
    if shape.type_name == "string":
        if bounds.get("max", LENGTH_MAX) < LENGTH_MAX:
            yield "too long", "a" * (bounds["max"] + 1)
        if bounds.get("min"):
            yield "too short", ""
        if "pattern" in bounds:
            yield "no match", "\u00e9 !\u0000"
        if bounds.get("enum"):
            yield "unknown", "NO_SUCH_VALUE"
    elif shape.type_name in ("integer", "long"):
        yield "huge", 10 ** 30
        if "max" in bounds:
            yield "above", bounds["max"] + 1
        if "min" in bounds:
            yield "below", bounds["min"] - 1


def of_other_types(shape):
    for label, value in VALUES:
        is_number = (shape.type_name == "list" and label == "an array of numbers"
                     and shape.member.type_name in RIGHT
                     and "a number" in RIGHT[shape.member.type_name])
        if label not in RIGHT.get(shape.type_name, []) and not is_number:
            if shape.type_name != "map" or label != "an object":
                yield label, value


def places(shape, value, path=()):
    """Every member of a body that the call has, with its shape."""
    children = []
    if shape.type_name == "structure":
        named = {member.serialization.get("name", name): member
                 for name, member in shape.members.items()}
        children = [(name, named[name]) for name in value]
    elif shape.type_name == "list":
        children = [(0, shape.member)] if value else []
    elif shape.type_name == "map":
        children = [(key, shape.value) for key in list(value)[:1]]
    for key, member in children:
        yield (*path, key), member
        yield from places(member, value[key], (*path, key))


def placed(body, path, value):
    body = copy.deepcopy(body)
    parent = body
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    return json.dumps(body).encode()


def text(value):
    return urllib.parse.quote(
        str(value).lower() if isinstance(value, bool) else str(value), safe="")


def bad_bodies(shape, raw):
    body = json.loads(raw)
    first = next(iter(body), "zzz")
    doubled = json.dumps({first: body.get(first)}).encode()
    yield "no JSON", b"{"
    yield "an array", b"[]"
    yield "a string", b'"x"'
    yield "no UTF-8", raw[:-1] + b', "zzz": "\xe9"}'
    yield "a doubled member", doubled[:-1] + b", " + doubled[1:]
    yield "junk behind it", raw + b"x"
    yield "an unknown member", json.dumps({**body, "zzz": 1}).encode()
    yield "too long", json.dumps({**body, "zzz": "x" * (1 << 20)}).encode()
    yield "too deep", raw[:-1] + b', "zzz": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    wired = {member.serialization.get("name", name): (name, member)
             for name, member in shape.members.items()
             if "location" not in member.serialization}
    for wire, (name, member) in wired.items():
        if wire in body and name in shape.required_members:
            less = {key: value for key, value in body.items() if key != wire}
            yield f"no {wire}", json.dumps(less).encode()
            yield f"null for {wire}", placed(body, [wire], None)
        if wire not in body:
            for label, value in [*of_other_types(member), *out_of_bounds(member)]:
                yield f"{wire}: {label}", placed(body, [wire], value)
    for path, member in places(shape, body):
        for label, value in [*of_other_types(member), *out_of_bounds(member)]:
            yield f"{path}: {label}", placed(body, path, value)
        count = member.metadata.get("max", COUNT_MAX)
        held = body
        for key in path:
            held = held[key]
        if member.type_name == "list" and held and count < COUNT_MAX:
            yield f"{path}: too many", placed(body, path, [held[0]] * (count + 1))


def bad_queries(shape, query):
    pairs = [pair for pair in query.split("&") if pair]
    yield "an unknown parameter", "&".join([*pairs, "zzz=1"])
    if pairs:
        yield "a doubled parameter", "&".join([*pairs, pairs[0]])
    for name, member in shape.members.items():
        if member.serialization.get("location") != "querystring":
            continue
        wire = member.serialization["name"]
        others = [pair for pair in pairs if not pair.startswith(f"{wire}=")]
        values = [text(value) for _, value in out_of_bounds(member)] + ["%FF%FE"]
        if member.type_name in ("integer", "long", "boolean"):
            values += ["", "abc", "1.5", "-", "TRUE", "%00", "1e3", "0x10", "%20"]
        for value in values:
            yield f"{wire}={value[:20]}", "&".join([*others, f"{wire}={value}"])
        if name in shape.required_members:
            yield f"no {wire}", "&".join(others)


def bad_headers(shape, headers):
    for name, member in shape.members.items():
        if member.serialization.get("location") == "header":
            wire = member.serialization["name"]
            others = {key: value for key, value in headers.items() if key.lower() != wire}
            yield f"{wire}: junk", {**others, wire: "junk"}
            yield f"{wire}: long", {**others, wire: "x" * 2000}
            if name in shape.required_members:
                yield f"no {wire}", others


def bad_paths(model, path):
    segments = path.strip("/").split("/")
    for index, segment in enumerate(model.http["requestUri"].strip("/").split("/")):
        member = next((member for name, member in model.input_shape.members.items()
                       if member.serialization.get("location") == "uri"
                       and segment == "{" + member.serialization["name"] + "}"), None)
        values = [text(value) for label, value in out_of_bounds(member) if label != "too short"] \
            if member is not None else []
        for value in [*values, *(["%FF", "a%2Fb", "a%00"] if member is not None else [])]:
            yield value[:20], "/" + "/".join(
                [*segments[:index], value, *segments[index + 1:]])


class Deformer:
    """Sends each call's deformations before boto3 sends the call."""

    def __init__(self, control, iot):
        self.control = control
        self.credentials = botocore.credentials.Credentials(*aws.credentials(control))
        self.service = iot.meta.service_model
        self.connection = None
        self.done = set()
        self.count = 0
        self.problems = []
        iot.meta.events.register_first("request-created.iot.*", self.deform)

    def deform(self, request, operation_name, **_):
        if operation_name in self.done:
            return
        self.done.add(operation_name)
        model = self.service.operation_model(operation_name)
        url = urllib.parse.urlsplit(request.url)
        raw = request.data.encode() if isinstance(request.data, str) else request.data or b""
        headers = {name: value.decode() if isinstance(value, bytes) else value
                   for name, value in request.headers.items()
                   if name.lower().startswith("x-amzn-")}

        def send(what, path=url.path, query=url.query, headers=headers, body=raw):
            self.send(f"{operation_name}, {what}", request.method, path, query, headers, body)

        shape = model.input_shape
        for what, body in bad_bodies(shape, raw) if raw else [
                ("a body", b'{"zzz": 1}'), ("a torn body", b"{{{")]:
            send(what, body=body)
        for what, query in bad_queries(shape, url.query):
            send(what, query=query)
        for what, others in bad_headers(shape, headers):
            send(what, headers=others)
        for what, path in bad_paths(model, url.path):
            send(what, path=path)

    def send(self, what, method, path, query, headers, body):
        self.count += 1
        target = f"{path}?{query}" if query else path
        request = botocore.awsrequest.AWSRequest(
            method=method, url=self.control.api + target, data=body, headers=headers)
        botocore.auth.SigV4Auth(self.credentials, "iot", aws.REGION).add_auth(request)
        # One connection for all: what is refused must leave it sane.
        if self.connection is None:
            self.connection = http.client.HTTPConnection(
                "127.0.0.1", self.control.api_port, timeout=60)
        self.connection.request(method, target, body or None, dict(request.headers.items()))
        answer = self.connection.getresponse()
        error = json.loads(answer.read() or b"{}")
        # A name that cannot be may as well be one that is not there.
        if answer.status not in (400, 404) or not error.get("message") or not (
                answer.headers["x-amzn-ErrorType"]):
            self.problems.append(f"{what}: {answer.status} {error}"[:300])


@pytest.fixture
def fresh(make_gateway, tmp_path):
    """A service of its own: `test_aws_model` leaves names behind in the shared one."""
    return make_gateway(settings={"bulk-sources": f"bulk={tmp_path}/gateway-0/bulk"}).start()


def test_whatever_the_model_rules_out_is_refused_and_changes_nothing(
        fresh, tmp_path, monkeypatch):
    judged = aws.Judged(fresh)
    deformer = Deformer(fresh, judged.client)
    monkeypatch.setattr(aws, "Judged", lambda _: judged)
    calls.test_every_operation_answers_as_the_model_says(fresh, tmp_path)
    assert deformer.problems == []
    assert deformer.done >= calls.supported() and deformer.count > 3000
    assert fresh.stop() == 0
