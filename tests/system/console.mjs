// A person in the console: node console.mjs ADDRESS PICTURES WORK
import assert from "node:assert";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

// The packages are installed under the build's folder, not beside this file.
const installed = createRequire(path.join(process.env.CONSOLE_PACKAGES, "package.json"));
const { chromium } = installed("playwright-core");
const axe = fs.readFileSync(installed.resolve("axe-core/axe.min.js"), "utf8");

const [address, pictures, work] = process.argv.slice(2);
const token = process.env.CONSOLE_TOKEN;
const home = `http://${address}/console`;
const patience = 20_000;
// The page that was used last.
let last;
// What is wrong with the look of pages.
const looks = [];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});

// Looks at a page: axe-core finds nothing, nothing is wider than the screen, and nothing was refused or thrown.
// The picture of each page is kept.
async function look(page, name) {
  await page.waitForLoadState("networkidle");
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await page.screenshot({ path: path.join(pictures, `${name}.png`), fullPage: true });
  if (wide > 0) looks.push(`${name}: is ${wide} pixels wider than the screen`);
  // The page's policy allows no foreign script, so axe-core is run beside it.
  const found = await page.evaluate(`(() => { ${axe}; return axe.run(document, { resultTypes: ["violations"] }); })()`);
  const faults = found.violations.map((fault) => `${fault.id}: ${fault.help}: ${fault.nodes.map((node) => node.html).slice(0, 3).join(" | ")}`);
  looks.push(...faults.map((fault) => `${name}: ${fault}`));
}

async function open(options) {
  const context = await browser.newContext({ ...options, acceptDownloads: true });
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  last = page;
  const faults = [];
  page.on("pageerror", (error) => faults.push(`error: ${error}`));
  page.on("console", (message) => {
    // Pages that say what is wrong with a form have a status of their own.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) faults.push(message.text());
  });
  page.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  return { context, page, faults };
}

async function signIn(page, to = home) {
  await page.goto(to);
  await page.fill("#token", token);
  await page.click("button:has-text('Sign in')");
  await page.waitForSelector("text=Sign out");
  assert.ok(!page.url().includes("sk_"), "an address has no token");
}

function csv(rows) {
  const cell = (text) => `"${String(text).replaceAll('"', '""')}"`;
  return rows.map((row) => row.map(cell).join(",")).join("\n") + "\n";
}

const heading = ["Staff no", "First name", "Last name", "E-mail", "Tier"];
const person = (n, tier) => [`w${n}`, `Name${n}`, `Family${n}`, `n${n}@example.com`, tier ?? (n % 3 ? "Gold" : "Silver")];
const people = (from, to, tier) => Array.from({ length: to - from }, (_, n) => person(from + n, tier));

async function upload(page, base, name, rows) {
  const file = path.join(work, name);
  fs.writeFileSync(file, csv([heading, ...rows]));
  await page.goto(`${base}/lists/new`);
  await page.check("input[value=worker_id]");
  await page.click("text=More about the file");
  await page.fill("#columns", "Staff no = worker_id\nE-mail = email");
  await page.setInputFiles("#file", file);
  await page.click("button:has-text('See what it would do')");
  await page.waitForSelector("main:not([data-live])");
}

// Approves a plan. Where it removes members, that has to be said first, and the browser asks for it.
async function approve(page) {
  if (await page.locator("#sure").count()) {
    assert.ok(await page.$eval("#sure", (box) => box.required && !box.checked));
    await page.check("#sure");
  }
  await page.click("button:has-text('Apply to')");
  await page.waitForSelector("text=It was applied");
}

