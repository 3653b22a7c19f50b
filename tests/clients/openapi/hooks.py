"""What schemathesis cannot know: ids that exist, and rules that no schema can express.

These hooks make requests valid that are meant to be valid: they insert real ids, and values that obey rules
beyond the schema (check numbers, dates in the past, addresses that no member has yet). They do not change
requests that are meant to be invalid.
"""
import itertools
import json
import os
import unicodedata
import urllib.request

import schemathesis
from schemathesis.generation.modes import GenerationMode

ADDRESS = os.environ["MEMBERBASE_ADDRESS"]
TOKEN = os.environ["MEMBERBASE_TOKEN"]
BASE = os.environ["MEMBERBASE_BASE"]
NUMBERS = itertools.count()
# Do not use the machine's proxy for a server on the same machine.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def call(name, /, **body):
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://{ADDRESS}/publisher.v1/{name}", json.dumps(body).encode(), headers)
    with OPENER.open(request) as reply:
        return json.load(reply)


def fresh_member(base=BASE):
    """A member that no other call uses, so that a call may change it in any way."""
    row = {"ref": f"fresh {next(NUMBERS)}", "status": "invited"}
    return call("member/bulk-upsert", member_base_id=base, members=[row])[0]


def fresh_base(deleted=False):
    base = call("member-base/create", name="Fresh")["id"]
    if deleted:
        call("member-base/delete", id=base)
    return base


MEMBER = fresh_member()
PLAIN_BASE = fresh_base()
COLLECTION = call("stamp-collection/create", member_id=MEMBER, loyalty_program_id="lp_1", external_id="sc_1")["id"]

def list_job():
    """A job that has ended, or awaits a review, or still runs."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "text/csv", "x-member-base-id": BASE}
    url = f"http://{ADDRESS}/v1/members/jobs/csv?dryRun=true"
    request = urllib.request.Request(url, csv_file().encode(), headers, method="PUT")
    with OPENER.open(request) as reply:
        return json.load(reply)["jobId"]


def csv_file():
    return f"email,first_name,last_name,tier\nu{next(NUMBERS)}@example.com,Jane,Smith,Gold\n"


@schemathesis.serializer("text/csv", "application/octet-stream")
def file_body(context, value):
    """Files are sent as they are."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


# For each call, the fields that need a real id.
IDS = {
    "member-base/get": {"id": lambda: BASE},
    "member-base/update": {"id": lambda: PLAIN_BASE},
    "member-base/delete": {"id": fresh_base},
    "member-base/undelete": {"id": lambda: fresh_base(deleted=True)},
    "member/get": {"id": lambda: MEMBER},
    "member/bulk-delete": {"member_ids": lambda: [fresh_member()]},
    "attribute.schema/set": {"member_base_id": lambda: PLAIN_BASE},
    "member.attributes/delete": {"member_ids": lambda: [MEMBER]},
    "stamp-collection/add-stamps": {"id": lambda: COLLECTION, "external_id": lambda: "sc_1"},
    "api-token/revoke": {"id": lambda: call("api-token/create", access="read")["id"]},
}
JOB = list_job()
# What a caller may say about a file.
ABOUT_FILES = ("content-digest", "x-expected-rows")
# Values that these fields accept in every call.
GOOD = {
    "member_base_id": lambda _: BASE,
    "member_id": lambda _: MEMBER,
    "email": lambda _: f"u{next(NUMBERS)}@example.com",
    "worker_id": lambda _: f"w{next(NUMBERS)}",
    "workerId": lambda _: f"w{next(NUMBERS)}",
    "phone": lambda _: "+44 20 7946 0018",
    "dob": lambda _: "1990-02-03",
    "sort_code": lambda _: "20-00-00",
    "sortCode": lambda _: "20-00-00",
    "account_number": lambda _: "55779911",
    "accountNumber": lambda _: "55779911",
    "iban": lambda _: "DE89370400440532013000",
    "attributes": lambda given: {"plan": "x"} if isinstance(given, dict) else given,
    "fields": lambda given: {"plan": "x"} if isinstance(given, dict) else given,
    "attribute_key": lambda _: "plan",
    "value": lambda _: "x",
    "expires_at": lambda _: "2999-01-01T00:00:00Z",
    "cursor": lambda _: None,
    "skip": lambda given: min(given, 10_000),
}


def visible(text):
    """The text with a visible character: the server trims names and similar texts, which must not be
    empty."""
    seen = any(unicodedata.category(character) not in ("Cf", "Cn", "Co", "Zs") for character in text)
    return text if seen or not text else text[:-1] + "x"


