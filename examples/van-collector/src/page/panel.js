// What was clicked on, with its connections and requests; or, when nothing was, what is worth knowing.

import { classes, count, el, micros, octets, routerName, time, words } from "./text.js";

const PAGE = 50;
/// Identities in one question, so that its address stays short, and in all questions of one list.
const ASKED_AT_ONCE = 100;
const ASKED_IN_ALL = 1000;

export function drawPanel(view, panel) {
  const content = { site, router, link, service, process, group, edge }[view.picked?.kind]?.(view);
  panel.replaceChildren(...(content ? picked(view, content) : overview(view)));
}

/// An answer of the REST interface. An error is an error, and not an answer without rows.
async function answered(path) {
  const answer = await fetch(`/api/v2alpha1/${path}`).catch(() => { throw new Error("The collector did not answer."); });
  const content = await answer.json().catch(() => null);
  if (!answer.ok || !content) throw new Error(`The collector answered ${answer.status}: ${content?.message ?? "not what was asked for"}`);
  return content;
}

function picked(view, { kind, title, facts, questions, keep, more = [] }) {
  const nodes = [
    el("div", { class: "head" },
      el("div", {}, el("p", { class: "kind" }, kind), el("p", { class: "title" }, title)),
      el("button", { type: "button", class: "close", onclick: () => view.pick(null) }, "Close")),
    el("dl", { class: "facts" }, ...facts.filter(([, value]) => value != null && value !== "").flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, String(value))])),
    ...more,
  ];
  if (questions) {
    nodes.push(list(view, "Connections", "connections", questions, keep, connectionItem), list(view, "Requests", "applicationflows", questions, keep, requestItem));
  }
  return nodes;
}

/// Rows of the REST interface. Several questions are one list: the newest first, each row once.
function list(view, title, collection, questions, keep, item) {
  const head = el("h3", {}, title);
  const body = el("div", { class: "list" });
  const more = el("button", { type: "button", class: "more", hidden: true, onclick: () => load(view.shown.get(collection) + PAGE) }, "Show more");
  const load = async (limit) => {
    view.shown.set(collection, limit);
    try {
      const answers = await Promise.all(questions.map((question) => answered(`${collection}?${question}&timeRangeStart=0&sortBy=startTime.desc&limit=${limit}`)));
      // Filters take texts by their beginning: what only begins alike is let go, and then nobody has counted the rest.
      const given = answers.flatMap((answer) => answer.results ?? []);
      const kept = given.filter((row) => !keep || keep(row));
      const rows = new Map(kept.map((row) => [`${row.identity} ${row.startTime}`, row]));
      const sorted = [...rows.values()].sort((one, other) => other.startTime - one.startTime).slice(0, limit);
      const cut = answers.some((answer) => answer.count < answer.timeRangeCount);
      const all = answers.length === 1 && kept.length === given.length ? answers[0].timeRangeCount.toLocaleString("en") : "more";
      head.textContent = cut ? `${title}: the newest ${sorted.length} of ${all}` : `${title}: ${rows.size}`;
      body.replaceChildren(...(sorted.length ? sorted.map((row) => item(view, row)) : [el("p", { class: "none" }, "None.")]));
      more.hidden = !cut;
    } catch (error) {
      head.textContent = title;
      body.replaceChildren(el("p", { class: "none error" }, error.message));
      more.hidden = true;
    }
  };
  load(view.shown.get(collection) ?? PAGE);
  return el("div", {}, head, body, more);
}

function lasted(row) {
  return row.endTime ? (row.duration == null ? "ended" : `for ${micros(row.duration)}`) : "live";
}

