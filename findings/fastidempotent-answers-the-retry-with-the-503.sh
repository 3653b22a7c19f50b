#!/usr/bin/env bash
# fastidempotent and asgi-idempotency-header answer the retry with the 503 that asked for it.
#
# Versions: fastidempotent 0.1.0, asgi-idempotency-header 0.2.0; for comparison fastapi-idempotency 0.1.1 and
# fastapi-idempotency-key 0.1.1; each with fastapi 0.165.0 and httpx 0.28.1.
#
# A client that sends an `Idempotency-Key` may send a request again without doing things twice. The middleware
# stores the response, and answers the repeat with it.
#
# Guess: a 503, which means "nothing was done, try again", is not stored, and the retry reaches the server.
#
# Seen: the first two store it, so that each retry with the same key fails for as long as the response is
# kept. The other two do not. fastidempotent also takes two requests that differ in their query for the same
# one: `POST /members?base=b` is answered with what `?base=a` made. asgi-idempotency-header does that with any
# body and any path, and after an exception in the server it refuses the key as "pending" from then on.
#
# Why it matters: clients retry exactly then, and a good client keeps the key. A job that met one busy second
# fails until the response is forgotten, and one that writes to two bases has written to the first only.
# memberbase stores results of requests that were executed: one that was refused as a whole may keep its id
# (docs/guard.md), and another request with the id is refused.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check fastapi==0.165.0 httpx==0.28.1 \
    fastidempotent==0.1.0 asgi-idempotency-header==0.2.0 redis==8.1.0 fastapi-idempotency==0.1.1 \
    fastapi-idempotency-key==0.1.1

cat >retry.py <<'PY'
import asyncio

import fastapi
import fastapi_idempotency
import fastapi_idempotency_key
import fastidempotent
import httpx
import idempotency_header_middleware
import idempotency_header_middleware.backends

KEY = {"Idempotency-Key": "0b9f8c1e-3f55-4f0e-9d0c-5a1f0c6d7e8f"}
MIDDLEWARE = {
    "fastidempotent": lambda: (
        fastidempotent.IdempotencyMiddleware,
        {"backend": fastidempotent.MemoryBackend()},
    ),
    "asgi-idempotency-header": lambda: (
        idempotency_header_middleware.IdempotencyHeaderMiddleware,
        {"backend": idempotency_header_middleware.backends.MemoryBackend()},
    ),
    "fastapi-idempotency": lambda: (fastapi_idempotency.IdempotencyMiddleware, {}),
    "fastapi-idempotency-key": lambda: (
        fastapi_idempotency_key.IdempotencyMiddleware,
        {"backend": fastapi_idempotency_key.MemoryBackend()},
    ),
}


def server(name):
    """An application that fails at its first request to /busy and /broken, and counts what it does."""
    app = fastapi.FastAPI()
    middleware, options = MIDDLEWARE[name]()
    app.add_middleware(middleware, **options)
    done = []

    @app.post("/busy")
    async def busy():
        done.append("busy")
        if len(done) == 1:
            raise fastapi.HTTPException(503)
        return "done"

    @app.post("/broken")
    async def broken():
        done.append("broken")
        if len(done) == 1:
            raise RuntimeError
        return "done"

    @app.post("/members")
    async def members(request: fastapi.Request, base: str):
        return f"{base}: {(await request.json())['ref']}"

    @app.post("/tiers")
    async def tiers(base: str):
        return f"{base}: a tier"

    return app


async def ask(name, *requests):
    transport = httpx.ASGITransport(app=server(name), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for url, ref in requests:
            response = await client.post(url, headers=KEY, json={"ref": ref})
            said = response.json() if response.status_code == 200 else ""
            print(f"{name}: {url} {ref} -> {response.status_code} {said}".rstrip())


async def main():
    for name in MIDDLEWARE:
        await ask(name, ("/busy", "A1"), ("/busy", "A1"))
        await ask(name, ("/members?base=a", "A1"), ("/members?base=b", "A1"))
    for name in "fastidempotent", "asgi-idempotency-header":
        await ask(name, ("/members?base=a", "A1"), ("/members?base=a", "A2"))
        await ask(name, ("/members?base=a", "A1"), ("/tiers?base=a", "A1"))
        await ask(name, ("/broken", "A1"), ("/broken", "A1"))


asyncio.run(main())
PY
venv/bin/python retry.py | tee seen

diff - seen <<'EXPECTED'
fastidempotent: /busy A1 -> 503
fastidempotent: /busy A1 -> 503
fastidempotent: /members?base=a A1 -> 200 a: A1
fastidempotent: /members?base=b A1 -> 200 a: A1
asgi-idempotency-header: /busy A1 -> 503
asgi-idempotency-header: /busy A1 -> 503
asgi-idempotency-header: /members?base=a A1 -> 200 a: A1
asgi-idempotency-header: /members?base=b A1 -> 200 a: A1
fastapi-idempotency: /busy A1 -> 503
fastapi-idempotency: /busy A1 -> 200 done
fastapi-idempotency: /members?base=a A1 -> 200 a: A1
fastapi-idempotency: /members?base=b A1 -> 422
fastapi-idempotency-key: /busy A1 -> 503
fastapi-idempotency-key: /busy A1 -> 200 done
fastapi-idempotency-key: /members?base=a A1 -> 200 a: A1
fastapi-idempotency-key: /members?base=b A1 -> 422
fastidempotent: /members?base=a A1 -> 200 a: A1
fastidempotent: /members?base=a A2 -> 422
fastidempotent: /members?base=a A1 -> 200 a: A1
fastidempotent: /tiers?base=a A1 -> 200 a: a tier
fastidempotent: /broken A1 -> 500
fastidempotent: /broken A1 -> 200 done
asgi-idempotency-header: /members?base=a A1 -> 200 a: A1
asgi-idempotency-header: /members?base=a A2 -> 200 a: A1
asgi-idempotency-header: /members?base=a A1 -> 200 a: A1
asgi-idempotency-header: /tiers?base=a A1 -> 200 a: A1
asgi-idempotency-header: /broken A1 -> 500
asgi-idempotency-header: /broken A1 -> 409
EXPECTED
