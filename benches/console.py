#!/usr/bin/env python3
"""How long the first answers of the console's pages take, over one connection.

    python3 benches/console.py ADDRESS:PORT BASE [WORD...]

BASE is the id of a memberbase, such as `memberbase bench --data FOLDER --phases fresh` leaves behind. The server has
no tokens. Each page is asked for 20 times, and each WORD is searched for as a person types it, one character more at
a time. Prints milliseconds: the first, the median and the slowest.
"""
import http.client
import re
import statistics
import sys
import time
import urllib.parse

ROUNDS = 20


def main(address, base, words):
    connection = http.client.HTTPConnection(address)

    def get(path):
        began = time.perf_counter()
        connection.request("GET", path)
        reply = connection.getresponse()
        body = reply.read().decode()
        took = (time.perf_counter() - began) * 1000
        assert reply.status == 200, f"{path}: {reply.status}"
        return took, body

    def measure(name, path):
        times = [get(path)[0] for _ in range(ROUNDS)]
        print(f"{name:32} {times[0]:7.1f} {statistics.median(times):7.1f} {max(times):7.1f}")

    at = f"/console/bases/{base}"
    member = re.search(r"/console/members/m_\w+", get(f"{at}/members")[1]).group()
    gold = urllib.parse.quote("tier=Gold")
    print(f"{'page':32} {'first':>7} {'median':>7} {'slowest':>7}  ms")
    for name, path in [
        ("memberbases", "/console"),
        ("a memberbase", at),
        ("members", f"{at}/members"),
        ("members with a tier", f"{at}/members?filter={gold}"),
        ("members of a company", f"{at}/members?filter={urllib.parse.quote('company^=A')}"),
        ("a member", member),
        ("jobs", f"{at}/jobs"),
        ("upload", f"{at}/lists/new"),
        ("audiences", f"{at}/audiences"),
        ("a filter that is tried", f"{at}/audiences?filter={gold}"),
        ("tokens", "/console/tokens"),
        ("server", "/console/server"),
    ]:
        measure(name, path)
    for word in words:
        for end in range(1, len(word) + 1):
            measure(f"search {word[:end]}", f"{at}/members?search={urllib.parse.quote(word[:end])}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
