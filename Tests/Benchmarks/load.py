"""A client that spends little: prepared requests over a few connections, the same for any server.

The bytes of every request are made before the clock starts. One loop (epoll) keeps each connection
busy with one request at a time, reads the whole answer, and checks its status. What the client
itself costs is reported with what it measured, since both ends share the machine.
"""

import select
import socket
import sys
import time

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
    def __init__(self, seconds, took, client_seconds, bodies):
        self.rate = len(took) / seconds
        self.took = sorted(took)
        self.client_microseconds = client_seconds / len(took) * 1e6
        self.bodies = bodies

    @property
    def p99(self):
        """In milliseconds."""
        return self.took[min(len(self.took) - 1, int(len(self.took) * 0.99))] * 1000


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
    return Result(seconds, took, client, bodies)
