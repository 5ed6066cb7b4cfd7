"""Hooks that are somebody's own service: signed, over TLS, left alone when they fail."""

import hashlib
import hmac
import http.server
import json
import ssl
import subprocess
import threading

import pytest

from gateway import free_port
from test_access import Signed, credential, slipway
from test_refusals import ask, line

SECRET = "0123456789abcdef0123456789abcdef"
WILLING = "return function() return { allowProvisioning = true } end"


@pytest.fixture(params=["localhost"])
def service(request, tmp_path):
    """An HTTPS server that lets in serials that begin with "good"; "break" is an error of it, and
    "hang" is answered when the test is over, as is the rest of what "drip" is answered."""
    key, certificate = tmp_path / "key.pem", tmp_path / "ca.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
         "-subj", f"/CN={request.param}", "-addext", f"subjectAltName=DNS:{request.param}"],
        check=True, capture_output=True)
    seen = []
    over = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            seen.append((dict(self.headers.items()), body))
            serial = json.loads(body)["parameters"]["SerialNumber"]
            if serial == "hang":
                over.wait(60)
            answer = {"allowProvisioning": serial.startswith("good"), "reasonCode": "asked",
                      **({} if serial.startswith("good") else {"denyReason": "not good"})}
            text = json.dumps(answer).encode()
            self.send_response({"break": 500, "restart": 503}.get(serial, 200))
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            if serial == "drip":
                # The head and the beginning of an answer, and never the end.
                self.wfile.write(text[:5])
                self.wfile.flush()
                over.wait(60)
            self.wfile.write(text)

        def log_message(self, *words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1], certificate, seen
    over.set()
    server.shutdown()


def text(gateway, port, ca, **more):
    folder = gateway.directory / "pki/webhooks"
    folder.mkdir(exist_ok=True)
    (folder / "line").write_text(SECRET + "\n")
    return json.dumps({"url": f"https://localhost:{port}/ask", "secret": "line",
                       "timeoutMilliseconds": 30_000,
                       **({"caFile": str(ca)} if ca else {}), **more})


def put(gateway, tmp_path, port, ca, **more):
    file = tmp_path / "webhook.json"
    file.write_text(text(gateway, port, ca, **more))
    slipway(gateway, "hook", "put", "test-hook", file)


def test_a_webhook_is_asked_and_its_question_is_signed(make_gateway, tmp_path, service):
    port, ca, seen = service
    gateway = line(make_gateway, hook=WILLING)
    put(gateway, tmp_path, port, ca)
    ask(gateway, {"SerialNumber": "good-1", "Site": "x"}).expect_accepted()
    refused = ask(gateway, {"SerialNumber": "bad-1", "Site": "x"})
    assert "not good" in refused.expect_rejected(403, "AccessDenied")
    headers, body = seen[0]
    fields = {name.lower(): value for name, value in headers.items()}
    moment, code = (part.split("=")[1] for part in fields["slipway-signature"].split(","))
    signed = moment.encode() + b"." + body
    assert hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest() == code
    assert fields["slipway-hook"] == "test-hook"
    assert set(json.loads(body)) == {
        "claimCertificateId", "certificateId", "certificatePem", "templateArn", "clientId",
        "parameters"}
    assert SECRET not in gateway.log_text()


def test_a_dry_run_asks_it_only_by_its_name(make_gateway, tmp_path, service):
    """A service cannot tell a dry run from a device, and may count what it is asked."""
    port, ca, seen = service
    gateway = line(make_gateway, hook=WILLING)
    put(gateway, tmp_path, port, ca)

    def dry_run(*words, code=0):
        return json.loads(slipway(
            gateway, "template", "dry-run", "demo-sensor", "--parameters", "SerialNumber=bad-1",
            "Site=x", "--json", *words, code=code))

    for against in ("LIVE", "DATABASE"):
        told = dry_run("--against", against)
        assert told["accepted"] and any("it is not asked" in text for text in told["unknown"])
    alone = dry_run("--hook", "test-hook", "--against", "DATABASE", code=1)
    assert "running service alone" in alone["refusal"]["message"] and not seen
    named = dry_run("--hook", "test-hook", code=1)
    assert named["refusal"]["message"] == "not good" and len(seen) == 1
    assert any("in earnest" in text for text in named["unknown"])
    # Who may only read does not make somebody else's service count.
    body = json.dumps({"templateName": "demo-sensor", "hookName": "test-hook",
                       "parameters": {"SerialNumber": "bad-1", "Site": "x"}}).encode()
    reader = credential(gateway, "olga", "auditor")
    sent = Signed(gateway, reader, "POST", "/slipway/template-dry-run", body).in_header().send()
    assert sent[:2] == (403, "AccessDeniedException") and len(seen) == 1


