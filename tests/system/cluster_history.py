"""Whether there is an order of all writes and reads of one key that explains what they returned.

Every write has a value of its own, so the question has an exact answer in a sort (Gibbons and Korach, "Testing Shared
Memories", 1997). A value was the current one at least from the first end of its write or of a read that found it,
to the last beginning of such a call, if that is later: then no other value can have been current there. If it is
earlier, all these calls overlap at one moment, and there must be one among these at which no other value is required.
"""
import bisect
import math
import threading


class Register:
    """A key that many write and many read. Times are of one clock."""

    def __init__(self):
        self.lock = threading.Lock()
        # By value: when its write began, the first end and the last beginning of a call that had it.
        self.values = {}
        self.writes, self.reads = 0, 0

    def wrote(self, value, begun, ended):
        with self.lock:
            self.writes += 1
            self.add(value, begun, ended)[0] = begun

    def read(self, value, begun, ended):
        with self.lock:
            self.reads += 1
            self.add(value, begun, ended)

    def add(self, value, begun, ended):
        of = self.values.setdefault(value, [math.inf, math.inf, -math.inf])
        of[1:] = min(of[1], ended), max(of[2], begun)
        return of

    def wrong(self):
        """What no order explains, or `None`. All calls have ended."""
        required = sorted((end, begun, value) for value, (_, end, begun) in self.values.items() if end < begun)
        for value, (write, end, _) in self.values.items():
            if end < write:
                return f"{value} was read before it was written"
        for (_, until, value), (since, _, other) in zip(required, required[1:]):
            if since < until:
                return f"{value} was read after {other} had taken its place, and {other} again after that"
        for value, (_, end, begun) in self.values.items():
            at = bisect.bisect_left(required, (begun,)) - 1
            if end >= begun and at >= 0 and end < required[at][1]:
                return f"{value} was written or read while {required[at][2]} was the only possible value"
        return None


def finds_what_is_wrong():
    """The smallest histories of each kind. A check that finds nothing wrong in any history would prove nothing."""
    a, b = ("write", "a", 0, 1), ("write", "b", 2, 3)
    histories = [
        (False, [a, b, ("read", "b", 4, 5)]),
        (False, [a, ("write", "b", 2, 9), ("read", "a", 3, 4), ("read", "b", 5, 6), ("read", "b", 10, 11)]),
        (False, [("write", "a", 0, 9), ("write", "b", 0, 9), ("read", "a", 1, 2), ("read", "b", 3, 4)]),
        (True, [a, b, ("read", "a", 4, 5)]),
        (True, [a, ("write", "b", 2, 9), ("read", "b", 3, 4), ("read", "a", 5, 6)]),
        (True, [a, ("read", "b", 2, 3), ("write", "b", 4, 5)]),
        (True, [("write", "a", 0, 9), ("write", "b", 0, 9), *(("read", value, at, at + 1) for value, at in zip("aba", (1, 3, 5)))]),
    ]
    for is_wrong, calls in histories:
        register = Register()
        for kind, *call in calls:
            (register.wrote if kind == "write" else register.read)(*call)
        if (register.wrong() is not None) != is_wrong:
            raise AssertionError(f"of {calls} the check says {register.wrong()!r}")
