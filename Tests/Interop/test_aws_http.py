"""What HTTP asks of the control plane beneath every operation, seen from a bare socket."""

import json
import socket
import threading

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


def test_an_answer_says_whether_its_connection_stays(control):
    """RFC 9112 9.3 and 9.6."""
    with Connection(control) as connection:
        for field, said in (("", None), ("Connection: close\r\n", "close")):
            connection.send(f"GET /things HTTP/1.1\r\nHost: x\r\n{field}\r\n".encode())
            assert connection.answer()[1].get("connection") == said
        assert connection.reader.read() == b""
    with Connection(control) as connection:
        for _ in range(2):
            connection.send(b"GET /things HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            status, headers, _ = connection.answer()
            assert (status, headers["connection"]) == (403, "keep-alive")
    # A body that was asked about and is not wanted may come all the same, or may not.
    with Connection(control) as connection:
        connection.send(head(
            control, "POST", "/things/huge", CREATE, Content_Length=str(2 << 20),
            Expect="100-continue"))
        assert connection.answer()[1]["connection"] == "close"
        assert connection.reader.read() == b""


@pytest.mark.parametrize("request_bytes, status", [
    (b"GET /things HTTP/1.1\r\n\r\n", 400), (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
    (b"GET /things HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 100_000 + b"\r\n\r\n", 431),
    (b"POST /things/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n1",
     400)], ids=["no host", "TLS", "long", "two lengths"])
def test_what_is_no_request_is_refused_and_ends_its_connection(control, request_bytes, status):
    """RFC 9112 3.2 and 6.3, RFC 6585 5."""
    with Connection(control) as connection:
        connection.send(request_bytes)
        got, headers, _ = connection.answer()
        assert (got, headers["connection"]) == (status, "close")
        assert connection.reader.read() == b""


def test_an_absolute_target_is_its_path(control):
    """RFC 9112 3.2.2: every server takes it."""
    with Connection(control) as connection:
        for target in ("http://x/things/absolute", "http://x/things/absolute?a=b"):
            connection.send(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert connection.answer()[0] == 403
        connection.send(b"GET http://x/nothing/such HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.answer()[0] == 404


def test_whoever_has_said_all_is_answered(control):
    """A client may close its side once it has asked."""
    with Connection(control) as connection:
        connection.send(head(control, "GET", "/things?maxResults=1") * 2)
        connection.socket.shutdown(socket.SHUT_WR)
        assert connection.answer()[0] == 200
        assert connection.answer()[0] == 200
        assert connection.reader.read() == b""


@pytest.mark.parametrize("waits", [False, True])
def test_whoever_reads_late_gets_every_answer(control, waits):
    """Many requests at once, the client's side closed behind them, and nothing read before."""
    count = 3000
    with Connection(control) as connection:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = head(control, "GET", "/things?maxResults=1")
        sender = threading.Thread(target=lambda: (
            connection.send(request * count), connection.socket.shutdown(socket.SHUT_WR)))
        sender.start()
        if waits:
            # The service asks for no more while its answers are not taken.
            sender.join(2)
        received = connection.reader.read()
        sender.join()
        assert received.count(b"HTTP/1.1 200 ") == count


@pytest.mark.parametrize("request_line", [
    "CONNECT x:1 HTTP/1.1", "GET /things HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket"])
def test_another_protocol_is_not_read(control, request_line):
    """What follows would be kept for whoever speaks it, and nobody does."""
    with Connection(control) as connection:
        connection.send(f"{request_line}\r\nHost: x\r\n\r\n".encode())
        connection.send(b"x" * 1000)
        assert connection.answer()[1]["connection"] == "close"
        connection.socket.settimeout(2)
        with pytest.raises(TimeoutError):
            for _ in range(1000):
                connection.send(b"x" * 100_000)


def test_a_request_is_refused_once(control):
    """One that is answered already, and then turns out to be none."""
    with Connection(control) as connection:
        connection.send(b"POST /nothing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert connection.answer()[0] == 404
        connection.send(b"no chunk\r\n")
        assert connection.reader.read() == b""


def test_many_requests_at_once_are_answered_in_order(control):
    iot = aws.client(control)
    names = [f"in-order-{number}" for number in range(50)]
    for name in names:
        iot.create_thing(thingName=name)
    with Connection(control) as connection:
        # Byte by byte for some, so that a reading ends anywhere.
        data = b"".join(head(control, "GET", f"/things/{name}") for name in names)
        for start in range(400):
            connection.send(data[start:start + 1])
        connection.send(data[400:])
        for name in names:
            status, _, body = connection.answer()
            assert (status, json.loads(body)["thingName"]) == (200, name)


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
