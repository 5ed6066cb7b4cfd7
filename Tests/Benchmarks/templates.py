#!/usr/bin/env python3
"""Rendering a template of nearly 10 KB: Slipway beside Jinja2, on one core, in processor time.

    make bench                                  figures of the release build
    SLIPWAY=.build/debug/slipway Tests/Benchmarks/templates.py --times 200      a quick look

Both render the same thing name, attributes, policies and device configuration. Slipway checks each
name, escapes what came from outside and names each policy by its digest as well; Jinja2 pastes
text. Jinja2's template is compiled before the clock starts, as Slipway's is.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import jinja2

SLIPWAY = os.environ.get("SLIPWAY", ".build/release/slipway")
BYTES_WANTED = 10_000
PARAMETERS = {"SerialNumber": "SN-000417", "Site": "plant-7", "Line": "L4"}


def sub(text):
    return {"Fn::Sub": text}


def template():
    """A template that is as long as one may be: policies until it is full."""
    arn = "arn:aws:iot:${AWS::Region}:${AWS::AccountId}:"
    resources = {
        "thing": {"Type": "AWS::IoT::Thing", "Properties": {
            "ThingName": sub("pump-${SerialNumber}"),
            "ThingGroups": ["pumps", {"Fn::FindInMap": ["Lines", {"Ref": "Line"}, "group"]}],
            "AttributePayload": {"serial": {"Ref": "SerialNumber"}, "site": {"Ref": "Site"},
                "batch": {"Fn::Select": [1, {"Fn::Split": ["-", {"Ref": "SerialNumber"}]}]}}},
            "OverrideSettings": {"AttributePayload": "FAIL"}},
        "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {
            "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "ACTIVE"}}}
    body = {
        "Parameters": {name: {"Type": "String"} for name in PARAMETERS},
        "Mappings": {"Lines": {f"L{n}": {"group": f"line-{n}"} for n in range(8)}},
        "Resources": resources,
        "DeviceConfiguration": {"uplink": sub("sites/${Site}/pump-${SerialNumber}")}}
    count = 0
    while True:
        document = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"],
             "Resource": sub(f"{arn}topic/area-{count}/${{Site}}/pump-${{SerialNumber}}/*")},
            {"Effect": "Allow", "Action": "iot:Subscribe",
             "Resource": sub(f"{arn}topicfilter/area-{count}/${{Site}}/pump-${{SerialNumber}}/*")}]}
        resources[f"policy{count}"] = {
            "Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": document}}
        if len(json.dumps(body)) > BYTES_WANTED:
            del resources[f"policy{count}"]
            return body
        count += 1


def as_jinja(body):
    """The same as text with `{{ … }}` where a parameter stands."""
    def value(node):
        if isinstance(node, list):
            return [value(element) for element in node]
        if not isinstance(node, dict):
            return node
        if "Fn::Sub" in node:
            text = node["Fn::Sub"]
            for name, replacement in {**{n: n for n in PARAMETERS}, "AWS::Region": "region",
                                      "AWS::AccountId": "account"}.items():
                text = text.replace("${" + name + "}", "{{ " + replacement + " }}")
            return text
        if "Ref" in node:
            return "{{ " + node["Ref"].split("::")[-1] + " }}"
        if "Fn::FindInMap" in node:
            return "{{ Lines[Line]['group'] }}"
        if "Fn::Select" in node:
            return "{{ SerialNumber.split('-')[1] }}"
        return {key: value(member) for key, member in node.items()}
    return json.dumps(value({key: body[key] for key in ("Resources", "DeviceConfiguration")}))


def jinja_renders(body, times):
    compiled = jinja2.Environment(autoescape=False).from_string(as_jinja(body))
    known = {**PARAMETERS, "region": "local", "account": "000000000000", "Id": "0" * 64,
             "Lines": body["Mappings"]["Lines"]}
    json.loads(compiled.render(known))
    start = time.process_time()
    for _ in range(times):
        compiled.render(known)
    return times / max(time.process_time() - start, 1e-9)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    body = template()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "pump.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(body, file)
        command = [SLIPWAY, "template", "measure", path, "--json", "--times",
                   str(arguments.times), "--parameters",
                   *(f"{name}={value}" for name, value in PARAMETERS.items())]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            sys.exit(f"{' '.join(command)}: {result.stderr}")
    figures = json.loads(result.stdout)
    figures["jinja2"] = round(jinja_renders(body, arguments.times))
    if arguments.json:
        print(json.dumps(figures))
        return
    print(f"Template of {figures['bytes']} bytes, a second on one core")
    for name, what in [("render", "Slipway renders"), ("jinja2", "Jinja2 renders the same text"),
                       ("read", "Slipway reads and checks"), ("lint", "Slipway lints")]:
        print(f"  {figures[name]:>9,}  {what}")


if __name__ == "__main__":
    main()
