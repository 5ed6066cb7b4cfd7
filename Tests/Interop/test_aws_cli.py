"""The workflow that everybody learns first, typed as it stands in every tutorial."""

import json
import subprocess

import aws

SENSOR_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "iot:Connect",
         "Resource": aws.arn("client/${iot:Connection.Thing.ThingName}"),
         "Condition": {"Bool": {"iot:Connection.Thing.IsAttached": "true"}}},
        {"Effect": "Allow", "Action": "iot:Publish",
         "Resource": aws.arn("topic/sensors/${iot:Connection.Thing.ThingName}/data")},
    ]}


def publish(control, folder, client_id, topic):
    return subprocess.run(
        ["mosquitto_pub", "-h", "localhost", "-p", str(control.port), "--cafile",
         str(control.ca), "--cert", str(folder / "cert.pem"), "--key",
         str(folder / "private.key"), "-i", client_id, "-t", topic, "-m", "1", "-q", "1"],
        capture_output=True, text=True, timeout=60)


def test_a_thing_made_by_hand_connects_under_its_policy(control, tmp_path):
    def iot(*words):
        return aws.cli(control, "iot", *words)

    (tmp_path / "policy.json").write_text(json.dumps(SENSOR_POLICY))
    iot("create-thing", "--thing-name", "sensor-001")
    made = iot(
        "create-keys-and-certificate", "--set-as-active",
        "--certificate-pem-outfile", tmp_path / "cert.pem",
        "--public-key-outfile", tmp_path / "public.key",
        "--private-key-outfile", tmp_path / "private.key")
    iot("create-policy", "--policy-name", "SensorPolicy",
        "--policy-document", f"file://{tmp_path}/policy.json")
    iot("attach-policy", "--policy-name", "SensorPolicy", "--target", made["certificateArn"])
    iot("attach-thing-principal", "--thing-name", "sensor-001",
        "--principal", made["certificateArn"])

    public = aws.openssl("x509", "-in", tmp_path / "cert.pem", "-noout", "-pubkey")
    assert public == (tmp_path / "public.key").read_text()
    allowed = publish(control, tmp_path, "sensor-001", "sensors/sensor-001/data")
    assert allowed.returncode == 0, allowed.stderr
    assert publish(control, tmp_path, "sensor-002", "sensors/sensor-002/data").returncode != 0
    assert publish(control, tmp_path, "sensor-001", "sensors/sensor-002/data").returncode != 0

    iot("update-certificate", "--certificate-id", made["certificateId"], "--new-status",
        "REVOKED")
    assert publish(control, tmp_path, "sensor-001", "sensors/sensor-001/data").returncode != 0


def test_listings_are_paged_through_by_the_command_line(control):
    for number in range(7):
        aws.cli(control, "iot", "create-thing", "--thing-name", f"paged-{number}",
                "--attribute-payload", "attributes={batch=paged}")
    found = aws.cli(
        control, "iot", "list-things", "--attribute-name", "batch", "--attribute-value", "paged",
        "--page-size", "2")
    assert [thing["thingName"] for thing in found["things"]] == [
        f"paged-{number}" for number in range(7)]


def test_errors_name_their_class_and_what_is_wrong(control):
    done = aws.cli(control, "iot", "describe-thing", "--thing-name", "nobody", check=False)
    assert done.returncode != 0
    assert "ResourceNotFoundException" in done.stderr and "nobody" in done.stderr
    done = aws.cli(control, "iot", "list-jobs", check=False)
    assert "UnsupportedOperationException" in done.stderr and "ListJobs" in done.stderr
    done = aws.cli(
        control, "iot", "describe-thing", "--thing-name", "nobody", check=False,
        AWS_ACCESS_KEY_ID="AKIAAAAAAAAAAAAAAAAA", AWS_SECRET_ACCESS_KEY="x" * 40)
    assert "UnrecognizedClientException" in done.stderr
