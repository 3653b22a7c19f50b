#!/usr/bin/env bash
# express-idempotency answers the retry of a 204 with 409 for ever, and @node-idempotency/nestjs with 500.
#
# Versions: express-idempotency 1.0.6 with express 5.3.0, and @node-idempotency/nestjs 1.0.4 with
# @nestjs/core and @nestjs/platform-express 10.4.22 (all npm).
#
# A client that sends an `Idempotency-Key` may send a request again without doing things twice, and gets the
# answer of the first one. Where nothing is to be said, this is a 204 without a body: `response.status(204)
# .end()` in Express, and a method that returns nothing in NestJS.
#
# Guess: the retry is answered as the first request was, with its status and the `Location` of what was made.
#
# Seen: express-idempotency waits for `send()`. After `end()` each retry of the finished request is answered
# with 409, "A previous request is still in progress". After `send()` it is right. Of the headers it keeps the
# content type alone, so a retry of a 201 has no `Location`. @node-idempotency/nestjs keeps its 204, but takes
# the missing body for an error, and answers each retry with a 500.
#
# Why it matters: a client whose connection broke once can never learn that its request was done, and many
# clients try again after 409 and 500 until they give up. Endpoints that answer with JSON are right.
# memberbase stores a result in the same way if it is empty (docs/design.md).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts express-idempotency@1.0.6 express@5.3.0 \
  @node-idempotency/nestjs@1.0.4 @nestjs/common@10.4.22 @nestjs/core@10.4.22 \
  @nestjs/platform-express@10.4.22 reflect-metadata@0.2.2 rxjs@7.8.2 >/dev/null

cat >retry.cjs <<'JS'
require('reflect-metadata');
const express = require('express');
const { idempotency, getSharedIdempotencyService } = require('express-idempotency');
const { Controller, Header, HttpCode, Module, Post } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { Idempotent, NodeIdempotencyModule } = require('@node-idempotency/nestjs');

async function show(name, port, paths) {
  for (const path of paths) {
    const seen = [];
    for (let n = 0; n < 3; n++) {
      const headers = { 'content-type': 'application/json', 'idempotency-key': path };
      const request = { method: 'POST', headers, body: '{}' };
      const response = await fetch(`http://127.0.0.1:${port}/${path}`, request);
      await response.text();
      seen.push([response.status, response.headers.get('location') ?? '-'].join(' '));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    console.log(`${name} ${path}: ${seen.join(', ')}`);
  }
}

async function withExpress() {
  const app = express();
  app.use(express.json(), idempotency());
  const answers = {
    created: (response) => response.status(201).location('/members/1').json({ id: 1 }),
    send: (response) => response.status(204).send(),
    end: (response) => response.status(204).end(),
  };
  for (const [path, answer] of Object.entries(answers)) {
    app.post(`/${path}`, (request, response) => {
      if (!getSharedIdempotencyService().isHit(request)) answer(response);
    });
  }
  app.use((error, request, response, next) => {
    if (!response.headersSent) response.json({ message: error.message });
  });
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  await show('express-idempotency', server.address().port, Object.keys(answers));
  server.close();
}

async function withNest() {
  class Members {}
  const add = (path, result, ...decorators) => {
    Members.prototype[path] = () => result;
    const descriptor = Object.getOwnPropertyDescriptor(Members.prototype, path);
    for (const decorate of [Post(path), Idempotent(), ...decorators]) {
      decorate(Members.prototype, path, descriptor);
    }
  };
  add('created', { id: 1 }, HttpCode(201), Header('Location', '/members/1'));
  add('nothing', undefined, HttpCode(204));
  Controller()(Members);
  class App {}
  const store = NodeIdempotencyModule.forRootAsync({ storage: { adapter: 'memory' } });
  Module({ imports: [store], controllers: [Members] })(App);
  const app = await NestFactory.create(App, { logger: false });
  await app.listen(0, '127.0.0.1');
  await show('@node-idempotency/nestjs', app.getHttpServer().address().port, ['created', 'nothing']);
  await app.close();
}

withExpress().then(withNest);
JS
node retry.cjs | tee seen

diff - seen <<'EXPECTED'
express-idempotency created: 201 /members/1, 201 -, 201 -
express-idempotency send: 204 -, 204 -, 204 -
express-idempotency end: 204 -, 409 -, 409 -
@node-idempotency/nestjs created: 201 /members/1, 201 /members/1, 201 /members/1
@node-idempotency/nestjs nothing: 204 -, 500 -, 500 -
EXPECTED
