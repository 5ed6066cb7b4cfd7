"""How a service starts, or does not: in one line, with what to do."""

import json
import socket
import subprocess

import pytest

from gateway import SLIPWAY
from gateway import run_slipway as slipway


@pytest.mark.parametrize("name", ["api-port", "revocation-port", "est-port"])
def test_a_port_that_another_program_has_is_one_line(make_gateway, name):
    gateway = make_gateway(settings={
        "listen-port": "0", "api-port": "0", "est-enabled": "true", "est-port": "0"})
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        gateway.settings[name] = str(port)
        done = gateway.run("serve", check=False)
    assert done.returncode == 1 and done.stdout == ""
    said = [row for row in done.stderr.splitlines() if " warning " not in row]
    assert [row for row in said if " info " not in row] == said[-1:], done.stderr
    assert f"cannot be served on 127.0.0.1:{port}: the address is in use" in said[-1]
    assert f"set another with --{name}" in said[-1]


def test_the_gateways_own_port_is_one_line_and_never_a_crash(make_gateway):
    """Key pairs are being made as it ends, in threads that libcrypto must not be taken from."""
    gateway = make_gateway(settings={"api-port": "0", "keys-ready": "64"})
    with socket.socket() as other:
        other.bind(("127.0.0.1", gateway.port))
        other.listen()
        for _ in range(6):
            done = gateway.run("serve", check=False)
            assert done.returncode == 1, done
            [said] = done.stderr.splitlines()
            assert f"127.0.0.1:{gateway.port} is in use: stop whoever listens there" in said


def test_a_command_beside_a_service_that_starts_is_served(make_gateway):
    """A service takes its database before its socket answers; after a crash that takes longer."""
    gateway = make_gateway().start()
    gateway.kill()
    gateway.start(wait=False)
    while True:
        assert gateway.process.poll() is None, gateway.log_text()
        try:
            socket.create_connection(("127.0.0.1", gateway.port), timeout=1).close()
            break
        except OSError:
            continue
    for _ in range(4):
        slipway(gateway, "allowlist", "show", "demo")
        slipway(gateway, "template", "list")
    assert gateway.stop() == 0


def test_a_service_waits_for_a_command_that_has_the_database(make_gateway):
    gateway = make_gateway()
    words = [str(SLIPWAY), "allowlist", "import", "slow", "-", "--directory",
             str(gateway.directory)]
    command = subprocess.Popen(words, stdin=subprocess.PIPE, text=True)
    lock = gateway.directory / "var/fleet.db.lock"
    while f"process {command.pid}" not in lock.read_text():
        assert command.poll() is None
    gateway.start(wait=False)
    gateway.wait_for_log(f"process {command.pid}.*waiting for the database")
    command.communicate("SN-1\n", timeout=60)
    assert command.returncode == 0
    gateway.wait_until_listening()
    assert "SN-1" in slipway(gateway, "allowlist", "show", "slow", "SN-1").stdout
    # A second service beside it is no command, and is told so at once.
    second = gateway.run("serve", check=False)
    assert second.returncode == 1 and "only one may write it; stop that one" in second.stderr
    assert gateway.stop() == 0


def test_a_lost_access_key_file_is_told_with_what_helps(make_gateway):
    gateway = make_gateway(settings={"listen-port": "0", "api-port": "0"})
    (gateway.directory / "var/access.key").unlink()
    for command in ("serve", "init"):
        done = gateway.run(command, check=False)
        said = done.stderr.splitlines()[-1]
        assert done.returncode == 1 and "put the file back; or delete them all" in said, said
    # What it says, done.
    shown = json.loads(slipway(gateway, "access", "list", "--json").stdout)
    for key in shown:
        slipway(gateway, "access", "delete", key["accessKeyId"])
    gateway.credentials.rename(gateway.directory / "old-credentials")
    gateway.run("init")
    assert gateway.credentials.exists()
    gateway.start(wait=False)
    gateway.wait_for_log("serving the AWS IoT API")
    assert gateway.stop() == 0


def test_a_realm_that_was_changed_is_told(make_gateway):
    """The policies that are there name the old one, so nobody would be let in."""
    gateway = make_gateway()
    gateway.start()
    assert gateway.stop() == 0
    assert "another realm" not in gateway.log_text()
    gateway.settings["realm-region"] = "elsewhere"
    gateway.start()
    gateway.wait_for_log("name=local:000000000000 .*policies name another realm")
    assert gateway.stop() == 0
