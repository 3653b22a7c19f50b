#!/usr/bin/env python3
"""Makes the full lists of members of two days.

    python3 benches/days.py FOLDER [--members 1000000]

Writes FOLDER/day1.csv and FOLDER/day2.csv with ten columns and about 140 bytes a row. From day 1 to day 2
about 0.5 % of the members leave, 1 % get another phone number, tier or last name, and 0.5 % are new. The same
number of members always gives the same lists.
"""

import argparse
import csv
import hashlib
import pathlib

COLUMNS = "ref,email,first_name,last_name,phone,tier,worker_id,role,company,dob".split(",")
FIRST = "Ada Ben Carmen Dmitri Éléonore Femi Hana Jean-Luc Zoë Łukasz Ольга 明美 하은 محمد O'Neill".split()
LAST = ["Andersson", "Baker", "García", "Müller", "Smith, Jr.", "Wójcik", "van der Berg", "Παπαδόπουλος", "佐藤", "김"]
TIERS = ["Bronze", "Silver", "Gold", "Platinum"]
ROLES = ["Courier", "Driver, night shift", "Développeuse", "Engineer II", "QA Tester", "Store Manager", "看護師"]
COMPANIES = ["Example, Inc.", "Müller & Söhne GmbH", 'Acme "Best" Ltd', "Société Générale d'Exemple", "株式会社例"]


def member(number):
    """The row of a member on day 1, and a number by which its fate is drawn."""
    drawn = int.from_bytes(hashlib.blake2b(number.to_bytes(8, "big"), digest_size=24).digest(), "big")
    row = {
        "ref": f"crm-{drawn % 2**64:016x}",
        "email": f"m{number:x}.{drawn % 2**16:04x}@mail{drawn % 64}.example.com",
        "first_name": FIRST[(drawn >> 64) % len(FIRST)],
        "last_name": LAST[(drawn >> 72) % len(LAST)],
        "phone": f"+447{(drawn >> 80) % 10**9:09}" if (drawn >> 112) % 10 else "",
        "tier": TIERS[(drawn >> 116) % 4],
        "worker_id": f"W-{number:08}" if (drawn >> 120) % 5 else "",
        "role": ROLES[(drawn >> 124) % len(ROLES)],
        "company": COMPANIES[(drawn >> 132) % len(COMPANIES)],
        "dob": f"{1940 + (drawn >> 140) % 65}-{1 + (drawn >> 148) % 12:02}-{1 + (drawn >> 156) % 28:02}",
    }
    return row, drawn >> 164


def next_day(row, fate):
    """The row on day 2; None if the member left."""
    if fate % 1_000 < 5:
        return None
    if fate % 1_000 < 15:
        kind = fate % 3
        if kind == 0:
            return row | {"tier": TIERS[(TIERS.index(row["tier"]) + 1) % 4]}
        if kind == 1:
            return row | {"last_name": row["last_name"] + "-Example"}
        return row | {"phone": f"+4420{fate % 10**8:08}"}
    return row


def make(folder, members):
    """Writes both lists, and returns their paths."""
    paths = [pathlib.Path(folder, name) for name in ("day1.csv", "day2.csv")]
    with open(paths[0], "w", newline="") as first, open(paths[1], "w", newline="") as second:
        days = [csv.DictWriter(file, COLUMNS, lineterminator="\n") for file in (first, second)]
        for day in days:
            day.writeheader()
        for number in range(members + members // 200):
            row, fate = member(number)
            today, tomorrow = (row, next_day(row, fate)) if number < members else (None, row)
            for day, row in zip(days, (today, tomorrow)):
                if row:
                    day.writerow(row)
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--members", type=int, default=1_000_000)
    options = parser.parse_args()
    print(*make(options.folder, options.members), sep="\n")


if __name__ == "__main__":
    main()