// What a person does on one kind of screen.
async function visit(kind, options, base) {
  const { context, page, faults } = await open(options);
  await page.goto(home);
  await look(page, `${kind}-sign-in`);
  await page.fill("#token", "sk_wrong");
  await page.keyboard.press("Enter");
  await page.waitForSelector("[role=alert]");
  await look(page, `${kind}-sign-in-refused`);
  await signIn(page);
  await look(page, `${kind}-bases`);
  await page.click("a:has-text('Staff') >> nth=0");
  await look(page, `${kind}-base`);
  await page.click("text=As a table");
  assert.match(await page.textContent("details[open] tbody tr:last-child td"), /^\d+$/);
  await look(page, `${kind}-base-table`);
  await page.click(".tabs >> text=Members");
  await look(page, `${kind}-members`);
  // A search answers while it is typed.
  await page.type("#search", "name17");
  await page.waitForFunction(() => document.querySelectorAll("#results tbody tr").length === 1);
  await look(page, `${kind}-search`);
  await page.click("#results tbody a");
  await page.waitForSelector("text=Profile");
  await look(page, `${kind}-member`);
  // Whoever is offboarded is named first, and comes back by one button.
  await page.click("a:has-text('Offboard')");
  await page.waitForSelector("h1:has-text('Offboard Name17 Family17?')");
  await look(page, `${kind}-offboard`);
  await page.click("button:has-text('Offboard')");
  await page.waitForSelector("text=was offboarded");
  await look(page, `${kind}-offboarded`);
  await page.click("button:has-text('Bring back as active')");
  await page.waitForSelector("text=is back");
  // A condition is chosen, and is written into the filter.
  await page.goto(`${base}/members`);
  await page.click("summary:has-text('Filter')");
  await page.selectOption("#build-field", "tier");
  await page.fill("#build-value", "Gold");
  await page.click("button:has-text('Add')");
  await page.waitForURL(/filter=tier%3DGold/);
  assert.strictEqual(await page.inputValue("#filter"), "tier=Gold");
  await look(page, `${kind}-filter`);
  await page.goto(`${base}/members?filter=${encodeURIComponent("tier:Gold")}`);
  await look(page, `${kind}-filter-refused`);

  await page.goto(`${base}/lists/new`);
  await look(page, `${kind}-upload`);
  // A list that would offboard 40 percent is held. It is rejected.
  await upload(page, base, "short.csv", [...people(0, 59), ["", "Nobody", "", "", ""]]);
  await page.waitForSelector("text=waits for approval");
  const plan = await page.textContent("main");
  assert.match(plan, /removing 40/);
  assert.match(plan, /would remove 40 of 1\d\d members after \d+ others? within 24 hours; at most 2\d are allowed within 24 hours \(20 percent/);
  // The key is the one by which the list finds members, and what is at fault is said in words.
  assert.match(plan, /Worker id.*w9[0-9]/s);
  assert.match(plan, /line 61 \(worker_id: /);
  await page.click("text=How its 5 columns were read");
  await look(page, `${kind}-plan-held`);
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("text=Download the failed rows")]);
  assert.match(fs.readFileSync(await download.path(), "utf8"), /line,reason,field,message\n.*Nobody/);
  await page.click("button:has-text('Reject')");
  await page.waitForSelector("text=rejected");
  await look(page, `${kind}-plan-rejected`);

  // The right one is approved, watched to its end, and undone.
  await upload(page, base, "right.csv", [...people(0, 95), ...people(95, 99, "Bronze"), ...people(200, 206)]);
  await page.waitForSelector("text=waits for approval");
  await look(page, `${kind}-plan`);
  await approve(page);
  await page.waitForSelector("text=Was this a mistake?");
  await look(page, `${kind}-applied`);
  // Nothing asks to cancel a job that has ended.
  const applied = page.url();
  await page.goto(`${applied}/cancel`);
  await page.waitForSelector("text=nothing to cancel");
  await look(page, `${kind}-cancel`);
  await page.goto(applied);
  await page.click("button:has-text('Undo')");
  await page.waitForSelector("main:not([data-live]) >> text=waits for approval");
  assert.match(await page.textContent("main"), /Undo of a job: right\.csv.*Whom it deletes.*deleting 6/s);
  await look(page, `${kind}-undo`);
  await approve(page);
  await page.goto(`${base}/jobs`);
  await look(page, `${kind}-jobs`);

  // Who matches is counted while the filter is typed, and a name that was typed before stays.
  await page.goto(`${base}/audiences`);
  await page.fill("#name", "The golden");
  await page.type("#filter", "tier=Gold");
  await page.waitForSelector("#results strong");
  await page.type("#filter", "\nstatus=active");
  await page.waitForURL(/status%3Dactive/);
  assert.strictEqual(await page.inputValue("#name"), "The golden");
  assert.ok(!page.url().includes("proof"), "the proof of a session is in no address");
  await look(page, `${kind}-audiences`);
  await page.fill("#name", `The golden of ${kind}`);
  await page.click("button:has-text('Make')");
  await page.waitForURL(/console\/audiences\/aud_/);
  await look(page, `${kind}-audience`);
  await page.goto(`${home}/server`);
  await look(page, `${kind}-server`);
  // A token is made as the form says, and is revoked after a question.
  await page.goto(`${home}/tokens`);
  await page.fill("#description", `For ${kind}`);
  await page.click("button:has-text('Make it')");
  await page.waitForSelector("text=The token was made");
  await look(page, `${kind}-token-made`);
  await page.goto(`${home}/tokens`);
  await look(page, `${kind}-tokens`);
  const line = page.locator("tr", { hasText: `For ${kind}` });
  assert.match(await line.textContent(), /read; sees no bank details/);
  await line.locator("a:has-text('Revoke')").click();
  await page.waitForSelector("h1:has-text('Revoke a token?')");
  await look(page, `${kind}-revoke`);
  await page.click("button:has-text('Revoke this token')");
  await page.waitForSelector("text=The token was revoked");
  await page.goto(`${home}/bases/nobody`);
  await look(page, `${kind}-refused`);
  await page.click("button:has-text('Sign out')");
  await page.waitForSelector("#token");
  await page.goBack();
  await page.reload();
  await page.waitForSelector("#token");
  assert.deepStrictEqual(faults, [], kind);
  await context.close();
}

