// Opens reports in Chromium and holds the page to what it promises. The Go test TestBrowser writes the pages, and what
// they must show, into a folder and runs this: node check.mjs FOLDER. $CHROMIUM is another browser.
import { createRequire } from "node:module";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const dir = process.argv[2];
const want = JSON.parse(fs.readFileSync(path.join(dir, "want.json"), "utf8"));
const demo = path.join(dir, "demo.html"), big = path.join(dir, "big.html"), hostile = path.join(dir, "hostile.html"), quiet = path.join(dir, "quiet.html");
const args = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"];

let good = 0, all = 0;
function check(name, holds, why = "") {
  all++;
  if (holds) good++;
  console.log(`${holds ? "ok  " : "FAIL"} ${name}${why ? "  " + why : ""}`);
}

let browser;
// open gives a page, and what it asked for and complained about; text of a host that runs would call alert.
async function open(file, { hash = "", width = 1280, height = 900, ...context } = {}) {
  const c = await browser.newContext({ viewport: { width, height }, offline: true, permissions: ["clipboard-read", "clipboard-write"], ...context });
  const page = await c.newPage();
  const seen = { requests: [], errors: [], alerts: 0 };
  page.on("request", (r) => seen.requests.push(r.url()));
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && seen.errors.push(m.text()));
  page.on("pageerror", (e) => seen.errors.push(e.message));
  page.on("dialog", (d) => { seen.alerts++; d.dismiss(); });
  await cpu(page); // from now on
  const start = performance.now();
  await page.goto(pathToFileURL(file) + hash);
  if (context.javaScriptEnabled !== false) await page.waitForSelector("html[data-ready]");
  return { page, seen, ms: performance.now() - start, close: () => c.close() };
}
async function violations(page) {
  await page.evaluate(axe); // evaluate, not a script element: the page's policy forbids those
  const found = await page.evaluate(() => axe.run());
  return found.violations.map((v) => `${v.id} (${v.nodes.length}: ${v.nodes[0].html.slice(0, 90)})`);
}
const names = (page) => page.$$eval("#live tbody th", (th) => th.map((x) => x.textContent));
const clipboard = (page) => page.evaluate(() => navigator.clipboard.readText());
const sideways = (page) => page.evaluate(() => document.documentElement.scrollWidth > innerWidth);

// cpu is what the page's thread has computed since it was opened, in milliseconds.
async function cpu(page) {
  page.cdp ??= await page.context().newCDPSession(page).then(async (s) => { await s.send("Performance.enable", { timeDomain: "threadTicks" }); return s; });
  const { metrics } = await page.cdp.send("Performance.getMetrics");
  return 1000 * metrics.find((m) => m.name === "TaskDuration").value;
}
const least = (a, b) => ({ wall: Math.min(a.wall, b.wall), cpu: Math.min(a.cpu, b.cpu) });
// On a machine that has more to do than it has processors, a clock on the wall measures the others: there it is the
// time of the page's own thread that has to be short.
function under(name, time, limit) {
  const busy = os.loadavg()[0] > 1.5 * os.cpus().length;
  check(`${name}: it was measured`, time.cpu > 0);
  check(`${name} under ${limit} ms${busy ? " of its own, the machine is busy" : ""}`, (busy ? time.cpu : time.wall) < limit, `${time.wall.toFixed(0)} ms, ${time.cpu.toFixed(0)} of them its own`);
}

