"""kill -9 at any moment, and at each named point; then start again and go on."""

import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import time

import pytest

from gateway import REPOSITORY, SLIPWAY

SOURCE = (REPOSITORY / "Sources/Fleet/CrashPoint.swift").read_text()
# Those of operators' registrations are died at in test_aws_registration.py, and those of renewals
# in test_renewal.py: no device passes them here.
POINTS = [point for point in re.findall(r"^    case (\w+)$", SOURCE, re.MULTILINE)
          if not any(word in point for word in ("Direct", "Task", "Renew"))]
RUN_SECONDS_MAX = 400


def simulate(gateway, folder, *options):
    return subprocess.Popen(
        gateway.simulate_arguments("--out", folder, "--attempts", 60, *options),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(run, devices):
    output, errors = run.communicate(timeout=RUN_SECONDS_MAX)
    assert run.returncode == 0, output + errors
    report = json.loads(output)
    assert report["provisioned"] == devices
    return report


def check(gateway, folder, devices):
    """Everything a device was told is still true, and nothing is half done."""
    gateway.check_invariants()
    assert len(gateway.check_devices(folder)) == devices
    # Devices that were cut short may have left a certificate behind, never a second thing.
    assert gateway.query("SELECT count(*) FROM things") == [(devices,)]


def test_points_are_found():
    assert len(POINTS) >= 9


@pytest.mark.parametrize("point", POINTS)
def test_process_dies_at_the_point_and_the_devices_finish(make_gateway, tmp_path, point):
    gateway = make_gateway(settings={"keys-algorithm": "P_256"})
    # Start-up commits too, so some points are passed before the first device is there.
    gateway.start()
    gateway.stop()
    gateway.start({"SLIPWAY_CRASH_AT": point, "SLIPWAY_CRASH_AFTER": "4"}, wait=False)
    # Devices that have never met a gateway give up sooner than a busy machine starts one.
    with contextlib.suppress(AssertionError):
        gateway.wait_until_listening()
    folder = tmp_path / "devices"
    run = simulate(gateway, folder, "--devices", 8, "--concurrency", 2, "--flow", "mixed")
    try:
        assert gateway.process.wait(timeout=60) == -signal.SIGKILL, gateway.log_text()
        gateway.start()
        report = finish(run, 8)
    finally:
        run.kill()
    assert report["attempts"] > 8, "nobody noticed the death"
    check(gateway, folder, 8)
    assert gateway.stop() == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_again_and_again_while_devices_lose_their_power(make_gateway, tmp_path, seed):
    chance = random.Random(seed)
    gateway = make_gateway(settings={"keys-algorithm": "P_256"}).start()
    folder = tmp_path / "devices"
    run = simulate(
        gateway, folder, "--devices", 120, "--concurrency", 8, "--flow", "mixed",
        "--power-cut", 20, "--seed", seed)
    deaths = 0
    try:
        while run.poll() is None and deaths < 6:
            # Not a wait for anything: the moment of death is what is tried, and no event marks
            # those that nobody named. Short enough that a release build, which provisions them
            # all within a second, is met at work.
            time.sleep(chance.uniform(0.1, 0.6))
            if run.poll() is not None:
                break
            gateway.kill()
            deaths += 1
            gateway.check_invariants()
            gateway.start()
        report = finish(run, 120)
    finally:
        run.kill()
    assert deaths > 0
    assert report["powerCuts"] > 0
    check(gateway, folder, 120)
    assert gateway.stop() == 0


def test_workers_that_die_are_replaced_and_leave_no_descriptor(make_gateway, tmp_path):
    gateway = make_gateway(settings={"keys-algorithm": "P_256", "hook-workers": "1"}).start()

    def one_device():
        return subprocess.run(
            gateway.simulate_arguments("--devices", 1, "--flow", "csr"),
            capture_output=True, text=True, timeout=RUN_SECONDS_MAX).returncode

    assert one_device() == 0
    # Only root may look into a process that forbids core files.
    folder = f"/proc/{gateway.process.pid}/fd"
    before = len(os.listdir(folder)) if os.geteuid() == 0 else None
    for _ in range(12):
        for worker in gateway.hook_workers():
            os.kill(worker, signal.SIGKILL)
        # The device that meets the dead worker is denied; the next one meets a new worker.
        one_device()
        assert one_device() == 0
    if before is not None:
        # A connection may still be closing; a leak would show twelve.
        assert len(os.listdir(folder)) < before + 6
    assert gateway.stop() == 0


def open_files_limit(gateway):
    text = open(f"/proc/{gateway.process.pid}/limits").read()
    return int(re.search(r"Max open files\s+(\d+)", text).group(1))


def test_soft_limit_of_open_files_is_raised_to_the_hard_one(make_gateway):
    gateway = make_gateway().start(open_files=(256, 2048))
    assert open_files_limit(gateway) == 2048
    gateway.wait_for_log("connectionsMax=1536")
    assert gateway.stop() == 0


def test_flood_with_few_descriptors_ends_with_honest_devices_served(make_gateway, tmp_path):
    gateway = make_gateway(settings={"keys-algorithm": "P_256"})
    gateway.start(wait=False, open_files=(128, 128))
    sockets = []
    deadline = time.monotonic() + 60
    while len(sockets) < 300 and time.monotonic() < deadline:
        try:
            sockets.append(socket.create_connection(("127.0.0.1", gateway.port), timeout=5))
        except OSError:
            time.sleep(0.02)
    assert len(sockets) == 300
    assert gateway.process.poll() is None, gateway.log_text()
    for each in sockets:
        each.close()
    folder = tmp_path / "devices"
    finish(simulate(gateway, folder, "--devices", 4, "--concurrency", 2), 4)
    check(gateway, folder, 4)
    assert gateway.stop() == 0


def test_too_few_descriptors_to_serve_with_are_refused_in_a_line(make_gateway):
    gateway = make_gateway()
    gateway.start(wait=False, open_files=(100, 100))
    assert gateway.process.wait(timeout=60) == 1
    gateway.wait_for_log("may open 100 files and needs 128")


def test_refused_devices_decide_the_exit_code(gateway, tmp_path):
    serials = tmp_path / "serials.txt"
    serials.write_text("SN-000900\nSN-000901\non-no-list\n")
    run = subprocess.run(
        gateway.simulate_arguments("--devices", 3, "--serials", serials, "--flow", "csr"),
        capture_output=True, text=True, timeout=RUN_SECONDS_MAX)
    assert run.returncode == 2
    report = json.loads(run.stdout)
    assert (report["provisioned"], report["failed"]) == (2, 1)
    assert [failure["reason"] for failure in report["failures"]] == [
        "register: rejected 403 AccessDenied"]


# A shift begins, and goes as shifts go.


def test_a_storm_of_accidents_ends_with_each_honest_unit_once(make_gateway, tmp_path):
    """All at once, little room, power cuts, labels scanned twice, copied images."""
    gateway = make_gateway(settings={
        "keys-algorithm": "P_256", "provisioning-in-flight-max": "4"}).start()
    run = subprocess.run(
        gateway.simulate_arguments(
            "--devices", 200, "--storm", "--power-cut", 5, "--double-scan", 4, "--clone", 2,
            "--slow", 50, "--flow", "mixed", "--serials", "SN-{n:06}"),
        capture_output=True, text=True, timeout=RUN_SECONDS_MAX)
    assert run.returncode == 0, run.stdout + run.stderr
    told = json.loads(run.stdout)["expectation"]
    assert told["asExpected"]
    # 8 scanned twice share a serial number; 4 copies are nobody's units.
    assert (told["units"], told["unitsProvisioned"], told["unitsNotOnce"]) == (188, 188, 0)
    assert (told["copies"], told["copiesLetIn"], told["clonesPlayed"]) == (4, 0, 4)
    assert told["losersUnexpected"] == 0
    # The gateway had too little room, said so each time with a time, and dropped nobody.
    assert told["turnedAway"] > 0 and told["turnedAwayWithoutTime"] == 0
    assert told["connectionsDropped"] == 0
    assert gateway.query("SELECT count(*) FROM things") == [(188,)]
    # Both findings of a copied image are evidence by now.
    for verdict in ["copiedImage", "clone"]:
        listed = subprocess.run(
            [str(SLIPWAY), "enrolment", "list", "--verdict", verdict, "--json", "--directory",
             str(gateway.directory)], capture_output=True, text=True, check=True, timeout=60)
        assert len(json.loads(listed.stdout)) == 4, verdict
    assert gateway.stop() == 0
    gateway.check_invariants()
    assert gateway.query(
        """SELECT thing, count(*) FROM thing_principals JOIN certificates ON id = certificate
           WHERE status = 'ACTIVE' GROUP BY thing HAVING count(*) > 1""") == []


def test_a_budget_is_exact_in_a_storm(make_gateway):
    gateway = make_gateway(settings={"keys-algorithm": "P_256"}).start()
    stem = gateway.directory / "small"
    subprocess.run(
        [str(SLIPWAY), "claim", "create", "small", "--template", "demo-sensor", "--budget", "20",
         "--output", str(stem), "--directory", str(gateway.directory)], check=True,
        capture_output=True, timeout=60)

    def run(budget):
        arguments = gateway.simulate_arguments(
            "--devices", 30, "--storm", "--budget", budget, "--serials", "SN-{n:06}")
        arguments[arguments.index("--claim-cert") + 1] = f"{stem}.pem"
        arguments[arguments.index("--claim-key") + 1] = f"{stem}.key"
        done = subprocess.run(
            arguments, capture_output=True, text=True, timeout=RUN_SECONDS_MAX)
        return done.returncode, json.loads(done.stdout)["expectation"]

    code, told = run(20)
    assert code == 0, told
    assert (told["units"], told["unitsExpected"], told["unitsProvisioned"]) == (30, 20, 20)
    assert (told["losersExpected"], told["losersUnexpected"]) == (10, 0)
    # Who was paid for comes again at no cost, so the same run ends the same.
    code, told = run(21)
    assert code == 2 and not told["asExpected"]


@pytest.mark.parametrize("emptied", [True, False])
def test_a_lost_database_is_not_taken_for_a_new_fleet(make_gateway, emptied):
    """What a full disk tore off at a restore must not come up and know no device."""
    gateway = make_gateway().start()
    gateway.stop()
    for file in gateway.directory.glob("var/fleet.db*"):
        file.unlink()
    if emptied:
        gateway.database.touch()
    done = gateway.run("serve", check=False)
    assert done.returncode == 1
    assert "missing or empty: put a backup in its place" in done.stdout + done.stderr
    assert not gateway.database.exists() or gateway.database.stat().st_size == 0
