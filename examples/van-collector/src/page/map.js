// The picture: boxes are HTML, so that texts break and shrink as texts do; what runs between them is one SVG over each board.

import { drawn } from "./model.js";
import { about, breakable, classes, count, el, octets, routerName, svg } from "./text.js";

/// What both boards need: the model, what is picked, and what to do when something is.
export function drawMap(view) {
  drawTopology(view, document.getElementById("topology"));
  drawTraffic(view, document.getElementById("traffic"));
  drawIdle(view, document.getElementById("idle"));
}

const same = (one, other) => one && other && one.kind === other.kind && one.id === other.id;

function picker(view, kind, id, extra = {}) {
  const pick = { kind, id, ...extra };
  return { on: same(view.picked, pick), onclick: () => view.pick(same(view.picked, pick) ? null : pick) };
}

const found = (view, ...texts) => !view.find || texts.some((text) => (text ?? "").toLowerCase().includes(view.find));

// Sites, routers, links.

function drawTopology(view, board) {
  const { model } = view;
  const chips = new Map();
  const site = (site) => {
    const routers = model.network.routers.filter((router) => router.siteId === site.id);
    const { on, onclick } = picker(view, "site", site.id);
    const known = [...model.processes.values()].filter((process) => process.site === site.id && !process.ended).length;
    const box = el("div", { class: classes("site", on && "on", site.endTime && "ended", !found(view, site.name, ...routers.map((router) => router.name)) && "missed") },
      el("button", { type: "button", onclick },
        el("span", { class: "name" }, site.name),
        about(site.platform, site.namespace, count(known, "process", "processes")),
        site.complete === false && el("span", { class: "marks" }, el("span", { class: "mark warn" }, "partial"))),
      el("div", { class: "routers" }, ...routers.map((router) => {
        const { on, onclick } = picker(view, "router", router.identity);
        const chip = el("button", { type: "button", onclick, class: classes("router", router.mode === "edge" && "edge", on && "on", router.endTime && "ended"), title: `${router.name ?? ""} ${router.identity}` }, el("span", {}, routerName(router.name) || router.identity));
        chips.set(router.identity, chip);
        return chip;
      })));
    box.style.setProperty("--tone", model.tones.get(site.id));
    return box;
  };
  const homeless = model.network.routers.filter((router) => !model.siteOf.has(router.siteId));
  const sites = [...model.sites, ...[...new Set(homeless.map((router) => router.siteId))].map((id) => ({ id, name: id ?? "site not known yet", complete: false }))];
  if (sites.length === 0) {
    board.replaceChildren(el("p", { class: "none" }, "No site has been described yet. Sources announce themselves every ten seconds."));
    return;
  }
  const lines = svg("svg", { class: "lines", "aria-hidden": "true" });
  const arcs = el("div", { class: "arcs" });
  const row = el("div", { class: "sites" }, ...sites.map(site));
  row.style.minWidth = `max(100%, ${sites.length * 138}px)`;
  board.replaceChildren(lines, row, arcs);
  const origin = board.getBoundingClientRect();
  const under = arcs.getBoundingClientRect().top - origin.top;
  const foot = (id) => {
    const chip = chips.get(id)?.getBoundingClientRect();
    return chip && { x: chip.left + chip.width / 2 - origin.left, y: chip.bottom - origin.top };
  };
  const seen = new Map();
  let deepest = 0;
  for (const link of model.network.links) {
    const [from, to] = [foot(link.routerId), foot(link.destinationRouterId)];
    const { on, onclick } = picker(view, "link", link.identity);
    const down = link.status === "down" || link.endTime;
    const text = to ? (down ? "down" : `up · ${octets((link.octetCount ?? 0) + (link.octetReverseCount ?? 0))}`) : `${link.name ?? "link"} · other end not known`;
    const label = el("button", { type: "button", onclick, class: classes("link", down && "down", on && "on"), title: link.name }, text);
    if (!from) continue;
    const end = to ?? { x: from.x, y: under + 20 };
    // Two ends of one link, as v1 has it, lie beside each other.
    const pair = [link.routerId, link.destinationRouterId].sort().join("\u0000");
    const times = seen.get(pair) ?? 0;
    seen.set(pair, times + 1);
    const depth = under + 24 + Math.min(Math.abs(end.x - from.x) / 9, 70) + times * 26;
    const path = svg("path", { class: classes("arc", down && "down", on && "on"), d: `M${from.x} ${from.y}C${from.x} ${depth} ${end.x} ${depth} ${end.x} ${end.y}` });
    lines.append(path);
    const low = from.y * 0.25 + depth * 0.75;
    label.style.left = `${Math.max(40, (from.x + end.x) / 2)}px`;
    label.style.top = `${low - under}px`;
    arcs.append(label);
    deepest = Math.max(deepest, low - under + 14);
  }
  arcs.style.height = `${deepest}px`;
}

