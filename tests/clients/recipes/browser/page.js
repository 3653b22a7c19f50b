// What a page of another origin does with a server: served by web.mjs, and run by the browser.
import { createClient, ConnectError } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { MemberBaseService } from "/generated/publisher/v1/member_base_service_pb.js";
import { MemberService } from "/generated/publisher/v1/member_service_pb.js";

const ROWS = 1_500;

function connect(url, token) {
  const authorize = (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  const transport = createGrpcWebTransport({ baseUrl: url, interceptors: [authorize], defaultTimeoutMs: 30_000 });
  return { bases: createClient(MemberBaseService, transport), members: createClient(MemberService, transport) };
}

async function failure(call) {
  try {
    await call;
  } catch (error) {
    const { code, rawMessage, details } = ConnectError.from(error);
    return { code, message: rawMessage, details: details.map((detail) => detail.type) };
  }
  return undefined;
}

/** Writes members and reads them in each way. */
window.use = async (url, token) => {
  const { bases, members } = connect(url, token);
  const { memberBase } = await bases.createMemberBase({ name: "Web" });
  const memberBaseId = memberBase.id;
  const row = (_, n) => ({ ref: `w${n}`, email: `w${n}@example.com`, firstName: "Zoë" });
  const request = { memberBaseId, members: Array.from({ length: ROWS }, row), requestId: crypto.randomUUID() };
  const written = await members.bulkUpsertMembers(request);
  let replayed;
  const onHeader = (headers) => (replayed = headers.get("idempotency-replayed"));
  await members.bulkUpsertMembers(request, { onHeader });
  const { member } = await members.getMember({ memberBaseId, ref: "w7" });
  const refs = [];
  for (let cursor, more = true; more; ) {
    const page = await members.listMembers({ memberBaseId, pagination: { limit: 1_000, cursor } });
    refs.push(...page.members.map((found) => found.ref));
    ({ cursor, more } = page.page);
  }
  let exported = 0;
  for await (const page of members.exportMembers({ memberBaseId })) exported += page.members.length;
  return {
    created: Number(written.counts.created),
    replayed,
    email: member.email,
    name: member.firstName,
    listed: new Set(refs).size,
    exported,
    missing: await failure(members.getMember({ memberBaseId, ref: "nobody" })),
    unknown: await failure(connect(url, "sk_wrong").members.getMember({ memberBaseId, ref: "w7" })),
  };
};

/** Tries to write, and says what went wrong. */
window.attempt = async (url, token) => failure(connect(url, token).bases.createMemberBase({ name: "Other page" }));

/** How many memberbases there are. */
window.count = async (url, token) => (await connect(url, token).bases.listMemberBases({})).memberBases.length;

window.isReady = true;
