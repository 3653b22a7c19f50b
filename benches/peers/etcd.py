"""etcd: the members as values of their refs, over gRPC. It has no unique keys besides, and no fields.

Puts are durable when they are answered (its own log, synced), and reads are linearizable, as is the default.
"""

import packages
import ports
from members import as_bytes, field, in_random_order, ref, write

PUTS_OF_LOAD = 1_000
ROOM = 8 << 30


class Etcd(ports.Process):
    name = "etcd"

    def start(self, folder, members):
        self.folder, self.members, self.port, peer = folder, members, ports.free(), ports.free()
        url, peers = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{peer}"
        command = ["etcd", "--data-dir", folder / "data", "--listen-client-urls", url, "--advertise-client-urls", url]
        command += ["--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers]
        command += ["--initial-cluster", f"default={peers}", "--quota-backend-bytes", ROOM]
        command += ["--max-txn-ops", PUTS_OF_LOAD, "--logger", "zap", "--log-level", "error"]
        self.launch(folder, command, self.port)

    def load(self):
        """Not measured: transactions of many puts."""
        requests = self.folder / "load"
        write(requests, (transaction(n, self.members) for n in range(0, self.members, PUTS_OF_LOAD)))
        packages.run("h2", self.port, "/etcdserverpb.KV/Txn", requests, "--once", "--in-flight", 4)
        requests.unlink()
        numbers = in_random_order(self.members)
        write(self.folder / "get", (field(1, ref(number).encode()) for number in numbers))
        keys = sorted(ref(number).encode() for number in range(self.members))
        write(self.folder / "pages", map(page, keys[::500], [*keys[500::500], b"crm-~"]))

    def get(self, seconds, in_flight, begin):
        options = ["--seconds", seconds, "--in-flight", in_flight, "--from", begin]
        return packages.run("h2", self.port, "/etcdserverpb.KV/Range", self.folder / "get", *options)

    def create(self, seconds, in_flight, numbers):
        requests = write(self.folder / "create", (put(number) for number in numbers))
        options = ["--seconds", seconds, "--in-flight", in_flight]
        return packages.run("h2", self.port, "/etcdserverpb.KV/Put", requests, *options)

    def page(self, seconds):
        options = ["--seconds", seconds, "--in-flight", 1, "--connections", 1]
        return packages.run("h2", self.port, "/etcdserverpb.KV/Range", self.folder / "pages", *options)


def put(number):
    return field(1, ref(number).encode()) + field(2, as_bytes(number))


def page(first, end):
    return field(1, first) + field(2, end) + field(3, 500)


def transaction(first, members):
    """Puts of the members from one number on: each is an operation in `success`."""
    numbers = range(first, min(first + PUTS_OF_LOAD, members))
    return b"".join(field(2, field(2, put(number))) for number in numbers)
