"use strict";
// The page without this script is a complete summary. The script adds: filter, sort, the long host list, the map, one host.
// Rules: the URL hash is the only state; text from hosts becomes text nodes, never markup; nothing is fetched.
(async () => {
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const GRADES = ["dropping", "dropped", "at-risk", "clean", "unknown", "failed"];
  const WORD = { failed: "not reached" };
  const MARK = { dropping: "●", dropped: "◐", "at-risk": "○", clean: "✓", unknown: "?", failed: "×" };
  const SEVERITY = ["critical", "high", "medium", "low", "info"];
  const CHANGES = ["new", "worse", "better", "fixed", "not-checked", "same"];
  const TABLE_MAP_LIMIT = 200; // hosts; above it the map is a canvas
  const WHOLE = 25; // hosts that stand in the list without scrolling in it

  // el("a", {href: "#"}, "text", child): children that are strings become text nodes.
  function el(tag, attributes = {}, ...children) {
    const e = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) e.addEventListener(key.slice(2), value);
      else if (value !== undefined && value !== null && value !== false) e.setAttribute(key, value === true ? "" : value);
    }
    e.append(...children.flat().filter((c) => c !== undefined && c !== null && c !== "" && c !== false));
    return e;
  }
  const number = (v) => (v >= 10 || Number.isInteger(v) ? Math.round(v).toLocaleString("en") : v.toFixed(1));

  // ---- data ----
  async function readData() {
    const node = $("#data");
    if (node.type === "application/json") return JSON.parse(node.textContent);
    const packed = Uint8Array.from(atob(node.textContent.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    node.remove(); // megabytes that nobody needs twice
    return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  }

  // What is said of a host without a finding: why it is not called clean, or what its "clean" leaves out.
  function aside(host) {
    if (host.error) return (host.rank ? "" : host.error.code + ": ") + host.error.message;
    const n = host.coverage[1];
    return n ? `${n} ${n === 1 ? "rule" : "rules"} not checked` : "";
  }

  // row is what the list, the map and the filter need to know about a host.
  function row(host) {
    host.findings ??= [];
    host.groups ??= [];
    const loud = host.findings.filter((f) => f.kind !== "note" && !f.waived);
    const worst = loud[0];
    const cells = {}; // station -> {level, rate}
    let loss = 0;
    for (const n of blindOf(host)) (cells[stageOf[n.split(" ", 1)[0]]] ??= { level: 0, rate: 0 });
    for (const f of loud) {
      const rate = f.rate || 0;
      loss += rate;
      const level = f.kind === "dropping" ? (SEVERITY.indexOf(f.severity) < 2 ? 4 : 3) : f.kind === "dropped" ? 2 : 1;
      const cell = (cells[stageOf[f.rule]] ??= { level: -1, rate: 0 });
      cell.level = Math.max(cell.level, level);
      cell.rate += rate;
    }
    const finding = worst ? ruleOf[worst.rule].name + (worst.subject ? " " + worst.subject : "") : aside(host);
    return {
      host, loss, cells, finding, worst, loud, name: host.name, grade: host.grade, group: host.groups.join(" "),
      rank: host.rank || Infinity, score: host.score, more: Math.max(0, loud.length - 1),
      gradeOrder: GRADES.indexOf(host.grade), hasFinding: loud.length > 0, rules: new Set(host.findings.map((f) => f.rule)),
      text: [host.name, host.groups.join(" "), (host.facts || []).join(" "), host.error?.code, ...host.findings.map((f) => `${f.rule} ${ruleOf[f.rule]?.name} ${f.subject || ""}`)].join(" ").toLowerCase(),
    };
  }
  const blindOf = (host) => (host.blind ? shared.blind[host.blind - 1] : []);

  const data = await readData();
  const shared = data.shared, stations = shared.stations;
  const stageOf = {}, ruleOf = {}; // by the rule's ID
  for (const r of shared.rules) { stageOf[r.id] = r.stage; ruleOf[r.id] = r; }
  const rows = data.hosts.map(row);
  // Two hosts may have one name, in two inventories; the link goes to the worse.
  const byName = new Map([...rows].reverse().map((r) => [r.name, r]));

  // ---- state: #grade=dropping&at=ring&rule=FD201&group=lb&q=text&sort=-loss&host=lb-03 ----
  const FILTERS = ["q", "group", "grade", "at", "rule"];
  let state, shown = [];
  const readHash = () => (location.hash.includes("=") ? Object.fromEntries(new URLSearchParams(location.hash.slice(1))) : {});
  function go(changes, replace = false) {
    const next = Object.entries({ ...state, ...changes }).filter(([, v]) => v);
    const url = next.length ? "#" + new URLSearchParams(next) : location.href.split("#")[0];
    history[replace ? "replaceState" : "pushState"](null, "", url);
    show();
  }

  function choose() {
    const words = (state.q || "").toLowerCase().split(/\s+/).filter(Boolean);
    shown = rows.filter((r) =>
      (state.grade ? r.grade === state.grade : r.grade !== "failed" || words.length) && // not reached: listed apart
      (!state.group || r.host.groups.includes(state.group)) && (!state.rule || r.rules.has(state.rule)) &&
      (!state.at || r.cells[state.at]?.level > 0) && words.every((w) => r.text.includes(w)));
    const key = (state.sort || "rank").replace(/^-/, ""), sign = state.sort?.startsWith("-") ? -1 : 1;
    const value = COLUMNS.find((c) => c.key === key)?.by || ((r) => r.rank);
    shown.sort((a, b) => { const x = value(a), y = value(b); return (x < y ? -sign : x > y ? sign : 0) || a.rank - b.rank || 0; });
  }

  // ---- the list: a window of real rows between two paddings ----
  const COLUMNS = [
    { key: "rank", title: "#", n: true, by: (r) => r.rank, cell: (r) => (r.rank === Infinity ? "–" : String(r.rank)) },
    { key: "name", title: "Host", head: true, by: (r) => r.name, cell: (r) => hostLink(r) },
    { key: "group", title: "Group", by: (r) => r.group, cell: (r) => r.group },
    { key: "grade", title: "Grade", by: (r) => r.gradeOrder, cell: (r) => [el("i", { "aria-hidden": "true" }, MARK[r.grade]), el("span", {}, " " + (WORD[r.grade] || r.grade))] },
    { key: "score", title: "Risk", n: true, down: true, by: (r) => r.score, cell: (r) => (r.score < 0 ? "" : r.grade === "unknown" ? "–" : r.score.toFixed(0)) },
    { key: "loss", title: "Lost/s", n: true, down: true, by: (r) => r.loss, cell: (r) => (r.loss ? number(r.loss) : "") },
    { key: "finding", title: "Worst finding", by: (r) => (r.worst ? r.finding : "\uffff"), cell: (r) => [r.worst && el("span", { class: "sev sev-" + r.worst.severity }, r.worst.severity), r.worst ? " " + r.finding : el("small", {}, r.finding)] },
    { key: "more", title: "More", n: true, down: true, by: (r) => r.more, cell: (r) => (r.more ? "+" + r.more : "") },
    ...(shared.changes ? [{ key: "change", title: "Change", by: (r) => CHANGES.indexOf(r.host.change), cell: (r) => (r.host.change === "same" ? "" : r.host.change || "") }] : []),
  ];
  const live = $("#live");
  const body = el("tbody"), heads = {};
  let drawn = "";

  function buildList() {
    const head = el("tr");
    for (const c of COLUMNS) head.append((heads[c.key] = el("th", { scope: "col", class: c.n ? "n" : null }, el("button", { type: "button", onclick: () => sortBy(c) }, c.title))));
    live.append(el("table", { class: "hosts virtual" }, el("colgroup", {}, ...COLUMNS.map((c) => el("col", { class: "c-" + c.key }))), el("thead", {}, head), body));
    live.addEventListener("scroll", () => requestAnimationFrame(drawList), { passive: true });
    addEventListener("resize", () => { drawn = ""; drawList(); });
  }
  function sortBy(column) {
    const up = column.key, down = "-" + column.key, first = column.down ? down : up;
    go({ sort: state.sort === first ? (column.down ? up : down) : first });
  }
  function drawList() {
    const height = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row"));
    const from = Math.max(0, Math.floor(live.scrollTop / height) - 8), to = Math.min(shown.length, from + Math.ceil(640 / height) + 20);
    const key = `${from}-${to}`;
    if (key === drawn) return;
    drawn = key;
    const pad = (n) => { const td = el("td", { colspan: COLUMNS.length }); td.style.height = n * height + "px"; return el("tr", { class: "pad", "aria-hidden": "true" }, td); };
    const lines = shown.slice(from, to).map((r, i) => el("tr", { "aria-rowindex": from + i + 2 }, ...COLUMNS.map((c) =>
      el(c.head ? "th" : "td", { scope: c.head ? "row" : null, class: [c.n && "n", "k-" + c.key, c.key === "loss" && "loss", c.key === "grade" && "is-" + r.grade].filter(Boolean).join(" "), title: c.key === "finding" && r.worst ? r.worst.message : null }, ...[c.cell(r)].flat()))));
    body.replaceChildren(...(from ? [pad(from)] : []), ...lines, ...(to < shown.length ? [pad(shown.length - to)] : []));
    $("table", live).setAttribute("aria-rowcount", shown.length + 1);
  }

  // ---- the map ----
  const said = (r, s) => {
    const c = r.cells[s.id];
    if (!c || c.level < 0) return `${s.label}: nothing found`;
    return `${s.label}: ` + (c.level > 2 ? `${number(c.rate)} lost per second` : ["not checked", "at risk", "lost before"][c.level]);
  };
  // The map is drawn when it comes into view: who sorts the list need not wait for it.
  const mapBox = $("#map-body"), near = { map: false, old: true };
  new IntersectionObserver((seen) => { near.map = seen.at(-1).isIntersecting; if (near.old) drawMap(); }, { rootMargin: "300px" }).observe(mapBox);
  function drawMap() {
    near.old = !near.map;
    if (near.old) return;
    const hit = shown.filter((r) => r.hasFinding);
    drawMap.repaint = null;
    if (!hit.length) return mapBox.replaceChildren(el("p", { class: "none" }, "No host in this view has a finding."));
    mapBox.replaceChildren(...(hit.length <= TABLE_MAP_LIMIT ? [mapTable(hit)] : mapCanvas(hit)));
  }
  function mapTable(hit) {
    const cell = (r, s) => {
      const c = r.cells[s.id];
      if (!c || c.level < 0) return el("td");
      return el("td", {}, el("span", { class: "cell c" + c.level, title: said(r, s) }, c.level > 2 ? number(c.rate) : ["?", "○", "◐"][c.level]));
    };
    return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of hosts and stations" }, el("table", { class: "map" },
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Host"), ...stations.map((s) => el("th", { scope: "col" }, s.label)))),
      el("tbody", {}, ...hit.map((r) => el("tr", {}, el("th", { scope: "row" }, hostLink(r)), ...stations.map((s) => cell(r, s)))))));
  }
  function mapCanvas(hit) {
    const lines = Math.min(hit.length, 420), per = hit.length / lines, px = Math.max(1, Math.floor(420 / lines));
    const canvas = el("canvas", { class: "map-canvas", tabindex: 0, role: "application", "aria-label": "Map of hosts and stations. Arrow keys move, Enter opens the host." });
    const saidBox = el("p", { class: "map-said", role: "status" }, `${hit.length.toLocaleString("en")} hosts; a line is ${per > 1 ? `the worst of ${Math.ceil(per)} hosts` : "one host"}. Point at it, or move with the arrow keys.`);
    const at = { line: 0, column: 0 };
    const group = (line) => hit.slice(Math.floor(line * per), Math.max(Math.floor(line * per) + 1, Math.floor((line + 1) * per)));
    const levelAt = (r, s) => r.cells[s.id]?.level ?? -1;
    const worstAt = (line, s) => group(line).reduce((a, r) => (levelAt(r, s) > levelAt(a, s) ? r : a));
    function paint() {
      const css = getComputedStyle(document.documentElement), ratio = devicePixelRatio || 1, width = canvas.clientWidth || 1100;
      canvas.width = width * ratio; canvas.height = lines * px * ratio; canvas.style.height = lines * px + "px";
      const g = canvas.getContext("2d"), w = width / stations.length;
      g.scale(ratio, ratio);
      const colour = { 4: [css.getPropertyValue("--loss"), 1], 3: [css.getPropertyValue("--loss"), .55], 2: [css.getPropertyValue("--loss"), .3], 1: [css.getPropertyValue("--risk"), .3] };
      g.fillStyle = css.getPropertyValue("--tint"); g.fillRect(0, 0, width, lines * px);
      for (let y = 0; y < lines; y++) for (const [x, s] of stations.entries()) {
        const level = worstAt(y, s).cells[s.id]?.level ?? -1;
        if (level < 1) continue;
        [g.fillStyle, g.globalAlpha] = colour[level];
        g.fillRect(x * w + 2, y * px, w - 4, px);
      }
      g.globalAlpha = 1;
    }
    function point(line, column) {
      at.line = Math.min(lines - 1, Math.max(0, line)); at.column = Math.min(stations.length - 1, Math.max(0, column));
      const s = stations[at.column], r = worstAt(at.line, s), all = group(at.line);
      saidBox.textContent = `${r.name} (rank ${r.rank}): ${said(r, s)}.` + (all.length > 1 ? ` Worst of ${all.length}: ranks ${all[0].rank} to ${all[all.length - 1].rank}.` : "");
      return r;
    }
    const under = (e) => [Math.floor(e.offsetY / px), Math.floor((e.offsetX / canvas.clientWidth) * stations.length)];
    canvas.addEventListener("mousemove", (e) => point(...under(e)));
    canvas.addEventListener("click", (e) => go({ host: point(...under(e)).name }));
    canvas.addEventListener("keydown", (e) => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-20, 0], PageDown: [20, 0] }[e.key];
      if (e.key === "Enter") go({ host: point(at.line, at.column).name });
      if (!step) return;
      e.preventDefault();
      point(at.line + step[0], at.column + step[1]);
    });
    drawMap.repaint = paint;
    requestAnimationFrame(paint);
    return [el("div", { class: "map-heads", "aria-hidden": "true" }, ...stations.map((s) => el("span", {}, s.label))), canvas, saidBox];
  }

  // ---- one host ----
  const dialog = $("#host");
  function drawHost(r) {
    const h = r.host, i = shown.indexOf(r), blind = blindOf(h);
    const neighbour = (to, text) => el("button", { type: "button", disabled: !shown[to], onclick: () => go({ host: shown[to].name }, true) }, text);
    const facts = [r.group, ...(h.facts || [])].filter(Boolean).join(" · ");
    dialog.replaceChildren(
      el("div", { class: "host-bar" }, el("span", {}, i < 0 ? "" : `${(i + 1).toLocaleString("en")} of ${shown.length.toLocaleString("en")}`), neighbour(i - 1, "Previous"), neighbour(i + 1, "Next"), el("button", { type: "button", onclick: () => dialog.close() }, "Close")),
      el("h2", { id: "host-h", tabindex: -1, autofocus: true }, h.name),
      el("p", { class: "host-facts" }, el("b", { class: "is-" + r.grade }, el("i", { "aria-hidden": "true" }, MARK[r.grade]), " " + (WORD[r.grade] || r.grade)), h.rank ? ` · rank ${h.rank}, risk ${h.score.toFixed(1)}` + (h.why ? ` (${h.why})` : "") : ""),
      el("p", { class: "host-facts" }, facts),
      h.error ? el("div", { class: "host-finding" }, el("h3", {}, `${h.error.code}: ${h.error.message}`), el("p", {}, h.error.hint || "")) : "",
      ...h.findings.map((f) => drawFinding(f)),
      blind.length ? el("div", { class: "host-finding" }, el("h3", {}, "Not checked"), el("ul", {}, ...blind.map((n) => { const [id, ...why] = n.split(" "); return el("li", {}, `${id} ${ruleOf[id]?.name || ""} `, el("small", {}, why.join(" "))); }))) : "",
      h.rank ? el("p", { class: "host-finding host-facts" }, `${h.coverage[0]} rules checked, ${h.coverage[1]} not checked, ${h.coverage[2]} do not apply.` + (h.cost ? ` ${h.cost}.` : "")) : "");
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  }
  function drawFinding(f) {
    const quiet = f.kind === "note" || f.waived;
    return el("section", { class: "host-finding" + (quiet ? " aside" : "") },
      el("p", {}, el("span", { class: "sev sev-" + f.severity }, f.severity), ` ${f.kind} `, el("small", {}, `${f.rule} ${ruleOf[f.rule]?.name || ""}`)),
      el("h3", {}, (f.subject ? f.subject + ": " : "") + f.message),
      f.waived ? el("p", {}, el("b", {}, "Waived: "), f.waived) : "",
      f.lapsed ? el("p", {}, el("b", {}, "Its waiver has expired: "), f.lapsed) : "",
      f.policy ? el("p", {}, "Expected by ", el("code", {}, f.policy)) : "",
      f.known ? el("p", {}, "It is in the baseline.") : "",
      f.loss ? el("p", {}, f.loss) : "",
      f.evidence?.length ? [el("h4", {}, "Evidence"), ...samples(f)] : "",
      f.steps?.length ? [el("h4", {}, "Remedy"), el("ol", { class: "steps" }, ...f.steps.map((s) => drawStep(shared.steps[s])))] : "");
  }
  function samples(f) {
    const raw = new Map(); // the command, and the lines that it prints
    const lines = f.evidence.map((e) => {
      const said = raw.get(e.from) || [];
      raw.set(e.from, e.line ? [...said, e.line] : said);
      return el("tr", {}, el("th", { scope: "row" }, el("code", {}, e.source)), el("td", { class: "n" }, e.before), el("td", { class: "n" }, e.value), el("td", { class: "n" + (/^\+[1-9]/.test(e.change || "") ? " delta" : "") }, e.change === "+0" ? "0" : e.change));
    });
    const table = el("table", { class: "samples" }, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Read from"), el("th", { scope: "col", class: "n" }, "First"), el("th", { scope: "col", class: "n" }, "Last"), el("th", { scope: "col", class: "n" }, "Change"))), el("tbody", {}, ...lines));
    const text = [...raw].map(([command, said]) => [`$ ${command}`, ...(said.length ? said : ["(not kept)"])].join("\n")).join("\n\n");
    return [table, el("details", { class: "raw" }, el("summary", {}, "Raw text and commands"), el("pre", {}, text))];
  }
  function drawStep(s) {
    return el("li", { class: "step" }, s.text,
      s.command ? el("div", { class: "command" }, el("pre", {}, s.command), el("button", { type: "button", onclick: (e) => copy(s.command, e.currentTarget) }, "Copy")) : "",
      s.present ? el("small", {}, `Now ${s.present}` + (s.value ? `, then ${s.value}` : "")) : "",
      s.persist ? el("small", {}, "For good: ", el("code", {}, s.persist)) : "",
      s.price ? el("small", {}, `Price: ${s.price}`) : "", s.undo ? el("small", {}, "Undo: ", el("code", {}, s.undo)) : "");
  }

  // The answer to a chosen filter, wherever on the page it was chosen.
  function drawAnswer() {
    const on = FILTERS.filter((k) => state[k]), box = $("#answer"), few = shown.slice(0, 6);
    box.hidden = !on.length;
    const label = { at: (v) => stations.find((s) => s.id === v)?.label || v, grade: (v) => WORD[v] || v, rule: (v) => (ruleOf[v] ? `${v} ${ruleOf[v].name}` : v) };
    box.replaceChildren(
      el("b", {}, `${shown.length.toLocaleString("en")} ${shown.length === 1 ? "host" : "hosts"}`), el("span", {}, on.map((k) => (label[k] ? label[k](state[k]) : state[k])).join(", ")),
      el("span", { class: "who" }, ...few.flatMap((r) => [hostLink(r), " "]), shown.length > few.length ? "…" : ""),
      el("a", { href: "#hosts" }, "Show in the list"), el("button", { type: "button", onclick: clear }, "Clear"));
  }
  const clear = () => go(Object.fromEntries(FILTERS.map((k) => [k, ""])));
  const hostLink = (r) => el("a", { href: "#" + new URLSearchParams({ host: r.name }), title: r.name }, r.name);

  // ---- copying ----
  const field = (v) => {
    let s = String(v ?? "");
    if (/^[=+\-@\t\r]/.test(s) && typeof v !== "number") s = "'" + s; // a spreadsheet must not take it for a formula
    return /[",\n\r]/.test(s) ? `"${s.replace(/"/g, '""')}"` : s;
  };
  function csv() {
    const lines = shown.map((r) => [r.host.rank || "", r.name, r.group, r.grade, r.score < 0 ? "" : r.score, r.loss, r.worst?.severity, r.worst?.rule, r.finding, r.worst?.message || r.host.error?.message, r.host.change].map(field).join(","));
    return ["rank,host,groups,grade,score,lost_per_s,severity,rule,finding,message,change", ...lines].join("\r\n") + "\r\n";
  }
  async function copy(text, button) {
    try { await navigator.clipboard.writeText(text); }
    catch { // not a secure context: the old way
      const area = el("textarea");
      (dialog.open ? dialog : document.body).append(area);
      area.value = text; area.select(); document.execCommand("copy"); area.remove();
    }
    const was = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = was; }, 1200);
  }

  // ---- all together ----
  const form = $(".filter");
  function options(name, list) {
    $(`[name=${name}]`, form).append(...list.map(([value, text]) => el("option", { value }, text)));
  }
  function show() {
    const before = state;
    state = readHash();
    if (!before || [...FILTERS, "sort"].some((k) => before[k] !== state[k])) {
      choose();
      live.classList.toggle("whole", shown.length <= WHOLE);
      live.scrollTop = 0; drawn = ""; drawList(); drawMap();
      for (const k of FILTERS) if (form.elements[k].value !== (state[k] || "")) form.elements[k].value = state[k] || "";
      $("[type=reset]", form).hidden = !FILTERS.some((k) => state[k]);
      drawAnswer();
      $(".shown").textContent = `${shown.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} hosts`;
      for (const c of COLUMNS) {
        const on = (state.sort || "rank").replace("-", "") === c.key;
        on ? heads[c.key].setAttribute("aria-sort", state.sort?.startsWith("-") ? "descending" : "ascending") : heads[c.key].removeAttribute("aria-sort");
        $("button", heads[c.key]).textContent = c.title + (on ? (state.sort?.startsWith("-") ? " ↓" : " ↑") : "");
      }
      for (const a of $$("a[data-filter]")) {
        const kind = a.dataset.filter, mine = new URLSearchParams(a.getAttribute("href").slice(1)).get(kind);
        mine === state[kind] ? a.setAttribute("aria-current", "true") : a.removeAttribute("aria-current");
      }
    }
    const open = state.host && byName.get(state.host);
    if (open) drawHost(open);
    else if (dialog.open) dialog.close();
  }

  document.documentElement.classList.add("js");
  const found = new Set(rows.flatMap((r) => [...r.rules]));
  options("group", [...new Set(rows.flatMap((r) => r.host.groups))].sort().map((g) => [g, g]));
  options("at", stations.map((s) => [s.id, s.label]));
  options("rule", shared.rules.filter((r) => found.has(r.id)).map((r) => [r.id, `${r.id} ${r.name}`]));
  buildList();
  form.addEventListener("input", (e) => go({ [e.target.name]: e.target.value }, true));
  form.addEventListener("reset", (e) => { e.preventDefault(); clear(); });
  form.addEventListener("submit", (e) => e.preventDefault());
  for (const b of $$("[data-copy]")) b.addEventListener("click", () => copy(b.dataset.copy === "csv" ? csv() : shown.map((r) => r.name).join("\n") + "\n", b));
  dialog.addEventListener("close", () => state.host && go({ host: "" }));
  document.addEventListener("click", (e) => {
    const a = e.target.closest?.("a[href^='#']");
    if (!a || e.ctrlKey || e.metaKey || e.shiftKey) return; // a new tab gets the same view from the hash
    const href = a.getAttribute("href");
    e.preventDefault();
    if (!href.includes("=")) { // a section: scroll there, the state stays
      const to = $(href);
      to.scrollIntoView();
      to.setAttribute("tabindex", "-1"); to.focus({ preventScroll: true });
      return;
    }
    const want = Object.fromEntries(new URLSearchParams(href.slice(1)));
    const kind = a.dataset.filter;
    if (kind && state[kind] === want[kind]) return go({ [kind]: "" }); // chosen again: off
    go(want);
  });
  addEventListener("popstate", show);
  addEventListener("hashchange", show);
  addEventListener("resize", () => drawMap.repaint?.());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawMap.repaint?.());
  show();
  document.documentElement.dataset.ready = "true";
})();