function connectionItem(view, row) {
  const added = row.latency != null && row.latencyReverse != null ? ` (network ${micros(row.latency - row.latencyReverse)})` : "";
  const errors = [["listener", row.listenerError], ["connector", row.connectorError]].filter(([, error]) => error);
  const box = el("button", { type: "button", class: classes("item", errors.length > 0 && "bad", !row.complete && "part"), onclick: () => open() },
    el("span", { class: "line" },
      el("span", { class: "main" }, `${row.sourceProcessName ?? row.sourceHost ?? "?"} → ${row.destProcessName ?? row.destHost ?? "?"}`),
      el("span", { class: "when" }, time(row.startTime))),
    el("span", { class: "line soft" },
      el("span", {}, `${row.routingKey ?? "service not known"} · ${octets(row.octetCount)} out, ${octets(row.octetReverseCount)} back`),
      el("span", {}, lasted(row))),
    ...errors.map(([side, error]) => el("span", { class: "line error" }, `${side}: ${error}`)),
    !row.complete && el("span", { class: "line soft" }, `not known: ${(row.missing ?? []).map((name) => words[name] ?? name).join(", ")}`));
  const details = el("dl", { class: "facts", hidden: true });
  const open = () => {
    details.hidden = !details.hidden;
    if (details.childElementCount) return;
    const facts = [
      ["Identity", row.identity],
      ["Client", [row.sourceHost, row.sourcePort].filter(Boolean).join(":")],
      ["Client's site", row.sourceSiteName ?? row.sourceSiteId],
      ["Routers passed", (row.traceRouters ?? []).map(routerName).join(" → ") || "one router only"],
      ["Router's end", [row.proxyHost, row.proxyPort].filter(Boolean).join(":")],
      ["Server", [row.destHost, row.destPort].filter(Boolean).join(":")],
      ["Server's site", row.destSiteName ?? row.destSiteId],
      ["Latency", row.latency == null ? null : `${micros(row.latency)}${added}`],
      ["Began", time(row.startTime, true)],
    ];
    details.append(...facts.filter(([, value]) => value).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
    answered(`applicationflows?connectionId=${encodeURIComponent(row.identity)}&timeRangeStart=0&sortBy=startTime.asc&limit=${PAGE}`)
      .then((answer) => {
        const rows = (answer.results ?? []).filter((request) => request.connectionId === row.identity);
        if (rows.length) details.append(el("dt", {}, "Requests"), el("dd", {}, ...rows.map((request) => el("div", {}, requestLine(request)))));
      })
      .catch((error) => details.append(el("dt", {}, "Requests"), el("dd", { class: "error" }, error.message)));
  };
  return el("div", {}, box, details);
}

const requestLine = (row) => `${row.method ?? "?"} ${row.status ?? "?"} ${row.reason ?? ""} · ${micros(row.latency)}`;

function requestItem(_, row) {
  const bad = /^[45]/.test(row.status ?? "");
  return el("div", { class: classes("item", bad && "bad", !row.complete && "part") },
    el("span", { class: "line" },
      el("span", { class: "main" }, el("span", { class: classes("status", bad && "bad") }, row.status ?? "?"), ` ${row.method ?? "?"} ${row.reason ?? ""}`),
      el("span", { class: "when" }, time(row.startTime))),
    el("span", { class: "line soft" },
      el("span", {}, `${row.sourceProcessName ?? "?"} → ${row.destProcessName ?? "?"} · ${row.routingKey ?? "?"}`),
      el("span", {}, micros(row.latency))));
}

// What can be picked.

const ask = (name, value) => `${name}=${encodeURIComponent(value)}`;

function site(view) {
  const found = view.model.siteOf.get(view.picked.id);
  if (!found) return null;
  const { id } = found;
  return {
    kind: "Site", title: found.name,
    facts: [["Platform", found.platform], ["Namespace", found.namespace], ["Provider", found.provider], ["Location", found.location], ["Version", found.version], ["Identity", id], ["Since", time(found.startTime, true)], ["Ended", found.endTime && time(found.endTime, true)]],
    questions: [ask("sourceSiteId", id), ask("destSiteId", id)], keep: (row) => row.sourceSiteId === id || row.destSiteId === id,
  };
}

function router(view) {
  const found = view.model.network.routers.find((router) => router.identity === view.picked.id);
  if (!found) return null;
  const source = view.model.network.sources.find((source) => source.id === found.identity);
  return {
    kind: "Router", title: found.name ?? found.identity,
    facts: [["Mode", found.mode], ["Site", view.model.siteOf.get(found.siteId)?.name ?? found.siteId], ["Version", found.buildVersion], ["Image", found.imageName], ["Host", found.hostName], ["Identity", found.identity], ["Since", time(found.startTime, true)], ["Ended", found.endTime && time(found.endTime, true)], ["Last heard", source && time(source.lastHeard, true)], ["Clock", source?.clockOffsetUs == null ? null : `${micros(source.clockOffsetUs)} behind ours`]],
    questions: [ask("sourceSiteId", found.siteId ?? ""), ask("destSiteId", found.siteId ?? "")],
    keep: (row) => row.sourceRouterId === found.identity || row.destRouterId === found.identity,
  };
}

function link(view) {
  const found = view.model.network.links.find((link) => link.identity === view.picked.id);
  if (!found) return null;
  const [a, b] = [found.sourceSiteId, found.destinationSiteId];
  return {
    kind: "Link", title: found.name ?? found.identity,
    facts: [["From", `${routerName(found.routerName)} (${found.sourceSiteName ?? a ?? "?"})`], ["To", `${routerName(found.destinationRouterName) || "not known yet"} (${found.destinationSiteName ?? b ?? "?"})`], ["Status", found.status], ["Last error", found.error], ["Times lost", found.downCount], ["Role", found.role], ["Protocol", found.protocol], ["Cost", found.cost], ["Sent", octets(found.octetCount)], ["Received", octets(found.octetReverseCount)], ["Through an HTTP proxy", found.proxyProtocol === "HTTP" ? "yes" : null], ["Since", time(found.startTime, true)]],
    questions: a && b ? [`${ask("sourceSiteId", a)}&${ask("destSiteId", b)}`, `${ask("sourceSiteId", b)}&${ask("destSiteId", a)}`] : null,
  };
}

function service(view) {
  const found = view.model.services.find((service) => service.id === view.picked.id);
  if (!found) return null;
  const end = (end) => el("div", { class: classes("item", !end.complete && "part", end.missed > 0 && "bad", end.ended && "ended") },
    el("span", { class: "line" }, el("span", { class: "main" }, end.name ?? end.id), el("span", { class: "soft" }, view.model.siteOf.get(end.site)?.name ?? end.site ?? "site not known")),
    el("span", { class: "line soft" }, el("span", {}, `${end.listener ? "listens on" : "connects to"} ${[end.host, end.port].filter(Boolean).join(":")}`), end.opened != null && el("span", {}, `${count(end.opened, "connection")} opened`)),
    end.missed > 0 && el("span", { class: "line error" }, `${count(end.missed, "connection")} never described by the router`));
  return {
    kind: "Service", title: found.name,
    facts: [["Protocol", found.protocol], ["Connections", found.sums.connections], ["Requests", found.sums.requests || null], ["Octets", octets(found.sums.octets + found.sums.octetsReverse)]],
    more: [el("h3", {}, "Listeners and connectors"), el("div", { class: "list" }, ...(found.ends.length ? found.ends.map(end) : [el("p", { class: "none" }, "None described yet.")]))],
    questions: found.unknown ? null : [ask("serviceId", found.id)], keep: (row) => row.serviceId === found.id,
  };
}

function process(view) {
  const node = view.model.processes.get(view.picked.id) ?? view.picked.node;
  if (!node) return null;
  return {
    kind: node.inferred ? "Process without a record" : "Process", title: node.name,
    facts: [["Component", node.group], ["Site", view.model.siteOf.get(node.site)?.name ?? node.toldSite ?? node.site], ["Address", node.host], ["Role", node.role], ["Identity", node.inferred ? "inferred from its address" : node.id], ["State", node.ended ? "ended" : null]],
    questions: node.id == null ? null : [ask("sourceProcessId", node.id), ask("destProcessId", node.id)],
    keep: (row) => row.sourceProcessId === node.id || row.destProcessId === node.id,
  };
}

/// Questions for rows of these processes.
function askEach(field, ids, also = []) {
  const asked = [...ids].filter(Boolean).slice(0, ASKED_IN_ALL).map((id) => ask(field, id));
  const parts = [];
  for (let at = 0; at < asked.length; at += ASKED_AT_ONCE) parts.push([...also, ...asked.slice(at, at + ASKED_AT_ONCE)].join("&"));
  return parts.length ? parts : [also.join("&")];
}

/// Says what a list is of, where it is not of all.
function askedOf(ids) {
  const named = [...ids].filter(Boolean).length;
  return ["Listed below", named > ASKED_IN_ALL ? `of ${ASKED_IN_ALL.toLocaleString("en")} of ${named.toLocaleString("en")} processes` : null];
}

function members(view, title, ids) {
  const nodes = [...ids].map((id) => view.model.processes.get(id)).filter(Boolean);
  return [el("h3", {}, `${title}: ${nodes.length > 200 ? "200 of " : ""}${nodes.length}`), el("div", { class: "idle" }, el("div", { class: "cells" }, ...nodes.slice(0, 200).map((node) => el("button", { type: "button", class: "node", onclick: () => view.pick({ kind: "process", id: node.id, node }) }, node.name))))];
}

function group(view) {
  const { group, side } = view.picked;
  const ids = new Set(group.members.map((member) => member.id));
  const field = side === "client" ? "sourceProcessId" : "destProcessId";
  return {
    kind: side === "client" ? "Clients" : "Servers", title: group.name,
    facts: [["Processes", group.members.length], ["Connections", group.total.connections], ["Octets", octets(group.total.octets + group.total.octetsReverse)], ["Errors", group.total.failed + group.total.failedRequests || null], askedOf(ids)],
    more: members(view, "Processes", ids),
    questions: askEach(field, ids), keep: (row) => ids.has(row[field]),
  };
}

function edge(view) {
  const { side, members: ids, service, sums } = view.picked.edge;
  const field = side === "client" ? "sourceProcessId" : "destProcessId";
  // A side whose process nobody knows cannot be asked for: all of the service is, and the rest let go.
  const named = askEach(field, ids, [ask("serviceId", service.id)]);
  return {
    kind: side === "client" ? "From clients to a service" : "From a service to servers", title: service.name,
    facts: [["Connections", sums.connections], ["Live", sums.live || null], ["Errors", sums.failed + sums.failedRequests || null], ["To the server", octets(sums.octets)], ["Back", octets(sums.octetsReverse)], askedOf(ids)],
    more: members(view, side === "client" ? "Clients" : "Servers", ids),
    questions: service.unknown ? null : named, keep: (row) => row.serviceId === service.id && ids.has(row[field]),
  };
}

// Nothing is picked.

function overview(view) {
  const { network } = view.model;
  const recent = (title, rows, none) => [el("h3", {}, title), el("div", { class: "list" }, ...(rows.length ? rows : [el("p", { class: "none" }, none)]))];
  const source = (source) => el("div", { class: classes("item", source.silent && "bad") },
    el("span", { class: "line" }, el("span", { class: "main" }, source.id), el("span", { class: "soft" }, (source.kind ?? "not announced yet").toLowerCase())),
    el("span", { class: "line soft" }, el("span", {}, source.silent ? `silent since ${time(source.lastHeard)}` : `heard ${time(source.lastHeard)}`), el("span", {}, source.restarts > 0 ? count(source.restarts, "restart") : "")));
  const log = (log) => el("div", { class: classes("item", log.severity >= 3 && "bad", log.severity === 2 && "part") },
    el("span", { class: "line soft" }, el("span", {}, routerName(log.router) || "router not known"), el("span", {}, time(log.at))), el("span", { class: "line" }, log.text ?? ""));
  const happening = (happening) => el("div", { class: "item" }, el("span", { class: "line" }, el("span", { class: "main" }, happening.what), el("span", { class: "when" }, time(happening.at))), el("span", { class: "line soft" }, happening.whom));
  return [
    el("p", { class: "none" }, "Click on a site, router, link, service, process or line to see its connections and requests."),
    ...recent(`Sources: ${network.sources.length}`, network.sources.map(source), "None has announced itself yet."),
    ...recent("Lines of logs", network.logs.slice(0, 12).map(log), "No router has warned of anything."),
    ...recent("What happened", network.happenings.slice(0, 12).map(happening), "Nothing yet."),
  ];
}
