#!/usr/bin/env python3
"""What one operation costs the service in a fleet of a thousand things, and in a large one.

    make bench                              figures of the release build
    Tests/Benchmarks/growth.py --things 5000        a quick look

CPU time of the whole process is counted, in nanoseconds as the kernel schedules it, so that neither
the client nor another process on the machine is in the figures. Each operation is sent in batches,
and the median batch counts. The last table is of what walks the fleet whatever its size: a query
that says only what is not, a pattern that begins with a wildcard, a figure over everything.
"""

import argparse
import glob
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

from load import Connection
from provisioning import REPOSITORY, SLIPWAY, free_port
from registry import Service, keys_of, start

SMALL = 1000
SITES = 13
GROWTH_MAX = 1.5
# Less than this is not told from noise, whatever it is in percent.
NOISE_MS = 0.3
TASK_SECONDS_MAX = 3600
TEMPLATE = {
    "Parameters": {name: {"Type": "String"} for name in (
        "Name", "Type", "Group", "Serial", "Site", "Firmware", "Temperature", "Rare")},
    "Resources": {"thing": {"Type": "AWS::IoT::Thing", "Properties": {
        "ThingName": {"Ref": "Name"}, "ThingTypeName": {"Ref": "Type"},
        "ThingGroups": [{"Ref": "Group"}], "BillingGroup": "costs",
        "AttributePayload": {
            "serial": {"Ref": "Serial"}, "site": {"Ref": "Site"}, "fw": {"Ref": "Firmware"},
            "temp": {"Ref": "Temperature"}, "rare": {"Ref": "Rare"}}}}}}


def slipway(folder):
    port = free_port()
    options = ["--directory", folder, "--api-port", str(port), "--listen-port", "0",
               "--keys-algorithm", "P_256"]
    subprocess.run([SLIPWAY, "init", *options], check=True, capture_output=True)
    process = start(
        [SLIPWAY, "serve", *options, "--bulk-sources", f"bulk={folder}/bulk"],
        f"{folder}/serve.log", f"http://127.0.0.1:{port}/")
    return Service("slipway", port, keys_of(folder), process)


class Fleet:
    """The service with some things in it, and what is asked of it."""

    def __init__(self, service, folder):
        self.service, self.folder = service, folder
        self.connection = Connection(service.port)
        self.random = random.Random(1)
        self.count = self.batch = 0
        self.names = []
        os.mkdir(f"{folder}/bulk")
        for number in range(3):
            self.send("POST", f"/thing-types/Type{number}", {})
        self.send("POST", "/thing-groups/plant", {})
        for number in range(SITES):
            self.send("POST", f"/thing-groups/hall-{number}", {"parentGroupName": "plant"})
        self.send("POST", "/billing-groups/costs", {})
        self.send("POST", "/dynamic-thing-groups/warm", {
            "queryString": "attributes.site:site-3 AND attributes.fw:1.2"})

    def send(self, *request):
        return json.loads(self.connection.send(self.service.signed(*request)) or b"null")

    def fill(self, upto):
        """By a registration task, as a factory would."""
        with open(f"{self.folder}/bulk/{upto}", "w") as file:
            for number in range(self.count, upto):
                family = "gateway" if number % 2 else "sensor"
                name = f"{family}-{self.random.randrange(10 ** 9):09}-{number}"
                # The few that have what is rare are there from the beginning.
                line = {
                    "Name": name, "Type": f"Type{number % 3}", "Group": f"hall-{number % SITES}",
                    "Serial": f"1{number:07}", "Site": f"site-{number % SITES}",
                    "Firmware": f"1.{number % 4}", "Temperature": str(self.random.randrange(100)),
                    "Rare": f"1{number}" if number < 50 else ""}
                file.write(json.dumps(line) + "\n")
                if number < SMALL:
                    self.names.append(name)
        task = self.send("POST", "/thing-registration-tasks", {
            "templateBody": json.dumps(TEMPLATE), "inputFileBucket": "bulk",
            "inputFileKey": str(upto), "roleArn": "arn:aws:iam::000000000000:role/any"})["taskId"]
        deadline = time.monotonic() + TASK_SECONDS_MAX
        while True:
            state = self.send("GET", f"/thing-registration-tasks/{task}")
            if state["status"] == "Completed" and not state.get("failureCount"):
                break
            if state["status"] != "InProgress" or time.monotonic() > deadline:
                sys.exit(f"the fleet was not filled: {state}")
            time.sleep(0.2)
        self.count = upto

    def cpu(self):
        nanoseconds = 0
        for path in glob.glob(f"/proc/{self.service.process.pid}/task/*/schedstat"):
            try:
                with open(path) as file:
                    nanoseconds += int(file.read().split()[0])
            except OSError:
                pass
        return nanoseconds

    def cost(self, make, count):
        """Milliseconds of CPU of one operation: the median of a few batches."""
        batches = []
        for _ in range(5):
            self.batch += 1
            requests = [self.service.signed(*make(self, n)) for n in range(count)]
            began = self.cpu()
            for request in requests:
                self.connection.send(request)
            batches.append((self.cpu() - began) / count / 1e6)
        return statistics.median(batches)

    def own(self, number):
        """A name that no other batch has."""
        return f"own-{self.batch}-{number}"

    def earlier(self, number, batches):
        return f"own-{self.batch - batches}-{number}"

    def token(self, page):
        """Where the page of one thing begins that comes after so many others."""
        answer = {}
        for _ in range(page - 1):
            place = answer.get("nextToken")
            query = f"&nextToken={urllib.parse.quote(place, safe='')}" if place else ""
            answer = self.send("GET", f"/things?maxResults=1{query}")
        return urllib.parse.quote(answer["nextToken"], safe="")


