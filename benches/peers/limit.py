"""What nothing can be faster than: an empty service of plain tonic, and appending to a file with a sync."""

import packages
import ports
import server
from members import write


class Limit:
    """`limit/`: an empty unary method, and a stream that answers each empty message with one."""

    name = "empty call of tonic"

    def start(self, folder, members):
        self.empty = write(folder / "empty", [b""])
        self.process, url = server.listening([packages.limit()])
        self.port = url.rsplit(":", 1)[1]

    def load(self):
        pass

    def get(self, seconds, in_flight, begin):
        options = ["--seconds", seconds, "--in-flight", in_flight]
        return packages.run("h2", self.port, "/limit.Limit/Unary", self.empty, *options)

    def stream(self, seconds, in_flight, numbers):
        options = ["--stream", "--connections", 1, "--seconds", seconds, "--in-flight", in_flight]
        return packages.run("h2", self.port, "/limit.Limit/Echo", self.empty, *options)

    def cpu_seconds(self):
        return server.cpu_seconds(self.process.pid)

    def stop(self):
        server.stop(self.process)


class Append:
    """Appends of 256 bytes, each synced, one after the other. There is no server whose CPU could be read."""

    name = "append and fdatasync"

    def start(self, folder, members):
        self.file = folder / "appended"

    def load(self):
        pass

    def create(self, seconds, in_flight, numbers):
        return packages.run("append", self.file, "--seconds", seconds)

    def cpu_seconds(self):
        return None

    def stop(self):
        pass
