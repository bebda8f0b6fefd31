"""The hosts of these tests are hosts: names, a network, a cable that can be pulled, a process table, power."""

import signal
import subprocess
import sys

import psutil
from net import Net
from waiting import PATIENCE

ASK = (
    "import socket, sys; print(socket.gethostname(), socket.create_connection((sys.argv[1], 7000), 2).recv(9).decode())"
)
SERVE = """
import socket, time
server = socket.create_server(("0.0.0.0", 7000))
print("there", flush=True)
while True:
    link = server.accept()[0]
    link.send(socket.gethostname().encode())
    link.close()
"""

WAIT = """
import time
try:
    print("there", flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    print("heard")
"""


def test_hosts_have_names_cables_and_power(net: Net):
    server = net.start(1, [sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True)
    assert server.stdout.readline() == "there\n"
    ask = [sys.executable, "-c", ASK]
    assert net.run(2, [*ask, "host1"]).stdout == "host2 host1\n"
    net.cut(1)
    assert net.run(2, [*ask, net.address(1)]).returncode == 1
    net.mend(1)
    assert net.run(2, [*ask, net.address(1)]).stdout == "host2 host1\n"
    inside = psutil.Process(server.pid).children()
    net.power_off(1)
    assert psutil.wait_procs(inside, timeout=PATIENCE)[1] == []
    net.mend(1)
    assert "ConnectionRefusedError" in net.run(2, [*ask, "host1"]).stderr


def test_a_signal_reaches_the_command_and_not_only_its_host(net: Net):
    with net.start(1, [sys.executable, "-c", WAIT], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "there\n"
        net.signal(process, signal.SIGINT)
        assert process.communicate(timeout=PATIENCE)[0] == "heard\n"
