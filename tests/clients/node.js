// A JavaScript client that loads the contract's files at run time: `node node.js ADDRESS PROTO-FOLDER
// README`.
"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");
const { createRequire } = require("node:module");

// The packages are installed under the build's folder, not beside this file.
const installed = createRequire(path.join(process.env.CLIENT_PACKAGES, "package.json"));
const grpc = installed("@grpc/grpc-js");
const loader = installed("@grpc/proto-loader");

const [address, protos, readme] = process.argv.slice(2);
const files = ["member_base_service.proto", "member_service.proto"].map((file) => `publisher/v1/${file}`);
const definition = loader.loadSync(files, { includeDirs: [protos], keepCase: true, enums: String, longs: Number, defaults: true });
const { MemberBaseService, MemberService } = grpc.loadPackageDefinition(definition).publisher.v1;
const connect = (Service) => new Service(address, grpc.credentials.createInsecure(), { "grpc.enable_http_proxy": 0 });
const bases = connect(MemberBaseService);
const members = connect(MemberService);

const call = (client, method, request) =>
  new Promise((resolve, reject) => client[method](request, (error, reply) => (error ? reject(error) : resolve(reply))));

// This loader knows nothing of the JSON form of google.protobuf.Value and ListValue: they are written out.
const value = (text) => ({ stringValue: text });

function body(name, ids) {
  let text = fs.readFileSync(path.join(__dirname, "bodies", `${name}.json`), "utf8");
  for (const [documented, real] of Object.entries(ids)) text = text.replaceAll(documented, real);
  const request = JSON.parse(text);
  for (const filter of request.filters ?? []) filter.in = { values: filter.in.map(value) };
  return request;
}

// The first block of README with this fence.
const documented = (fence) => fs.readFileSync(readme, "utf8").split("```" + fence + "\n")[1].split("```")[0];

// Runs README's examples of clients and filters unchanged, except for the address and the folder of the
// contract.
async function documentedFilters() {
  const setup = documented("javascript").replace("127.0.0.1:50051", address).replace('"proto"', JSON.stringify(protos));
  const members = new Function("require", `${setup}; return members;`)(installed);
  const base = (await call(bases, "CreateMemberBase", { name: "filters" })).member_base.id;
  const rows = [["a", "Gold", true], ["b", "Silver", false], ["vip_c", "Bronze", true], ["d", "Bronze", true]];
  const inputs = rows.map(([ref, tier, enable_payroll]) => ({ ref, tier, enable_payroll }));
  await call(members, "BulkUpsertMembers", { member_base_id: base, members: inputs });
  const run = new Function("members", "base", "answer", documented("js"));
  const found = await new Promise((resolve, reject) => run(members, base, (error, reply) => (error ? reject(error) : resolve(reply))));
  assert.deepStrictEqual(found.members.map((member) => member.ref), ["a", "vip_c"]);
}

// docs/clients/typescript.md warns of these: with this loader a Date and a plain object arrive empty.
function traps() {
  const files = ["api_token_service.proto", "member_service.proto"].map((file) => `publisher/v1/${file}`);
  const services = loader.loadSync(files, { includeDirs: [protos], keepCase: true, longs: Number });
  const arrives = ({ requestSerialize, requestDeserialize }, request) => requestDeserialize(requestSerialize(request));
  const { CreateApiToken } = services["publisher.v1.ApiTokenService"];
  assert.deepStrictEqual({ ...arrives(CreateApiToken, { expires_at: new Date() }).expires_at }, {});
  assert.deepStrictEqual({ ...arrives(CreateApiToken, { expires_at: { seconds: 5 } }).expires_at }, { seconds: 5 });
  const { UpdateMember } = services["publisher.v1.MemberService"];
  const attributes = (attributes) => arrives(UpdateMember, { member: { attributes } }).member.attributes;
  assert.deepStrictEqual({ ...attributes({ shoeSize: 44 }) }, {});
  assert.deepStrictEqual(attributes({ fields: { shoeSize: { numberValue: 44 } } }).fields.shoeSize.numberValue, 44);
}

async function main() {
  traps();
  const base = (await call(bases, "CreateMemberBase", { name: "node" })).member_base.id;
  const ids = { mb_abc123: base };

  const upserted = await call(members, "BulkUpsertMembers", body("bulk_upsert", ids));
  assert.strictEqual(upserted.counts.created, 3);
  assert.deepStrictEqual(upserted.results.map((result) => result.outcome), Array(3).fill("OUTCOME_CREATED"));
  [ids.m_x1y2z3, ids.m_a4b5c6] = upserted.results.map((result) => result.id);
  const again = await call(members, "BulkUpsertMembers", body("bulk_upsert", ids));
  assert.strictEqual(again.counts.unchanged, 3);

  assert.strictEqual((await call(members, "GetMember", body("get_by_ref", ids))).member.id, ids.m_x1y2z3);
  assert.strictEqual((await call(members, "GetMember", body("get_by_id", ids))).member.ref, "user_001");
  const listed = await call(members, "ListMembers", body("list", ids));
  assert.deepStrictEqual(listed.members.map((member) => member.ref), ["user_001", "user_002"]);
  assert.strictEqual(listed.page.more, false);

  const stream = members.ImportMembers();
  const answers = [];
  const ended = new Promise((resolve, reject) => stream.on("data", (answer) => answers.push(answer)).on("end", resolve).on("error", reject));
  stream.write({ options: { member_base_id: base } });
  for (const chunk of [1, 2]) stream.write({ chunk, members: [{ ref: `node_${chunk}`, first_name: "Zoë" }] });
  stream.end();
  await ended;
  assert.deepStrictEqual(answers.map((answer) => [answer.chunk, answer.counts.created]), [[1, 1], [2, 1]]);

  assert.strictEqual((await call(members, "BulkDeleteMembers", body("bulk_delete", ids))).deleted, 2);
  await assert.rejects(call(members, "GetMember", body("get_by_id", ids)), { code: grpc.status.NOT_FOUND });
  await assert.rejects(call(members, "GetMember", { id: "m_short" }), { code: grpc.status.INVALID_ARGUMENT });
  const counts = (await call(bases, "GetMemberBase", { id: base })).member_base.counts;
  assert.strictEqual(counts.total, 3);
  await documentedFilters();
  console.log("node, grpc-js: ok");
}

main().then(() => {
  bases.close();
  members.close();
}, (error) => {
  console.error(error);
  process.exit(1);
});
