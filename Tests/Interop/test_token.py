"""CA keys on a token: SoftHSM through OpenSSL's engine, judged by OpenSSL and by devices."""

import os
import queue
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import aws
import est
from device import Device, Key, Refused
from gateway import SLIPWAY, free_port
from test_ca_commands import digest, parsed, slipway
from test_est import client as est_client
from test_hierarchy import connects, issuer_of, provisioned
from test_reason_codes import told

PIN = "7391-is-the-pin"
MODULE = "/usr/lib/softhsm/libsofthsm2.so"
URI = "pkcs11:token=slipway;object={}"
KINDS = {"p256": "EC:prime256v1", "p384": "EC:secp384r1", "rsa": "rsa:3072"}


class Token:
    """A SoftHSM token in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.store = folder / "tokens"
        self.store.mkdir()
        configuration = folder / "softhsm2.conf"
        configuration.write_text(
            f"directories.tokendir = {self.store}\nobjectstore.backend = file\n"
            "log.level = ERROR\n")
        self.pin = folder / "pin"
        self.pin.write_text(PIN + "\n")
        self.environment = {"SOFTHSM2_CONF": str(configuration)}
        # A token's process takes long to start on a busy machine.
        self.settings = {
            "pki-token-module": MODULE, "pki-token-pin-file": str(self.pin),
            "pki-token-deadline-milliseconds": "30000", "keys-algorithm": "P_256"}
        self._run("softhsm2-util", "--init-token", "--free", "--label", "slipway", "--so-pin",
                  "of-the-officer", "--pin", PIN)
        self.ids = 0

    def _run(self, *words):
        subprocess.run(
            words, env={**os.environ, **self.environment}, check=True, capture_output=True,
            timeout=60)

    def _tool(self, *words):
        self._run("pkcs11-tool", "--module", MODULE, "--token-label", "slipway", "--login",
                  "--pin", PIN, *words)

    def make(self, label, kind="p256"):
        """A key made on the token; its URI."""
        self.ids += 1
        self._tool("--keypairgen", "--key-type", KINDS[kind], "--label", label, "--id",
                   f"{self.ids:02x}")
        return URI.format(label)

    def remove(self, label):
        for kind in ("privkey", "pubkey"):
            self._tool("--delete-object", "--type", kind, "--label", label)

    def lose(self):
        self.store.rename(self.folder / "away")

    def put_back(self):
        (self.folder / "away").rename(self.store)


@pytest.fixture
def token(tmp_path):
    folder = tmp_path / "token"
    folder.mkdir()
    return Token(folder)


def with_token_ca(make_gateway, token, **settings):
    """A line whose devices' certificates are signed by a key on the token."""
    gateway = make_gateway(settings={**token.settings, **settings})
    gateway.run(f"ca create token-ca --for devices --key {token.make('issuing')}",
                environment=token.environment)
    return gateway


def signers(gateway):
    """The processes that speak with tokens."""
    found = []
    for pid in gateway.hook_workers():
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"token-signer" in words:
            found.append(pid)
    return found


def refused(gateway, client_id):
    """A device that asks for a certificate while the token does not sign."""
    before = gateway.query("SELECT count(*) FROM certificates")
    with Device(gateway, client_id=client_id) as device:
        device.subscribe_to_replies()
        reply = device.create_from_csr(Key())
    told(reply, 9007)
    reply.expect_rejected(500, "InternalFailure")
    assert reply.document["retryable"] and reply.document["retryAfterSeconds"] > 0
    assert gateway.query("SELECT count(*) FROM certificates") == before


def answers(gateway, times=1):
    """Until the log has said so often that the token answers."""
    gateway.wait_for_log(r"(?s)" + r".*?".join(["the token of a CA key answers"] * times))


def verify(gateway, leaf, name="token-ca"):
    intermediate = gateway.directory / f"pki/{name}.pem"
    assert "OK" in aws.openssl(
        "verify", "-CAfile", gateway.ca, "-untrusted", intermediate, leaf)


def state(gateway):
    told_tokens = parsed(gateway, "ca", "status")["tokens"]
    assert [one["authorities"] for one in told_tokens] == [["token-ca"]]
    return told_tokens[0]


