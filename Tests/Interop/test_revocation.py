"""CRL and OCSP, judged by OpenSSL and pkilint."""

import base64
import datetime
import json
import shutil
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request

import pytest

import aws
from crowd import crowd
from device import Device, Key
from gateway import SLIPWAY, free_port


class Line:
    """A gateway that publishes, and certificates of its own making."""

    def __init__(self, gateway, port, folder):
        self.gateway = gateway
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.folder = folder

    def certificate(self, name):
        answer = aws.cli(
            self.gateway, "iot", "create-keys-and-certificate", "--set-as-active")
        path = self.folder / f"{name}.pem"
        path.write_text(answer["certificatePem"])
        return answer["certificateId"], path

    def slipway(self, *words, check=True):
        done = subprocess.run(
            [str(SLIPWAY), *words, "--directory", str(self.gateway.directory)],
            capture_output=True, text=True, timeout=60)
        assert not check or done.returncode == 0, done
        return done

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return answer.read(), answer.headers

    def crl(self, path):
        target = self.folder / "list.pem"
        der, _ = self.get(path)
        (self.folder / "list.der").write_bytes(der)
        target.write_text(
            aws.openssl("crl", "-inform", "DER", "-in", self.folder / "list.der"))
        return target

    def whole(self):
        identity = aws.openssl(
            "x509", "-in", self.gateway.issuing_ca, "-noout", "-fingerprint", "-sha256")
        return identity.strip().split("=")[1].replace(":", "").lower()[:16]

    def ocsp(self, certificate, *more):
        return subprocess.run(
            ["openssl", "ocsp", "-issuer", self.gateway.issuing_ca, "-cert", certificate,
             "-url", self.url + "/ocsp", "-CAfile", self.chain(), "-resp_text", *more],
            capture_output=True, text=True, timeout=60)

    def chain(self):
        path = self.folder / "chain.pem"
        path.write_text(self.gateway.ca.read_text() + self.gateway.issuing_ca.read_text())
        return path

    def verify(self, certificate, crl):
        return subprocess.run(
            ["openssl", "verify", "-crl_check", "-CAfile", self.chain(), "-CRLfile", crl,
             certificate], capture_output=True, text=True, timeout=60)

    def shard(self, certificate):
        text = aws.openssl("x509", "-in", certificate, "-noout", "-text")
        urls = [line.split("URI:")[1] for line in text.splitlines()
                if "URI:" in line and line.strip().endswith(".crl")]
        assert len(urls) == 1, text
        return urls[0].removeprefix(self.url)


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    from gateway import Gateway

    port = free_port()
    folder = tmp_path_factory.mktemp("revocation")
    instance = Gateway(folder / "gateway", settings={
        "revocation-port": port, "revocation-url": f"http://127.0.0.1:{port}",
        "keys-algorithm": "P_256", "revocation-canary-seconds": 0}).start()
    instance.wait_for_log("CRL and OCSP are served")
    yield Line(instance, port, folder)
    assert instance.stop() == 0, instance.log_text()


def until(check):
    """The list follows the commit; nobody waits for it."""
    deadline = time.monotonic() + 60
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_openssl_follows_a_revocation_and_its_reason(line):
    identity, path = line.certificate("lost")
    _, other = line.certificate("kept")
    shard = line.shard(path)
    assert line.verify(path, line.crl(shard)).returncode == 0
    good = line.ocsp(path)
    assert f"{path}: good" in good.stdout and "Response verify OK" in good.stderr, good

    line.slipway(*f"cert revoke {identity} --reason keyCompromise".split())
    until(lambda: "certificate revoked" in line.verify(path, line.crl(shard)).stderr)
    assert "Key Compromise" in aws.openssl(
        "crl", "-in", line.crl(f"/crl/{line.whole()}.crl"), "-noout", "-text")
    assert line.verify(other, line.crl(line.shard(other))).returncode == 0
    revoked = line.ocsp(path)
    assert f"{path}: revoked" in revoked.stdout and "keyCompromise" in revoked.stdout, revoked
    assert "Response verify OK" in revoked.stderr
    # It is not said to be for another reason now.
    told = line.slipway(*f"cert revoke {identity} --reason superseded".split()).stdout
    assert "already; the first reason stays" in told
    assert "keyCompromise" in line.ocsp(path).stdout