def search(query, **members):
    body = {"queryString": query, "maxResults": 50, **members}
    return lambda fleet, n: ("POST", "/indices/search", body)


def get(path):
    return lambda fleet, n: ("GET", path)


def operations(fleet):
    """Each with how many make a batch. Those that change a thing follow the one that makes it."""
    created = {"thingTypeName": "Type1", "billingGroupName": "costs",
               "attributePayload": {"attributes": {"site": "site-3", "serial": "9"}}}
    updated = {"attributePayload": {"attributes": {"site": "site-4"}, "merge": True}}

    def membership(name):
        # Each runs five batches, and so is five behind the one before it.
        behind = {"add": 10, "remove": 15}[name[:name.index("T")]]
        return lambda fleet, n: ("PUT", f"/thing-groups/{name}", {
            "thingGroupName": "hall-3", "thingName": fleet.earlier(n, behind)})

    page = fleet.token(900)
    second = fleet.send("POST", "/indices/search", {
        "queryString": "attributes.site:site-3", "maxResults": 50})["nextToken"]
    return [
        ("CreateThing", 40, lambda f, n: ("POST", f"/things/{f.own(n)}", created)),
        ("UpdateThing", 40, lambda f, n: ("PATCH", f"/things/{f.earlier(n, 5)}", updated)),
        ("AddThingToThingGroup", 40, membership("addThingToThingGroup")),
        ("RemoveThingFromThingGroup", 40, membership("removeThingFromThingGroup")),
        ("DeleteThing", 40, lambda f, n: ("DELETE", f"/things/{f.earlier(n, 20)}")),
        ("DescribeThing", 100, lambda f, n: ("GET", f"/things/{f.names[n]}")),
        ("ListThings, first page", 20, get("/things?maxResults=50")),
        ("ListThings, after 900 pages", 20, get(f"/things?maxResults=50&nextToken={page}")),
        ("ListThings of a type", 20, get("/things?maxResults=50&thingTypeName=Type1")),
        ("ListThings by an attribute", 20, get(
            "/things?maxResults=50&attributeName=site&attributeValue=site-3")),
        ("ListThings by its beginning", 20, get(
            "/things?maxResults=50&attributeName=serial&attributeValue=10000"
            "&usePrefixAttributeValue=true")),
        ("ListThingsInThingGroup", 20, get("/thing-groups/hall-3/things?maxResults=50")),
        ("ListThingsInThingGroup, recursive", 20, get(
            "/thing-groups/plant/things?maxResults=50&recursive=true")),
        ("ListThingsInThingGroup, dynamic", 20, get("/thing-groups/warm/things?maxResults=19")),
        ("ListThingGroupsForThing", 40, lambda f, n: ("GET", f"/things/{f.names[n]}/thing-groups")),
        ("CreateThingGroup", 20, lambda f, n: ("POST", f"/thing-groups/{f.own(n)}", {})),
        ("DeleteThingGroup", 20, lambda f, n: ("DELETE", f"/thing-groups/{f.earlier(n, 5)}")),
        ("CreateThingType", 20, lambda f, n: ("POST", f"/thing-types/{f.own(n)}", {})),
        ("search `attributes.serial:…`, one", 20, search("attributes.serial:10000500")),
        ("search `attributes.site:…`, 1 of 13", 20, search("attributes.site:site-3")),
        ("the page behind it", 20, search("attributes.site:site-3", maxResults=20,
                                          nextToken=second)),
        ("search `attributes.fw:…`, 1 of 4", 20, search("attributes.fw:1.2")),
        ("search `thingTypeName:…`, 1 of 3", 20, search("thingTypeName:Type1")),
        ("search `thingGroupNames:…`", 20, search("thingGroupNames:hall-3")),
        ("search by a dynamic group", 20, search("thingGroupNames:warm", maxResults=19)),
        ("search with AND", 20, search(
            "thingTypeName:Type1 AND attributes.site:site-3", maxResults=20)),
        ("search with OR", 20, search("attributes.site:site-3 OR attributes.site:site-4")),
        ("search with NOT", 20, search("attributes.site:site-3 NOT attributes.fw:1.2")),
        ("search `thingName:sensor-*`", 20, search("thingName:sensor-*")),
        ("search `attributes.rare:1*`", 20, search("attributes.rare:1*")),
        ("search `attributes.serial:[… TO …]`", 20, search(
            "attributes.serial:[10000100 TO 10000120]")),
        ("search `attributes.temp>50`", 20, search("attributes.temp>50")),
        ("search `connectivity.connected:true`", 20, search("connectivity.connected:true")),
    ]


