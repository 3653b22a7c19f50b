// A client of memberbase with retries, deadlines, pages and imports; docs/clients/typescript.md quotes it.

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import type { Filter } from "./generated/publisher/v1/filter_pb.js";
import type { Member, MemberInputSchema } from "./generated/publisher/v1/member_pb.js";
import { MemberBaseService } from "./generated/publisher/v1/member_base_service_pb.js";
import {
  type ImportMembersRequest,
  ImportMembersRequestSchema,
  type ImportMembersResponse,
  MemberService,
  type UpsertMembersRequest,
  UpsertMembersRequestSchema,
  type UpsertMembersResponse,
} from "./generated/publisher/v1/member_service_pb.js";

export type Row = MessageInitShape<typeof MemberInputSchema>;

// The codes with which a lost connection ends a call, also if a proxy has cut it.
const LOST = new Set([Code.Unavailable, Code.Canceled, Code.Internal, Code.Unknown, Code.Aborted, Code.ResourceExhausted]);
// The codes after which a single call is sent again, with the same message and so with the same request id.
const AGAIN = new Set([Code.Unavailable, Code.ResourceExhausted]);
const TRIES = 20; // without a reply in between
const DEADLINE = { timeoutMs: 30_000 };
const ROWS_OF_CHUNK = 1_000;
const CHUNKS_ON_THE_WAY = 8;

const delay = (failures: number) => pause(Math.min(failures * 250, 5_000) * (0.5 + Math.random()));

/** Sends single calls again. The library has no retries of its own. */
const retry: Interceptor = (next) => async (request) => {
  for (let failures = 0; ; ) {
    try {
      return await next(request);
    } catch (error) {
      const again = !request.stream && !request.signal.aborted && AGAIN.has(ConnectError.from(error).code);
      if (!again || ++failures === TRIES) throw error;
      await delay(failures);
    }
  }
};

/** Clients with TLS. They share a connection. */
export function connect(url: string, token: string, authority: string) {
  const authorize: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  const transport = createGrpcTransport({
    baseUrl: url,
    nodeOptions: { ca: readFileSync(authority) },
    interceptors: [retry, authorize],
    // A connection without an answer is noticed after 45 s.
    pingIntervalMs: 30_000,
    pingTimeoutMs: 15_000,
  });
  return { bases: createClient(MemberBaseService, transport), members: createClient(MemberService, transport) };
}

/** Writes rows, and returns the failed ones. The request id makes it safe to send the call again. */
export async function upsert(members: Client<typeof MemberService>, memberBaseId: string, rows: Row[]) {
  const request = { memberBaseId, members: rows, requestId: randomUUID() };
  const reply = await members.bulkUpsertMembers(request, DEADLINE);
  return reply.results.filter((result) => result.error !== undefined);
}

/** All members that match. A page may be short, even empty: only `more` says whether it is the last. */
export async function* everyMember(
  members: Client<typeof MemberService>,
  memberBaseId: string,
  filters: Filter[] = [],
): AsyncGenerator<Member> {
  for (let cursor: string | undefined; ; ) {
    const reply = await members.listMembers({ memberBaseId, filters, pagination: { limit: 5_000, cursor } }, DEADLINE);
    yield* reply.members;
    if (!reply.page?.more) return;
    cursor = reply.page.cursor;
  }
}

/**
 * Sends any number of rows, over as many connections as it takes, and yields the reply to each chunk.
 *
 * The server applies each chunk of an import id once. To go on after a crash of this client, call it with the
 * same id and the same rows.
 */
