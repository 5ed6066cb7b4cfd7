"""Clients that spend little: prepared requests over a few connections, the same for any server.

The bytes of every request are made before the clock starts, and each connection is kept busy with
one request at a time. `drive` sends each once, reads the whole answer, and may keep its body;
`sustain` has wrk send them for some seconds, which costs a fifth of that. What the client itself
costs is reported with what it measured, since both ends share the machine.
"""

import json
import os
import resource
import select
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONNECT_SECONDS_MAX = 60
RECEIVED_BYTES_MAX = 1 << 18
LENGTH = b"\r\ncontent-length:"


class Answer:
    """Takes the bytes of one HTTP/1.1 response as they come."""

    def __init__(self):
        self.data = b""

    def is_whole(self, received):
        self.data = self.data + received if self.data else received
        end = self.data.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = self.data[:end].lower()
        place = head.find(LENGTH)
        if place < 0:
            sys.exit(f"an answer without Content-Length: {self.data[:300]!r}")
        first = place + len(LENGTH)
        last = head.find(b"\r\n", first)
        length = int(head[first:last] if last > 0 else head[first:])
        return len(self.data) == end + 4 + length

    @property
    def closes(self):
        head = self.data[:self.data.find(b"\r\n\r\n")].lower()
        return b"\r\nconnection: close" in head or head.startswith(b"http/1.0")

    def refuse_all_but_200(self):
        if not self.data.startswith(b"HTTP/1.1 200 "):
            sys.exit(f"refused: {self.data[:600]!r}")

    @property
    def body(self):
        return self.data[self.data.find(b"\r\n\r\n") + 4:]


class Result:
    def __init__(self, count, seconds, p99, client_seconds, bodies=()):
        self.count = count
        self.rate = count / seconds
        # In milliseconds.
        self.p99 = p99
        self.client_microseconds = client_seconds / count * 1e6
        self.bodies = bodies


def p99(took):
    """In milliseconds, of times in seconds."""
    took = sorted(took)
    return took[min(len(took) - 1, int(len(took) * 0.99))] * 1000


def connect(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=CONNECT_SECONDS_MAX)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


class Connection:
    """One connection that stays open, for one request after the other."""

    def __init__(self, port):
        self.socket = connect(port)

    def send(self, request):
        """The answer's body."""
        self.socket.sendall(request)
        answer = Answer()
        while received := self.socket.recv(RECEIVED_BYTES_MAX):
            if answer.is_whole(received):
                answer.refuse_all_but_200()
                return answer.body
        sys.exit(f"closed amid an answer: {answer.data[:300]!r}")


def drive(port, requests, connections, keeps_bodies=False):
    """Sends every request once; ends the program where one is answered with anything but 200."""
    sockets = {}
    poller = select.epoll()

    def opened():
        connection = connect(port)
        sockets[connection.fileno()] = connection
        poller.register(connection.fileno(), select.EPOLLIN)
        return connection

    idle = [opened() for _ in range(min(connections, len(requests)))]
    took, bodies, under_way = [], [], {}
    clock = time.perf_counter
    rest = iter(requests)
    client_began, began = time.process_time(), clock()

    def send(connection):
        request = next(rest, None)
        if request is not None:
            under_way[connection.fileno()] = (clock(), Answer())
            connection.sendall(request)

    for connection in idle:
        send(connection)
    while under_way:
        for descriptor, _ in poller.poll():
            connection = sockets[descriptor]
            received = connection.recv(RECEIVED_BYTES_MAX)
            sent, answer = under_way[descriptor]
            if not received:
                sys.exit(f"closed amid an answer: {answer.data[:300]!r}")
            if not answer.is_whole(received):
                continue
            took.append(clock() - sent)
            answer.refuse_all_but_200()
            if keeps_bodies:
                bodies.append(answer.body)
            del under_way[descriptor]
            if answer.closes:
                poller.unregister(descriptor)
                sockets.pop(descriptor).close()
                connection = opened()
            send(connection)
    seconds, client = clock() - began, time.process_time() - client_began
    for connection in sockets.values():
        connection.close()
    return Result(len(took), seconds, p99(took), client, bodies)


def children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def sustain(port, requests, connections, seconds, again):
    """Sends requests for some seconds by wrk, one thread of it; ends the program where one is
    answered with an error, or where they run out and may not be sent `again`."""
    with tempfile.NamedTemporaryFile(prefix="requests-") as file:
        for request in requests:
            file.write(b"%d\n" % len(request) + request)
        file.flush()
        environment = {**os.environ, "REQUESTS": file.name}
        if again:
            environment["AGAIN"] = "1"
        before = children_seconds()
        ended = subprocess.run(
            ["wrk", "--threads", "1", "--connections", str(connections),
             "--duration", f"{seconds}s", "--timeout", f"{seconds}s",
             "--script", str(Path(__file__).with_name("prepared.lua")),
             f"http://127.0.0.1:{port}/"],
            env=environment, capture_output=True, text=True)
        client = children_seconds() - before
    if ended.returncode != 0:
        sys.exit(f"wrk: {ended.stderr or ended.stdout}")
    told = json.loads(ended.stdout.splitlines()[-1])
    if told["refused"] or told["broken"] or not told["requests"]:
        sys.exit(f"not every request was answered well: {told}")
    return Result(told["requests"], told["seconds"], told["p99"], client)
