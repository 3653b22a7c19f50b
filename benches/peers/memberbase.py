"""memberbase, over gRPC and JSON, with requests that were prepared beforehand."""

import json
import pathlib
import shutil
from itertools import chain

import client
import packages
import server
from members import in_random_order, ref, row, write

METHODS = "/publisher.v1.MemberService"
ROWS_OF_CHUNK = 1_000
ROWS_OF_CALL = 5_000
PAGE = 500
UNIMPLEMENTED = "grpc-status 12"


class Memberbase:
    def __init__(self, program, name="memberbase"):
        self.program, self.name = str(pathlib.Path(program).resolve()), name

    def start(self, folder, members):
        self.folder, self.members = folder, members
        self.listen(folder / "data")
        kept = folder / "base"
        if kept.exists():
            self.base = kept.read_text()

    def listen(self, data):
        self.process, self.url = server.start(self.program, str(data))
        self.port = self.url.rsplit(":", 1)[1]

    def new_base(self):
        with client.connect(self.url) as channel:
            self.base = client.create_base(channel, "peers")

    def load(self):
        from publisher.v1 import member_service_pb2 as v1

        self.new_base()
        self.import_all()
        gets = (v1.GetMemberRequest(member_base_id=self.base, ref=ref(n)) for n in in_random_order(self.members))
        write(self.folder / "get", (get.SerializeToString() for get in gets))
        write(self.folder / "pages", self.pages())
        (self.folder / "base").write_text(self.base)

    def chunks(self):
        """A file of all members, in chunks of an import that name no memberbase yet."""
        from publisher.v1 import member_service_pb2 as v1

        path = self.folder / "chunks"
        if not path.exists():
            chunks = (v1.ImportMembersRequest(chunk=1, members=rows) for rows in batches(self.members, ROWS_OF_CHUNK))
            write(path, (chunk.SerializeToString() for chunk in chunks))
        return path

    def import_all(self):
        """One stream, eight chunks of a thousand rows in flight."""
        from publisher.v1 import member_service_pb2 as v1

        chunks, whole = self.chunks(), self.folder / "import"
        options = v1.ImportMembersRequest(options=v1.ImportOptions(member_base_id=self.base))
        write(whole, [options.SerializeToString()])
        with open(chunks, "rb") as source, open(whole, "ab") as file:
            shutil.copyfileobj(source, file, 1 << 20)
        arguments = ["--stream", "--once", "--connections", 1, "--in-flight", 8, "--unanswered", 1]
        measured = self.send(f"{METHODS}/ImportMembers", whole, *arguments)
        whole.unlink()
        if self.count_all() != self.members:
            raise SystemExit(f"{self.name} has {self.count_all()} members instead of {self.members}")
        return measured | {"count": self.members}

    def fresh(self):
        """A load into a memberbase of its own, which stays for `unchanged`."""
        self.new_server()
        return self.import_all()

    def new_server(self):
        """Starts again with an empty data directory."""
        self.stop()
        shutil.rmtree(self.folder / "fresh", ignore_errors=True)
        self.listen(self.folder / "fresh")
        self.new_base()

    def unchanged(self):
        before = self.revision()
        measured = self.import_all()
        if self.revision() != before:
            raise SystemExit(f"{self.name} has another revision after a load that changes nothing")
        return measured

    def bulk_grpc(self, mode):
        from publisher.v1 import member_service_pb2 as v1

        self.new_server()
        calls = (
            v1.BulkUpsertMembersRequest(member_base_id=self.base, members=rows, mode=mode)
            for rows in batches(self.members, ROWS_OF_CALL)
        )
        requests = write(self.folder / "bulk", (call.SerializeToString() for call in calls))
        return self.bulk(f"{METHODS}/BulkUpsertMembers", requests)

    def bulk_json(self):
        self.new_server()
        calls = ({"member_base_id": self.base, "members": rows} for rows in batches(self.members, ROWS_OF_CALL))
        requests = write(self.folder / "bulk", (json.dumps(call).encode() for call in calls))
        return self.bulk("/publisher.v1/member/bulk-upsert", requests, "--json")

    def bulk(self, path, requests, *more):
        measured = self.send(path, requests, "--once", "--in-flight", 4, *more)
        requests.unlink()
        if self.count_all() != self.members:
            raise SystemExit(f"{self.name} has {self.count_all()} members instead of {self.members}")
        return measured | {"count": self.members}

    def send(self, path, requests, *options):
        """Sends prepared requests, and adds the CPU of the server, which may be a new one."""
        before = self.cpu_seconds()
        measured = packages.run("h2", self.port, path, requests, *options)
        return measured | {"cpu_seconds": self.cpu_seconds() - before}

    def get(self, seconds, in_flight, begin):
        options = ["--seconds", seconds, "--in-flight", in_flight, "--from", begin]
        return self.send(f"{METHODS}/GetMember", self.folder / "get", *options)

    def create(self, seconds, in_flight, numbers):
        """An upsert of one member that is new."""
        from publisher.v1 import member_service_pb2 as v1

        calls = (v1.BulkUpsertMembersRequest(member_base_id=self.base, members=[row(n)]) for n in numbers)
        requests = write(self.folder / "create", (call.SerializeToString() for call in calls))
        before = self.count_all()
        options = ["--seconds", seconds, "--in-flight", in_flight]
        measured = self.send(f"{METHODS}/BulkUpsertMembers", requests, *options)
        if self.count_all() - before != measured["count"]:
            raise SystemExit(f"{self.name} has {self.count_all() - before} new members after {measured}")
        return measured

    def stream(self, seconds, in_flight, numbers):
        """Upserts of one member a message, on one stream; None if the contract has no such stream yet."""
        from publisher.v1 import member_service_pb2 as v1

        if not hasattr(v1, "UpsertMembersRequest"):
            return None
        options = v1.UpsertMembersRequest(options=v1.UpsertMembersOptions(member_base_id=self.base))
        rows = (v1.UpsertMembersRequest(sequence=n, member=row(number)) for n, number in enumerate(numbers))
        requests = write(self.folder / "stream", (sent.SerializeToString() for sent in chain([options], rows)))
        before = self.count_all()
        arguments = ["--stream", "--connections", 1, "--in-flight", in_flight, "--unanswered", 1, "--seconds", seconds]
        try:
            measured = self.send(f"{METHODS}/UpsertMembers", requests, *arguments)
        except packages.Failed as failed:
            if UNIMPLEMENTED in str(failed):
                return None
            raise
        if self.count_all() - before != measured["count"]:
            raise SystemExit(f"{self.name} has {self.count_all() - before} new members after {measured}")
        return measured

    def page(self, seconds):
        """Pages of 500, one after the other, by the cursors of a list that was read before."""
        options = ["--seconds", seconds, "--in-flight", 1, "--connections", 1]
        return self.send(f"{METHODS}/ListMembers", self.folder / "pages", *options)

    def pages(self):
        from publisher.v1 import member_service_pb2 as v1, member_service_pb2_grpc, pagination_pb2

        with client.connect(self.url) as channel:
            members, cursor = member_service_pb2_grpc.MemberServiceStub(channel), None
            while True:
                pagination = pagination_pb2.Pagination(limit=PAGE, cursor=cursor)
                request = v1.ListMembersRequest(member_base_id=self.base, pagination=pagination)
                page = members.ListMembers(request)
                if len(page.members) == PAGE:
                    yield request.SerializeToString()
                if not page.page.more:
                    return
                cursor = page.page.cursor

    def count(self, seconds, in_flight):
        from google.protobuf import struct_pb2
        from publisher.v1 import filter_pb2, member_service_pb2 as v1

        gold = filter_pb2.Filter(key="tier", eq=struct_pb2.Value(string_value="Gold"))
        request = v1.CountMembersRequest(member_base_id=self.base, filters=[gold])
        requests = write(self.folder / "count", [request.SerializeToString()])
        options = ["--seconds", seconds, "--in-flight", in_flight]
        return self.send(f"{METHODS}/CountMembers", requests, *options)

    def counted(self):
        from publisher.v1 import member_service_pb2 as v1, member_service_pb2_grpc

        with client.connect(self.url) as channel:
            members = member_service_pb2_grpc.MemberServiceStub(channel)
            return members.CountMembers(v1.CountMembersRequest(member_base_id=self.base))

    def count_all(self):
        return self.counted().total

    def revision(self):
        return self.counted().revision

    def cpu_seconds(self):
        return server.cpu_seconds(self.process.pid)

    def stop(self):
        server.stop(self.process)


def batches(members, size):
    for first in range(0, members, size):
        yield [row(number) for number in range(first, min(first + size, members))]