def test_a_key_on_a_token_signs_certificates_lists_and_answers(make_gateway, token, tmp_path):
    port = free_port()
    gateway = make_gateway(settings={**token.settings, "revocation-port": port})
    uris = {kind: token.make(f"key-{kind}", kind) for kind in KINDS}
    gateway.run(f"ca create p256-ca --for devices --key {uris['p256']}",
                environment=token.environment)
    assert not (gateway.directory / "pki/p256-ca.key").exists()
    gateway.start(environment=token.environment)
    for kind, uri in uris.items():
        if kind != "p256":
            # While the service runs, which takes it in.
            done = gateway.run(f"ca create {kind}-ca --for devices --key {uri}",
                               environment=token.environment)
            assert "has taken it in" in done.stdout
        leaf, key = provisioned(gateway, None, f"SN-00000{len(kind)}", tmp_path, kind)
        assert issuer_of(leaf.read_text()) == f"CN=Slipway {kind}-ca"
        verify(gateway, leaf, f"{kind}-ca")
        assert connects(gateway, (leaf, key))
        listed = {one.get("name"): one for one in parsed(gateway, "ca", "list")["authorities"]}
        own = listed[f"{kind}-ca"]
        assert own["key"] == uri and "key" not in listed["issuing-ca"]
        assert parsed(gateway, "ca", "show", own["id"])["key"] == uri
        assert uri in slipway(gateway, "ca", "list").stdout
        facts = x509.load_pem_x509_certificate(leaf.read_bytes())
        slipway(gateway, "cert", "revoke", digest(leaf.read_text()), "--reason", "superseded")
        url = f"http://127.0.0.1:{port}"
        crl = x509.load_der_x509_crl(
            urllib.request.urlopen(f"{url}/crl/{own['id'][:16]}.crl", timeout=60).read())
        issuer = x509.load_pem_x509_certificate(
            (gateway.directory / f"pki/{kind}-ca.pem").read_bytes())
        assert crl.is_signature_valid(issuer.public_key())
        assert crl.get_revoked_certificate_by_serial_number(facts.serial_number) is not None
        answer = aws.openssl(
            "ocsp", "-issuer", gateway.directory / f"pki/{kind}-ca.pem", "-cert", leaf, "-url",
            f"{url}/ocsp", "-CAfile", gateway.ca)
        assert f"{leaf}: revoked" in answer
    assert len(signers(gateway)) == len(KINDS)
    told_tokens = parsed(gateway, "ca", "status")["tokens"]
    assert {one["state"] for one in told_tokens} == {"answers"}
    assert {one["key"] for one in told_tokens} == set(uris.values())
    assert gateway.stop() == 0
    gateway.check_invariants()


def test_a_lost_token_is_an_error_to_retry_and_works_again_by_itself(
        make_gateway, token, tmp_path):
    gateway = with_token_ca(make_gateway, token).start(environment=token.environment)
    provisioned(gateway, None, "SN-000001", tmp_path, "before")
    token.lose()
    refused(gateway, "lost")
    gateway.wait_for_log("the token of a CA key does not sign")
    assert state(gateway)["state"] == "fails" and state(gateway)["why"]
    assert "fails since" in slipway(gateway, "ca", "status").stdout
    # What other CAs sign, and whoever is provisioned already, is none the worse.
    slipway(gateway, "claim", "create", "beside", "--template", "demo-sensor", "--output",
            tmp_path / "beside")
    refused(gateway, "still-lost")
    token.put_back()
    answers(gateway, times=2)
    leaf, key = provisioned(gateway, None, "SN-000002", tmp_path, "after")
    assert issuer_of(leaf.read_text()) == "CN=Slipway token-ca"
    verify(gateway, leaf)
    assert state(gateway)["state"] == "answers"
    assert gateway.stop() == 0
    gateway.check_invariants()


