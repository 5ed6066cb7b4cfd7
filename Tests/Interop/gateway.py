"""The real binary, in a folder of its own, as an operator would run it."""

import fcntl
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SLIPWAY = Path(os.environ.get("SLIPWAY", REPOSITORY / ".build/debug/slipway"))
START_SECONDS_MAX = 120
STOP_SECONDS_MAX = 60
# How long the log may lag behind what it tells of.
LOG_SECONDS_MAX = 60
TEMPLATE = "demo-sensor"


# Below those that Linux gives to outgoing connections (ip_local_port_range), of which another test
# could have one just then.
PORTS = range(20_000, 32_000)


# Held for as long as this process lives, so that two test processes never choose the same port.
LEASES = []


def lease(port):
    """Whether the port is now this process's own among all test processes of this user."""
    folder = Path(tempfile.gettempdir()) / f"slipway-test-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = open(folder / str(port), "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return False
    LEASES.append(lock)
    return True


def free_port():
    """A port nobody listens on. Known before the start, so that a restart can have it again."""
    while True:
        port = random.choice(PORTS)
        if not lease(port):
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def run_slipway(gateway, *words, code=0):
    """A command beside the running service, and how it ended."""
    done = subprocess.run(
        [str(SLIPWAY), *map(str, words), "--directory", str(gateway.directory)],
        capture_output=True, text=True, timeout=120)
    assert done.returncode == code, f"{words}: {done.stdout}{done.stderr}"
    return done


def slipway(gateway, *words, code=0):
    """The same: what it printed."""
    return run_slipway(gateway, *words, code=code).stdout