// Clients, services, servers.

/// More lines than this are drawn thin and pale.
const CROWDED = 60;

function marks(sums, more = []) {
  const list = [
    sums.live > 0 && el("span", { class: "mark" }, `${sums.live.toLocaleString("en")} live`),
    sums.failed + sums.failedRequests > 0 && el("span", { class: "mark bad" }, count(sums.failed + sums.failedRequests, "error")),
    sums.partial > 0 && el("span", { class: "mark warn" }, `${sums.partial.toLocaleString("en")} partial`),
    ...more,
  ].filter(Boolean);
  return list.length > 0 && el("span", { class: "marks" }, ...list);
}

const traffic = (sums) => (sums.connections > 0 ? [count(sums.connections, "connection"), volume(sums)] : ["not called yet"]);

const volume = (sums) => octets(sums.octets + sums.octetsReverse);

function drawTraffic(view, board) {
  const { model } = view;
  const boxes = new Map();
  const { nodesOn, servicesOn } = reach(view);
  const row = (side) => (node) => {
    const { onclick } = picker(view, "process", node.id, { node });
    const box = el("button", {
      type: "button", onclick, title: node.name,
      class: classes("node", node.inferred && "inferred", node.partial && "partial", node.ended && "ended", nodesOn.has(side + node.key) && "on", !found(view, node.name, node.group, node.host) && "missed"),
    },
      el("span", { class: "name" }, node.name),
      about(node.group, ...traffic(node.sums)),
      marks(node.sums));
    boxes.set(`${side}${node.key}`, box);
    return box;
  };
  const cell = (side) => (node) => {
    const { onclick } = picker(view, "process", node.id, { node });
    const bad = node.sums.failed + node.sums.failedRequests > 0;
    return el("button", {
      type: "button", onclick, "aria-label": node.name, title: `${node.name}\n${count(node.sums.connections, "connection")}, ${volume(node.sums)}${bad ? ", with errors" : ""}`,
      class: classes("cell", node.inferred && "inferred", bad && "bad", !bad && node.partial && "partial", node.ended && "ended", nodesOn.has(side + node.key) && "on", !found(view, node.name, node.group, node.host) && "missed"),
    });
  };
  const group = (side) => (group) => {
    const { on, onclick } = picker(view, "group", group.key, { group, side });
    const errors = group.total.failed + group.total.failedRequests;
    const about = `${group.name}: ${count(group.members.length, "process", "processes")}, ${volume(group.total)}${errors > 0 ? `, ${count(errors, "error")}` : ""}`;
    return el("button", { type: "button", onclick, title: about, class: classes("part", on && "on") }, group.name, el("span", { class: "about" }, ` ${group.members.length}`));
  };
  const place = (side) => (place) => {
    const head = el("span", { class: "where" }, place.name);
    const box = place.cells
      ? el("div", { class: "place" }, head,
        el("div", { class: "cells" }, ...place.groups.map((group) => el("span", { class: "run" }, ...group.members.map(cell(side))))),
        el("div", { class: "parts" }, ...place.groups.map(group(side))),
        marks(place.total))
      : el("div", { class: "place" }, head, el("div", { class: "nodes" }, ...place.groups.flatMap((group) => group.members.map(row(side)))));
    if (place.cells) {
      boxes.set(side + place.key, box);
      head.append(el("span", { class: "about" }, `${place.groups.reduce((sum, group) => sum + group.members.length, 0)} · ${volume(place.total)}`));
    }
    box.style.setProperty("--tone", place.tone);
    return box;
  };
  const service = (service) => {
    const { onclick } = picker(view, "service", service.id);
    const live = service.ends.filter((end) => !end.ended);
    const [listeners, connectors] = [live.filter((end) => end.listener).length, live.filter((end) => !end.listener).length];
    const box = el("button", { type: "button", onclick, title: service.name, class: classes("node", "service", service.unknown && "partial", servicesOn.has(service.id) && "on", !found(view, service.name, service.protocol) && "missed") },
      el("span", { class: "name" }, ...breakable(service.name)),
      about(service.protocol, ...traffic(service.sums)),
      marks(service.sums, [
        !service.unknown && listeners === 0 && el("span", { class: "mark warn" }, "no listener"),
        !service.unknown && connectors === 0 && el("span", { class: "mark warn" }, "no connector"),
      ]));
    boxes.set(`service${service.id}`, box);
    return box;
  };
  const column = (...children) => el("div", { class: "column" }, ...children);
  const empty = (text) => el("p", { class: "none" }, text);
  const edges = drawn(model);
  const services = ordered(model, edges);
  const lines = svg("svg", { class: "lines" });
  board.classList.toggle("picked", nodesOn.size + servicesOn.size > 0);
  board.classList.toggle("crowded", edges.length > CROWDED);
  board.replaceChildren(lines, el("div", { class: "columns" },
    ...["Clients", "Services", "Servers"].map((title) => el("h3", {}, title)),
    column(...(model.clients.length ? model.clients.map(place("client")) : [empty("No connection yet.")])),
    column(...(services.length ? services.map(service) : [empty("No service yet.")])),
    column(...(model.servers.length ? model.servers.map(place("server")) : [empty("No server yet.")]))));
  drawEdges(view, board, lines, edges, boxes);
}