def test_revocations_hold_while_the_token_is_lost(make_gateway, token, tmp_path):
    """OCSP says so by a key of its own. A list that is no longer true is not given out."""
    port = free_port()
    gateway = with_token_ca(make_gateway, token, **{"revocation-port": port})
    gateway.start(environment=token.environment)
    leaf, key = provisioned(gateway, None, "SN-000001", tmp_path, "revoked")
    issuer = gateway.directory / "pki/token-ca.pem"
    name = digest(issuer.read_text())[:16]
    url = f"http://127.0.0.1:{port}"

    def standing():
        return aws.openssl("ocsp", "-issuer", issuer, "-cert", leaf, "-url", f"{url}/ocsp",
                           "-CAfile", gateway.ca)

    def listed():
        with urllib.request.urlopen(f"{url}/crl/{name}.crl", timeout=30) as answer:
            crl = x509.load_der_x509_crl(answer.read())
        assert crl.is_signature_valid(
            x509.load_pem_x509_certificate(issuer.read_bytes()).public_key())
        serial = x509.load_pem_x509_certificate(leaf.read_bytes()).serial_number
        return crl.get_revoked_certificate_by_serial_number(serial) is not None

    assert f"{leaf}: good" in standing()
    assert not listed()
    token.lose()
    refused(gateway, "lost")
    assert not listed()
    slipway(gateway, "cert", "revoke", digest(leaf.read_text()))
    assert f"{leaf}: revoked" in standing()
    with pytest.raises(urllib.error.HTTPError) as failed:
        listed()
    assert failed.value.code >= 500
    with pytest.raises(Refused):
        connects(gateway, (leaf, key))
    token.put_back()
    answers(gateway, times=2)
    assert listed()
    assert gateway.stop() == 0


def test_every_way_in_is_told_of_a_lost_token(make_gateway, token, tmp_path):
    """Beside MQTT: EST with when to come again, and AWS's clients with what they retry."""
    gateway = with_token_ca(
        make_gateway, token, **{"est-enabled": "true", "est-port": "0",
                                "est-template": "demo-sensor"})
    token.lose()
    gateway.start(environment=token.environment)
    _, csr = est.request(tmp_path, "unit", "/serialNumber=SN-000001")
    answer = est_client(gateway).ask("simpleenroll", gateway.claim, csr).expect(500)
    assert int(answer.headers["retry-after"]) > 0
    assert "reason 9007 authorityKeyUnavailable" in answer.text
    iot = aws.client(gateway)
    with pytest.raises(iot.exceptions.InternalFailureException) as failed:
        iot.create_keys_and_certificate(setAsActive=True)
    assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert "no such module, token or key" in failed.value.response["Error"]["Message"]
    assert gateway.query("SELECT count(*) FROM certificates WHERE kind = 'device'") == [(0,)]
    token.put_back()
    answers(gateway)
    est_client(gateway).ask("simpleenroll", gateway.claim, csr).expect(200)
    assert gateway.stop() == 0
    gateway.check_invariants()


def test_a_stuck_token_holds_up_nobody_else(make_gateway, token, tmp_path):
    """More wait for it than the machine has threads; a minute is far beyond what others wait."""
    port = free_port()
    gateway = with_token_ca(make_gateway, token, **{
        "pki-token-deadline-milliseconds": "60000", "revocation-port": port})
    gateway.start(environment=token.environment)
    credentials = provisioned(gateway, None, "SN-000001", tmp_path, "before")
    stuck, = signers(gateway)
    os.kill(stuck, signal.SIGSTOP)
    waiting = 4 * (os.cpu_count() or 1)
    replies = queue.Queue()

    def ask(number):
        with Device(gateway, client_id=f"waits-{number}") as device:
            device.subscribe_to_replies()
            replies.put(device.create_from_csr(Key()))

    threads = [threading.Thread(target=ask, args=[number]) for number in range(waiting)]
    for thread in threads:
        thread.start()
    name = digest((gateway.directory / "pki/token-ca.pem").read_text())[:16]
    listing = threading.Thread(target=lambda: urllib.request.urlopen(
        f"http://127.0.0.1:{port}/crl/{name}.crl", timeout=60).close())
    listing.start()
    # All of them are at the token now, and none has come back.
    while parsed(gateway, "status")["provisioningInFlight"] < waiting:
        assert gateway.process.poll() is None
    assert connects(gateway, credentials)
    slipway(gateway, "claim", "create", "beside", "--template", "demo-sensor", "--output",
            tmp_path / "beside")
    assert "has taken it in" in slipway(gateway, "ca", "create", "beside-ca").stdout
    assert replies.empty()
    os.kill(stuck, signal.SIGCONT)
    for thread in [*threads, listing]:
        thread.join()
    assert all(replies.get_nowait().accepted for _ in threads)
    assert signers(gateway) == [stuck]
    assert gateway.stop() == 0
    gateway.check_invariants()


