#!/usr/bin/env bash
# deserialize-json-api stops at a member without a manager, and two others give the member one.
#
# Versions: deserialize-json-api 2.0.0, json-api-deserialize 0.0.4 and kitsu-core 11.1.0; for comparison jsona
# 1.14.0 (all npm).
#
# JSON:API is a format for answers of HTTP APIs. A member has attributes, and relationships to others, which
# are named by type and id. `"data": null` says that there is none (JSON:API 1.1, "Resource Linkage"). The
# packages turn an answer into plain objects.
#
# Guess: a manager of null is null, the keys of an attribute stay as they are, and a member and a guest with
# the same id stay apart.
#
# Seen: deserialize-json-api raises an error at the null, so nothing of the list is read. kitsu-core makes
# `{}` of it and json-api-deserialize `{"data": null}`, which both are true in a condition. The latter has no
# `data` where there is a manager. It also writes the keys in an attribute's object anew, so "Shirt size" is
# `shirtSize`, and leaves out the types, so the member 7 and the guest 7 are alike.
#
# Why it matters: `if (member.manager)` is true for everybody, and a list with the chairwoman in it cannot be
# read at all. The examples of the packages have no null.
# memberbase's console reads its own JSON, in which a field that is not set is left out.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts deserialize-json-api@2.0.0 kitsu-core@11.1.0 \
  json-api-deserialize@0.0.4 jsona@1.14.0 >/dev/null

cat >read.mjs <<'JS'
import { deserialize } from 'deserialize-json-api';
import jsonApiDeserialize from 'json-api-deserialize';
import jsona from 'jsona';
import { deserialise } from 'kitsu-core';

const Jsona = jsona.default ?? jsona;
const readers = {
  'deserialize-json-api': (answer) => deserialize(answer).data,
  'kitsu-core': async (answer) => (await deserialise(answer)).data,
  'json-api-deserialize': (answer) => jsonApiDeserialize.deserialize(answer).data,
  jsona: (answer) => new Jsona().deserialize(answer),
};
const members = {
  'a manager': { relationships: { manager: { data: { type: 'members', id: '2' } } } },
  'no manager': { relationships: { manager: { data: null } } },
  'extra keys': { attributes: { extra: { 'Shirt size': 'M' } } },
  'two friends': {
    relationships: { friends: { data: [{ type: 'members', id: '7' }, { type: 'guests', id: '7' }] } },
  },
};
for (const [what, member] of Object.entries(members)) {
  console.log(`a member with ${what}`);
  for (const [name, read] of Object.entries(readers)) {
    const answer = { data: [{ type: 'members', id: '1', ...structuredClone(member) }], included: [] };
    let seen;
    try {
      const { manager, extra, friends } = (await read(answer))[0];
      seen = JSON.stringify(manager ?? extra ?? friends ?? null);
    } catch (error) {
      seen = error.message;
    }
    console.log(`  ${name}: ${seen}`);
  }
}
JS
node read.mjs | tee seen

diff - seen <<'EXPECTED'
a member with a manager
  deserialize-json-api: {"id":"2","type":"members"}
  kitsu-core: {"data":{"id":"2","type":"members"}}
  json-api-deserialize: {"id":"2"}
  jsona: {"type":"members","id":"2"}
a member with no manager
  deserialize-json-api: Cannot read properties of null (reading 'type')
  kitsu-core: {}
  json-api-deserialize: {"data":null}
  jsona: null
a member with extra keys
  deserialize-json-api: {"Shirt size":"M"}
  kitsu-core: {"Shirt size":"M"}
  json-api-deserialize: {"shirtSize":"M"}
  jsona: {"Shirt size":"M"}
a member with two friends
  deserialize-json-api: [{"id":"7","type":"members"},{"id":"7","type":"guests"}]
  kitsu-core: {"data":[{"id":"7","type":"members"},{"id":"7","type":"guests"}]}
  json-api-deserialize: [{"id":"7"},{"id":"7"}]
  jsona: [{"type":"members","id":"7"},{"type":"guests","id":"7"}]
EXPECTED
