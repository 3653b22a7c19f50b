"""The members that every system holds, and files of requests about them.

A member has ten fields, of 150 bytes without their names. Its ref is computed from its number in a way that
programs can follow which know only integers (pgbench), and refs have another order than numbers.
"""

import random

FIELDS = "ref,email,first_name,last_name,phone,worker_id,tier,dob,role,company".split(",")
FACTOR, MODULUS = 2654435761, 2**32
# Numbers of new members: above all that are loaded, so many that their product with FACTOR has 63 bits.
FIRST_NEW, NEW = 1_000_000_000, 2_400_000_011
TIERS = ("Bronze", "Silver", "Gold")


def ref(number):
    return f"crm-{number * FACTOR % MODULUS}"


def new_number(n):
    """The number of the nth member that is created later: in no order, and never one twice."""
    return FIRST_NEW + n * 1_234_567_891 % NEW


def row(number):
    return {
        "ref": ref(number),
        "email": f"member.{number}@mail.example.com",
        "first_name": "Alexandra",
        "last_name": f"Montgomery-{number % 9973}",
        "phone": f"+4420{10_000_000 + number % 90_000_000}",
        "worker_id": f"w-{number}",
        "tier": TIERS[number % 3],
        "dob": f"19{50 + number % 50}-0{1 + number % 9}-1{number % 9}",
        "role": "Driver on the night shift",
        "company": "Northern Logistics Limited",
    }


# The same as SQL, of an integer parameter `number`.
SQL = {
    "ref": f"'crm-' || (:number::bigint * {FACTOR} % {MODULUS})",
    "email": "'member.' || :number || '@mail.example.com'",
    "first_name": "'Alexandra'",
    "last_name": "'Montgomery-' || :number::bigint % 9973",
    "phone": "'+4420' || (10000000 + :number::bigint % 90000000)",
    "worker_id": "'w-' || :number",
    "tier": "(ARRAY['Bronze', 'Silver', 'Gold'])[1 + :number::bigint % 3]",
    "dob": "'19' || (50 + :number::bigint % 50) || '-0' || (1 + :number::bigint % 9)"
    " || '-1' || :number::bigint % 9",
    "role": "'Driver on the night shift'",
    "company": "'Northern Logistics Limited'",
}


def as_bytes(number):
    """A member as one value, for systems without fields."""
    return "\x1f".join(row(number).values()).encode()


def in_random_order(members, seed=1):
    """All numbers, in an order that is the same for every system."""
    numbers = list(range(members))
    random.Random(seed).shuffle(numbers)
    return numbers


def write(path, messages):
    """Writes a file of messages as the clients read them: with the prefix that gRPC has."""
    with open(path, "wb") as file:
        for message in messages:
            file.write(b"\0" + len(message).to_bytes(4, "big") + message)
    return path


def varint(value):
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes(encoded + bytes([value]))


def field(number, value):
    """A field of a protobuf message: bytes, or an integer."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value
