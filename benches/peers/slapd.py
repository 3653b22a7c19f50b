"""OpenLDAP's slapd with its LMDB backend: members as entries, with an index of the ref and two unique keys.

LMDB syncs each commit. Our client sends searches and additions as BER that was prepared beforehand, one at a
time on each connection. The unique keys are those of slapd's overlay `unique`, which searches before it adds,
with `serialize`, because without it two additions at once may both pass.
"""

import subprocess

import packages
import ports
from members import in_random_order, ref, row, write

ATTRIBUTES = {
    "ref": "uid",
    "email": "mail",
    "first_name": "givenName",
    "last_name": "sn",
    "phone": "telephoneNumber",
    "worker_id": "employeeNumber",
    "tier": "employeeType",
    "dob": "description",
    "role": "title",
    "company": "o",
}
CONFIGURATION = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile {folder}/pid
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload unique
loglevel 0
allow update_anon
database mdb
maxsize 17179869184
suffix "o=members"
directory {folder}/data
index objectClass eq
index uid,mail,employeeNumber eq
access to * by * write
overlay unique
unique_uri "serialize ldap:///?mail?sub"
unique_uri "serialize ldap:///?employeeNumber?sub"
"""


class Slapd(ports.Process):
    name = "slapd"

    def start(self, folder, members):
        self.folder, self.members, self.port = folder, members, ports.free()
        (folder / "data").mkdir(exist_ok=True)
        (folder / "slapd.conf").write_text(CONFIGURATION.format(folder=folder))
        if not (folder / "data" / "data.mdb").exists():
            self.fill()
        command = ["slapd", "-d", "0", "-f", folder / "slapd.conf", "-h", f"ldap://127.0.0.1:{self.port}"]
        self.launch(folder, command, self.port)

    def fill(self):
        """Not measured, and before the server starts."""
        with open(self.folder / "members.ldif", "w") as file:
            file.write("dn: o=members\nobjectClass: organization\no: members\n\n")
            for number in range(self.members):
                values = attributes(number)
                lines = [f"{name}: {value}\n" for name, value in values]
                file.write(f"dn: {dn(number)}\n{''.join(lines)}\n")
        command = ["slapadd", "-q", "-f", self.folder / "slapd.conf", "-l", self.folder / "members.ldif"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (self.folder / "members.ldif").unlink()

    def load(self):
        write(self.folder / "get", map(search, in_random_order(self.members)))

    def get(self, seconds, in_flight, begin):
        return self.measure(self.folder / "get", seconds, in_flight, begin)

    def create(self, seconds, in_flight, numbers):
        return self.measure(write(self.folder / "create", map(add, numbers)), seconds, in_flight, 0)

    def measure(self, requests, seconds, in_flight, begin):
        options = ["--seconds", seconds, "--connections", in_flight, "--from", begin]
        return packages.run("ldap", self.port, requests, *options)


def dn(number):
    return f"uid={ref(number)},o=members"


def attributes(number):
    values = [(ATTRIBUTES[name], value) for name, value in row(number).items()]
    return [("objectClass", "inetOrgPerson"), ("cn", "Alexandra Montgomery"), *values]


def ber(tag, *parts):
    content = b"".join(part.encode() if isinstance(part, str) else part for part in parts)
    size = len(content)
    length = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + length + content


def message(operation):
    return ber(0x30, ber(0x02, b"\1"), operation)


def search(number):
    """`(uid=REF)` below the suffix: all attributes, no limits."""
    head = [ber(0x04, "o=members"), ber(0x0A, b"\2"), ber(0x0A, b"\0"), ber(0x02, b"\0"), ber(0x02, b"\0")]
    wanted = ber(0xA3, ber(0x04, "uid"), ber(0x04, ref(number)))
    return message(ber(0x63, *head, ber(0x01, b"\0"), wanted, ber(0x30)))


def add(number):
    values = [ber(0x30, ber(0x04, name), ber(0x31, ber(0x04, value))) for name, value in attributes(number)]
    return message(ber(0x68, ber(0x04, dn(number)), ber(0x30, *values)))
