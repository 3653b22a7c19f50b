"""Redis, which syncs its file before it answers (`appendfsync always`): members as values of keys.

The client is redis-benchmark, which makes keys of random numbers, and has one value of the size of a member.
The keys are not refs, but as many and as long. There are no unique keys besides, and no fields.
"""

import csv
import subprocess

import ports
from members import as_bytes

# What redis-benchmark reads as a number: it takes the lowest 32 bits of a larger one.
MOST_RANDOM = 2**31 - 1
VALUE = "m" * len(as_bytes(1))


class Redis(ports.Process):
    name = "Redis"

    def start(self, folder, members):
        self.members, self.port = members, ports.free()
        command = ["redis-server", "--bind", "127.0.0.1", "--port", self.port, "--dir", folder, "--save", ""]
        command += ["--appendonly", "yes", "--appendfsync", "always"]
        self.launch(folder, command, self.port)
        self.call("PING")

    def call(self, *command):
        """Runs a command once the file is read."""
        while True:
            printed = subprocess.run(
                ["redis-cli", "-p", str(self.port), *command], check=True, stdout=subprocess.PIPE, text=True
            ).stdout
            if "LOADING" not in printed:
                return printed

    def load(self):
        """Not measured."""
        lines = (f"SET crm-{number:012} {VALUE}\r\n" for number in range(self.members))
        command = ["redis-cli", "-p", str(self.port), "--pipe"]
        subprocess.run(command, check=True, input="".join(lines), text=True, stdout=subprocess.DEVNULL)
        if int(self.call("DBSIZE")) != self.members:
            raise SystemExit("Redis has another number of members")

    def measure(self, seconds, in_flight, numbers, *command):
        """It makes a number of calls, so first a few show how many take that long."""
        calls = 5_000
        for _ in range(2):
            arguments = ["-p", self.port, "-c", in_flight, "-n", calls, "-r", numbers, "--csv", *command]
            ran = subprocess.run(
                ["redis-benchmark", *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True
            )
            result = list(csv.DictReader(ran.stdout.splitlines()))[-1]
            rate, made = float(result["rps"]), calls
            calls = max(calls, int(rate * seconds))
        times = {name: float(result[f"{name}_latency_ms"]) for name in ("p50", "p99", "max")}
        return times | {"count": made, "seconds": made / rate}

    def get(self, seconds, in_flight, begin):
        measured = self.measure(seconds, in_flight, self.members, "GET", "crm-__rand_int__")
        if "keyspace_misses:0\n" not in self.call("INFO", "stats"):
            raise SystemExit("Redis did not find all members")
        return measured

    def create(self, seconds, in_flight, numbers):
        before = int(self.call("DBSIZE"))
        measured = self.measure(seconds, in_flight, MOST_RANDOM, "SET", "new-__rand_int__", VALUE)
        # A number that was drawn twice is one key.
        if int(self.call("DBSIZE")) - before < measured["count"] * 0.999:
            raise SystemExit("Redis has fewer new members than calls")
        return measured
