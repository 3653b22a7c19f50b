#!/usr/bin/env bash
# idemkit and idemptx do the work again for a retry, if the answer was a 204.
#
# Versions: idemkit 1.0.2, idemptx 0.2.2; for comparison fastapi-idempotency 0.1.1 and fastapi-idempotency-key
# 0.1.1 (all PyPI); each with fastapi 0.165.0 and httpx 0.28.1.
#
# A client that sends an `Idempotency-Key` may send a request again without doing things twice. The answer to
# an update is often a 204, which has no body. The README of idemkit says that an answer other than 2xx is not
# kept; the one of idemptx shows an endpoint that returns a dictionary.
#
# Guess: the second request with a key finds the answer of the first, also if it is a 204, a list as CSV, or
# the dictionary of the README.
#
# Seen: idemkit keeps 200, 201 and 202 alone, which its README says among its limits. So it does the work of a
# 204 for each retry. idemptx keeps only a `JSONResponse`. For a 204 and a CSV it does the work again. For a
# dictionary, as in its README, it does the work, then fails with a 500, and the same at each retry.
#
# Why it matters: the member is charged or written to for each retry, and the clients see nothing, since the
# answers are alike. Tests of an endpoint that returns JSON pass.
# memberbase stores the result of a request with its changes, whatever the result is (docs/design.md).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check idemkit==1.0.2 idemptx==0.2.2 \
  fastapi-idempotency==0.1.1 fastapi-idempotency-key==0.1.1 fastapi==0.165.0 httpx==0.28.1

cat >retry.py <<'PY'
import fastapi_idempotency
import fastapi_idempotency_key
import idemkit
import idemptx
import idemptx.backend
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient

ANSWERS = {
    "/json": lambda: JSONResponse({"name": "Ann"}),
    "/dictionary": lambda: {"name": "Ann"},
    "/csv": lambda: Response("id,name\r\n1,Ann\r\n", media_type="text/csv"),
    "/204": lambda: Response(status_code=204),
}


def app_of(decorate=lambda endpoint: endpoint):
    app, done = FastAPI(), []

    def endpoint_of(path, answer):
        async def endpoint(request: Request):
            done.append(path)
            return answer()

        return decorate(endpoint)

    for path, answer in ANSWERS.items():
        app.post(path)(endpoint_of(path, answer))
    return app, done


packages = {}
for name in ("idemkit", "fastapi-idempotency", "fastapi-idempotency-key"):
    packages[name] = app_of()
packages["idemkit"][0].add_middleware(
    idemkit.IdempotencyMiddleware,
    backend=idemkit.InMemoryBackend(),
    config=idemkit.HttpConfig(scope_mode="single_tenant"),
)
packages["fastapi-idempotency"][0].add_middleware(fastapi_idempotency.IdempotencyMiddleware)
packages["fastapi-idempotency-key"][0].add_middleware(fastapi_idempotency_key.IdempotencyMiddleware)
packages["idemptx"] = app_of(idemptx.idempotent(storage_backend=idemptx.backend.InMemoryBackend()))

for name, (app, done) in packages.items():
    with TestClient(app, raise_server_exceptions=False) as client:
        for path in ANSWERS:
            headers = {"Idempotency-Key": "key-of" + path.replace("/", "-")}
            seen = [client.post(path, json={"id": 1}, headers=headers).status_code for _ in range(3)]
            print(f"{name} {path}: {seen}, done {done.count(path)} times")
PY
venv/bin/python -W ignore retry.py 2>/dev/null | tee seen

diff - seen <<'EXPECTED'
idemkit /json: [200, 200, 200], done 1 times
idemkit /dictionary: [200, 200, 200], done 1 times
idemkit /csv: [200, 200, 200], done 1 times
idemkit /204: [204, 204, 204], done 3 times
fastapi-idempotency /json: [200, 200, 200], done 1 times
fastapi-idempotency /dictionary: [200, 200, 200], done 1 times
fastapi-idempotency /csv: [200, 200, 200], done 1 times
fastapi-idempotency /204: [204, 204, 204], done 1 times
fastapi-idempotency-key /json: [200, 200, 200], done 1 times
fastapi-idempotency-key /dictionary: [200, 200, 200], done 1 times
fastapi-idempotency-key /csv: [200, 200, 200], done 1 times
fastapi-idempotency-key /204: [204, 204, 204], done 1 times
idemptx /json: [200, 200, 200], done 1 times
idemptx /dictionary: [500, 500, 500], done 3 times
idemptx /csv: [200, 200, 200], done 3 times
idemptx /204: [204, 204, 204], done 3 times
EXPECTED
