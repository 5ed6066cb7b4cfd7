"""The registry from the command line: over the socket, over HTTP with a role's rights, in files."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request

import boto3
import pytest

from gateway import SLIPWAY, free_port
from test_access import Signed

DOCUMENT = json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}})


def slipway(*words, status=0, environment=None, directory=None, stdin=None):
    place = ["--directory", str(directory)] if directory else []
    done = subprocess.run(
        [str(SLIPWAY), *map(str, words), *place], capture_output=True, text=True, timeout=120,
        env={**os.environ, **(environment or {})}, stdin=stdin or subprocess.DEVNULL)
    assert done.returncode == status, f"{words}: {done.stdout}{done.stderr}"
    return done


@pytest.fixture
def local(control):
    """A command beside the running service; what it printed."""
    return lambda *words, **options: slipway(*words, directory=control.directory, **options).stdout


def credential(control, user, role):
    made = json.loads(slipway(
        "access", "create", user, "--role", role, "--json", directory=control.directory).stdout)
    return {"AWS_ACCESS_KEY_ID": made["accessKeyId"],
            "AWS_SECRET_ACCESS_KEY": made["secretAccessKey"]}


def test_a_device_is_registered_without_aws_tools(local, tmp_path):
    document = tmp_path / "policy.json"
    document.write_text(DOCUMENT)
    local("type", "create", "CliPump", "--searchable", "model", "--tag", "owner=works")
    local("thing", "create", "cli-1", "--type", "CliPump", "--attribute", "site=a")
    local("group", "create", "cli-site")
    local("group", "create", "cli-hall", "--parent", "cli-site")
    local("group", "add", "cli-hall", "cli-1")
    local("policy", "create", "cli-policy", document)
    certificate = local("cert", "create", "--active", "--output", tmp_path / "cli-1").strip()
    assert (tmp_path / "cli-1.key").stat().st_mode & 0o777 == 0o600
    local("policy", "attach", "cli-policy", certificate)
    local("policy", "attach", "cli-policy", "cli-site")
    local("thing", "attach", "cli-1", certificate, "--exclusive")

    principals = json.loads(local("thing", "principals", "cli-1", "--json"))
    assert [(p["principal"].split("/")[-1], p["thingPrincipalType"]) for p in principals] == [
        (certificate, "EXCLUSIVE_THING")]
    assert json.loads(local("group", "things", "cli-site", "--recursive", "--json")) == ["cli-1"]
    effective = json.loads(local(
        "policy", "effective", "--thing", "cli-1", "--principal", certificate, "--json"))
    assert [policy["policyName"] for policy in effective] == ["cli-policy"]
    assert "cli-1" in local("thing", "list", "--where", "attributes.site:a thingTypeName:CliPump")
    assert "CliPump" in local("type", "list", "--where", "thingTypeName:Cli*")
    assert "CliPump" not in local("type", "list", "--where", "thingTypeName:Other*")
    arn = json.loads(local("type", "show", "CliPump", "--json"))["thingTypeArn"]
    assert json.loads(local("tag", "list", arn, "--json")) == [{"Key": "owner", "Value": "works"}]

    local("thing", "detach", "cli-1", certificate)
    local("thing", "delete", "cli-1")
    assert json.loads(local("thing", "list", "--where", "thingName:cli-1", "--json")) == []


def test_what_cannot_be_printed_is_told_and_what_nobody_reads_is_not(control, local):
    command = [str(SLIPWAY), "policy", "list", "--directory", str(control.directory)]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 1 and b"No space left" in done.stderr
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        done = subprocess.run(command, stdout=gone, stderr=subprocess.PIPE, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_refusal_is_json_where_json_is_asked_for(control):
    told = json.loads(slipway("thing", "show", "nobody-at-all", "--json", status=1,
                              directory=control.directory).stderr)
    assert told["code"] == "ResourceNotFoundException" and "nobody-at-all" in told["message"]


def test_short_listings_take_a_filter_too(control, local):
    credential(control, "wilma", "auditor")
    for words, names in [
            (("access", "list", "--where", "user:wilma"), ["wilma"]),
            (("access", "role", "list", "--where", "name:aud*"), ["auditor"]),
            (("template", "list", "--where", "templateName:demo-s*"), ["demo-sensor"]),
            (("hook", "list", "--where", "name:serial-allow*"), ["serial-allowlist"]),
            (("claim", "list", "--where", "name:demo-*"), ["demo-line"])]:
        found = json.loads(local(*words, "--page-all", "--json"))
        members = ("user", "name", "templateName")
        assert [next(row[member] for member in members if member in row) for row in found] == names
    local("cert", "list", "--page-all")


def test_a_filter_by_what_nothing_has_is_told(control):
    typed = slipway("policy", "list", "--where", "polcyName:x", "--json",
                    directory=control.directory)
    assert json.loads(typed.stdout) == []
    assert "nothing here has a member 'polcyName'" in typed.stderr
    assert "policyName" in typed.stderr
    right = slipway("policy", "list", "--where", "policyName:x", directory=control.directory)
    assert "there is nothing to list" in right.stderr


def test_an_attribute_has_one_value(control):
    twice = slipway("thing", "create", "cli-twice", "--attribute", "site=a", "--attribute",
                    "site=b", status=1, directory=control.directory)
    assert "'site' is given twice" in twice.stderr
    slipway("thing", "show", "cli-twice", status=1, directory=control.directory)


def test_the_table_of_roles_is_what_the_service_does(control):
    rows = [line.split() for line in slipway("operations", "--roles").stdout.splitlines()]
    roles = rows[0][1:]
    told = {row[0]: dict(zip(roles, row[1:])) for row in rows[1:]}
    paths = {one["action"]: (one["path"], one["method"])
             for one in json.loads(slipway("operations", "--json").stdout)}
    assert set(told) == set(paths)
    for role in roles:
        keys = credential(control, f"table-{role}", role)
        for action in ("slipway:ListRoles", "slipway:ListAllowlists", "iot:ListPolicies",
                       "iot:ListThings", "slipway:ListAuditRecords", "slipway:ListHooks"):
            status, _, _ = Signed(control, tuple(keys.values()), path=paths[action][0]) \
                .in_header().send()
            assert status == (200 if told[action][role] == "yes" else 403), (role, action)


def test_pages_end_where_they_are_told_to(local):
    for number in range(5):
        local("thing", "create", f"cli-paged-{number}")
    query = ("thing", "list", "--where", "thingName:cli-paged-*", "--page-size", "2", "--json")
    assert len(json.loads(local(*query))) == 2
    assert len(json.loads(local(*query, "--page-all"))) == 5


def test_over_http_a_key_has_its_roles_rights(control, local):
    local("thing", "create", "remote-1")
    far = ["--endpoint-url", control.api]
    auditor = credential(control, "cli-auditor", "auditor")
    shown = slipway("thing", "show", "remote-1", "--json", *far, environment=auditor)
    assert json.loads(shown.stdout)["thingName"] == "remote-1"
    found = slipway("thing", "list", "--where", "thingName:remote-1", *far, environment=auditor)
    assert "remote-1" in found.stdout
    refused = slipway("thing", "delete", "remote-1", *far, status=1, environment=auditor)
    assert "not authorized" in refused.stderr or "DeleteThing" in refused.stderr
    wrong = {**auditor, "AWS_SECRET_ACCESS_KEY": "wrong"}
    assert "signature" in slipway(
        "thing", "show", "remote-1", *far, status=1, environment=wrong).stderr
    admin = credential(control, "cli-admin", "administrator")
    slipway("thing", "delete", "remote-1", *far, environment=admin)


def test_a_refusal_says_what_is_wrong(local, control):
    missing = slipway("thing", "show", "never-made", status=1, directory=control.directory)
    assert missing.stderr.strip() == (
        "slipway: there is no thing 'never-made'; see 'slipway thing list'")
    query = slipway(
        "thing", "list", "--where", "nofield:1", status=1, directory=control.directory)
    assert "nofield" in query.stderr


ABSENT = "0" * 64


@pytest.mark.parametrize("words, advice", [
    (["thing", "attach", "cli-x", "none"], "'none' is no certificate id"),
    (["cert", "policies", ABSENT], "see 'slipway cert list'"),
    (["policy", "attach", "none", "none"], "'slipway cert list' and 'slipway group list'"),
    (["policy", "show", "none"], "see 'slipway policy list'"),
    (["template", "show", "none"], "see 'slipway template list'"),
    (["template", "default", "demo-sensor", "99"], "see 'slipway template versions'"),
    (["group", "policies", "none"], "see 'slipway group list'"),
    (["group", "billing", "show", "none"], "see 'slipway group billing list'"),
    (["type", "show", "none"], "see 'slipway type list'"),
    (["claim", "show", "none"], "see 'slipway claim list'"),
    (["access", "disable", "AKIANONE"], "see 'slipway access list'"),
    (["access", "role", "show", "none"], "see 'slipway access role list'"),
    (["hook", "show", "none"], "see 'slipway hook list'"),
    (["allowlist", "show", "none"], "see 'slipway allowlist list'"),
    (["register-things", "show", "none"], "see 'slipway register-things list'"),
    (["apply", "/nonexistent", "--plan"], "name one that 'slipway export' made"),
    (["export", "/proc/none"], "name one where you may write")])
def test_a_refusal_says_what_to_do(control, words, advice):
    refused = slipway(*words, status=1, directory=control.directory)
    assert advice in refused.stderr
    assert refused.stderr.count("\n") == 1
    # A program is told the service's own words.
    told = json.loads(slipway(*words, "--json", status=1, directory=control.directory).stderr)
    assert set(told) >= {"code", "message"} and "; see 'slipway" not in told["message"]


def test_what_cannot_be_reached_is_told_with_what_to_do(control):
    key = {"AWS_ACCESS_KEY_ID": "AKIANONE", "AWS_SECRET_ACCESS_KEY": "none"}
    plain = control.api.removeprefix("http://")
    for url, advice in (
            (f"http://127.0.0.1:{free_port()}", "nobody listens there"),
            (f"https://{plain}", "write http://"),
            (control.api, "'slipway access list'")):
        refused = slipway("thing", "list", "--endpoint-url", url, status=1, environment=key)
        assert advice in refused.stderr, url
    auditor = credential(control, "cli-reader", "auditor")
    refused = slipway("thing", "create", "cli-no", "--endpoint-url", control.api, status=1,
                      environment=auditor)
    assert "'slipway operations --roles'" in refused.stderr
    done = slipway("policy", "effective", status=64, directory=control.directory)
    assert "name --principal, --thing or both" in done.stderr


# Completion.

BASH = """
source <("$SLIPWAY" completion bash)
slipway() { "$SLIPWAY" "$@"; }
complete_line() {
    COMP_LINE=$1; COMP_WORDS=($1); COMP_POINT=${#COMP_LINE}
    [[ $1 == *' ' ]] && COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=()
    _slipway slipway "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
    echo "${COMPREPLY[@]}"
}
complete_line 'slipway thi'
complete_line 'slipway thing cre'
complete_line 'slipway group list --page-'
complete_line 'slipway thing show complete-'
"""


@pytest.mark.parametrize("words", [
    ("thing", "create"), ("thing", "show"), ("thing", "groups"), ("group", "show"),
    ("type", "show"), ("policy", "show")])
@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_is_none_calls_nothing_else(control, words, name):
    """A URL's path would lose it, and what is left is another operation's."""
    done = slipway(*words, name, directory=control.directory, status=1)
    assert f"'{name}' is no" in done.stderr
    assert done.stdout == ""


def test_the_socket_of_a_killed_service_is_no_service(make_gateway):
    gateway = make_gateway().start()
    gateway.kill()
    assert (gateway.directory / "var" / "control.sock").exists()
    done = subprocess.run(
        [str(SLIPWAY), "template", "list", "--directory", str(gateway.directory)],
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "demo-sensor" in done.stdout


def test_bash_completes_commands_options_and_names(control, local):
    local("thing", "create", "complete-me")
    shell = subprocess.run(
        ["bash", "-c", BASH], capture_output=True, text=True, timeout=60, cwd=control.directory,
        env={**os.environ, "SLIPWAY": str(SLIPWAY),
             "PATH": f"{SLIPWAY.parent}:{os.environ['PATH']}"})
    lines = [sorted(line.split()) for line in shell.stdout.splitlines()]
    assert lines == [
        ["thing"], ["create"], ["--page-all", "--page-size"], ["complete-me"]], shell.stderr


def test_zsh_completes_names_with_a_colon(control, local):
    """To zsh a plain colon ends the name and begins its description."""
    local("thing", "create", "complete:0a:1b")
    script = slipway("completion", "zsh").stdout
    command = re.search(r"slipway (complete-names [^)]*things)", script).group(1)
    names = slipway(*command.split(), directory=control.directory).stdout.splitlines()
    assert "complete\\:0a\\:1b" in names
    assert "complete:0a:1b" in slipway(
        "complete-names", "things", directory=control.directory).stdout.splitlines()


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_take_their_script(shell, tmp_path):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / f"slipway.{shell}"
    script.write_text(slipway("completion", shell).stdout)
    if shell == "zsh":
        subprocess.run(["zsh", "-n", script], check=True, timeout=60)
        return
    done = subprocess.run(
        ["fish", "-c", f"source {script}; complete -C 'slipway thi'"], check=True, timeout=60,
        capture_output=True, text=True,
        env={**os.environ, "PATH": f"{SLIPWAY.parent}:{os.environ['PATH']}"})
    assert "thing" in done.stdout


# Files.

def fill(instance, tmp_path):
    def run(*words):
        return slipway(*words, directory=instance.directory).stdout
    document = tmp_path / "policy.json"
    document.write_text(DOCUMENT)
    run("type", "create", "Pump", "--description", "moves water", "--tag", "a=b")
    run("policy", "create", "pump", document, "--tag", "c=d")
    run("group", "create", "site", "--attribute", "floor=1")
    run("group", "create", "hall", "--parent", "site")
    run("group", "create", "hot", "--query", "attributes.temp>60")
    run("group", "billing", "create", "cost")
    run("thing", "create", "pump-1", "--type", "Pump", "--attribute", "temp=70",
        "--billing-group", "cost")
    run("group", "add", "hall", "pump-1")
    certificate = run("cert", "create", "--active").splitlines()[0]
    run("thing", "attach", "pump-1", certificate)
    run("policy", "attach", "pump", certificate)
    run("policy", "attach", "pump", "site")
    return certificate


def applied(instance, folder, *words, status=0):
    done = slipway("apply", folder, "--json", *words, status=status, directory=instance.directory)
    return json.loads(done.stdout)


def test_an_export_makes_another_fleet_the_same(make_gateway, tmp_path):
    one, two = make_gateway().start(), make_gateway().start()
    certificate = fill(one, tmp_path)
    # The policy that the service makes for itself is nobody's to declare.
    slipway("policy", "create", "slipway-canary", tmp_path / "policy.json",
            directory=one.directory)
    folder = tmp_path / "fleet"
    slipway("export", folder, directory=one.directory)
    assert not (folder / "policies/slipway-canary.json").exists()
    everything = "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
    assert "PRIVATE KEY" not in everything
    assert applied(one, folder, "--plan")["changes"] == []

    first = applied(two, folder, "--yes")
    assert first["failures"] == [] and first["done"] == len(first["changes"]) > 0
    second = applied(two, folder, "--yes")
    assert second["changes"] == [] and second["unchanged"] > 0
    again = tmp_path / "again"
    slipway("export", again, directory=two.directory)
    compare = subprocess.run(["diff", "-r", folder / "groups", again / "groups"])
    assert compare.returncode == 0
    things = (again / "things.jsonl").read_text()
    assert json.loads(things)["certificates"] == [certificate]


def test_a_plan_changes_what_differs_and_names_what_is_wrong(make_gateway, tmp_path):
    one = make_gateway().start()
    fill(one, tmp_path)
    folder = tmp_path / "fleet"
    slipway("export", folder, directory=one.directory)
    things = folder / "things.jsonl"
    things.write_text(things.read_text().replace('"temp":"70"', '"temp":"71"')
                      + '{"name":"lost","groups":["nowhere"]}\n{"name":')
    (folder / "groups/bad.json").write_text('{"color": "red"}')
    # Nobody is there to say yes.
    asked = slipway("apply", folder, "--keep-going", status=1, directory=one.directory)
    assert "--yes" in asked.stderr
    (folder / "policies/pump.json").write_text(json.dumps(
        {"document": json.loads(DOCUMENT.replace("iot:Connect", "iot:Conect"))}))
    # All or nothing, unless somebody says otherwise.
    refused = applied(one, folder, "--yes", status=1)
    assert refused["done"] == 0 and len(refused["failures"]) == 4
    shown = json.loads(slipway("thing", "show", "pump-1", "--json", directory=one.directory).stdout)
    assert shown["attributes"] == {"temp": "70"}
    done = applied(one, folder, "--yes", "--keep-going", status=2)
    assert [(change["name"], change["members"]) for change in done["changes"]] == [
        ("pump-1", ["attributes"])]
    messages = "\n".join(failure["message"] for failure in done["failures"])
    assert "things.jsonl:2: it needs the group 'nowhere'" in messages
    assert "things.jsonl:3:" in messages and "groups/bad.json" in messages
    assert "did you mean 'iot:Connect'?" in messages
    slipway("thing", "show", "lost", status=1, directory=one.directory)
    shown = json.loads(slipway("thing", "show", "pump-1", "--json", directory=one.directory).stdout)
    assert shown["attributes"] == {"temp": "71"}


def test_a_fleet_is_imported_from_another_service(make_gateway, tmp_path):
    one, two = make_gateway().start(), make_gateway().start()
    fill(one, tmp_path)
    profile = {"AWS_SHARED_CREDENTIALS_FILE": str(one.credentials)}
    words = ("import", "aws", "--profile", "slipway", "--endpoint-url", one.api, "--yes", "--json")
    first = json.loads(slipway(
        *words, "--certificates", environment=profile, directory=two.directory).stdout)
    assert first["failures"] == [] and len(first["changes"]) > 5
    # Without certificates those that are attached stay.
    for words in (words, (*words, "--certificates")):
        second = json.loads(slipway(*words, environment=profile, directory=two.directory).stdout)
        assert (second["changes"], second["failures"]) == ([], [])


def test_a_profile_without_a_key_of_its_own_says_how_to_get_one(control, tmp_path):
    config = tmp_path / "config"
    config.write_text("[profile prod]\nsso_session = works\nregion = eu-west-1\n")
    environment = {"AWS_CONFIG_FILE": str(config), "HOME": str(tmp_path),
                   "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}
    refused = slipway("import", "aws", "--profile", "prod", "--plan", status=1,
                      environment=environment, directory=control.directory)
    assert "aws configure export-credentials --profile prod" in refused.stderr


@pytest.fixture
def moto():
    pytest.importorskip("moto")
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{url}/moto-api/data.json", timeout=5).close()
            break
        except OSError:
            assert time.monotonic() < deadline and server.poll() is None
            time.sleep(0.1)
    yield url
    server.terminate()
    server.wait(30)


def test_an_account_of_aws_is_imported(moto, make_gateway, tmp_path):
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    client = boto3.client(
        "iot", endpoint_url=moto, region_name="eu-west-1", aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret")
    client.create_thing_type(
        thingTypeName="Pump", thingTypeProperties={"thingTypeDescription": "moves water"})
    client.create_thing(
        thingName="pump-1", thingTypeName="Pump", attributePayload={"attributes": {"a": "b"}})
    client.create_thing_group(thingGroupName="site")
    client.create_thing_group(thingGroupName="hall", parentGroupName="site")
    client.add_thing_to_thing_group(thingGroupName="hall", thingName="pump-1")
    client.create_policy(policyName="pump", policyDocument=DOCUMENT)
    one = make_gateway().start()
    words = ("import", "aws", "--endpoint-url", moto, "--region", "eu-west-1", "--yes", "--json")
    first = json.loads(slipway(*words, environment=keys, directory=one.directory).stdout)
    assert first["failures"] == []
    assert {(change["kind"], change["name"]) for change in first["changes"]} == {
        ("policy", "pump"), ("type", "Pump"), ("group", "site"), ("group", "hall"),
        ("thing", "pump-1")}
    second = json.loads(slipway(*words, environment=keys, directory=one.directory).stdout)
    assert second["changes"] == []