/// Services by the height of who calls them, so that lines cross little.
function ordered(model, edges) {
  const height = new Map();
  let next = 0;
  for (const group of model.clients.flatMap((place) => place.groups)) {
    for (const member of group.members) if (!height.has(member.drawnAs)) height.set(member.drawnAs, next++);
  }
  const mean = (service) => {
    const heights = edges.filter((edge) => edge.side === "client" && edge.service === service).map((edge) => height.get(edge.node));
    return heights.length ? heights.reduce((sum, height) => sum + height, 0) / heights.length : Infinity;
  };
  const means = new Map(model.services.map((service) => [service, mean(service)]));
  return [...model.services].sort((one, other) => (means.get(one) === means.get(other) ? one.name.localeCompare(other.name) : means.get(one) - means.get(other)));
}

function drawEdges(view, board, lines, edges, boxes) {
  const origin = board.getBoundingClientRect();
  const most = Math.max(1, ...edges.map((edge) => edge.sums.octets + edge.sums.octetsReverse));
  const { edgeOn } = reach(view);
  const drawnEdges = edges.map((edge) => ({ ...edge, from: boxes.get(`${edge.side}${edge.node}`), to: boxes.get(`service${edge.service.id}`) })).filter((edge) => edge.from && edge.to);
  // At a box, lines stand below each other, in the order of where they go.
  const ports = new Map();
  for (const edge of drawnEdges) {
    edge.width = 1.5 + (edges.length > CROWDED ? 2.5 : 6) * (Math.log1p(edge.sums.octets + edge.sums.octetsReverse) / Math.log1p(most));
    for (const [box, other] of [[edge.from, edge.to], [edge.to, edge.from]]) {
      const key = box === edge.to ? edge.side : "own";
      if (!ports.has(box)) ports.set(box, { own: [], client: [], server: [] });
      ports.get(box)[key].push({ edge, at: other.getBoundingClientRect().top });
    }
  }
  const port = (edge, box) => {
    const list = ports.get(box)[box === edge.to ? edge.side : "own"];
    list.sort((one, other) => one.at - other.at);
    const place = list.findIndex((entry) => entry.edge === edge);
    const rect = box.getBoundingClientRect();
    const room = Math.max(0, Math.min(rect.height - 12, 9 * (list.length - 1)));
    return rect.top - origin.top + rect.height / 2 + (list.length > 1 ? room * (place / (list.length - 1) - 0.5) : 0);
  };
  for (const edge of drawnEdges) {
    const [from, to] = [edge.from.getBoundingClientRect(), edge.to.getBoundingClientRect()];
    const client = edge.side === "client";
    const x1 = (client ? from.right : to.right) - origin.left;
    const x2 = (client ? to.left : from.left) - origin.left;
    const [y1, y2] = client ? [port(edge, edge.from), port(edge, edge.to)] : [port(edge, edge.to), port(edge, edge.from)];
    const middle = (x1 + x2) / 2;
    const d = `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`;
    const errors = edge.sums.failed + edge.sums.failedRequests;
    // Where lines are many, a line is red when more than one in twenty failed; the boxes count them all.
    const bad = errors > (edges.length > CROWDED ? (edge.sums.connections + edge.sums.requests) / 20 : 0);
    const path = svg("path", { class: classes("edge", edge.sums.live > 0 && "live", edgeOn(edge) && "on"), d, "stroke-width": edge.width.toFixed(1) });
    path.style.setProperty("--tone", view.model.tones.get(edge.place) ?? "var(--faint)");
    const hit = svg("path", { class: "hit", d });
    const title = svg("title");
    title.textContent = `${edge.service.name}: ${count(edge.sums.connections, "connection")}, ${volume(edge.sums)}${errors > 0 ? `, ${count(errors, "error")}` : ""}`;
    hit.append(title);
    hit.addEventListener("click", () => view.pick({ kind: "edge", id: edge.key, edge }));
    lines.append(path, ...(bad ? [svg("path", { class: classes("fault", edgeOn(edge) && "on"), d })] : []), hit);
  }
}