class Gateway:
    """One installation: `slipway init` once, then any number of starts, stops and deaths."""

    def __init__(self, directory, settings=None, templates=None, hooks=None, environment=None):
        self.directory = Path(directory)
        self.port = free_port()
        self.api_port = free_port()
        # Nobody counts on a certificate and a policy that come after five minutes.
        self.settings = {
            "keys-ready": "4", "revocation-canary-seconds": "0", **(settings or {})}
        self.process = None
        self.directory.mkdir(parents=True, exist_ok=True)
        self._files("Templates", templates)
        self._files("Hooks", hooks)
        self.run("init", environment=environment)

    def _files(self, folder, files):
        """The repository's own files, or those a test brings."""
        target = self.directory / folder
        if files is None:
            shutil.copytree(REPOSITORY / folder, target, dirs_exist_ok=True)
            return
        target.mkdir(exist_ok=True)
        for name, content in files.items():
            text = content if isinstance(content, str) else json.dumps(content)
            (target / name).write_text(text)

    # What lies where.

    @property
    def ca(self):
        return self.directory / "pki/root-ca.pem"

    @property
    def issuing_ca(self):
        return self.directory / "pki/issuing-ca.pem"

    @property
    def claim(self):
        return (self.directory / "pki/claim-demo.pem", self.directory / "pki/claim-demo.key")

    @property
    def database(self):
        return self.directory / "var/fleet.db"

    @property
    def log(self):
        return self.directory / "serve.log"

    @property
    def api(self):
        """Where `aws iot` and boto3 are served."""
        scheme = "https" if self.settings.get("api-tls") == "true" else "http"
        return f"{scheme}://127.0.0.1:{self.api_port}"

    @property
    def credentials(self):
        """The first administrator's, as `slipway init` left them."""
        return self.directory / "var/aws-credentials"

    @property
    def bulk_folder(self):
        """The bucket `bulk`, where a test has set one."""
        return self.directory / "bulk"

    # Life.

    def arguments(self, command):
        words = [str(SLIPWAY), *command.split(), "--directory", str(self.directory)]
        ports = {"listen-port": self.port, "api-port": self.api_port}
        for name, value in {**ports, **self.settings}.items():
            words += ["--" + name, str(value)]
        return words

    def run(self, command, check=True, environment=None):
        done = subprocess.run(
            self.arguments(command), capture_output=True, text=True, timeout=120,
            env={**os.environ, **(environment or {})})
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    def start(self, environment=None, wait=True, pass_fds=(), open_files=None):
        def limit():
            if open_files is not None:
                resource.setrlimit(resource.RLIMIT_NOFILE, open_files)

        log = open(self.log, "ab")
        self.process = subprocess.Popen(
            self.arguments("serve"), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={**os.environ, **(environment or {})}, pass_fds=pass_fds, preexec_fn=limit,
            # Python ignores SIGXFSZ, and so does the child: a file size limit is then an error
            # of write(2), as a full disk is.
            restore_signals=False)
        log.close()
        if wait:
            self.wait_until_listening()
        return self

    def wait_until_listening(self):
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"serve ended:\n{self.log_text()}"
            try:
                for port in (self.port, self.api_port):
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                # Commands are served a moment after devices.
                with socket.socket(socket.AF_UNIX) as control:
                    control.connect(str(self.directory / "var/control.sock"))
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"serve does not listen:\n{self.log_text()}")

    def kill(self):
        """kill -9: no handler runs."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=STOP_SECONDS_MAX)

    def stop(self):
        """As Ctrl-C does; the exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(timeout=STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"serve does not stop:\n{self.log_text()}") from None

    def hook_workers(self):
        """The child processes that run hooks."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_for_log(self, pattern):
        """The first match of `pattern` in the log; the log is written after the fact."""
        deadline = time.monotonic() + LOG_SECONDS_MAX
        while time.monotonic() < deadline:
            found = re.search(pattern, self.log_text())
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"no {pattern!r} in the log:\n{self.log_text()}")

    # Devices and judges.

    def simulate_arguments(self, *options):
        certificate, key = self.claim
        return [
            str(SLIPWAY), "simulate", "--endpoint", f"127.0.0.1:{self.port}",
            "--template", TEMPLATE, "--claim-cert", str(certificate), "--claim-key", str(key),
            "--ca", str(self.ca), "--json", *map(str, options)]

    def query(self, statement):
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as connection:
            return connection.execute(statement).fetchall()

    def check_invariants(self):
        """What holds at every moment, whenever the process died (house promise of 5.1)."""
        nothing = {
            "a redeemed token without its active certificate":
                """SELECT hash FROM ownership_tokens JOIN certificates
                   ON certificates.id = ownership_tokens.certificate
                   WHERE redeemed_at IS NOT NULL
                   AND status NOT IN ('ACTIVE', 'INACTIVE', 'REVOKED')""",
            "a redeemed token without its thing":
                """SELECT hash FROM ownership_tokens WHERE redeemed_at IS NOT NULL AND certificate
                   NOT IN (SELECT certificate FROM thing_principals)""",
            "an active device certificate without a thing":
                """SELECT id FROM certificates WHERE kind = 'device' AND status = 'ACTIVE'
                   AND id NOT IN (SELECT certificate FROM thing_principals)""",
            "an active device certificate without a policy":
                """SELECT id FROM certificates WHERE kind = 'device' AND status = 'ACTIVE'
                   AND id NOT IN (SELECT certificate FROM certificate_policies)""",
            "a pending certificate that is attached already":
                """SELECT id FROM certificates WHERE status = 'PENDING_ACTIVATION'
                   AND (id IN (SELECT certificate FROM thing_principals)
                        OR id IN (SELECT certificate FROM certificate_policies))""",
            "a pending certificate without a token":
                """SELECT id FROM certificates WHERE status = 'PENDING_ACTIVATION'
                   AND id NOT IN (SELECT certificate FROM ownership_tokens)""",
            "a thing without a certificate":
                """SELECT name FROM things
                   WHERE name NOT IN (SELECT thing FROM thing_principals)""",
            "a revoked certificate that is on no list":
                """SELECT id FROM certificates WHERE status = 'REVOKED'
                   AND id NOT IN (SELECT certificate FROM revocations)""",
            "a device certificate without an audit record":
                """SELECT id FROM certificates WHERE kind = 'device' AND NOT EXISTS
                   (SELECT 1 FROM commits WHERE instr(changes, certificates.id) > 0)""",
        }
        for what, statement in nothing.items():
            assert self.query(statement) == [], what
        count, first, last = self.query(
            "SELECT count(*), min(sequence), max(sequence) FROM commits")[0]
        assert (first, last) == (1, count), "the audit log has a gap"
        assert self.query("PRAGMA integrity_check") == [("ok",)]
        verified = subprocess.run(
            [str(SLIPWAY), "audit", "verify", "--directory", str(self.directory)],
            capture_output=True, text=True, timeout=120)
        assert verified.returncode == 0, verified.stdout + verified.stderr

    def check_devices(self, folder):
        """Whatever a device holds, the registry holds too: active, and attached to its thing."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes

        names = sorted(path.stem for path in Path(folder).glob("*.pem"))
        for name in names:
            pem = (Path(folder) / f"{name}.pem").read_bytes()
            digest = x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex()
            assert self.query(
                f"""SELECT status, thing FROM certificates JOIN thing_principals
                    ON certificate = id WHERE id = '{digest}'""") == [("ACTIVE", name)]
        return names
