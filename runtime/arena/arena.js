"use strict";
// Everything a model said goes through textContent: no text becomes markup.
const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const KEY = "smolc arena " + data.id;
const ENOUGH = 20, DRAWS = 300, SWEEPS = 500, CLOSE = 1e-6;
const KEYS = { ArrowLeft: "left", ArrowRight: "right", t: "tie", b: "bad", s: "skip" };
const SHARE = { left: 1, right: 0, tie: 0.5, bad: 0.5 };

// Names lie apart and XORed, so that nobody reads them by accident; it keeps no secret.
let names = null;
function nameOf(answer) {
  if (!names) {
    const bytes = Uint8Array.from(atob(data.names), (c) => c.charCodeAt(0));
    const key = new TextEncoder().encode(data.id);
    names = JSON.parse(new TextDecoder().decode(bytes.map((b, i) => b ^ key[i % key.length])));
  }
  return names.models[names.of[answer]];
}

let votes = [], kept = true;
try {
  const found = JSON.parse(localStorage.getItem(KEY) || "[]");
  const known = new Set(data.pairs.map((p) => p.key));
  if (Array.isArray(found)) votes = found.filter((v) => v && known.has(v.pair));
} catch (error) { kept = false; }
function keep() {
  try { localStorage.setItem(KEY, JSON.stringify(votes)); kept = true; } catch (error) { kept = false; }
}

function current() {
  const seen = new Set(votes.map((v) => v.pair));
  return data.pairs.find((p) => !seen.has(p.key));
}
function turn(role, text, note) {
  const box = document.createElement("div");
  box.className = "turn " + role;
  box.dir = "auto";
  if (role !== "assistant") box.append(Object.assign(document.createElement("b"), { textContent: role }));
  box.append(text);
  if (note) box.append(Object.assign(document.createElement("i"), { textContent: note }));
  return box;
}
function side(prompt, id) {
  const answer = data.answers[id], shown = [];
  answer.turns.forEach((text, i) => {
    if (i) shown.push(turn("user", prompt.follow_ups[i - 1]));
    const last = i === answer.turns.length - 1;
    shown.push(turn("assistant", text, (text ? "" : "(said nothing)") + (last && answer.cut ? " … (cut off)" : "")));
  });
  return shown;
}
function show() {
  const pair = current(), counted = votes.filter((v) => v.vote !== "skip").length;
  at("vote").hidden = !pair;
  at("end").hidden = !!pair;
  at("done").style.width = (100 * votes.length) / Math.max(1, data.pairs.length) + "%";
  at("count").textContent = `${counted} votes, ${data.pairs.length - votes.length} pairs left` +
    (kept ? "" : " (this browser keeps no votes: save them before you close the page)");
  at("undo").disabled = !votes.length;
  if (pair) {
    const prompt = data.prompts[pair.prompt];
    at("about").textContent = [prompt.category, prompt.note].filter(Boolean).join(" · ");
    at("prompt").replaceChildren(...prompt.messages.map((m) => turn(m.role, m.text)));
    at("left").replaceChildren(...side(prompt, pair.left));
    at("right").replaceChildren(...side(prompt, pair.right));
  }
  if (at("ratings").open) table();
}
function vote(choice) {
  const pair = current();
  if (!pair) return;
  votes.push({ pair: pair.key, vote: choice, at: new Date().toISOString() });
  keep();
  const told = at("when").value === "vote" && choice !== "skip";
  at("told").textContent = told ? `that was: left ${nameOf(pair.left)}, right ${nameOf(pair.right)}` : "";
  show();
  window.scrollTo(0, 0);
}
function undo() {
  votes.pop();
  keep();
  at("told").textContent = "";
  show();
}

