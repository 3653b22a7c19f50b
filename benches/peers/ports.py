"""Free ports, servers that take a moment to listen, and what their processes take."""

import pathlib
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import server


def free():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Process:
    """A server of one process, which writes what it prints into a file of its folder."""

    def launch(self, folder, command, port):
        """Starts the server, and waits until it listens."""
        with open(pathlib.Path(folder, "output"), "ab") as output:
            self.process = subprocess.Popen(list(map(str, command)), stdout=output, stderr=output)
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return
            except ConnectionRefusedError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        raise SystemExit(f"{command[0]} did not start: see {folder}/output")

    def cpu_seconds(self):
        return server.cpu_seconds(self.process.pid)

    def stop(self):
        server.stop(self.process)
