"""Hooks over the wire: what they read, their versions, and what a registration keeps of them."""

import hashlib
import json
import os
import subprocess
import xml.etree.ElementTree

from gateway import SLIPWAY
from test_access import slipway
from test_refusals import ask, line

READING = """
return function(request)
    local serial = request.parameters.SerialNumber
    local entry = allowlist.get("demo", serial)
    local thing = registry.thing(serial)
    local count = registry.count('attributes.site:"lab"', 10)
    if thing then
        return { allowProvisioning = false, reasonCode = "registered-already",
                 denyReason = "known as version " .. thing.version .. " at "
                     .. thing.attributes.site }
    end
    log("claim", claim.label, "count", count)
    return { allowProvisioning = entry ~= nil, denyReason = "not on the list",
             attributes = { lot = "L7" },
             parameterOverrides = entry and { Site = "lab" } or nil }
end
"""
ALLOW = "return function() return { allowProvisioning = true } end\n"
DENY = "return function() return { allowProvisioning = false, denyReason = 'closed' } end\n"


def test_a_hook_reads_lists_things_and_counts(make_gateway):
    gateway = line(make_gateway, hook=READING)
    ask(gateway, {"SerialNumber": "SN-000001", "Site": "x"}).expect_accepted()
    gateway.wait_for_log("count 0")
    refused = ask(gateway, {"SerialNumber": "SN-000001", "Site": "x"})
    assert "known as version 1 at lab" in refused.expect_rejected(403, "AccessDenied")
    ask(gateway, {"SerialNumber": "SN-000002", "Site": "x"}).expect_accepted()
    gateway.wait_for_log("count 1")
    unknown = ask(gateway, {"SerialNumber": "nobody", "Site": "x"})
    assert "not on the list" in unknown.expect_rejected(403, "AccessDenied")
    gateway.wait_for_log("instructions=.*microseconds=.*verdict=denied.*hook answered")


def test_a_text_that_is_kept_is_the_one_there_is(make_gateway, tmp_path):
    """An editor's byte order mark and CRLF line ends, and what steers a terminal in a comment."""
    gateway = line(make_gateway, hook=ALLOW)
    text = "\ufeff-- \u202ereversed\r\n" + ALLOW.replace("\n", "\r\n")
    new = tmp_path / "new.lua"
    new.write_bytes(text.encode())
    put = json.loads(slipway(gateway, "hook", "put", "test-hook", new, "--json"))
    shown = subprocess.run(
        [SLIPWAY, "hook", "show", "test-hook", "--directory", gateway.directory],
        capture_output=True, check=True).stdout
    assert shown == text.encode()
    assert hashlib.sha256(shown).hexdigest() == put["digest"]
    told = slipway(gateway, "hook", "show", "test-hook", "--json")
    assert json.loads(told)["source"] == text and "\u202e" not in told


def test_versions_are_kept_and_come_back(make_gateway, tmp_path):
    gateway = line(make_gateway, hook=ALLOW)
    new = tmp_path / "new.lua"
    new.write_text(DENY)
    # It would read as a version of its own where versions are listed.
    slipway(gateway, "hook", "put", "test-hook", new, "-m", "Closed\n3  true  bob", code=1)
    put = json.loads(
        slipway(gateway, "hook", "put", "test-hook", new, "-m", "Closed for now", "--json"))
    assert put["version"] == 2 and put["message"].startswith("Closed") and put["casesPassed"] == 0
    ask(gateway, {"SerialNumber": "one", "Site": "x"}).expect_rejected(403, "AccessDenied")
    listed = slipway(gateway, "hook", "list", "test-hook")
    assert "Closed" in listed and "loaded from its file" in listed
    difference = slipway(gateway, "hook", "diff", "test-hook", "1", "2", code=2)
    assert "+1: " in difference and "-1: " in difference
    slipway(gateway, "hook", "enable", "test-hook", "1")
    assert slipway(gateway, "hook", "show", "test-hook").strip() == ALLOW.strip()
    shown = slipway(gateway, "hook", "show", "test-hook", "--version", put["digest"][:8])
    assert shown.strip() == DENY.strip()
    ask(gateway, {"SerialNumber": "two", "Site": "x"}).expect_accepted()
    slipway(gateway, "hook", "disable", "test-hook")
    ask(gateway, {"SerialNumber": "three", "Site": "x"}).expect_rejected(403, "AccessDenied")
    assert "the hook is disabled" in slipway(gateway, "hook", "put", "test-hook", new)
    slipway(gateway, "hook", "enable", "test-hook", "1")
    ask(gateway, {"SerialNumber": "three", "Site": "x"}).expect_accepted()
    audited = slipway(gateway, "audit", "list")
    for action in ("PutHook", "EnableHook", "DisableHook"):
        assert action in audited, action
    slipway(gateway, "audit", "verify")