def test_whoever_says_nothing_keeps_no_list_from_others(line):
    """No credential is needed to ask here, nor to say nothing."""
    half = b"POST /ocsp HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\nabc"
    request = urllib.request.Request(f"{line.url}/crl/{line.whole()}.crl")
    with crowd(line.port, b"", b"GET /crl", half):
        # The idle go by themselves after 30 seconds.
        with urllib.request.urlopen(request, timeout=15) as answer:
            assert answer.status == 200


def test_a_hold_is_released_and_a_deleted_certificate_stays_revoked(line):
    identity, path = line.certificate("held")
    line.slipway(*f"cert revoke {identity} --reason certificateHold".split())
    assert f"{path}: revoked" in line.ocsp(path).stdout
    line.slipway(*f"cert activate {identity}".split())
    assert f"{path}: good" in line.ocsp(path).stdout
    line.slipway(*f"cert revoke {identity}".split())
    line.slipway(*f"cert delete {identity} --cascade".split())
    assert f"{path}: revoked" in line.ocsp(path).stdout
    shard = line.shard(path)
    until(lambda: "certificate revoked" in line.verify(path, line.crl(shard)).stderr)


def test_a_registration_that_makes_it_active_takes_the_hold_back(line):
    """AWS: RegisterThing gives a certificate the template's status. The list then says the same
    as the gateway."""
    identity, path = line.certificate("held-and-registered")
    line.slipway("cert", "revoke", identity, "--reason", "certificateHold")
    until(lambda: ": revoked" in line.ocsp(path).stdout)
    body = {
        "Resources": {
            "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": "held-before"}},
            "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {
                "CertificateId": identity, "Status": "ACTIVE"}},
        }}
    aws.cli(line.gateway, "iot", "register-thing", "--template-body", json.dumps(body))
    assert json.loads(line.slipway("cert", "show", identity, "--json").stdout)["status"] == "ACTIVE"
    assert ": good" in line.ocsp(path).stdout
    assert line.verify(path, line.crl(line.shard(path))).returncode == 0


def test_who_revokes_a_compromised_key_is_told_where_else_it_is(line, tmp_path):
    request = tmp_path / "twice.csr"
    request.write_text(Key("twice").csr)
    first, second = [
        aws.cli(line.gateway, "iot", "create-certificate-from-csr", "--set-as-active",
                "--certificate-signing-request", f"file://{request}")["certificateId"]
        for _ in range(2)]
    other = line.slipway("cert", "revoke", first, "--reason", "superseded").stdout
    assert "same key" not in other
    said = line.slipway("cert", "revoke", first, "--reason", "keyCompromise").stdout
    key = json.loads(line.slipway("cert", "show", second, "--json").stdout)["publicKeySHA256"]
    assert "1 more of the same key is not revoked" in said and f"'key={key}'" in said
    said = line.slipway("cert", "revoke", second, "--reason", "keyCompromise").stdout
    assert "same key" not in said


def test_numbers_rise_and_every_list_says_when_the_next_comes(line):
    numbers = []
    for _ in range(3):
        identity, _ = line.certificate("counted")
        line.slipway(*f"cert revoke {identity}".split())
        def rose():
            text = aws.openssl("crl", "-in", line.crl(f"/crl/{line.whole()}.crl"), "-noout",
                               "-crlnumber", "-nextupdate")
            number = int(text.splitlines()[0].split("=")[1], 16)
            assert "nextUpdate=" in text
            if numbers and number <= numbers[-1]:
                return False
            numbers.append(number)
            return True
        until(rose)
    assert numbers == sorted(set(numbers))


