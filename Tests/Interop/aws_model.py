"""AWS's own model of its API as a judge: what an answer may hold, member by member.

botocore ignores what it does not know, so it alone would not notice a misspelt member.
"""

import json


class ModelError(AssertionError):
    pass


def check(shape, value, place="$"):
    """Raises where `value`, parsed JSON, is not what the model says of `shape`."""
    kind = shape.type_name
    if kind == "structure":
        _of(value, dict, place)
        for name in shape.required_members:
            wire = _wire_name(shape, name)
            if wire not in value:
                raise ModelError(f"{place} lacks {wire}")
        known = {_wire_name(shape, name): member for name, member in shape.members.items()}
        for name, member in value.items():
            if name not in known:
                raise ModelError(f"{place}.{name} is not in the model; it has {sorted(known)}")
            check(known[name], member, f"{place}.{name}")
    elif kind == "list":
        _of(value, list, place)
        for index, element in enumerate(value):
            check(shape.member, element, f"{place}[{index}]")
    elif kind == "map":
        _of(value, dict, place)
        for key, element in value.items():
            check(shape.key, key, f"{place} key {key!r}")
            check(shape.value, element, f"{place}[{key!r}]")
    elif kind == "string":
        _of(value, str, place)
        if shape.enum and value not in shape.enum:
            raise ModelError(f"{place} is {value!r}, not one of {shape.enum}")
        bounds = shape.metadata
        if len(value) < bounds.get("min", 0) or len(value) > bounds.get("max", len(value)):
            raise ModelError(f"{place} has {len(value)} characters: {bounds}")
    elif kind == "boolean":
        _of(value, bool, place)
    elif kind in ("integer", "long"):
        _of(value, int, place)
    elif kind in ("timestamp", "float", "double"):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ModelError(f"{place} is {value!r}, not a number")
    else:
        raise ModelError(f"{place}: the model has the type {kind}, and this judge has not")


def check_response(model, status, headers, body):
    """A successful response to the operation of `model`."""
    if status != 200:
        raise ModelError(f"{model.name}: {status}")
    if model.output_shape is None or not model.output_shape.members:
        if body not in (b"", b"{}"):
            raise ModelError(f"{model.name} has no output, and was answered {body!r}")
        return
    if not headers.get("content-type", "").startswith("application/json"):
        raise ModelError(f"{model.name}: content type {headers.get('content-type')}")
    check(model.output_shape, json.loads(body), model.name)


def _of(value, kind, place):
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ModelError(f"{place} is {value!r}, not {kind.__name__}")


def _wire_name(shape, name):
    return shape.members[name].serialization.get("name", name)
