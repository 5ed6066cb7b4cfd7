"""The life of a template on the running service: what is deleted stays so, and what a living device
was registered by can be read."""

import json
import subprocess

import pytest

import aws
from device import Device, Key
from gateway import run_slipway, slipway

NAME = "demo-sensor"


def names(gateway):
    listed = json.loads(slipway(gateway, "template", "list", "--json"))
    return [template["templateName"] for template in listed]


def restart(gateway):
    assert gateway.stop() == 0
    gateway.start()


def test_a_deleted_template_stays_deleted(make_gateway):
    gateway = make_gateway().start()
    file = gateway.directory / "Templates/gateway.json"
    other = gateway.directory / "Templates/assembly-line.json"
    slipway(gateway, "template", "disable", "gateway")
    slipway(gateway, "template", "delete", "gateway")
    # AWS's operation, which asks for less.
    aws.client(gateway).delete_provisioning_template(templateName="assembly-line")
    restart(gateway)
    assert not {"gateway", "assembly-line"} & set(names(gateway))
    for name in ("gateway", "assembly-line"):
        gateway.wait_for_log(f"(?m)^(?=.*stays deleted)(?=.*template={name}).*$")

    # A file that says something new brings it back.
    file.write_text(file.read_text() + "\n")
    restart(gateway)
    assert "gateway" in names(gateway) and "assembly-line" not in names(gateway)

    # Whoever puts it back has put it back: the file changes nothing of it.
    mine = gateway.directory / "mine.json"
    mine.write_text(json.dumps(json.loads(other.read_text())))
    slipway(gateway, "template", "put", mine, "--name", "assembly-line")
    restart(gateway)
    assert slipway(gateway, "template", "export", "assembly-line") == mine.read_text()


def test_what_says_nothing_is_told(make_gateway):
    """Settings without a template, a folder, and a name that is nobody's."""
    gateway = make_gateway().start()
    folder = gateway.directory / "Templates"
    (folder / "orphan.settings.json").write_text("{}")
    (folder / "more").mkdir()
    restart(gateway)
    for name in ("orphan.settings.json", "more"):
        gateway.wait_for_log(f"(?m)^(?=.*nothing is loaded of this)(?=.*file=.*/{name}).*$")
    for words in (["show", "gatewey"], ["versions", "gatewey"], ["default", "gatewey", "1"]):
        refused = run_slipway(gateway, "template", *words, code=1)
        assert "did you mean 'gateway'?" in refused.stderr, refused.stderr


def test_a_version_that_a_living_device_names_stays(make_gateway, tmp_path):
    gateway = make_gateway().start()
    subprocess.run(
        gateway.simulate_arguments("--devices", "1"), check=True,
        capture_output=True, timeout=120)
    body = slipway(gateway, "template", "export", NAME)
    for number in range(3):
        changed = tmp_path / f"{number}.json"
        changed.write_text(body + "\n" * (number + 1))
        slipway(gateway, "template", "put", changed, "--name", NAME)
    # Whoever asks: the version, and the template.
    kept = run_slipway(gateway, "template", "delete", NAME, "--version", "1", code=1)
    assert "--even-if-used" in kept.stderr
    iot = aws.client(gateway)
    for call, more in ((iot.delete_provisioning_template_version, {"versionId": 1}),
                       (iot.delete_provisioning_template, {})):
        with pytest.raises(iot.exceptions.DeleteConflictException):
            call(templateName=NAME, **more)
    told = slipway(gateway, "template", "prune", NAME, "--keep", "1")
    assert told.splitlines() == [
        f"{NAME}: 2 versions are gone",
        "kept, as living certificates were registered by them: 1"]
    assert slipway(gateway, "template", "export", NAME, "--version", "1") == body
    assert slipway(gateway, "template", "prune", NAME, "--keep", "1", "--force").splitlines() == [
        f"{NAME}: 1 versions are gone"]
    refused = run_slipway(gateway, "template", "export", NAME, "--version", "1", code=1)
    assert "has no version 1" in refused.stderr
    records = [json.loads(line) for line in slipway(gateway, "audit", "list", "--json").splitlines()]
    details = [
        record["detail"] for record in records
        if record["action"] == "PruneProvisioningTemplateVersions"]
    assert [detail.get("keptInUse") for detail in details] == [[1], None]
    assert [detail.get("deletedInUse") for detail in details] == [None, [1]]