def test_a_stranger_s_certificate_is_not_trusted(make_gateway, tmp_path, service):
    port, _, seen = service
    gateway = line(make_gateway, hook=WILLING)
    put(gateway, tmp_path, port, None)
    ask(gateway, {"SerialNumber": "good-1", "Site": "x"}).expect_rejected(403, "AccessDenied")
    assert not seen


def test_a_service_that_fails_is_left_alone(make_gateway, tmp_path, service):
    port, ca, seen = service
    gateway = line(make_gateway, hook=WILLING)
    put(gateway, tmp_path, port, ca)
    for _ in range(5):
        ask(gateway, {"SerialNumber": "break", "Site": "x"}).expect_rejected(403, "AccessDenied")
    ask(gateway, {"SerialNumber": "good-1", "Site": "x"}).expect_rejected(429, "TooManyRequests")
    assert len(seen) == 5


def test_a_service_that_starts_anew_is_worth_another_try(make_gateway, tmp_path, service):
    port, ca, _ = service
    gateway = line(make_gateway, hook=WILLING)
    put(gateway, tmp_path, port, ca)
    told = ask(gateway, {"SerialNumber": "restart", "Site": "x"})
    told.expect_rejected(403, "HookTimeout")
    assert told.document["retryable"] is True


@pytest.mark.parametrize("service", ["other.example"], indirect=True)
def test_a_certificate_of_another_name_is_not_trusted(make_gateway, tmp_path, service):
    """Its authority is trusted, and it is not the one that was meant."""
    port, ca, seen = service
    gateway = line(make_gateway, hook=WILLING)
    put(gateway, tmp_path, port, ca)
    ask(gateway, {"SerialNumber": "good-1", "Site": "x"}).expect_rejected(403, "AccessDenied")
    assert not seen


def test_a_service_that_does_not_answer_is_waited_for_so_long(make_gateway, tmp_path, service):
    port, ca, seen = service
    gateway = line(make_gateway, hook=WILLING)
    put(gateway, tmp_path, port, ca, timeoutMilliseconds=5000)
    for number, serial in enumerate(["hang", "drip"]):
        ask(gateway, {"SerialNumber": serial, "Site": "x"}).expect_rejected(403, "HookTimeout")
        assert len(seen) == number + 1


def test_a_webhook_in_the_folder_is_loaded_at_start(make_gateway, service):
    port, ca, seen = service
    gateway = line(make_gateway, hook=WILLING)
    gateway.stop()
    hooks = gateway.directory / "Hooks"
    webhook = hooks / "test-hook.webhook.json"
    webhook.write_text(text(gateway, port, ca))
    # A hook is one of the two.
    gateway.start(wait=False)
    assert gateway.process.wait(timeout=60) == 1
    gateway.wait_for_log(r"test-hook\.lua' too")
    (hooks / "test-hook.lua").unlink()
    gateway.start()
    ask(gateway, {"SerialNumber": "good-1", "Site": "x"}).expect_accepted()
    ask(gateway, {"SerialNumber": "bad-1", "Site": "x"}).expect_rejected(403, "AccessDenied")
    assert len(seen) == 2
    gateway.stop()
    # What it says wrong is said before a port is open.
    webhook.write_text(text(gateway, port, ca, timeoutMilliseconds=7))
    gateway.start(wait=False)
    assert gateway.process.wait(timeout=60) == 1
    gateway.wait_for_log(r"test-hook\.webhook\.json', /timeoutMilliseconds")


def test_a_service_that_is_not_there_is_worth_another_try(make_gateway, tmp_path):
    """At once, and not when the time that it has is over."""
    gateway = line(make_gateway, hook=WILLING)
    put(gateway, tmp_path, free_port(), None, timeoutMilliseconds=30_000)
    reply = ask(gateway, {"SerialNumber": "good-1", "Site": "x"})
    reply.expect_rejected(403, "HookTimeout")
    assert (reply.document["reasonCode"], reply.document["retryAfterSeconds"]) == (6002, 5)