def test_a_get_request_is_cached_and_a_nonce_is_not(line):
    _, path = line.certificate("asked")
    request = line.folder / "request.der"
    subprocess.run(
        ["openssl", "ocsp", "-issuer", line.gateway.issuing_ca, "-cert", path, "-no_nonce",
         "-reqout", request], check=True, capture_output=True, timeout=60)
    encoded = base64.b64encode(request.read_bytes()).decode()
    answer, headers = line.get("/ocsp/" + urllib.request.quote(encoded, safe=""))
    assert "max-age=" in headers["Cache-Control"] and headers["Expires"] and headers["ETag"]
    assert headers["Content-Type"] == "application/ocsp-response"
    assert line.get("/ocsp/" + encoded)[0] == answer
    assert unchanged(line, "/ocsp/" + encoded, headers["ETag"])
    whole = f"/crl/{line.whole()}.crl"
    tag = line.get(whole)[1]["ETag"]
    for named in (tag, f"W/{tag}", f'"another", {tag}', "*"):
        assert unchanged(line, whole, named), named
    nonced = line.ocsp(path, "-nonce")
    assert "OCSP Nonce" in nonced.stdout and "WARNING: no nonce" not in nonced.stderr


@pytest.mark.parametrize("path", ["/crl/WHOLE.crl", "/ca/WHOLE.cer", "/crl/x.crl", "/"])
def test_head_has_no_content_that_the_next_answer_would_begin_with(line, path):
    """RFC 9110 9.3.2; a connection goes on with the answer to the next request."""
    path = path.replace("WHOLE", line.whole())
    with socket.create_connection(("127.0.0.1", line.port), timeout=60) as connection:
        for last in ("", "Connection: close\r\n"):
            connection.sendall(f"HEAD {path} HTTP/1.1\r\nHost: x\r\n{last}\r\n".encode())
        answers = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answers.count(b"HTTP/1.1 ") == 2
    first, second, rest = answers.split(b"\r\n\r\n")
    assert b"Content-Length: " in first and second.startswith(b"HTTP/1.1 ") and rest == b""


def test_who_asks_otherwise_is_told_how_to_ask(line):
    for path, allowed in ((f"/crl/{line.whole()}.crl", "GET, HEAD"), ("/ocsp", "POST")):
        request = urllib.request.Request(line.url + path, method="DELETE")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=30)
        assert refused.value.code == 405 and refused.value.headers["Allow"] == allowed


def unchanged(line, path, tag):
    """RFC 9110 13.1.2: who names what it has is not sent it again."""
    request = urllib.request.Request(line.url + path, headers={"If-None-Match": tag})
    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.urlopen(request, timeout=30)
    return answer.value.code == 304 and answer.value.read() == b""


def test_what_a_certificate_names_is_there_with_a_path_and_without_a_proxy(make_gateway, tmp_path):
    port = free_port()
    gateway = make_gateway(settings={
        "revocation-port": port, "revocation-url": f"http://127.0.0.1:{port}/status/pki",
        "keys-algorithm": "P_256"})
    gateway.start()
    gateway.wait_for_log("CRL and OCSP are served")
    line = Line(gateway, port, tmp_path)
    _, path = line.certificate("behind")
    text = aws.openssl("x509", "-in", path, "-noout", "-text")
    urls = [part.split("URI:")[1].strip() for part in text.splitlines() if "URI:" in part]
    assert {url.removeprefix(line.url).split("/")[3] for url in urls} == {"crl", "ocsp", "ca"}
    for url in urls:
        # As a proxy hands it on that takes the path off, and as one that does not.
        for asked in (url, url.replace("/status/pki", "")):
            if not url.endswith("/ocsp"):
                urllib.request.urlopen(asked, timeout=30).close()
                continue
            done = subprocess.run(
                ["openssl", "ocsp", "-issuer", gateway.issuing_ca, "-cert", path, "-url", asked,
                 "-CAfile", line.chain()], capture_output=True, text=True, timeout=60)
            assert f"{path}: good" in done.stdout, done


@pytest.mark.parametrize("body", [
    b"", b"\x30", b"\x30\x80\x00\x00", b"\x30\x84\xff\xff\xff\xff", b"\x00" * 9000,
    b"\x30\x03\x02\x01\x00", bytes(range(256))])
