"""The parts of the comparison: the rows of each, and what the systems do for them."""

import dataclasses

from etcd import Etcd
from limit import Append, Limit
from memberbase import Memberbase
from members import new_number
from pgbench import Postgres
from redis import Redis
from slapd import Slapd

# More than a system creates in a second by calls, and changes on a stream.
MOST_CREATES, MOST_CHANGES = 80_000, 100_000
# The parts that change nothing.
READS = ("get", "page", "count")
PARTIAL, ATOMIC = 1, 2


@dataclasses.dataclass
class Turn:
    """What the systems are told: how long to measure, and which members a round is about."""

    seconds: int
    round: int
    members: int
    created: int
    """How many new members earlier turns have had."""

    def numbers(self, a_second):
        """Of members that no system has yet, in no order."""
        return [new_number(self.created + n) for n in range(self.seconds * a_second)]

    def begin(self):
        """Where in the prepared requests a round begins: elsewhere than the last."""
        return self.round * 618_033 % self.members


@dataclasses.dataclass
class Row:
    """A row of the table. The first entry of memberbase is the one that the others are compared with."""

    name: str
    entries: list
    """Pairs of a class and what its system does; a third part is a name that replaces the system's."""
    units: int = 1
    """How many an operation counts for."""


def get(system, turn):
    return system.get(turn.seconds, 64, turn.begin())


def page(system, turn):
    return system.page(turn.seconds)


def count(system, turn):
    return system.count(turn.seconds, 4)


def fresh(system, turn):
    return system.fresh()


def unchanged(system, turn):
    return system.unchanged()


def creates(in_flight):
    def create(system, turn):
        numbers = turn.numbers(MOST_CREATES)
        measured = system.create(turn.seconds, in_flight, numbers)
        if isinstance(system, Memberbase | Etcd | Slapd) and measured["count"] > len(numbers):
            raise SystemExit(f"{system.name} made more calls than were prepared")
        return measured

    return create


def created(in_flight):
    peers = [Append, Memberbase, Postgres, Etcd, Redis, Slapd]
    name = f"creates of one member, {in_flight} in flight"
    return [Row(name, [(peer, creates(in_flight)) for peer in peers])]


def stream(system, turn):
    return system.stream(turn.seconds, 1_000, turn.numbers(MOST_CHANGES))


READERS = [Limit, Memberbase, Postgres, Etcd, Redis, Slapd]
PARTS = {
    "get": [Row("random get by ref, 64 in flight", [(p, get) for p in READERS])],
    "page": [Row("pages of 500, one reader", [(p, page) for p in (Memberbase, Postgres, Etcd)], 500)],
    "count": [Row("count of a tier, 4 in flight", [(p, count) for p in (Memberbase, Postgres)])],
    "create64": created(64),
    "create256": created(256),
    "stream": [
        Row(
            "creates on one stream, 1,000 in flight",
            [
                (Limit, stream),
                (Memberbase, stream),
                (Etcd, creates(256), "etcd, puts, 256 in flight"),
                (Postgres, creates(256), "PostgreSQL, 256 in flight"),
            ],
        )
    ],
    "load": [
        Row("fresh load, batches of 1,000", [(p, fresh) for p in (Memberbase, Postgres)]),
        Row("unchanged resync, batches of 1,000", [(p, unchanged) for p in (Memberbase, Postgres)]),
    ],
    "json": [
        Row(
            "bulk upsert of 5,000 rows a call, JSON",
            [
                (Memberbase, lambda s, t: s.bulk_json()),
                (Memberbase, lambda s, t: s.bulk_grpc(PARTIAL), "the same over gRPC"),
                (Memberbase, lambda s, t: s.bulk_grpc(ATOMIC), "the same over gRPC, atomic as JSON is"),
            ],
        )
    ],
}
