import itertools

import pytest

from device import Device, Key
from gateway import SLIPWAY, Gateway


def pytest_sessionstart(session):
    if not SLIPWAY.exists():
        pytest.exit(f"there is no {SLIPWAY}: swift build --product slipway", returncode=2)


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    """The shipped demo line, for every test that does not hurt it; one for each worker."""
    instance = Gateway(tmp_path_factory.mktemp("gateway")).start()
    yield instance
    assert instance.stop() == 0, instance.log_text()
    instance.check_invariants()


@pytest.fixture(scope="session")
def control(tmp_path_factory):
    """A gateway whose registry operators fill by hand; one for each worker."""
    folder = tmp_path_factory.mktemp("control")
    instance = Gateway(folder, settings={"bulk-sources": f"bulk={folder}/bulk"}).start()
    yield instance
    assert instance.stop() == 0, instance.log_text()


@pytest.fixture(scope="session")
def serials():
    """Serial numbers of the demo line's allowlist, each used once."""
    numbers = itertools.count(1)
    return lambda: f"SN-{next(numbers):06}"


@pytest.fixture
def make_gateway(tmp_path):
    """Gateways of a test's own, stopped with it."""
    made = []

    def make(**options):
        made.append(Gateway(tmp_path / f"gateway-{len(made)}", **options))
        return made[-1]

    yield make
    for instance in made:
        if instance.process is not None and instance.process.poll() is None:
            instance.kill()


@pytest.fixture(scope="session")
def provisioned(gateway, serials, tmp_path_factory):
    """A device with its own key: its thing's name and credential files."""
    folder = tmp_path_factory.mktemp("provisioned")
    with Device(gateway, client_id="provisioned") as device:
        device.subscribe_to_replies()
        return device.provision(serials(), folder, Key())