def test_what_is_no_request_is_malformed(line, body):
    request = urllib.request.Request(line.url + "/ocsp", data=body, headers={
        "Content-Type": "application/ocsp-request"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.read() == b"\x30\x03\x0a\x01\x01"


@pytest.mark.parametrize("path", ["/", "/crl/", "/crl/x.crl", "/ca/x.cer", "/crl/../var/fleet.db"])
def test_there_is_nothing_else(line, path):
    with pytest.raises(urllib.error.HTTPError) as refused:
        line.get(path)
    assert refused.value.code == 404


def test_pkilint_finds_no_error(line):
    identity, path = line.certificate("linted")
    line.slipway(*f"cert revoke {identity} --reason superseded".split())
    until(lambda: "certificate revoked" in line.verify(path, line.crl(line.shard(path))).stderr)
    bin_folder = aws.__file__ and __import__("sys").prefix + "/bin/"
    for list_path in (line.shard(path), f"/crl/{line.whole()}.crl"):
        (line.folder / "linted.der").write_bytes(line.get(list_path)[0])
        done = subprocess.run(
            [bin_folder + "lint_crl", "lint", "--type", "CRL", "--profile", "PKIX", "-s",
             "ERROR", line.folder / "linted.der"], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
    answer = line.folder / "answer.der"
    assert line.ocsp(path, "-respout", answer).returncode == 0
    done = subprocess.run(
        [bin_folder + "lint_ocsp_response", "lint", "-s", "ERROR", answer],
        capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_many_are_revoked_by_a_plan_that_must_still_be_true(line):
    identity, path = line.certificate("planned")
    key = line.gateway.query(
        f"SELECT public_key FROM certificates WHERE id = '{identity}'")[0][0]

    def run(*more):
        return line.slipway("cert", "revoke", "--where", f"key={key}", *more, check=False)

    preview = run("--json")
    assert preview.returncode == 0, preview
    plan = json.loads(preview.stdout)
    assert plan["count"] == 1 and plan["certificates"] == [identity]
    assert f"{path}: good" in line.ocsp(path).stdout
    stale = run("--plan", "0" * 64)
    assert stale.returncode == 1 and plan["plan"] in stale.stderr
    assert f"{path}: good" in line.ocsp(path).stdout
    done = run("--plan", plan["plan"], "--reason", "keyCompromise")
    assert done.returncode == 0, done
    assert f"{path}: revoked" in line.ocsp(path).stdout
    # Broken off or repeated, the same plan goes on where it was.
    assert json.loads(run("--plan", plan["plan"], "--json").stdout)["changed"] == 0


def now():
    """As --where takes it, to the millisecond that certificates are dated by."""
    time.sleep(0.002)
    moment = datetime.datetime.now(datetime.timezone.utc)
    time.sleep(0.002)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Plan:
    """`cert revoke --where`, and what the registry and the audit log say of it."""

    def __init__(self, line, where):
        self.line, self.where = line, where

    def words(self, *more):
        return [str(SLIPWAY), "cert", "revoke", "--where", self.where, *more, "--directory",
                str(self.line.gateway.directory)]

    def run(self, *more):
        return subprocess.run(self.words(*more), capture_output=True, text=True, timeout=120)

    def listed(self):
        """What `cert list` finds by the same words."""
        rows = json.loads(self.line.slipway(
            "cert", "list", "--where", self.where, "--json").stdout)
        return sorted(row["certificateId"] for row in rows)

    def preview(self):
        done = self.run("--json")
        assert done.returncode == 0, done
        return json.loads(done.stdout)

    def statuses(self, certificates):
        listed = ",".join(f"'{identity}'" for identity in certificates)
        return dict(self.line.gateway.query(
            f"SELECT id, status FROM certificates WHERE id IN ({listed})"))

    def audited(self, decision):
        """The audit records of one decision: the certificates that they name."""
        records = map(json.loads, self.line.slipway("audit", "list", "--json").stdout.splitlines())
        return sorted(record["detail"]["certificateId"] for record in records
                      if record["detail"].get("decision") == decision)


def made(line, count):
    client = aws.client(line.gateway)
    return sorted(
        client.create_keys_and_certificate(setAsActive=True)["certificateId"]
        for _ in range(count))


def crl_number(line):
    return int(aws.openssl("crl", "-in", line.crl(f"/crl/{line.whole()}.crl"), "-noout",
                           "-crlnumber").split("=")[1], 16)


def test_the_number_goes_on_after_a_backup_is_restored(line, tmp_path):
    """What was given out since the backup was made is not given out again, as the time since
    lies above it. It comes before the next test, which sets the number ahead of the time.
    """
    assert line.gateway.stop() == 0
    backup = tmp_path / "fleet.db"
    shutil.copy(line.gateway.database, backup)
    numbers = []
    for _ in range(2):
        line.gateway.start()
        line.gateway.wait_for_log("CRL and OCSP are served")
        until(lambda: served(line))
        for _ in range(2):
            line.slipway("cert", "revoke", made(line, 1)[0])
            before = numbers[-1] if numbers else 0
            until(lambda: crl_number(line) > before)
            numbers.append(crl_number(line))
        assert line.gateway.stop() == 0
        for left in line.gateway.database.parent.glob("fleet.db*"):
            if left.name != "fleet.db.lock":
                left.unlink()
        shutil.copy(backup, line.gateway.database)
    assert numbers == sorted(set(numbers)), numbers
    line.gateway.start()
    line.gateway.wait_for_log("CRL and OCSP are served")
    until(lambda: served(line))


def test_the_number_goes_on_after_a_restart_that_lost_an_hour(line):
    """The clock of a gateway that gave out numbers of the future, then was set right."""
    before = crl_number(line)
    assert line.gateway.stop() == 0
    ahead = before + 3_600_000
    with sqlite3.connect(line.gateway.database) as connection:
        stored = connection.execute("SELECT number FROM revocation_lists").fetchall()
        assert stored[0][0] >= before
        connection.execute("UPDATE revocation_lists SET number = ?", (ahead,))
    connection.close()
    line.gateway.start()
    line.gateway.wait_for_log("CRL and OCSP are served")
    until(lambda: served(line))
    assert crl_number(line) > ahead


def served(line):
    try:
        return line.get(f"/crl/{line.whole()}.crl")
    except urllib.error.URLError:
        return None


def test_a_plan_is_refused_once_its_set_has_changed_and_carried_out_once(line):
    begun = now()
    certificates = made(line, 5)
    bystander_from = now()
    bystander = made(line, 1)
    plan = Plan(line, f"issued between {begun} and {bystander_from}")
    preview = plan.preview()
    assert preview["certificates"] == certificates and preview["revokedAlready"] == 0
    assert preview["crlBytesMore"] > 0 and preview["online"] == 0
    assert preview["kinds"] == {"device": 5}
    assert plan.listed() == certificates

    # Somebody else's certificate comes under the same --where: the old digest is no longer true.
    wider = Plan(line, f"issued between {begun} and {now()}")
    assert wider.preview()["certificates"] == sorted(certificates + bystander)
    stale = wider.run("--plan", preview["plan"])
    assert stale.returncode == 1 and "nothing was revoked" in stale.stderr, stale
    assert set(plan.statuses(certificates + bystander).values()) == {"ACTIVE"}

    done = plan.run("--plan", preview["plan"], "--reason", "keyCompromise", "--note", "line 4",
                    "--json")
    assert done.returncode == 0, done
    assert json.loads(done.stdout) == {"count": 5, "changed": 5}
    assert set(plan.statuses(certificates).values()) == {"REVOKED"}
    assert set(plan.statuses(bystander).values()) == {"ACTIVE"}
    reasons = line.gateway.query("SELECT certificate FROM revocations WHERE "
                                 "reason = 'keyCompromise'")
    assert set(certificates) <= {identity for (identity,) in reasons}

    # Harmless a second time; the preview says that it is done, under the same digest.
    again = plan.run("--plan", preview["plan"], "--reason", "superseded", "--json")
    assert json.loads(again.stdout) == {"count": 5, "changed": 0}
    after = plan.preview()
    assert after["plan"] == preview["plan"] and after["revokedAlready"] == 5
    assert after["crlBytesMore"] == 0
    assert plan.audited(preview["plan"]) == certificates


def test_a_plan_that_was_broken_off_goes_on_where_it_was(line):
    begun = now()
    certificates = made(line, 60)
    plan = Plan(line, f"issued between {begun} and {now()}")
    digest = plan.preview()["plan"]
    command = subprocess.Popen(plan.words("--plan", digest), stdout=subprocess.DEVNULL)
    try:
        until(lambda: "REVOKED" in plan.statuses(certificates).values())
    finally:
        command.kill()
        command.wait()
    done = plan.run("--plan", digest, "--json")
    assert done.returncode == 0, done
    answer = json.loads(done.stdout)
    assert answer["count"] == 60 and answer["changed"] < 60
    assert set(plan.statuses(certificates).values()) == {"REVOKED"}
    assert plan.audited(digest) == certificates


def test_a_plan_goes_on_after_the_service_was_killed(line):
    """kill -9 of the service in the midst of it: what was revoked stays, the rest follows."""
    begun = now()
    certificates = made(line, 80)
    plan = Plan(line, f"issued between {begun} and {now()}")
    digest = plan.preview()["plan"]
    command = subprocess.Popen(
        plan.words("--plan", digest), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: "REVOKED" in plan.statuses(certificates).values())
        line.gateway.kill()
    finally:
        command.wait(timeout=60)
    line.gateway.start()
    line.gateway.wait_for_log("CRL and OCSP are served")
    done = plan.run("--plan", digest, "--json")
    assert done.returncode == 0, done
    assert json.loads(done.stdout)["count"] == 80
    assert set(plan.statuses(certificates).values()) == {"REVOKED"}
    assert plan.audited(digest) == certificates


def test_lists_and_plans_have_one_grammar(line):
    begun = now()
    certificates = made(line, 3)
    window = f"issued between {begun} and {now()}"
    line.slipway("cert", "deactivate", certificates[0])
    assert Plan(line, f"{window} and status=ACTIVE").listed() == certificates[1:]
    assert Plan(line, f"{window} and kind=claim").listed() == []
    refused = Plan(line, f"{window} and status=ACTIVE").run()
    assert refused.returncode == 1 and "status is for lists" in refused.stderr
    for words in ("colour=red", "lot", "status:ACTIVE", "weakness=ugly", "kind=thing"):
        for command in ("list", "revoke"):
            done = line.slipway("cert", command, "--where", words, check=False)
            assert done.returncode == 1 and done.stderr, (command, words, done)
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    yesterday_on = Plan(line, f"issued between 2026-01-01 and {today}").listed()
    assert set(certificates) <= set(yesterday_on)


def rsa_request(p, q):
    """A request for the RSA key of two primes that somebody chose."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    d = rsa.rsa_recover_private_exponent(65537, p, q)
    key = rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q),
        rsa.RSAPublicNumbers(65537, p * q)).private_key()
    return x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(
        key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def test_weak_keys_are_found_recorded_and_revoked(line):
    """Two moduli with a prime in common: both private keys are public knowledge."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    numbers = [rsa.generate_private_key(65537, 2048).private_numbers() for _ in range(2)]
    client = aws.client(line.gateway)
    weak = sorted(
        client.create_certificate_from_csr(
            certificateSigningRequest=rsa_request(numbers[0].p, other), setAsActive=True
        )["certificateId"] for other in (numbers[1].p, numbers[1].q))
    plan = Plan(line, "weakness=shared-factor")
    assert plan.run().returncode == 1
    audit = line.slipway("keys", "audit", "--json", check=False)
    assert audit.returncode == 2 and plan.listed() == []
    assert line.slipway("keys", "audit", "--record", check=False).returncode == 2
    assert plan.listed() == weak
    preview = plan.preview()
    assert preview["certificates"] == weak
    assert plan.run("--plan", preview["plan"], "--reason", "keyCompromise").returncode == 0
    assert set(plan.statuses(weak).values()) == {"REVOKED"}


def test_a_key_stays_known_when_its_certificate_is_gone(line, tmp_path):
    key = Key()
    with Device(line.gateway, client_id="first") as device:
        device.subscribe_to_replies()
        thing, (path, _) = device.provision("SN-000201", tmp_path, key)
    identity = aws.openssl("x509", "-in", path, "-noout", "-fingerprint", "-sha256")
    identity = identity.strip().split("=")[1].replace(":", "").lower()
    line.slipway("cert", "deactivate", identity)
    line.slipway("cert", "delete", identity, "--cascade")
    aws.client(line.gateway).delete_thing(thingName=thing)
    with Device(line.gateway, client_id="second") as device:
        device.subscribe_to_replies()
        token = device.create_from_csr(key).expect_accepted()["certificateOwnershipToken"]
        refusal = device.register(token, {"SerialNumber": "SN-000202"})
        assert not refusal.accepted and refusal.document["reasonCode"] == 7104, refusal


def test_the_canary_measures_and_is_no_device(make_gateway):
    gateway = make_gateway(settings={"revocation-canary-seconds": 1}).start()
    def status():
        done = subprocess.run(
            [str(SLIPWAY), "ca", "status", "--json", "--directory", str(gateway.directory)],
            capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done
        return json.loads(done.stdout)
    until(lambda: status()["canaryMeasurements"] >= 2)
    figures = status()
    assert figures["canaryFailures"] == 0, gateway.log_text()
    assert (figures["canaryWorstMilliseconds"] >= figures["canaryP99Milliseconds"] >= 0
            and figures["canaryLastMilliseconds"] >= 0)
    kinds = gateway.query("SELECT kind, count(*) FROM certificates GROUP BY kind")
    assert dict(kinds)["canary"] == 1 and "device" not in dict(kinds)
    assert aws.client(gateway).list_things()["things"] == []
    listed = aws.client(gateway).list_certificates()["certificates"]
    assert len(listed) == dict(kinds)["claim"]
    assert gateway.query("SELECT count(*) FROM revocations") == [(0,)]
    # The next service makes another, and takes this one away.
    assert gateway.stop() == 0
    gateway.start()
    until(lambda: status()["canaryMeasurements"] >= 1)
    assert gateway.query("SELECT count(*) FROM certificates WHERE kind = 'canary'") == [(1,)]
    assert gateway.stop() == 0


def test_a_plan_by_claim_and_lot_reaches_what_the_claim_made_and_closes_it(line, tmp_path):
    stem = tmp_path / "line7"
    line.slipway("claim", "create", "line7", "--template", "demo-sensor", "--lot", "L7",
                 "--station", "S7", "--output", str(stem))
    with Device(line.gateway, (f"{stem}.pem", f"{stem}.key"), client_id="nest") as nest:
        nest.subscribe_to_replies()
        thing, credentials = nest.provision("SN-000077", tmp_path, Key())
    # The claim itself is nobody's product: only what it made is reached.
    claim = line.gateway.query(
        "SELECT claim FROM certificates WHERE lot = 'L7' AND kind = 'device'")[0][0]
    plan = Plan(line, f"claim={claim} and lot=L7 and station=S7")
    with Device(line.gateway, credentials, client_id=thing) as device:
        until(lambda: plan.preview()["online"] == 1)
        preview = plan.preview()
        assert preview["count"] == 1, preview
        assert preview["lots"] == {"L7": 1} and preview["stations"] == {"S7": 1}
        assert plan.run("--plan", preview["plan"]).returncode == 0
        assert device.ended().value == 0x87

    def times():
        return json.loads(line.slipway("ca", "status", "--json").stdout)
    until(lambda: times()["socketsClosed"] == 1)
    assert times()["lastMilliseconds"] == times()["worstMilliseconds"] >= 0
    assert times()["decision"] == preview["plan"] and times()["decisionSocketsClosed"] == 1
    assert times()["decisionMilliseconds"] == times()["lastMilliseconds"]
    assert plan.audited(preview["plan"]) == preview["certificates"]