WALKS = [
    ("search `attributes.serial:*500`", 2, search("attributes.serial:*500")),
    ("search `NOT attributes.fw:1.*`", 2, search("NOT attributes.fw:1.*")),
    ("GetStatistics of everything", 2, lambda fleet, n: ("POST", "/indices/statistics", {
        "queryString": "*", "aggregationField": "attributes.temp"})),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--things", type=int, default=100_000, help="in the large fleet")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in ("Templates", "Hooks"):
            os.symlink(REPOSITORY / name, f"{folder}/{name}")
        service = slipway(folder)
        try:
            fleet = Fleet(service, folder)
            costs = []
            for count in (SMALL, options.things):
                fleet.fill(count)
                rows = operations(fleet) + WALKS
                costs.append({name: fleet.cost(make, count) for name, count, make in rows})
            tell(costs, [name for name, *_ in WALKS], options.things)
        finally:
            service.stop()


def tell(costs, walks, things):
    small, large = costs
    print(f"| operation | CPU ms, {SMALL} things | {things} things | ratio |\n|---|---|---|---|")
    grew = []
    for name in small:
        ratio = large[name] / small[name]
        print(f"| {name} | {small[name]:.2f} | {large[name]:.2f} | {ratio:.1f} |")
        if ratio > GROWTH_MAX and large[name] - small[name] > NOISE_MS and name not in walks:
            grew.append(name)
    print(f"\nwalk the fleet: {', '.join(walks)}")
    print(f"grew by more than {GROWTH_MAX}: {', '.join(grew) or 'none of the others'}")


if __name__ == "__main__":
    main()