def improve(value, ids):
    if isinstance(value, list):
        return [improve(item, ids) for item in value]
    if isinstance(value, str):
        return visible(value)
    if not isinstance(value, dict):
        return value
    better = {}
    for key, given in value.items():
        if key in ids and given is not None:
            better[key] = ids[key]()
        elif key in GOOD and given is not None and (key == "value" or not isinstance(given, list)):
            better[key] = GOOD[key](given)
        else:
            better[key] = improve(given, ids)
    return better


def search(name, given):
    """A valid value to search for: a search refuses values that no member can have."""
    if not isinstance(given, list):
        return given
    return [GOOD["email"](text) if name.startswith("emails") else visible(text) for text in given]


def workspace_query(query):
    """The parameters of a list, without cursors, which only the server can make, with an audience, and with
    a search that has a word."""
    good = {"audienceId": AUDIENCE, "search": "ana"}
    return {name: good.get(name, given) for name, given in query.items() if name not in ("cursor", "after")}


def with_names(body):
    """Rows whose addresses no member has yet need a first name."""
    rows = body.get("members") if isinstance(body, dict) else None
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict):
            row["firstName"] = row.get("firstName") or "Ana"
    return body


def fresh_audience():
    """An audience that no other call uses."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    body = json.dumps({"name": f"audience {next(NUMBERS)}"}).encode()
    request = urllib.request.Request(f"http://{ADDRESS}/v0/workspaces/{BASE}/audiences", body, headers)
    with OPENER.open(request) as reply:
        return json.load(reply)["id"]


AUDIENCE = fresh_audience()


def may_be_indexed(definition):
    """A definition of an attribute: there is no index of arrays."""
    is_array = isinstance(definition, dict) and definition.get("type") == "array"
    return {**definition, "indexed": False} if is_array else definition


@schemathesis.hook
def filter_case(context, case):
    """Skips requests that are invalid only by a header that no document names: servers ignore such headers
    (RFC 9110, section 5.1)."""
    return not any(name.lower().startswith("x-schemathesis-unknown") for name in case.headers or {})


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    # An idempotency key belongs to one request.
    names = {"x-idempotency-key": f"key-{next(NUMBERS)}"}
    case.headers = {name: names.get(name.lower(), value) for name, value in case.headers.items()}
    if case.path.startswith("/publisher.v1/"):
        case.body = improve(case.body, IDS.get(case.path.removeprefix("/publisher.v1/"), {}))
        if isinstance(case.body, dict) and case.body.get("guard_limits"):
            # The same limit has two names, which must not differ.
            case.body.pop("removal_limit_percent", None)
            # A memberbase has limits for few tiers, and all calls set those of the same one.
            for place, limit in enumerate(case.body["guard_limits"].get("removals_of_tiers") or []):
                limit["tier"] = f"tier {place}"
        if case.path.endswith("/attribute.schema/set"):
            case.body["schema"] = {key: may_be_indexed(given) for key, given in case.body["schema"].items()}
        return
    if case.path.startswith("/v0/"):
        # The workspace is the memberbase of this test.
        ids = {"workspaceId": BASE, "audienceId": AUDIENCE}
        if case.method == "DELETE" and "audienceId" in case.path_parameters and case.path.endswith("{audienceId}"):
            # It is archived, and other calls need one that is not.
            ids["audienceId"] = fresh_audience()
        case.path_parameters = {name: ids[name] for name in case.path_parameters}
        case.body = with_names(improve(case.body, {"memberIds": lambda: [fresh_member()]}))
        if case.query:
            case.query = workspace_query(case.query)
        return
    case.headers = {name: value for name, value in case.headers.items() if name.lower() != "x-member-base-id"}
    if case.path.endswith("/jobs/csv"):
        # A dry run, because a list offboards everybody whom it does not name.
        case.headers = {name: value for name, value in case.headers.items() if name.lower() not in ABOUT_FILES}
        case.query = {"dryRun": "true"}
        # Not bytes: schemathesis takes them for a value that breaks the schema.
        case.body = {"file": csv_file()} if isinstance(case.body, dict) else csv_file()
        return
    if case.path.endswith("/members/jobs"):
        # A dry run, because too many jobs with changes would await a review.
        case.query = {"dryRun": "true"}
        case.body = improve(case.body, {"memberId": fresh_member})
        return
    if case.path_parameters and "jobId" in case.path_parameters:
        case.path_parameters = {"jobId": JOB}
        return
    if case.path_parameters:
        # Members that start as invited in this test may change their address, be activated and be offboarded.
        case.path_parameters = {"id": fresh_member()}
    if case.query:
        case.query = {name: search(name, given) for name, given in case.query.items()}
    if isinstance(case.body, dict):
        case.body = improve(case.body, {})
