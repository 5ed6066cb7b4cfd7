"""More clients than a port has places for, each of which says nothing, or half of something."""

import contextlib
import resource
import socket

import pytest

SIZE = 1100
CONNECT_SECONDS_MAX = 60


@contextlib.contextmanager
def crowd(port, *halves):
    """Holds their connections, each having sent one of `halves`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * SIZE:
        pytest.skip(f"{hard} open files are too few")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * SIZE), hard))
    with contextlib.ExitStack() as held:
        for number in range(SIZE):
            connection = held.enter_context(socket.create_connection(
                ("127.0.0.1", port), timeout=CONNECT_SECONDS_MAX))
            # It may have had to go already.
            with contextlib.suppress(OSError):
                connection.sendall(halves[number % len(halves)])
        yield
