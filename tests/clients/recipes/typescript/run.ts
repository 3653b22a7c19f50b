// Runs the TypeScript recipe: `node run.js ADDRESS TOKEN AUTHORITY FOLDER`.
//
// In the middle of the import it creates FOLDER/half, and goes on once FOLDER/again is there: meanwhile the
// server is killed and started again.

import assert from "node:assert";
import { randomUUID } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { create, fromJson } from "@bufbuild/protobuf";
import { FieldMaskSchema, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { CreateApiTokenRequestSchema } from "./generated/publisher/v1/api_token_service_pb.js";
import { MemberInputSchema } from "./generated/publisher/v1/member_pb.js";
import { connect, everyMember, importRows, type Row, upsert, writeRows } from "./members.js";

const [address, token, authority, folder] = process.argv.slice(2);
const ROWS = 20_000;

async function* rows(): AsyncGenerator<Row> {
  for (let number = 0; number < ROWS; number++) {
    if (number === ROWS / 2) {
      writeFileSync(path.join(folder, "half"), "");
      while (!existsSync(path.join(folder, "again"))) await pause(50);
    }
    yield { ref: `r${number}` };
  }
}

const { bases, members } = connect(`https://${address}`, token, authority);
const created = await bases.createMemberBase({ name: "typescript recipe", requestId: randomUUID() });
const base = created.memberBase!.id;

const failed = await upsert(members, base, [{ ref: "one" }, { ref: "two", email: "no address" }]);
assert.deepStrictEqual(failed.map((row) => [row.ref, row.error?.violations[0].field]), [["two", "email"]]);

let chunks = 0n;
let imported = 0n;
for await (const reply of importRows(members, base, rows(), randomUUID())) {
  assert.strictEqual(reply.chunk, ++chunks);
  imported += BigInt(reply.counts!.created);
}
assert.strictEqual(imported, BigInt(ROWS));
let listed = 0;
for await (const _ of everyMember(members, base)) listed++;
assert.strictEqual(listed, ROWS + 1);

// More rows than are on the way at once, several of a member, and a bad one.
const changes: Row[] = Array.from({ length: 3_000 }, (_, n) => ({ ref: `r${n % 900}`, company: `N${n}` }));
const last = new Map(changes.map((row) => [row.ref, row.company]));
changes.splice(1_500, 0, { ref: "r5", email: "no address" });
let answers = 0;
for await (const [row, answer] of writeRows(members, base, changes)) {
  answers++;
  assert.deepStrictEqual(answer.error?.violations[0].field, row.email && "email", row.ref);
}
assert.strictEqual(answers, changes.length);
for await (const member of everyMember(members, base)) {
  assert.strictEqual(member.company, last.get(member.ref!), member.ref);
}

// A plain object is a Struct here, but a Date is not a Timestamp, and JSON changes the paths of a mask.
const expiresAt = new Date("2030-01-02T03:04:05Z");
const right = create(CreateApiTokenRequestSchema, { expiresAt: timestampFromDate(expiresAt) });
assert.strictEqual(right.expiresAt?.seconds, BigInt(expiresAt.getTime() / 1000));
// @ts-expect-error Without the compiler, the Date would arrive as the first second of 1970.
const wrong = create(CreateApiTokenRequestSchema, { expiresAt });
assert.strictEqual(wrong.expiresAt?.seconds, 0n);
assert.deepStrictEqual(create(MemberInputSchema, { attributes: { shoeSize: 44 } }).attributes, { shoeSize: 44 });
assert.deepStrictEqual(fromJson(FieldMaskSchema, "attributes.shoeSize").paths, ["attributes.shoe_size"]);
console.log("typescript recipe: ok");
// The connection would stay open for further calls.
process.exit(0);
