// Pages of two origins, of which a server lists one: node web.mjs PROGRAM WORK
import assert from "node:assert";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import readline from "node:readline";

const packages = process.env.WEB_PACKAGES;
// The packages are installed under the build's folder, not beside this file.
const { chromium } = createRequire(path.join(packages, "package.json"))("playwright-core");
const [program, work] = process.argv.slice(2);
const modules = path.join(packages, "node_modules");
const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);

// Where a browser finds what the packages export.
const imports = {};
const file = (target) => (typeof target === "string" ? target : target && file(target.import ?? target.default));
for (const name of ["@bufbuild/protobuf", "@connectrpc/connect", "@connectrpc/connect-web"]) {
  const { exports } = JSON.parse(fs.readFileSync(path.join(modules, name, "package.json"), "utf8"));
  for (const [entry, target] of Object.entries(exports)) {
    const found = file(target);
    if (found?.endsWith(".js")) imports[path.posix.join(name, entry)] = path.posix.join("/modules", name, found);
  }
}
const html = `<!doctype html><title>A page</title><script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module" src="/page.js"></script>`;

// Serves the pages of an origin.
async function pages() {
  const server = http.createServer((request, response) => {
    const at = new URL(request.url, "http://localhost").pathname;
    const from = at.startsWith("/modules/") ? path.join(modules, at.slice(9)) : path.join(work, at);
    const found = at === "/page.js" ? path.join(here, "../clients/recipes/browser/page.js") : from;
    if (at === "/") response.writeHead(200, { "content-type": "text/html" }).end(html);
    else if (!fs.existsSync(found)) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": "text/javascript" }).end(fs.readFileSync(found));
  });
  await new Promise((listening) => server.listen(0, "localhost", listening));
  return { origin: `http://localhost:${server.address().port}`, close: () => server.close() };
}

// Starts a server that lists an origin.
async function serve(data, origin, options) {
  const args = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "off", "--data", data, "--web-origins", origin, ...options];
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value } = await lines.next();
  assert.match(value ?? "", /^listening on /);
  const ended = new Promise((resolve) => child.on("exit", resolve));
  const stop = async () => {
    child.kill("SIGTERM");
    assert.equal(await ended, 0, "the server ends without an error");
  };
  return { url: value.slice("listening on ".length).replace("127.0.0.1", "localhost"), child, stop };
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
const [listed, other] = [await pages(), await pages()];
const tls = ["--tls-cert", path.join(work, "cert.pem"), "--tls-key", path.join(work, "key.pem")];
const running = [];
try {
  for (const [protocol, options] of [["http/1.1", []], ["h2", tls]]) {
    const data = path.join(work, protocol.replace("/", ""));
    const created = spawnSync(program, ["token", "create", "--access", "admin", "--new-store", "--data", data]);
    assert.equal(created.status, 0, created.stderr.toString());
    const token = created.stdout.toString().trim().split("\n").pop();
    const server = await serve(data, listed.origin, options);
    running.push(server.child);

    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const open = async (origin) => {
      const page = await context.newPage();
      page.on("pageerror", (error) => console.error(`error: ${error}`));
      await page.goto(origin);
      await page.waitForFunction(() => window.isReady);
      return page;
    };
    const page = await open(listed.origin);
    const protocols = new Set();
    const session = await context.newCDPSession(page);
    await session.send("Network.enable");
    session.on("Network.responseReceived", ({ response }) => {
      if (response.url.startsWith(server.url) && response.status === 200) protocols.add(response.protocol);
    });
    const used = await page.evaluate(([url, secret]) => window.use(url, secret), [server.url, token]);
    const details = (error) => error.details.includes("google.rpc.ErrorInfo");
    assert.deepEqual({ ...used, missing: used.missing.code, unknown: used.unknown.code }, {
      created: 1_500,
      replayed: "true",
      email: "w7@example.com",
      name: "Zoë",
      listed: 1_500,
      exported: 1_500,
      missing: 5, // NOT_FOUND
      unknown: 16, // UNAUTHENTICATED
    });
    assert.ok(details(used.missing) && details(used.unknown), JSON.stringify(used));
    assert.deepEqual([...protocols], [protocol]);

    // The token does not help a page that is not listed: its browser does not let it call.
    const refused = await open(other.origin);
    const attempt = await refused.evaluate(([url, secret]) => window.attempt(url, secret), [server.url, token]);
    assert.deepEqual([attempt.code, attempt.details], [2, []], JSON.stringify(attempt)); // UNKNOWN: nothing could be read
    const count = await page.evaluate(([url, secret]) => window.count(url, secret), [server.url, token]);
    assert.equal(count, 1, "the refused page wrote nothing");
    await context.close();
    await server.stop();
  }
} finally {
  running.forEach((child) => child.exitCode ?? child.kill("SIGKILL"));
  await browser.close();
  listed.close();
  other.close();
}