def test_a_service_starts_without_its_token_and_signs_once_it_is_there(
        make_gateway, token, tmp_path):
    gateway = with_token_ca(make_gateway, token)
    token.lose()
    gateway.start(environment=token.environment)
    refused(gateway, "absent")
    gateway.wait_for_log("the token of a CA key does not sign")
    token.put_back()
    answers(gateway)
    leaf, _ = provisioned(gateway, None, "SN-000001", tmp_path, "after")
    verify(gateway, leaf)
    assert gateway.stop() == 0


def test_a_stuck_token_is_left_at_the_deadline(make_gateway, token, tmp_path):
    gateway = with_token_ca(
        make_gateway, token, **{"pki-token-deadline-milliseconds": "6000"})
    gateway.start(environment=token.environment)
    provisioned(gateway, None, "SN-000001", tmp_path, "before")
    stuck, = signers(gateway)
    os.kill(stuck, signal.SIGSTOP)
    with Device(gateway, client_id="stuck") as device:
        device.subscribe_to_replies()
        reply = device.create_from_csr(Key())
        told(reply, 9007)
    gateway.wait_for_log("the token did not answer in time")
    answers(gateway, times=2)
    leaf, _ = provisioned(gateway, None, "SN-000002", tmp_path, "after")
    verify(gateway, leaf)
    fresh, = signers(gateway)
    assert fresh != stuck and not Path(f"/proc/{stuck}").exists()
    # One that dies is followed at once, and nobody learns of it.
    os.kill(fresh, signal.SIGKILL)
    provisioned(gateway, None, "SN-000003", tmp_path, "again")
    assert signers(gateway) != [fresh]
    assert gateway.stop() == 0


def test_another_key_at_the_same_place_signs_nothing(make_gateway, token, tmp_path):
    gateway = with_token_ca(make_gateway, token)
    token.remove("issuing")
    token.make("issuing")
    gateway.start(environment=token.environment)
    refused(gateway, "swapped")
    gateway.wait_for_log("the key at this URI is not the certificate's")
    assert "the token of a CA key answers" not in gateway.log_text()
    assert gateway.stop() == 0


@pytest.mark.parametrize("source", ["file", "environment", "descriptor"])
def test_the_pin_is_told_to_the_token_alone(make_gateway, token, tmp_path, source):
    gateway = with_token_ca(make_gateway, token)
    environment, passed = dict(token.environment), ()
    if source != "file":
        del gateway.settings["pki-token-pin-file"]
    if source == "environment":
        environment["SLIPWAY_TOKEN_PIN"] = PIN
    if source == "descriptor":
        descriptor = os.open(token.pin, os.O_RDONLY)
        gateway.settings["pki-token-pin-descriptor"] = descriptor
        passed = (descriptor,)
    gateway.start(environment=environment, pass_fds=passed)
    leaf, _ = provisioned(gateway, None, "SN-000001", tmp_path, source)
    verify(gateway, leaf)
    signer, = signers(gateway)
    for pid in (gateway.process.pid, *gateway.hook_workers()):
        for file in ("cmdline", "environ"):
            assert PIN.encode() not in Path(f"/proc/{pid}/{file}").read_bytes()
    variables = Path(f"/proc/{signer}/environ").read_bytes().split(b"\0")
    assert [one.split(b"=")[0] for one in variables if one] == [b"SOFTHSM2_CONF"]
    limits = Path(f"/proc/{signer}/limits").read_text()
    core = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core[0].split()[4:6] == ["0", "0"]
    shown = [slipway(gateway, *words).stdout for words in (
        ("config", "show"), ("ca", "list"), ("ca", "status"), ("audit", "list"),
        ("status", "--json"))]
    assert gateway.stop() == 0
    assert not any(PIN in text for text in [*shown, gateway.log_text()])
    for path in gateway.directory.rglob("*"):
        assert not path.is_file() or PIN.encode() not in path.read_bytes(), path


def test_a_wrong_pin_is_offered_once(make_gateway, token, tmp_path):
    spy, = {path.resolve() for path in Path("/usr/lib").rglob("pkcs11-spy.so")}
    gateway = with_token_ca(make_gateway, token)
    output = tmp_path / "calls"
    gateway.settings.update({
        "pki-token-module": str(spy),
        "pki-token-environment": "SOFTHSM2_CONF,PKCS11SPY,PKCS11SPY_OUTPUT"})
    token.pin.write_text("not-the-pin")
    gateway.start(environment={
        **token.environment, "PKCS11SPY": MODULE, "PKCS11SPY_OUTPUT": str(output)})
    for turn in range(3):
        refused(gateway, f"turn-{turn}")
    gateway.wait_for_log("the token refused the PIN")
    assert output.read_text(errors="replace").count("C_Login\n") == 1
    token.pin.write_text(PIN)
    slipway(gateway, "ca", "reload")
    answers(gateway)
    leaf, _ = provisioned(gateway, None, "SN-000001", tmp_path, "right")
    verify(gateway, leaf)
    assert gateway.stop() == 0


