// Plays browsers on the Express site. It starts `veilpass platform serve --test` and the site, each
// on a free port, and ends both. Argument: the program `veilpass`.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const running = [];

function start(program, words, env, errors = "inherit") {
  const child = spawn(program, words, { cwd: here, env, stdio: ["ignore", "pipe", errors] });
  child.once("error", (e) => { throw e; });
  running.push(child);
  return child;
}

/** A port that was free a moment ago. */
async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** Asks until somebody answers. */
async function reachable(url) {
  for (let tries = 0; ; tries++) {
    try {
      return await fetch(url);
    } catch (e) {
      if (tries === 100) throw e;
      await new Promise((done) => setTimeout(done, 100));
    }
  }
}

/** The words of a page. */
const plain = (html) => html.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ").trim();

/** A browser: it keeps the site's cookie, follows redirects, and sends the wallet's forms. */
class Browser {
  constructor(site) {
    this.site = site;
    this.cookie = undefined;
  }

  async visit(path, method = "GET", status = 200) {
    const headers = this.cookie ? { Cookie: this.cookie } : {};
    const answer = await fetch(this.site + path, { method, headers, redirect: "manual" });
    for (const set of answer.headers.getSetCookie()) {
      assert.match(set, /; HttpOnly/i);
      assert.match(set, /; SameSite=Lax/i);
      this.cookie = set.split(";")[0];
    }
    if (answer.status === 302) return this.visit(answer.headers.get("location"));
    assert.equal(answer.status, status);
    return answer.text();
  }

  /** Presses a button of the site, answers as a person on the wallet's page, and goes on. */
  async press(button, person) {
    const asked = await this.visit(`/${button}`, "POST");
    const wallet = /<a href="([^"]*)"/.exec(asked)[1];
    const page = await (await fetch(wallet)).text();
    assert.match(page, /made up, and no identity is proved/);
    const action = `action="/test/wallet/${person}"`;
    const form = page.split("<form").find((part) => part.includes(action));
    const uri = /name="request_uri" value="([^"]*)"/.exec(form)[1];
    const origin = new URL(wallet).origin;
    const answered = await fetch(`${origin}/test/wallet/${person}`, {
      method: "POST",
      headers: { Origin: origin },
      body: new URLSearchParams({ request_uri: uri }),
    });
    assert.equal(answered.headers.get("veilpass-test"), "true");
    return { told: plain(await answered.text()), shown: plain(await this.visit("/result")) };
  }
}

async function check(platform, site) {
  const open = () => new Browser(site);
  assert.match(plain(await open().visit("/")), /^Age unknown, not logged in\./);

  const visitor = open();
  const first = await visitor.press("adult", "adult");
  assert.match(first.told, /Accepted/);
  assert.match(first.shown, /^18 or older, not logged in\./);
  const before = visitor.cookie;
  const login = await visitor.press("account", "adult");
  const account = /^18 or older, logged in as ([0-9a-f]{64})\./.exec(login.shown)?.[1];
  assert.ok(account, login.shown);
  assert.notEqual(visitor.cookie, before, "a log-in begins a new session");

  // The controls: without this session nobody sees the account, and an old cookie is worth nothing.
  for (const cookie of [undefined, before]) {
    const stranger = open();
    stranger.cookie = cookie;
    for (const path of ["/", "/result"]) {
      assert.match(plain(await stranger.visit(path)), /^Age unknown, not logged in\./);
    }
  }
  const elsewhere = open();
  const again = await elsewhere.press("account", "adult");
  assert.ok(again.shown.startsWith(`Age unknown, logged in as ${account}.`), again.shown);
  const other = await open().press("account", "minor");
  assert.match(other.shown, /logged in as/);
  assert.ok(!other.shown.includes(account), "another person has another account");

  for (const [person, code] of [
    ["minor", "not_satisfied"],
    ["expired", "credential_expired"],
    ["declines", "declined"],
  ]) {
    const browser = open();
    const { told, shown } = await browser.press("adult", person);
    assert.ok(told.includes(code), `${person}: ${told}`);
    const sentence = "You have not shared anything. You can try again or use another way.";
    assert.equal(shown, `${sentence} Back to the site`);
    assert.match(plain(await browser.visit("/")), /^Age unknown/);
  }

  // Programs are told why in JSON.
  const made = await fetch(`${platform}/v1/requests`, {
    method: "POST",
    headers: { Authorization: "Bearer test", "Content-Type": "application/json" },
    body: '{"predicates":{"valid":true,"age":{"at_least":18}}}',
  });
  const { request_uri } = await made.json();
  const said = await fetch(`${platform}/test/wallet/minor`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ request_uri }),
  });
  const { test, outcome, code } = await said.json();
  assert.deepEqual([test, outcome, code], [true, "declined", "not_satisfied"]);
}

/** The visitor reads one sentence with a link back: no stack trace, no words of the platform. */
async function checkFault(browser, path, method) {
  const page = await browser.visit(path, method, 500);
  assert.ok(page.includes("<a href=/>"), page);
  const sentence = "We cannot check this at the moment. Please try again later.";
  assert.equal(plain(page), `${sentence} Back to the site`);
}

const page = readFileSync(join(here, "../../../docs/integrate.md"), "utf8");
for (const file of ["site.mjs", "veilpass.mjs"]) {
  const source = readFileSync(join(here, file), "utf8");
  assert.ok(page.includes(source), `docs/integrate.md shows another ${file}`);
}

try {
  const begun = Date.now();
  const words = ["platform", "serve", "--test", "--listen", "127.0.0.1:0"];
  const server = start(process.argv[2], words, process.env);
  const [line] = await once(createInterface(server.stdout), "line");
  const { listening, test } = JSON.parse(line);
  assert.equal(test, true);
  const ready = Date.now() - begun;
  const platform = `http://localhost:${listening.split(":")[1]}`;
  /** Starts a site. With `settings` its log of errors is not shown: such a site fails on purpose. */
  async function open(settings) {
    const port = await freePort();
    const base = { ...process.env, NODE_ENV: "development", VEILPASS: platform, PORT: `${port}` };
    const env = { ...base, ...settings };
    start(process.execPath, ["site.mjs"], env, settings ? "ignore" : "inherit");
    const site = `http://localhost:${port}`;
    await reachable(site);
    return site;
  }
  await check(platform, await open());

  await checkFault(new Browser(await open({ VEILPASS_TOKEN: "wrong" })), "/adult", "POST");
  await checkFault(new Browser(await open({ NODE_ENV: "production" })), "/adult", "POST");
  const visitor = new Browser(await open({ VEILPASS: `${platform}/` })); // the slash is stripped
  const { shown } = await visitor.press("adult", "adult");
  assert.match(shown, /^18 or older/);
  await visitor.visit("/account", "POST");
  server.kill("SIGTERM");
  await once(server, "exit");
  await checkFault(visitor, "/result");
  assert.match(plain(await visitor.visit("/")), /^18 or older/, "what was proven stays known");
  console.log(`test mode listens after ${ready} ms; the Express site works for all four people`);
} finally {
  for (const child of running) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
  }
}
