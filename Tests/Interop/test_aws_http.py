"""What HTTP asks of the control plane beneath every operation, seen from a bare socket."""

import json
import socket

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

import aws
from crowd import crowd

ANSWER_SECONDS_MAX = 60
# After which the service closes a connection by itself.
IDLE_SECONDS_MAX = 60
CREATE = json.dumps({"attributePayload": {"attributes": {"a": "1"}}}).encode()


def head(control, method, path, body=b"", **headers):
    """A signed request's head, as its bytes are on the wire."""
    host = f"127.0.0.1:{control.api_port}"
    request = botocore.awsrequest.AWSRequest(
        method=method, url=f"http://{host}{path}", data=body, headers={"Host": host})
    credentials = botocore.credentials.Credentials(*aws.credentials(control))
    botocore.auth.SigV4Auth(credentials, "iot", aws.REGION).add_auth(request)
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Connection:
    """One connection, read response by response."""

    def __init__(self, control):
        self.socket = socket.create_connection(
            ("127.0.0.1", control.api_port), timeout=ANSWER_SECONDS_MAX)
        self.reader = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.reader.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def answer(self, has_body=True):
        """Status, headers and body."""
        line = self.reader.readline()
        assert line.startswith(b"HTTP/1.1 "), line
        headers = {}
        while (field := self.reader.readline()) not in (b"\r\n", b""):
            name, value = field.decode().split(":", 1)
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", 0)) if has_body else 0
        return int(line.split()[1]), headers, self.reader.read(length)


def test_a_body_that_is_announced_is_asked_for(control):
    """RFC 9110 10.1.1; the AWS SDK for Java waits for it before every PUT."""
    with Connection(control) as connection:
        length = str(len(CREATE))
        connection.send(head(
            control, "POST", "/things/expected", CREATE, Content_Length=length,
            Expect="100-continue"))
        assert connection.answer(has_body=False)[0] == 100
        connection.send(CREATE)
        status, _, body = connection.answer()
        assert (status, json.loads(body)["thingName"]) == (200, "expected")
        # One that is too long is refused before it is sent.
        connection.send(head(
            control, "POST", "/things/huge", CREATE, Content_Length=str(2 << 20),
            Expect="100-continue"))
        status, headers, body = connection.answer()
        assert (status, headers["x-amzn-errortype"]) == (400, "InvalidRequestException")


def test_the_answer_to_head_has_no_body(control):
    """RFC 9110 9.3.2: what followed would be taken for the next answer."""
    with Connection(control) as connection:
        connection.send(head(control, "HEAD", "/things"))
        status, headers, _ = connection.answer(has_body=False)
        assert (status, headers["x-amzn-errortype"]) == (404, "UnknownOperationException")
        connection.send(head(control, "GET", "/things"))
        assert connection.answer()[0] == 200


def test_a_body_that_trickles_is_refused_and_says_so(control):
    with Connection(control) as connection:
        connection.send(head(
            control, "POST", "/things/slow", CREATE, Content_Length=str(len(CREATE))))
        connection.send(CREATE[:10])
        status, headers, body = connection.answer()
        assert (status, headers["x-amzn-errortype"]) == (400, "InvalidRequestException")
        assert "did not arrive within 30 seconds" in json.loads(body)["message"]
        assert connection.reader.read() == b""
    iot = aws.client(control)
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_thing(thingName="slow")


@pytest.mark.parametrize("version, field, answers", [
    ("1.0", "", 1), ("1.0", "Connection: te, Keep-Alive\r\n", 2), ("1.1", "", 2),
    ("1.1", "Connection: close\r\n", 1), ("1.1", "Connection: Close\r\n", 1),
    ("1.1", "Connection: te, CLOSE\r\n", 1),
    ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", 1)])
def test_a_connection_ends_when_its_client_says_so(control, version, field, answers):
    """RFC 9112 9.3. What follows the last request is not answered."""
    request = f"GET /things HTTP/{version}\r\nHost: x\r\n{field}\r\n"
    last = "GET /things HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with Connection(control) as connection:
        connection.send((request + last).encode())
        # Nobody is recognized, and so both are refused.
        received = connection.reader.read()
        assert received.count(b"HTTP/1.1 ") == answers
        assert received.count(b"HTTP/1.1 403 ") == answers


def test_a_refused_request_leaves_its_connection_sane(control):
    with Connection(control) as connection:
        for body in (b"{", b"[]", b'"x"', b'{"a": 1, "a": 2}', b"\xff", b"[" * 100000,
                     b" " * (2 << 20)):
            connection.send(head(
                control, "POST", "/things/bad", body, Content_Length=str(len(body))) + body)
            status, headers, _ = connection.answer()
            assert (status, headers["x-amzn-errortype"]) == (400, "InvalidRequestException")
        connection.send(head(control, "GET", "/things/bad"))
        assert connection.answer()[0] == 404


def test_a_request_has_one_host(control):
    """RFC 9112 3.2: which of two is meant, a proxy before us may see otherwise."""
    with Connection(control) as connection:
        connection.send(head(control, "GET", "/things", Host="elsewhere.example"))
        status, headers, body = connection.answer()
        assert (status, headers["x-amzn-errortype"]) == (400, "InvalidRequestException")
        assert "more than one Host" in json.loads(body)["message"]
        connection.send(head(control, "GET", "/things"))
        assert connection.answer()[0] == 200


def test_whoever_says_nothing_keeps_nobody_out(control):
    """More than there may be, each idle or in the midst of a request, unknown to us."""
    half = head(control, "POST", "/things/half", CREATE, Content_Length="1000")
    with crowd(control.api_port, b"", b"GET /things HT", half), Connection(control) as newcomer:
        # The idle would have gone by themselves, but no sooner than after a minute.
        newcomer.socket.settimeout(IDLE_SECONDS_MAX / 2)
        newcomer.send(head(control, "GET", "/things?maxResults=1"))
        assert newcomer.answer()[0] == 200
