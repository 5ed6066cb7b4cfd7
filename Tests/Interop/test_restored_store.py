"""A database that was restored from a backup knows less than its authority has said."""

import json
import shutil
import subprocess

import pytest

import aws
from gateway import SLIPWAY, Gateway, free_port


def command(gateway, *words):
    done = subprocess.run(
        [str(SLIPWAY), *words, "--directory", str(gateway.directory)],
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    return done.stdout


def certificate(gateway):
    answer = aws.cli(gateway, "iot", "create-keys-and-certificate", "--set-as-active")
    path = gateway.directory / f"{answer['certificateId'][:16]}.pem"
    path.write_text(answer["certificatePem"])
    return answer["certificateId"], path


def restore(gateway, backup):
    assert gateway.stop() == 0
    for left in gateway.database.parent.glob("fleet.db*"):
        if left.name != "fleet.db.lock":
            left.unlink()
    shutil.copy(backup, gateway.database)
    start(gateway)


def start(gateway):
    gateway.log.unlink(missing_ok=True)
    gateway.start()
    gateway.wait_for_log("CRL and OCSP are served")


def standing(gateway, port, path):
    """What the responder says: OCSP reads the store for every request."""
    done = subprocess.run(
        ["openssl", "ocsp", "-issuer", gateway.issuing_ca, "-cert", path, "-url",
         f"http://127.0.0.1:{port}/ocsp", "-CAfile", gateway.ca, "-resp_text"],
        capture_output=True, text=True, timeout=60)
    assert "Response verify OK" in done.stderr, done
    return done.stdout


def status(gateway, identity):
    return json.loads(command(gateway, "cert", "show", identity, "--json"))["status"]


@pytest.fixture
def line(tmp_path):
    port = free_port()
    gateway = Gateway(tmp_path / "gateway", settings={
        "revocation-port": port, "revocation-url": f"http://127.0.0.1:{port}",
        "keys-algorithm": "P_256", "revocation-canary-seconds": 0}).start()
    gateway.wait_for_log("CRL and OCSP are served")
    yield gateway, port
    assert gateway.stop() == 0, gateway.log_text()


def test_what_was_revoked_since_the_backup_stays_revoked(line, tmp_path):
    """Of a certificate that the backup knows, of one that it does not, and of one on hold; what
    was taken back stays so. A second restore of the same backup forgets no more."""
    gateway, port = line
    known, known_path = certificate(gateway)
    held, held_path = certificate(gateway)
    released, released_path = certificate(gateway)
    untouched, untouched_path = certificate(gateway)
    assert gateway.stop() == 0
    backup = tmp_path / "fleet.db"
    shutil.copy(gateway.database, backup)
    start(gateway)
    young, young_path = certificate(gateway)
    command(gateway, "cert", "revoke", known, "--reason", "keyCompromise")
    command(gateway, "cert", "revoke", held, "--reason", "certificateHold")
    command(gateway, "cert", "revoke", young, "--reason", "cessationOfOperation")
    command(gateway, "cert", "revoke", released, "--reason", "certificateHold")
    command(gateway, "cert", "activate", released)
    for _ in range(2):
        restore(gateway, backup)
        gateway.wait_for_log("revoked before the database was restored")
        assert status(gateway, known) == "REVOKED"
        assert status(gateway, held) == "INACTIVE"
        assert status(gateway, released) == "ACTIVE"
        assert status(gateway, untouched) == "ACTIVE"
        assert "keyCompromise" in standing(gateway, port, known_path)
        assert "certificateHold" in standing(gateway, port, held_path)
        assert "cessationOfOperation" in standing(gateway, port, young_path)
        assert "Cert Status: good" in standing(gateway, port, released_path)
        assert "Cert Status: good" in standing(gateway, port, untouched_path)


def test_a_start_without_a_restore_says_nothing(line):
    gateway, _ = line
    identity, _ = certificate(gateway)
    command(gateway, "cert", "revoke", identity)
    assert gateway.stop() == 0
    command(gateway, "cert", "show", identity)
    start(gateway)
    assert "restored" not in gateway.log_text()
    assert status(gateway, identity) == "REVOKED"