@pytest.mark.parametrize("uri,complaint", [
    ("pkcs11:token=slipway;object=issuing?pin-value=4711", "pin-value"),
    ("pkcs11:token=slipway;object=issuing?pin-source=file:/4711", "pin-source"),
    ("file:/4711.pem", "on no token"),
    ("4711", "no URI of a key"),
])
def test_what_is_no_uri_of_a_key_is_refused(make_gateway, token, uri, complaint):
    gateway = make_gateway(settings=token.settings)
    done = gateway.run(f"ca create token-ca --key {uri}", check=False)
    assert done.returncode == 1 and complaint in done.stderr
    assert "4711" not in done.stderr and not (gateway.directory / "pki/token-ca.pem").exists()


def test_a_key_that_is_not_there_makes_nothing(make_gateway, token):
    gateway = make_gateway(settings=token.settings)
    for words in (f"ca create token-ca --key {URI.format('nobody')}",
                  f"ca create token-ca --request-out {token.folder}/request --key "
                  + URI.format("nobody"),
                  f"ca rotate issuing-ca --key {URI.format('nobody')}"):
        done = gateway.run(words, check=False, environment=token.environment)
        assert done.returncode == 1 and "no such module, token or key" in done.stderr
    uri = token.make("twice")
    gateway.run(f"ca create first-ca --key {uri}", environment=token.environment)
    done = gateway.run(f"ca create second-ca --key {uri}", check=False,
                       environment=token.environment)
    assert done.returncode == 1 and "'first-ca'" in done.stderr
    assert not (token.folder / "request").exists()
    assert "second-ca" not in (gateway.directory / "pki/authorities.json").read_text()


def test_a_request_by_a_token_goes_to_a_root_elsewhere(make_gateway, token, tmp_path):
    here, vault = make_gateway(settings=token.settings), make_gateway()
    uri = f"org.openssl.engine:pkcs11:{token.make('far')}"
    request, signed = tmp_path / "far.csr", tmp_path / "far.pem"
    here.run(f"ca create far-ca --for devices --key {uri} --request-out {request}",
             environment=token.environment)
    assert "verify OK" in subprocess.run(
        ["openssl", "req", "-in", request, "-verify", "-noout"], capture_output=True, text=True,
        check=True).stderr
    slipway(vault, "ca", "sign", request, "--out", signed)
    here.run(f"ca accept {signed} --root-sha256 {digest(vault.ca.read_text())}",
             environment=token.environment)
    here.start(environment=token.environment)
    leaf, _ = provisioned(here, None, "SN-000001", tmp_path, "far")
    assert issuer_of(leaf.read_text()) == "CN=Slipway far-ca"
    assert "OK" in aws.openssl("verify", "-CAfile", vault.ca, "-untrusted",
                               here.directory / "pki/far-ca.pem", leaf)
    assert here.stop() == 0