export async function* importRows(
  members: Client<typeof MemberService>,
  memberBaseId: string,
  rows: Iterable<Row> | AsyncIterable<Row>,
  importId: string,
): AsyncGenerator<ImportMembersResponse> {
  const chunks = chunksOf(rows);
  const unanswered: ImportMembersRequest[] = [];
  for (let failures = 0; ; ) {
    const requests = new Requests<ImportMembersRequest>();
    requests.send(create(ImportMembersRequestSchema, { options: { memberBaseId, importId } }));
    unanswered.forEach((chunk) => requests.send(chunk));
    try {
      const replies = members.importMembers(requests)[Symbol.asyncIterator]();
      for (;;) {
        while (unanswered.length < CHUNKS_ON_THE_WAY) {
          const chunk = await chunks.next();
          if (chunk.done) break;
          unanswered.push(chunk.value);
          requests.send(chunk.value);
        }
        if (unanswered.length === 0) return;
        const reply = await replies.next();
        if (reply.done) throw new ConnectError("the server ended the stream", Code.Unavailable);
        unanswered.shift();
        failures = 0;
        yield reply.value;
      }
    } catch (error) {
      if (!LOST.has(ConnectError.from(error).code) || ++failures === TRIES) throw error;
    } finally {
      requests.end();
    }
    await delay(failures);
  }
}

async function* chunksOf(rows: Iterable<Row> | AsyncIterable<Row>): AsyncGenerator<ImportMembersRequest> {
  let members: Row[] = [];
  let number = 0n;
  for await (const row of rows) {
    members.push(row);
    if (members.length === ROWS_OF_CHUNK) {
      yield create(ImportMembersRequestSchema, { chunk: ++number, members });
      members = [];
    }
  }
  if (members.length > 0) yield create(ImportMembersRequestSchema, { chunk: ++number, members });
}

/** The requests of one stream: what was given to `send`, until `end`. */
class Requests<Request> implements AsyncIterable<Request> {
  private readonly waiting: Request[] = [];
  private isOver = false;
  private wake = () => {};

  send(request: Request) {
    this.waiting.push(request);
    this.wake();
  }

  end() {
    this.isOver = true;
    this.wake();
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      const request = this.waiting.shift();
      if (request) yield request;
      else if (this.isOver) return;
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}

const ROWS_ON_THE_WAY = 1_000;

/**
 * Writes rows one by one over a stream, and yields each row with its answer once it is durable.
 *
 * Rows of one member are applied in their order. `rows` should not wait, because answers wait with it: call
 * this with the changes that are there, and again when there are more.
 */
export async function* writeRows(
  members: Client<typeof MemberService>,
  memberBaseId: string,
  rows: Iterable<Row>,
): AsyncGenerator<[Row, UpsertMembersResponse]> {
  const waiting = rows[Symbol.iterator]();
  // By sequence, in the order in which they were sent.
  const unanswered = new Map<bigint, Row>();
  let sequence = 0n;
  // Each stream ends the one before with the same writer id, wherever its rows are on their way.
  const options = { memberBaseId, writerId: randomUUID() };
  for (let failures = 0; ; ) {
    const requests = new Requests<UpsertMembersRequest>();
    const send = (sequence: bigint, member: Row) =>
      requests.send(create(UpsertMembersRequestSchema, { sequence, member }));
    requests.send(create(UpsertMembersRequestSchema, { options }));
    unanswered.forEach((row, sequence) => send(sequence, row));
    try {
      const answers = members.upsertMembers(requests)[Symbol.asyncIterator]();
      for (;;) {
        while (unanswered.size < ROWS_ON_THE_WAY) {
          const row = waiting.next();
          if (row.done) break;
          unanswered.set(++sequence, row.value);
          send(sequence, row.value);
        }
        if (unanswered.size === 0) return;
        const answer = await answers.next();
        if (answer.done) throw new ConnectError("the server ended the stream", Code.Unavailable);
        failures = 0;
        const row = unanswered.get(answer.value.sequence)!;
        unanswered.delete(answer.value.sequence);
        yield [row, answer.value];
      }
    } catch (error) {
      if (!LOST.has(ConnectError.from(error).code) || ++failures === TRIES) throw error;
    } finally {
      requests.end();
    }
    await delay(failures);
  }
}