/// What belongs to what is picked.
function reach(view) {
  const [nodesOn, servicesOn] = [new Set(), new Set()];
  const { picked, model } = view;
  let edgeOn = () => false;
  const over = (wanted) => {
    for (const edge of model.edges.filter(wanted)) {
      nodesOn.add(edge.side + edge.from.key);
      servicesOn.add(edge.service.id);
    }
    const keys = new Set(model.edges.filter(wanted).map((edge) => `${edge.side}\u0000${edge.from.drawnAs}\u0000${edge.service.id}`));
    edgeOn = (edge) => keys.has(edge.key);
  };
  const through = (flows) => over((edge) => flows.has(edge.flow));
  const flows = (wanted) => new Set(model.network.flows.filter(wanted));
  switch (picked?.kind) {
    case "service":
      over((edge) => edge.service.id === picked.id);
      servicesOn.add(picked.id);
      break;
    case "process":
      through(flows((flow) => flow.client === picked.id || flow.server === picked.id));
      nodesOn.add(`client${picked.id}`).add(`server${picked.id}`);
      break;
    case "group": {
      const ids = new Set(picked.group.members.map((member) => member.id));
      through(flows((flow) => ids.has(picked.side === "client" ? flow.client : flow.server)));
      break;
    }
    case "edge": {
      const { side, members, service } = picked.edge;
      through(flows((flow) => (flow.service ?? "") === service.id && members.has(side === "client" ? flow.client : flow.server)));
      break;
    }
    case "site":
      through(flows((flow) => flow.clientSite === picked.id || flow.serverSite === picked.id));
      break;
    default:
  }
  return { nodesOn, servicesOn, edgeOn };
}

// Processes that nobody speaks with.

function drawIdle(view, board) {
  const { idle } = view.model;
  board.hidden = idle.length === 0;
  const many = idle.length > 12;
  board.replaceChildren(
    el("p", {}, `${count(idle.length, "process", "processes")} without a connection`),
    el("div", { class: "cells" }, ...idle.map((process) => {
      const { on, onclick } = picker(view, "process", process.id, { node: process });
      const state = classes(process.inferred && "inferred", process.ended && "ended", on && "on", !process.complete && !process.inferred && "partial", !found(view, process.name, process.group) && "missed");
      const box = el("button", { type: "button", onclick, title: process.name, "aria-label": process.name, class: classes(many ? "cell" : "node", state) }, many ? null : process.name);
      box.style.setProperty("--tone", view.model.tones.get(process.site) ?? "var(--faint)");
      return box;
    })));
}