def test_a_difference_for_things_that_exist_is_one(make_gateway, tmp_path):
    gateway = make_gateway().start()
    body = json.loads(slipway(gateway, "template", "export", "reprovision-merge"))
    thing = body["Resources"]["thing"]
    settings = thing["OverrideSettings"]
    assert settings["AttributePayload"] == "MERGE"
    settings["AttributePayload"] = "REPLACE"
    body["Slipway"] = {**body.get("Slipway", {}), "Certificate": {"ValidityDaysMax": 30}}
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(body))
    parameters = gateway.directory / "Templates/reprovision-merge.parameters.json"
    words = ("template", "diff", "reprovision-merge", changed, "--parameters", parameters)
    told = slipway(gateway, *words, code=2)
    assert "  - Resources.thing.OverrideSettings.AttributePayload: MERGE" in told
    assert "  + Resources.thing.OverrideSettings.AttributePayload: REPLACE" in told
    assert "  + Slipway.Certificate.ValidityDaysMax: 30" in told
    report = json.loads(slipway(gateway, *words, "--json", code=2))
    assert len(report["settings"]) == 2


def test_a_changed_default_is_a_difference_for_who_left_it(make_gateway, tmp_path):
    gateway = make_gateway().start()
    subprocess.run(
        gateway.simulate_arguments("--devices", "1"), check=True, capture_output=True, timeout=120)
    changed = tmp_path / "changed.json"
    changed.write_text(
        slipway(gateway, "template", "export", NAME).replace('"Default": "lab"', '"Default": "hall"'))
    told = slipway(gateway, "template", "diff", NAME, changed, "--last", "1", code=2)
    assert "  - thing.attributes.site: lab\n  + thing.attributes.site: hall\n" in told


def test_a_template_for_subjects_is_put_as_what_it_is(make_gateway):
    gateway = make_gateway().start()
    file = gateway.directory / "Templates/jitp-subject.json"
    slipway(gateway, "template", "put", file, "--name", "mine", "--type", "JITP")
    assert "JITP" in slipway(gateway, "template", "show", "mine").splitlines()[1]
    for words in (["--name", "mine", "--type", "FLEET_PROVISIONING"],
                  ["--name", "other", "--type", "JIT"]):
        run_slipway(gateway, "template", "put", file, *words, code=1)
    names_now = names(gateway)
    assert "mine" in names_now and "other" not in names_now


def test_the_next_device_meets_what_was_changed_last(make_gateway, serials, tmp_path):
    """What the service remembers of templates and hooks outlives no change to them, not even for a
    device whose connection was there before it."""
    gateway = make_gateway().start()
    iot = aws.client(gateway)
    with Device(gateway, client_id="nest") as device:
        device.subscribe_to_replies()

        def register():
            created = device.create_from_csr(Key()).expect_accepted()
            return device.register(
                created["certificateOwnershipToken"], {"SerialNumber": serials()})

        def site():
            thing = register().expect_accepted()["thingName"]
            return iot.describe_thing(thingName=thing)["attributes"]["site"]

        assert site() == "lab"
        changed = tmp_path / "changed.json"
        changed.write_text(slipway(gateway, "template", "export", NAME).replace(
            '"Default": "lab"', '"Default": "hall"'))
        slipway(gateway, "template", "put", changed, "--name", NAME)
        assert site() == "hall"
        slipway(gateway, "template", "default", NAME, "1")
        assert site() == "lab"
        iot.update_provisioning_template(templateName=NAME, defaultVersionId=2)
        assert site() == "hall"
        slipway(gateway, "template", "disable", NAME)
        assert not register().accepted
        slipway(gateway, "template", "enable", NAME)
        assert site() == "hall"
        slipway(gateway, "hook", "disable", "serial-allowlist")
        register().expect_rejected(403, "AccessDenied")
        slipway(gateway, "hook", "enable", "serial-allowlist", "1")
        assert site() == "hall"
        iot.update_provisioning_template(templateName=NAME, removePreProvisioningHook=True)
        device_of_no_list = device.create_from_csr(Key()).expect_accepted()
        device.register(
            device_of_no_list["certificateOwnershipToken"],
            {"SerialNumber": "SN-UNLISTED"}).expect_accepted()
