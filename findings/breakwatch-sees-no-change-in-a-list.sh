#!/usr/bin/env bash
# breakwatch sees no change in the members of a list, and says "safe" if the list becomes an object.
#
# Versions: breakwatch 0.1.0; for comparison api-diff-sentinel 1.0.2 (both PyPI).
#
# Both compare two OpenAPI documents of a server, to stop a change that would break its clients: breakwatch
# ends with exit code 1 if a change is "breaking". By its README this is so if a field of an answer changes
# its type or is gone, and if requests must have a new field.
#
# Guess: it stops a new type of a member's id, in the answer with one member and in the list. It stops a list
# that becomes an object with the list in it, as when pages are introduced, and a parameter that all requests
# must have.
#
# Seen: it stops the new type in the answer with one member. In the list it sees no change. Of the list that
# becomes an object it says "SAFE", a new field `items`. The required parameter is "RISKY", which passes, and
# a body that has become required and a shorter text are no change. api-diff-sentinel, which by its README
# looks at paths, methods and parameters, stops the parameter.
#
# Why it matters: most answers of a directory are lists, and the check of their changes is always green.
# memberbase checks its proto files, from which its OpenAPI document is made, with `buf breaking`.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check breakwatch==0.1.0 api-diff-sentinel==1.0.2

cat >changes.py <<'PY'
import json
import subprocess

MEMBER = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
LIST = {"type": "array", "items": MEMBER}
NAME = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 100}}}


def content(schema):
    return {"application/json": {"schema": schema}}


OLD = {
    "openapi": "3.0.3",
    "info": {"title": "Members", "version": "1"},
    "paths": {
        "/members": {
            "get": {
                "parameters": [],
                "responses": {"200": {"description": "The members.", "content": content(LIST)}},
            },
            "post": {
                "requestBody": {"required": False, "content": content(NAME)},
                "responses": {"201": {"description": "Made."}},
            },
        },
        "/members/{id}": {
            "get": {
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
                "responses": {"200": {"description": "The member.", "content": content(MEMBER)}},
            }
        },
    },
}


def type_of_one(get, post, get_one):
    schema = get_one["responses"]["200"]["content"]["application/json"]["schema"]
    schema["properties"]["id"] = {"type": "integer"}


def type_in_list(get, post, get_one):
    schema = get["responses"]["200"]["content"]["application/json"]["schema"]
    schema["items"]["properties"]["id"] = {"type": "integer"}


def pages(get, post, get_one):
    get["responses"]["200"]["content"] = content({"type": "object", "properties": {"items": LIST}})


def parameter(get, post, get_one):
    get["parameters"] = [{"name": "base", "in": "query", "required": True, "schema": {"type": "string"}}]


def body(get, post, get_one):
    post["requestBody"]["required"] = True


def shorter(get, post, get_one):
    post["requestBody"]["content"]["application/json"]["schema"]["properties"]["name"]["maxLength"] = 50


def run(*command):
    done = subprocess.run([f"venv/bin/{command[0]}", *command[1:]], capture_output=True, text=True)
    return done.returncode, json.loads(done.stdout)


for change in (type_of_one, type_in_list, pages, parameter, body, shorter):
    new = json.loads(json.dumps(OLD))
    change(*(operation for path in new["paths"].values() for operation in path.values()))
    for name, document in (("old.json", OLD), ("new.json", new)):
        with open(name, "w") as file:
            json.dump(document, file)
    code, seen = run("breakwatch", "diff", "--format", "json", "old.json", "new.json")
    said = "; ".join(f"{one['severity']} {one['message']}" for one in seen["changes"]) or "nothing"
    print(f"{change.__name__}: breakwatch {code}, {said}")
    code, seen = run("api-diff", "--json", "--fail-on-breaking", "old.json", "new.json")
    print(f"  api-diff-sentinel {code}, {len(seen['breaking'])} breaking")
PY
venv/bin/python changes.py | tee seen

diff - seen <<'EXPECTED'
type_of_one: breakwatch 1, BREAKING Type changed on response field 'id': string -> integer in GET /members/{id}
  api-diff-sentinel 0, 0 breaking
type_in_list: breakwatch 0, nothing
  api-diff-sentinel 0, 0 breaking
pages: breakwatch 0, SAFE New response field 'items' added to GET /members
  api-diff-sentinel 0, 0 breaking
parameter: breakwatch 0, RISKY Unclassified change: added parameters at GET /members
  api-diff-sentinel 1, 1 breaking
body: breakwatch 0, nothing
  api-diff-sentinel 0, 0 breaking
shorter: breakwatch 0, nothing
  api-diff-sentinel 0, 0 breaking
EXPECTED