def test_a_ceremony_with_every_key_on_the_token(token, tmp_path):
    """Down to the gateway's certificate, which `slipway init` has the token sign."""
    folder = tmp_path / "founded"
    for name in ("Hooks", "Templates"):
        (folder / name).mkdir(parents=True)
    file = tmp_path / "ceremony.yaml"
    file.write_text(f"""
ceremony: All on the token
root:
  subject: CN=Token Root,O=Acme
  key: "{token.make('root', 'p384')}"
  validity: 30y
authorities:
  - name: issuing-ca
    subject: CN=Token Issuing,O=Acme
    key: "{token.make('issuing')}"
    validity: 25y
    for: [devices, claims, servers]
""")

    def run(*words):
        done = subprocess.run(
            [str(SLIPWAY), *map(str, words), "--directory", str(folder), "--pki-token-module",
             MODULE, "--pki-token-pin-file", str(token.pin)],
            capture_output=True, text=True, timeout=120,
            env={**os.environ, **token.environment})
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("ca", "ceremony", file, "--rehearse", "--transcript", tmp_path / "rehearsed.json")
    assert not (folder / "pki/root-ca.pem").exists()
    run("ca", "ceremony", file, "--transcript", tmp_path / "transcript.json")
    run("init")
    assert not list((folder / "pki").glob("*-ca.key"))
    assert "OK" in aws.openssl(
        "verify", "-CAfile", folder / "pki/root-ca.pem", "-untrusted",
        folder / "pki/issuing-ca.pem", folder / "pki/gateway.pem")
    root = x509.load_pem_x509_certificate((folder / "pki/root-ca.pem").read_bytes())
    assert "ASN1 OID: secp384r1" in aws.openssl(
        "pkey", "-pubin", "-text", "-noout", input=root.public_key().public_bytes(
            serialization.Encoding.PEM,
            serialization.PublicFormat.SubjectPublicKeyInfo).decode())
    told_backup = subprocess.run(
        [str(SLIPWAY), "ca", "backup", "--to", str(tmp_path / "copy"), "--directory",
         str(folder)], capture_output=True, text=True, timeout=60)
    assert told_backup.returncode == 0, told_backup.stderr
    assert told_backup.stdout.count("is not among them: it is on pkcs11:") == 2
    assert not list((tmp_path / "copy").glob("*.key"))


def test_a_fleet_by_a_token(make_gateway, token):
    gateway = with_token_ca(make_gateway, token).start(environment=token.environment)
    done = subprocess.run(
        gateway.simulate_arguments("--devices", "40"), capture_output=True, text=True,
        timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(signers(gateway)) == 1
    assert gateway.stop() == 0
    gateway.check_invariants()


@pytest.fixture
def tpm(tmp_path):
    """A TPM in software with an EC key that asks for a PIN: how OpenSSL's provider reaches it."""
    folder = tmp_path / "tpm"
    folder.mkdir()
    place = folder / "socket"
    process = subprocess.Popen(
        ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}",
         "--server", f"type=unixio,path={place}", "--ctrl", f"type=unixio,path={place}.ctrl",
         "--flags", "not-need-init,startup-clear"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    way = f"swtpm:path={place}"

    def tool(name, *words):
        subprocess.run([f"tpm2_{name}", "-Q", *words], cwd=folder, check=True,
                       capture_output=True, timeout=60,
                       env={**os.environ, "TPM2TOOLS_TCTI": way})

    while not (place.exists() and Path(f"{place}.ctrl").exists()):
        assert process.poll() is None, "swtpm ended"
    tool("createprimary", "-C", "o", "-c", "primary")
    tool("create", "-C", "primary", "-G", "ecc256:ecdsa", "-u", "public", "-r", "private", "-p",
         PIN)
    tool("flushcontext", "-t")
    tool("load", "-C", "primary", "-u", "public", "-r", "private", "-c", "key")
    tool("evictcontrol", "-C", "o", "-c", "key", "0x81000001")
    tool("flushcontext", "-t")
    yield way
    process.terminate()
    process.wait(timeout=30)


def test_a_key_by_a_provider_of_openssl(make_gateway, tpm, tmp_path):
    """A TPM, which locks itself after three wrong PINs. The fourth request would find it so."""
    pin = tmp_path / "pin"
    pin.write_text(PIN)
    environment = {"TPM2OPENSSL_TCTI": tpm}
    gateway = make_gateway(settings={
        "pki-token-providers": "tpm2", "pki-token-environment": "TPM2OPENSSL_TCTI",
        "pki-token-pin-file": str(pin), "keys-algorithm": "P_256"})
    gateway.run("ca create token-ca --for devices --key handle:0x81000001?pass",
                environment=environment)
    pin.write_text("not-the-pin")
    gateway.start(environment=environment)
    for turn in range(4):
        refused(gateway, f"turn-{turn}")
    gateway.wait_for_log("the token refused the PIN")
    pin.write_text(PIN)
    slipway(gateway, "ca", "reload")
    answers(gateway)
    leaf, key = provisioned(gateway, None, "SN-000001", tmp_path, "by-tpm")
    assert issuer_of(leaf.read_text()) == "CN=Slipway token-ca"
    verify(gateway, leaf)
    assert connects(gateway, (leaf, key))
    assert gateway.stop() == 0
