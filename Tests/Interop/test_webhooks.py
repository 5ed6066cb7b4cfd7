"""Hooks that are somebody's own service: signed, over TLS, left alone when they fail."""

import hashlib
import hmac
import http.server
import json
import ssl
import subprocess
import threading

import pytest

from test_access import slipway
from test_refusals import ask, line

SECRET = "0123456789abcdef0123456789abcdef"
WILLING = "return function() return { allowProvisioning = true } end"


@pytest.fixture
def service(tmp_path):
    """An HTTPS server that lets in serials that begin with "good"; "break" is an error of it."""
    key, certificate = tmp_path / "key.pem", tmp_path / "ca.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True)
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            seen.append((dict(self.headers.items()), body))
            serial = json.loads(body)["parameters"]["SerialNumber"]
            answer = {"allowProvisioning": serial.startswith("good"), "reasonCode": "asked",
                      **({} if serial.startswith("good") else {"denyReason": "not good"})}
            text = json.dumps(answer).encode()
            self.send_response(500 if serial == "break" else 200)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1], certificate, seen
    server.shutdown()


def put(gateway, tmp_path, port, ca):
    folder = gateway.directory / "pki/webhooks"
    folder.mkdir(exist_ok=True)
    (folder / "line").write_text(SECRET + "\n")
    file = tmp_path / "webhook.json"
    webhook = {"url": f"https://localhost:{port}/ask", "secret": "line"}
    file.write_text(json.dumps({**webhook, **({"caFile": str(ca)} if ca else {})}))
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
