"""A device that speaks EST (RFC 7030) with curl, and reads what it gets with openssl."""

import email
import re
import subprocess
from pathlib import Path

REQUEST_SECONDS_MAX = 60


class Answer:
    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 100"):
            head, _, self.body = self.body.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {name.strip().lower(): value.strip()
                        for name, value in (line.split(":", 1) for line in lines[1:])}

    @property
    def text(self):
        return self.body.decode()

    def expect(self, status):
        assert self.status == status, f"{self.status} {self.headers}\n{self.text}"
        return self

    def certificates(self):
        """The certificates of a certs-only answer, in PEM, as openssl reads them."""
        assert self.headers["content-type"].startswith("application/pkcs7-mime"), self.headers
        assert self.headers["content-transfer-encoding"] == "base64"
        return certificates(self.body)

    def parts(self):
        """The parts of a multipart/mixed answer: type and base64."""
        message = email.message_from_bytes(
            f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode() + self.body)
        assert message.get_content_type() == "multipart/mixed"
        found = [(part.get_content_type(), part["Content-Transfer-Encoding"],
                  part.get_payload(decode=True)) for part in message.get_payload()]
        assert all(encoding == "base64" for _, encoding, _ in found)
        return [(kind, der) for kind, _, der in found]


def openssl(*words, data=None):
    done = subprocess.run(
        ["openssl", *map(str, words)], input=data, capture_output=True,
        timeout=REQUEST_SECONDS_MAX)
    assert done.returncode == 0, f"{words}: {done.stderr.decode()}"
    return done.stdout


def certificates(body):
    der = openssl("base64", "-d", data=body)
    printed = openssl("pkcs7", "-inform", "DER", "-print_certs", data=der).decode()
    return re.findall(
        r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", printed, re.DOTALL)


def request(folder, name, subject, key=None):
    """A key, and the base64 of a signing request for it as RFC 7030 4.2.1 wants it."""
    key = Path(key) if key else Path(folder) / f"{name}.key"
    if not key.exists():
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
    der = openssl("req", "-new", "-key", key, "-subj", subject, "-outform", "DER")
    return key, openssl("base64", data=der)


class Client:
    def __init__(self, gateway, url):
        self.gateway = gateway
        self.url = url

    def ask(self, path, credentials=None, data=None, kind="application/pkcs10", more=()):
        words = ["curl", "--silent", "--show-error", "--include", "--http1.1",
                 "--cacert", str(self.gateway.ca), "--max-time", str(REQUEST_SECONDS_MAX)]
        if credentials:
            words += ["--cert", str(credentials[0]), "--key", str(credentials[1])]
        if data is not None:
            words += ["--data-binary", "@-", "--header", f"Content-Type: {kind}",
                      "--header", "Content-Transfer-Encoding: base64"]
        done = subprocess.run(
            words + list(more) + [f"{self.url}/{path}"], input=data, capture_output=True,
            timeout=REQUEST_SECONDS_MAX)
        if done.returncode:
            raise Refused(done.stderr.decode())
        return Answer(done.stdout)


class Refused(Exception):
    """There was no HTTP answer."""