// Members who want to run something, and to break the page.
async function hostile(base, kind, options) {
  const { context, page, faults } = await open(options);
  await signIn(page, base);
  await page.goto(`${base}/members?column=attributes.note&column=ref&column=email&sort=newest`);
  await look(page, `${kind}-hostile-members`);
  await page.click("#results tbody a");
  await page.waitForSelector("text=Profile");
  await look(page, `${kind}-hostile-member`);
  assert.strictEqual(await page.evaluate("window.run"), undefined);
  assert.deepStrictEqual(faults, [], "nothing of a member is run");
  await context.close();
}

// Pages on which nothing is yet say what to do next.
async function empty(kind, options, base) {
  const { context, page, faults } = await open(options);
  await signIn(page, base ?? home);
  const pages = base
    ? [["", "Upload a list"], ["/members", "Upload a list"], ["/jobs", "memberbase sync FILE"], ["/jobs?show=held", "Show all jobs"], ["/audiences", "Try one below"]]
    : [["", "Make one below"]];
  for (const [at, next] of pages) {
    await page.goto((base ?? home) + at);
    assert.match(await page.textContent("main"), new RegExp(next), at);
    await look(page, `${kind}-empty${at.replace(/\W/g, "-") || (base ? "-base" : "")}`);
  }
  assert.deepStrictEqual(faults, [], kind);
  await context.close();
}

// Whatever of a page can be clicked or typed into is reached by the Tab key, and is seen to have the focus.
async function byKeys(page, address) {
  await page.goto(address);
  const all = await page.evaluate(() => {
    const found = document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']");
    // Of a group of choices only one is reached; the arrows lead to the others.
    const isOther = (at) => at.type === "radio" && !at.checked;
    const shown = [...found].filter((at) => at.checkVisibility() && !at.disabled && !isOther(at));
    shown.forEach((at, number) => (at.dataset.number = number));
    return shown.map((at) => `${at.tagName} ${at.id || at.textContent.trim().slice(0, 20)}`);
  });
  const reached = new Set();
  for (let press = 0; press < all.length + 20; press += 1) {
    await page.keyboard.press("Tab");
    const [number, outline] = await page.evaluate(() => {
      const at = document.activeElement;
      // The browser itself marks the part of a date that has the focus.
      return [at.dataset.number, at.type === "date" ? "of a part" : getComputedStyle(at).outlineStyle];
    });
    if (number === undefined) continue;
    assert.notStrictEqual(outline, "none", `${address}: ${all[number]} is not seen to have the focus`);
    reached.add(Number(number));
  }
  assert.deepStrictEqual(all.filter((_, number) => !reached.has(number)), [], `${address}: no key leads there`);
}