function cast() {
  const pairs = new Map(data.pairs.map((p) => [p.key, p]));
  return votes.filter((v) => v.vote !== "skip").map((v) => {
    const pair = pairs.get(v.pair), prompt = data.prompts[pair.prompt];
    const both = { left: nameOf(pair.left), right: nameOf(pair.right) };
    return { pair: v.pair, task: prompt.task, id: prompt.id, ...both, vote: v.vote, at: v.at };
  });
}
function save() {
  const lines = cast().map((v) => JSON.stringify(v) + "\n").join("");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([lines], { type: "application/jsonl" }));
  link.download = "votes.jsonl";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// As ratings.py: Bradley and Terry's model by Hunter's iteration, with one more tie for each model.
function fit(wins) {
  const m = wins.length, more = 0.5 / Math.max(1, m - 1);
  const w = wins.map((row, i) => row.map((x, j) => (i === j ? 0 : x + more)));
  const won = w.map((row) => row.reduce((a, b) => a + b, 0));
  let p = Array(m).fill(1);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const next = won.map((x, i) => x / w.reduce((sum, row, j) => sum + (w[i][j] + row[i]) / (p[i] + p[j]), 0));
    const mean = Math.exp(next.reduce((sum, x) => sum + Math.log(x), 0) / m);
    const moved = Math.max(...next.map((x, i) => Math.abs(Math.log(x / mean / p[i]))));
    p = next.map((x) => x / mean);
    if (moved < CLOSE) break;
  }
  return p.map((x) => 1000 + 400 * Math.log10(x));
}
function random(seed) {  // mulberry32: the intervals do not flicker
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
function ratings() {
  const said = cast(), models = [...new Set(said.flatMap((v) => [v.left, v.right]))].sort();
  const groups = [...Map.groupBy(said, (v) => JSON.stringify([v.task, v.id])).values()];
  const winsOf = (some) => {
    const wins = models.map(() => Array(models.length).fill(0));
    for (const v of some.flat()) {
      const i = models.indexOf(v.left), j = models.indexOf(v.right);
      wins[i][j] += SHARE[v.vote];
      wins[j][i] += 1 - SHARE[v.vote];
    }
    return wins;
  };
  const wins = winsOf(groups), all = fit(wins), next = random(1);
  const drawn = Array.from({ length: DRAWS }, () => fit(winsOf(groups.map(() => groups[Math.floor(next() * groups.length)]))));
  return models.map((model, i) => {
    const sorted = drawn.map((d) => d[i]).sort((a, b) => a - b);
    const won = wins[i].reduce((a, b) => a + b, 0), lost = wins.reduce((sum, row) => sum + row[i], 0);
    return { model, rating: all[i], low: sorted[Math.floor(0.025 * DRAWS)], high: sorted[Math.ceil(0.975 * DRAWS) - 1],
      votes: won + lost, won: won / (won + lost) };
  }).sort((a, b) => b.rating - a.rating);
}
function table() {
  const counted = votes.filter((v) => v.vote !== "skip").length;
  at("enough").textContent = counted < ENOUGH ? `Too few votes to rate by: ${counted} of at least ${ENOUGH}.` : "";
  at("table").replaceChildren(...(counted < ENOUGH ? [] : ratings()).map((r) => {
    const row = document.createElement("tr");
    const interval = `${Math.round(r.low)} to ${Math.round(r.high)}`;
    for (const text of [r.model, Math.round(r.rating), interval, r.votes, `${Math.round(100 * r.won)}%`])
      row.append(Object.assign(document.createElement("td"), { textContent: text }));
    return row;
  }));
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.closest("select")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key === "u" && votes.length) undo();
  else if (KEYS[key] && current()) vote(KEYS[key]);
  else return;
  event.preventDefault();
});
for (const button of document.querySelectorAll("[data-vote]"))
  button.addEventListener("click", () => { vote(button.dataset.vote); button.blur(); });
at("undo").addEventListener("click", undo);
at("save").addEventListener("click", save);
at("ratings").addEventListener("toggle", show);
at("forget").addEventListener("click", () => {
  if (!confirm("Forget all votes on this page?")) return;
  votes = [];
  keep();
  show();
});
show();
