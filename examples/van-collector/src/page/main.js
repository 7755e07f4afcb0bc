// Asks for the network every second, and draws what changed.

import { drawMap } from "./map.js";
import { model } from "./model.js";
import { drawPanel } from "./panel.js";
import { classes, el, time } from "./text.js";

const EVERY_MS = 1000;
const at = (id) => document.getElementById(id);

const view = {
  model: null, picked: null, find: "", shown: new Map(),
  pick(picked) {
    view.picked = picked;
    view.shown.clear();
    drawMap(view);
    drawPanel(view, at("panel"));
  },
};

function scheme(theme) {
  document.documentElement.dataset.theme = theme;
}

function drawFeed({ feed, now }) {
  const [lamp, text] = {
    connected: ["good", `Connected to ${feed.name}`],
    connecting: ["bad", `Connecting to ${feed.name}`],
    playing: ["good", `Playing ${feed.name}`],
    played: ["", `Recording ${feed.name}, as it ended at ${time(now, true)}`],
  }[feed.state];
  at("feed").replaceChildren(el("i", { class: classes("lamp", lamp) }), el("span", {}, text));
  alarm(feed.state === "connecting" && feed.reason ? `No connection to the router: ${feed.reason}. What is shown may be old.` : null);
}

function alarm(text) {
  at("alarm").hidden = !text;
  at("alarm").textContent = text ?? "";
}

function drawCounts({ counts, sites, routers }) {
  const entry = (number, one, many, kind) => [number, number === 1 ? one : many, kind];
  const live = (list) => list.filter((row) => !row.endTime).length;
  const entries = [
    entry(live(sites), "site", "sites"), entry(live(routers), "router", "routers"),
    entry(view.model.services.filter((service) => !service.unknown).length, "service", "services"),
    entry([...view.model.processes.values()].filter((process) => !process.ended).length, "process", "processes"),
    entry(counts.connections, "connection", "connections"), entry(counts.live, "of them live", "of them live"),
    entry(counts.requests, "request", "requests"),
    counts.failed + counts.failedRequests > 0 && entry(counts.failed + counts.failedRequests, "error", "errors", "bad"),
    counts.partial > 0 && entry(counts.partial, "partial", "partial", "warn"),
    counts.missed > 0 && entry(counts.missed, "never described", "never described", "bad"),
    counts.evictedFlows > 0 && entry(counts.evictedFlows, "let go for want of room", "let go for want of room", "warn"),
    counts.badMessages + counts.badUpdates > 0 && entry(counts.badMessages + counts.badUpdates, "message not readable", "messages not readable", "bad"),
  ].filter(Boolean);
  at("counts").replaceChildren(...entries.map(([number, word, kind]) => el("li", { class: kind ?? "" }, el("b", {}, number.toLocaleString("en")), word)));
}

let tag = null;

async function poll() {
  try {
    const answer = await fetch("/page/network", { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
    if (answer.status === 200) {
      tag = answer.headers.get("ETag");
      view.model = model(await answer.json());
      drawFeed(view.model.network);
      drawCounts(view.model.network);
      drawMap(view);
      // A list that is being read is not pulled away.
      if (!view.picked) drawPanel(view, at("panel"));
      document.body.dataset.drawn = "yes";
    } else if (answer.status === 304 && view.model) {
      drawFeed(view.model.network);
    }
  } catch {
    alarm("The collector does not answer. What is shown may be old.");
  }
  setTimeout(poll, EVERY_MS);
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const asked = new URLSearchParams(location.search).get("theme");
scheme(asked === "dark" || asked === "light" ? asked : dark.matches ? "dark" : "light");
dark.addEventListener("change", () => scheme(dark.matches ? "dark" : "light"));
at("theme").addEventListener("click", () => scheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
at("find").addEventListener("input", () => {
  view.find = at("find").value.trim().toLowerCase();
  if (view.model) drawMap(view);
});
addEventListener("keydown", (event) => event.key === "Escape" && view.picked && view.pick(null));
new ResizeObserver(() => view.model && drawMap(view)).observe(document.querySelector(".map"));
poll();