// Every page works with the keyboard alone, and reading works without scripts. So does offboarding.
async function plain(base) {
  const { context, page } = await open({ javaScriptEnabled: false });
  await signIn(page, base);
  const link = async (at, to) => {
    await page.goto(base + at);
    return new URL(await page.getAttribute(`main a[href^='/console/${to}/']`, "href"), home).href;
  };
  const [member, job, audience] = [await link("/members", "members"), await link("/jobs", "jobs"), await link("/audiences", "audiences")];
  await page.goto(`${home}/tokens`);
  const revoke = new URL(await page.getAttribute("main a[href$='/revoke']", "href"), home).href;
  const pages = [
    [home, "Staff"], [base, "revisions"], [`${base}/members`, "Name17"], [member, "History"], [`${member}/offboard`, "change nothing"],
    [`${base}/lists/new`, "See what it would do"], [`${base}/jobs`, "right.csv"], [job, "Made"], [`${base}/audiences`, "Try a filter"],
    [audience, "Members"], [`${home}/tokens`, "Console test"], [revoke, "change nothing"], [`${home}/server`, "Memory"],
  ];
  for (const [at, text] of pages) {
    await page.goto(at);
    assert.match(await page.textContent("main"), new RegExp(text, "i"), at);
  }
  await page.goto(`${base}/audiences`);
  await page.fill("#name", "The golden");
  await page.fill("#filter", "tier=Gold");
  await page.click("button:has-text('Count who matches')");
  await page.waitForSelector("#results strong");
  assert.strictEqual(await page.inputValue("#name"), "The golden");
  await context.close();
  const keys = await open({});
  await keys.page.goto(home);
  await keys.page.keyboard.press("Tab");
  assert.strictEqual(await keys.page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  await keys.page.keyboard.press("Enter");
  await keys.page.keyboard.press("Tab");
  await keys.page.keyboard.type(token);
  await keys.page.keyboard.press("Enter");
  await keys.page.waitForSelector("text=Sign out");
  for (const [at] of pages) await byKeys(keys.page, at);
  await keys.page.goto(`${base}/members`);
  const seen = [];
  for (let press = 0; press < 60; press += 1) {
    await keys.page.keyboard.press("Tab");
    seen.push(await keys.page.evaluate(() => {
      const at = document.activeElement;
      const outline = getComputedStyle(at).outlineStyle;
      return [at.tagName, at.id || at.textContent.trim().slice(0, 20), outline];
    }));
  }
  assert.ok(seen.some(([, name]) => name === "search") && seen.some(([, name]) => name.startsWith("Name")), JSON.stringify(seen));
  const unseen = seen.filter(([tag, , outline]) => tag !== "BODY" && outline === "none");
  assert.deepStrictEqual(unseen, [], "what has the focus is seen to have it");
  // A member is offboarded and brought back by keys alone.
  const press = async (text) => {
    for (let presses = 0; presses < 60; presses += 1) {
      await keys.page.keyboard.press("Tab");
      const at = await keys.page.evaluate(() => document.activeElement.textContent.trim());
      if (at.startsWith(text)) return keys.page.keyboard.press("Enter");
    }
    return assert.fail(`no key leads to ${text}`);
  };
  await press("Name");
  await keys.page.waitForSelector("text=Profile");
  await press("Offboard");
  await keys.page.waitForSelector("text=change nothing");
  await press("Offboard");
  await keys.page.waitForSelector("text=was offboarded");
  await press("Bring back");
  await keys.page.waitForSelector("text=is back");
  await keys.context.close();
}

async function api(call, body) {
  const reply = await fetch(`http://${address}/publisher.v1/${call}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });
  const answer = await reply.json();
  assert.ok(reply.ok, `${call}: ${JSON.stringify(answer)}`);
  return answer;
}

process.on("uncaughtException", async (error) => {
  console.error(error);
  await last?.screenshot({ path: path.join(pictures, "failed.png"), fullPage: true }).catch(() => {});
  process.exit(1);
});

const desktop = { viewport: { width: 1280, height: 800 } };
const phone = { viewport: { width: 400, height: 800 } };
const sizes = [["desktop-light", { ...desktop, colorScheme: "light" }], ["phone-dark", { ...phone, colorScheme: "dark" }]];
for (const [kind, options] of sizes) await empty(kind, options);
const nobody = (await api("member-base/create", { name: "Nobody yet" })).id;
for (const [kind, options] of sizes) await empty(kind, options, `${home}/bases/${nobody}`);

// A memberbase with 99 people, and one with hostile ones.
const staff = (await api("member-base/create", { name: "Staff" })).id;
const named = people(0, 99).map(([worker_id, first_name, last_name, email, tier], n) => ({ ref: `r${n}`, worker_id, first_name, last_name, email, tier }));
await api("member/bulk-upsert", { member_base_id: staff, members: named });
const odd = (await api("member-base/create", { name: "<img src=x onerror=run=1> \u202eoddly named and rather long, so that it must break somewhere" })).id;
await api("attribute.schema/set", { member_base_id: odd, schema: { note: { type: "string" } } });
const evil = ["<script>run = 1</script>", "<img src=x onerror=run=1>", "\"><svg onload=run=1>", "=HYPERLINK(\"http://evil.example\")", "\u202eאבגד مرحبا", "{{7*7}}${run=1}", "a".repeat(200)];
await api("member/bulk-upsert", {
  member_base_id: odd,
  members: evil.map((text, n) => ({ ref: `${n}${text}`.slice(0, 100), first_name: text.slice(0, 100), last_name: text.slice(0, 100), attributes: { note: text.repeat(4096).slice(0, Math.floor(4000 / Buffer.byteLength(text)) * text.length) } })),
});

const base = `${home}/bases/${staff}`;
for (const [kind, size] of [["desktop", desktop], ["phone", phone]]) {
  for (const colorScheme of ["light", "dark"]) {
    await visit(`${kind}-${colorScheme}`, { ...size, colorScheme }, base);
  }
  await hostile(`${home}/bases/${odd}`, kind, { ...size, colorScheme: "light" });
}
await plain(base);
assert.deepStrictEqual(looks, []);
await browser.close();