async function demoChecks() {
  const { top, reached, stage, atStage, worstLoss, group, inGroup, static: rows } = want.demo;
  let p = await open(demo);
  check("one request, offline", p.seen.requests.length === 1, p.seen.requests.slice(1).join(" "));
  check("worst host first", (await names(p.page))[0] === top);
  check("the first screen says which host, and what to do", (await p.page.textContent(".start")).includes(top) && (await p.page.locator(".fix").boundingBox()).y < 300);

  await p.page.focus(`a.station[href='#at=${stage}']`);
  await p.page.keyboard.press("Enter");
  check("keyboard: a station filters", (await names(p.page)).join() === atStage.join() && p.page.url().endsWith(`#at=${stage}`), p.page.url().split("#")[1]);
  await p.page.keyboard.press("Enter");
  check("keyboard: chosen again, all are there", (await names(p.page)).length === reached);
  await p.page.click("#live th:nth-child(6) button");
  check("sort by loss", (await names(p.page))[0] === worstLoss, (await names(p.page))[0]);
  check("the sorted column says so", (await p.page.getAttribute("#live th:nth-child(6)", "aria-sort")) === "ascending" || (await p.page.getAttribute("#live th:nth-child(6)", "aria-sort")) === "descending");
  await p.page.click("[data-copy=csv]");
  const csv = await clipboard(p.page);
  check("copy as CSV", csv.trim().split("\n").length === reached + 1 && csv.startsWith("rank,host"));
  await p.page.click("[data-copy=list]");
  check("copy the host list", (await clipboard(p.page)).trim().split("\n").length === reached);
  await p.page.click("#live tbody tr:first-child a");
  check("a host opens, with both samples, the raw text and the remedy", (await p.page.isVisible("dialog[open] .samples")) && (await p.page.locator("dialog .raw pre").first().textContent()).startsWith("$ ") && (await p.page.locator("dialog .step").count()) > 0);
  check("the focus is on its name", await p.page.evaluate(() => document.activeElement.id === "host-h"));
  await p.page.keyboard.press("Escape");
  await p.page.waitForTimeout(50);
  check("Escape closes it, the view stays", !(await p.page.isVisible("dialog")) && /#sort=/.test(p.page.url()), p.page.url().split("#")[1]);
  await p.page.goBack();
  check("Back opens it again", await p.page.isVisible("dialog[open]"));
  const command = await p.page.locator("dialog .command pre").first().textContent().catch(() => "");
  if (command) {
    await p.page.locator("dialog .command button").first().click();
    check("a command is copied as it is", (await clipboard(p.page)) === command);
  }
  check("no console error", p.seen.errors.length === 0, p.seen.errors.join("; "));
  await p.close();

  p = await open(demo, { hash: `#group=${group}&sort=name&host=${inGroup[0]}` });
  check("the hash restores a view", (await names(p.page)).join() === inGroup.join() && (await p.page.textContent("#host-h")) === inGroup[0], (await names(p.page)).join());
  await p.close();

  for (const colorScheme of ["light", "dark"]) for (const [what, hash, width] of [["page", "", 1280], ["host", `#host=${top}`, 1280], ["host, 390 px", `#host=${top}`, 390], ["filtered, 390 px", `#at=${stage}`, 390]]) {
    p = await open(demo, { colorScheme, hash, width, reducedMotion: "reduce" });
    const found = await violations(p.page);
    check(`axe ${colorScheme} ${what}`, found.length === 0, found.join("; "));
    check(`no sideways scrolling, ${colorScheme} ${what}`, !(await sideways(p.page)));
    await p.close();
  }

  p = await open(demo);
  check("what changed since the last run", (await p.page.textContent("#changes")).includes(top) && (await p.page.locator("#live th .c-change, #live td.k-change").count()) > 0);
  await p.close();

  p = await open(demo, { javaScriptEnabled: false });
  const text = await p.page.innerText("body");
  check("without JavaScript: verdict, path, findings, hosts", text.includes(want.demo.headline) && text.includes(top) && (await p.page.locator(".static tbody tr").count()) === rows && (await p.page.locator("svg.path .leak").count()) > 3 && (await p.page.isVisible(".static")));
  check("without JavaScript: no dead controls", !(await p.page.isVisible(".filter")) && !(await p.page.isVisible("#map")));
  await p.close();

  p = await open(demo);
  const pdf = path.join(dir, "demo.pdf");
  await p.page.pdf({ path: pdf, format: "A4" });
  const printed = execFileSync("pdftotext", ["-layout", pdf, "-"]).toString();
  check("print has the verdict, the top host and the table", printed.includes(top) && printed.includes(want.demo.headline) && inGroup.every((n) => printed.includes(n)), `${printed.split("\f").length - 1} pages`);
  await p.close();
}

async function bigChecks() {
  const mib = fs.statSync(big).size / 2 ** 20;
  check("10,000 hosts: file under 6 MiB", mib < 6, mib.toFixed(2) + " MiB");
  let p, load = { wall: Infinity, cpu: Infinity };
  for (let i = 0; i < 3; i++) {
    await p?.close();
    p = await open(big);
    load = least(load, { wall: p.ms, cpu: await cpu(p.page) });
  }
  under("10,000 hosts: loaded", load, 3000);
  // From the event to the painted frame after it.
  const timed = async (act) => {
    const before = await cpu(p.page);
    const wall = await p.page.evaluate(async (act) => {
      const start = performance.now();
      if (act.sort) document.querySelector(`#live th:nth-child(${act.sort}) button`).click();
      else { const q = document.querySelector("[name=q]"); q.value = act.q; q.dispatchEvent(new Event("input", { bubbles: true })); }
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
      return performance.now() - start;
    }, act);
    return { wall, cpu: (await cpu(p.page)) - before };
  };
  const worst = { sort: { wall: 0, cpu: 0 }, filter: { wall: 0, cpu: 0 } };
  for (const act of [{ sort: 2 }, { sort: 6 }, { sort: 7 }, { q: "web" }, { q: "web ring" }, { q: "lb-0" }, { q: "" }]) {
    let best = { wall: Infinity, cpu: Infinity };
    for (let i = 0; i < 3; i++) best = least(best, await timed(act));
    const of = worst[act.sort ? "sort" : "filter"];
    of.wall = Math.max(of.wall, best.wall);
    of.cpu = Math.max(of.cpu, best.cpu);
  }
  under("10,000 hosts: sort, painted", worst.sort, 100);
  under("10,000 hosts: filter, painted", worst.filter, 100);
  await p.page.evaluate(() => { const live = document.querySelector("#live"); live.scrollTop = live.scrollHeight; });
  await p.page.waitForTimeout(100);
  const nodes = await p.page.evaluate(() => document.querySelectorAll("*").length);
  check("10,000 hosts: the last can be scrolled to", (await names(p.page)).length < 60 && await p.page.evaluate(() => document.querySelector("#live table").getAttribute("aria-rowcount") === [...document.querySelectorAll("#live tbody tr:not(.pad)")].at(-1).getAttribute("aria-rowindex")), `${nodes} DOM nodes`);
  await p.page.evaluate(() => document.querySelector("#map").scrollIntoView());
  await p.page.waitForSelector(".map-canvas");
  await p.page.focus(".map-canvas");
  await p.page.keyboard.press("ArrowRight");
  check("map by keyboard", / Ring: /.test(await p.page.textContent(".map-said")));
  await p.page.keyboard.press("Enter");
  check("map: Enter opens the host", await p.page.isVisible("dialog[open]"));
  await p.page.keyboard.press("Escape");
  const found = await violations(p.page);
  check("axe 10,000 hosts", found.length === 0, found.join("; "));
  check("10,000 hosts: one request, no error", p.seen.requests.length === 1 && !p.seen.errors.length, p.seen.errors.join("; "));
  await p.close();
}

async function hostileChecks() {
  const p = await open(hostile);
  for (const r of await p.page.$$eval("#live tbody th a", (a) => a.slice(0, 30).map((x) => x.getAttribute("href")))) {
    await p.page.evaluate((h) => { location.hash = h; }, r);
    await p.page.waitForTimeout(20);
  }
  check("hostile: every host opens as text", await p.page.isVisible("dialog[open]") && (await p.page.textContent("dialog .host-finding h3")).length > 3);
  const bad = await p.page.evaluate(() => [...document.querySelectorAll("img, svg [onload], [onload], [onfocus], [onerror], iframe, object")].length);
  check("hostile: nothing ran, no element made", p.seen.alerts === 0 && bad === 0 && p.seen.requests.length === 1 && !p.seen.errors.length, p.seen.errors.join("; "));
  const text = await p.page.evaluate(() => document.body.textContent);
  check("hostile: markup is shown as text", text.includes("</script><img src=x onerror=alert(1)>") && text.includes("{{.}}"));
  const shown = await p.page.evaluate(() => document.body.innerText);
  check("hostile: what turns the direction of writing is written out", !/[\u202a-\u202e\u2066-\u2069\u2028\u2029\u200b\u001b\u009b]/.test(shown) && shown.includes("\\xe2\\x80\\xae"));
  check("hostile: no sideways scrolling", !(await sideways(p.page)));
  await p.page.keyboard.press("Escape");
  await p.page.click("[data-copy=csv]");
  check("hostile: CSV is formula-safe", !/(^|,)"?[=+@-]/m.test((await clipboard(p.page)).replace(/,-?[0-9.]+(?=,)/g, ",0")));
  await p.close();
}

// A fleet without a finding, or without a host, is a page too.
async function quietChecks() {
  for (const file of [quiet, path.join(dir, "empty.html")]) {
    const p = await open(file);
    const found = await violations(p.page);
    check(`axe ${path.basename(file)}`, found.length === 0 && !p.seen.errors.length, [...found, ...p.seen.errors].join("; "));
    check(`${path.basename(file)}: the headline is calm`, (await p.page.locator("h1.calm").count()) === 1);
    await p.close();
  }
}

try {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args });
  await demoChecks();
  await quietChecks();
  await hostileChecks();
  await bigChecks();
} catch (e) {
  check("the checks run to their end", false, e.stack);
} finally {
  await browser?.close();
}
console.log(`${good} of ${all} checks hold`);
process.exit(good === all ? 0 : 1);
