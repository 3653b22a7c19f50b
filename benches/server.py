"""A server that a benchmark starts, and what its process takes."""

import os
import pathlib
import re
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")


def start(program, data):
    """Starts a server, and waits until it says where it listens. Returns its process and its URL."""
    return listening([program, "serve", "--listen", "127.0.0.1:0", "--data", data])


def listening(command):
    """Starts a program that prints where it listens, and waits for that. Returns its process and the URL."""
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for line in server.stdout:
        if line.startswith("listening on "):
            return server, line.split()[-1]
    raise SystemExit(f"{command[0]} did not start")


def stop(server):
    """Stops a server, and waits for its end."""
    server.terminate()
    server.wait()


def cpu_seconds(pid):
    """User and system time of a process."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def settle(pid, patience=60):
    """Waits until a server without callers has nothing to do, but not much longer than `patience` seconds. Returns for
    how long it had something to do."""
    began = time.monotonic()
    while (worked := time.monotonic() - began) < patience:
        before = cpu_seconds(pid)
        time.sleep(3)
        if cpu_seconds(pid) - before < 0.06:
            break
    return worked


def memory(pid, which):
    """`VmRSS` or `VmHWM` of a process in MB."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"{which}:\s+(\d+)", status).group(1)) // 1024


def forget_highest(pid):
    """Lets `VmHWM` begin again at the present memory."""
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")