def test_a_put_runs_the_tests_first(make_gateway, tmp_path):
    gateway = line(make_gateway, hook=ALLOW)
    hook, tests = tmp_path / "door.lua", tmp_path / "door.test.json"
    hook.write_text(DENY)
    case = {"name": "open", "request": {"parameters": {}}, "expect": {"allow": True}}
    tests.write_text(json.dumps({"cases": [case]}))
    done = subprocess.run(
        [SLIPWAY, "hook", "put", "door", hook, "--directory", gateway.directory],
        capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "open: allow is false" in done.stderr, done.stderr
    slipway(gateway, "hook", "show", "door", code=1)
    hook.write_text("return function()\n  return nil\nend\n")
    done = subprocess.run(
        [SLIPWAY, "hook", "put", "door", hook, "--directory", gateway.directory],
        capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and f"{hook}:2: missingReturn" in done.stderr, done.stderr
    assert "the hook failed: " in done.stderr
    hook.write_text(ALLOW)
    assert "1 tests passed" in slipway(gateway, "hook", "put", "door", hook)


def test_a_changed_file_is_a_new_version_at_the_next_start(make_gateway):
    gateway = line(make_gateway, hook=ALLOW)
    file = gateway.directory / "Hooks/test-hook.lua"
    gateway.stop()
    gateway.start()
    assert len(json.loads(slipway(gateway, "hook", "list", "test-hook", "--json"))) >= 1
    gateway.stop()
    file.write_text(DENY)
    gateway.start()
    ask(gateway, {"SerialNumber": "one", "Site": "x"}).expect_rejected(403, "AccessDenied")
    assert json.loads(slipway(gateway, "hook", "show", "test-hook", "--json"))["version"] == 2


def test_check_run_and_test_need_no_service(tmp_path):
    def run(*words):
        return subprocess.run(
            [SLIPWAY, "hook", *map(str, words)], capture_output=True, text=True, timeout=120)

    hook, request, world = (tmp_path / name for name in ("h.lua", "r.json", "w.json"))
    hook.write_text(READING)
    request.write_text(json.dumps({"parameters": {"SerialNumber": "S-1"},
                                   "claim": {"label": "line"}}))
    world.write_text(json.dumps({"allowlists": {"demo": ["S-1"]}}))
    assert run("check", hook).returncode == 0
    first = run("run", hook, "--request", request, "--world", world, "--json")
    trace = json.loads(first.stdout)
    assert first.returncode == 0 and trace["attributes"] == {"lot": "L7"}, first
    assert [read["function"] for read in trace["reads"]] == [
        "allowlist.get", "registry.thing", "registry.count"]
    assert trace["cost"]["instructions"] > 0 and trace["cost"]["bytes"] > 0
    recorded = tmp_path / "trace.json"
    recorded.write_text(first.stdout)
    again = json.loads(
        run("run", hook, "--request", request, "--world", recorded, "--json").stdout)
    for trial in (trace, again):
        trial["cost"].pop("microseconds")
    assert again == trace
    assert run("run", hook, "--request", request).returncode == 2
    hook.write_text("return function() return os.time() end")
    checked = run("check", hook)
    assert checked.returncode == 2 and ":1: forbiddenName: 'os'" in checked.stdout
    assert run("run", hook, "--request", request).returncode == 1
    assert run("test", hook).returncode == 1


def tool(*words):
    return subprocess.run(
        [SLIPWAY, *map(str, words)], capture_output=True, text=True, timeout=120,
        stdin=subprocess.DEVNULL)


def test_what_is_no_plain_file_is_not_waited_for(tmp_path):
    pipe = tmp_path / "pipe.lua"
    os.mkfifo(pipe)
    hook, request = tmp_path / "h.lua", tmp_path / "r.json"
    hook.write_text(ALLOW)
    request.write_text('{"parameters": {}}')
    tests = tmp_path / "h.test.json"
    os.mkfifo(tests)
    for words in [("hook", "check", pipe), ("hook", "check", "/dev/zero"),
                  ("hook", "run", pipe, "--request", request),
                  ("hook", "run", hook, "--request", pipe),
                  ("hook", "run", hook, "--request", request, "--world", pipe)]:
        done = tool(*words)
        assert done.returncode == 1 and "is a pipe or a device" in done.stderr, (words, done)
    for words in [("hook", "test", hook), ("template", "lint", pipe),
                  ("template", "lint", "/dev/zero")]:
        done = tool(*words)
        assert done.returncode != 0 and "is a pipe or a device" in done.stdout + done.stderr, done
    folder = tool("hook", "run", tmp_path, "--request", request)
    assert folder.returncode == 1 and "is a folder" in folder.stderr
    assert tool("hook", "run", hook, "--request", request).returncode == 0


def test_a_dry_run_calls_a_hook_as_its_file_is_called(tmp_path):
    template = tmp_path / "t.json"
    template.write_text(json.dumps({
        "Parameters": {"SerialNumber": {"Type": "String"},
                       "AWS::IoT::Certificate::Id": {"Type": "String"}},
        "Resources": {
            "thing": {"Type": "AWS::IoT::Thing", "Properties": {
                "ThingName": {"Ref": "SerialNumber"}}},
            "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {
                "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "Active"}}}}))
    for file, name in [("door.lua", "door"), ("what is this.lua", "dry-run")]:
        hook = tmp_path / file
        hook.write_text(DENY)
        done = tool("template", "dry-run", template, "--parameters", "SerialNumber=S1", "--hook",
                    hook, "--against", "EMPTY", "--directory", tmp_path, "--json")
        assert json.loads(done.stdout)["hook"]["name"] == name, done


def test_webhooks_are_checked_beside_scripts(tmp_path):
    (tmp_path / "a.lua").write_text(ALLOW)
    (tmp_path / "b.webhook.json").write_text(
        '{\n "url": "ftp://a",\n "timeoutMilliseconds": 5,\n "retry": 1}\n')
    (tmp_path / "b.test.json").write_text("{}")
    done = tool("hook", "check", tmp_path)
    assert done.returncode == 2, done
    told = [line.removeprefix(f"{tmp_path}/b.webhook.json:") for line in done.stdout.splitlines()]
    assert [line.split(": ", 2)[:2] for line in told] == [
        ["1:1", "missingMember"], ["2:2", "wrongMember"], ["3:2", "wrongMember"],
        ["4:2", "unknownMember"]], done.stdout
    assert "/url is an address that begins with https://" in done.stdout
    told = json.loads(tool("hook", "check", tmp_path, "--json").stdout)
    assert told["files"] == 2 and told["findings"][1]["column"] == 2
    (tmp_path / "b.webhook.json").write_text('{"url": "https://a", "secret": "line"}')
    assert tool("hook", "check", tmp_path).stdout == "2 checked, nothing found\n"
    request = tmp_path / "r.json"
    request.write_text('{"parameters": {}}')
    done = tool("hook", "run", tmp_path / "b.webhook.json", "--request", request)
    assert done.returncode == 1 and "describes a webhook" in done.stderr, done


def test_a_report_counts_what_it_holds(tmp_path):
    (tmp_path / "a.lua").write_text(ALLOW)
    case = {"name": "<open> & \u0001", "request": {"parameters": {}}, "expect": {"allow": False}}
    (tmp_path / "a.test.json").write_text(json.dumps({"cases": [case]}))
    (tmp_path / "b.test.json").write_text('{"cases": []}')
    done = tool("hook", "test", tmp_path, "--format", "junit")
    assert done.returncode == 1, done
    report = xml.etree.ElementTree.fromstring(done.stdout)
    for suite in [report, *report.iter("testsuite")]:
        for attribute, element in [("tests", "testcase"), ("failures", "failure"),
                                   ("errors", "error")]:
            assert int(suite.get(attribute, 0)) == len(list(suite.iter(element))), done.stdout
    assert next(report.iter("testcase")).get("name") == "<open> & ?"
    assert tool("hook", "test", tmp_path, "--fail-under", "101").returncode == 64
