// What is drawn, made from what the collector says: processes as clients and as servers, by site and group, and what runs between them.

const byName = (one, other) => one.name.localeCompare(other.name, "en", { numeric: true });

/// More nodes than this on one side are drawn as cells.
const MANY = 30;

export function model(network) {
  const sites = network.sites.map((site) => ({ ...site, id: site.identity, name: site.name || site.identity })).sort(byName);
  const tones = new Map(sites.map((site, place) => [site.id, `var(--s${place % 8})`]));
  const siteOf = new Map(sites.map((site) => [site.id, site]));
  // What has no record is called by its address, whether it serves or calls.
  const named = network.processes.map((process) => (process.inferred ? { ...process, name: process.host } : process));
  const processes = new Map(named.map((process) => [process.id, process]));
  const services = new Map(network.services.map((service) => [service.id, { ...service, sums: sums() }]));
  const serviceOf = (id) => {
    if (!services.has(id ?? "")) services.set(id ?? "", { id: id ?? "", name: "service not known yet", protocol: "", ends: [], sums: sums(), unknown: true });
    return services.get(id ?? "");
  };
  const sides = { client: new Map(), server: new Map() };
  const enter = (side, id, site) => {
    const known = id == null ? null : processes.get(id);
    const place = known?.site ?? site ?? (known?.toldSite ? `told:${known.toldSite}` : "?");
    const key = id ?? `unknown:${place}`;
    if (!sides[side].has(key)) {
      const unknown = { id: null, name: side === "client" ? "client not known yet" : "server not known yet", partial: true };
      const process = known ?? (id == null ? unknown : { id, name: id, partial: true });
      sides[side].set(key, { ...process, key, place, sums: sums(), partial: process.partial || process.complete === false });
    }
    return sides[side].get(key);
  };
  const edges = [];
  for (const flow of network.flows) {
    const service = serviceOf(flow.service);
    const client = enter("client", flow.client, flow.clientSite);
    add(service.sums, flow);
    add(client.sums, flow);
    edges.push({ from: client, service, side: "client", flow });
    // A connection that never got as far as a server has none.
    if (flow.server != null || flow.serverSite != null) {
      const server = enter("server", flow.server, flow.serverSite);
      add(server.sums, flow);
      edges.push({ from: server, service, side: "server", flow });
    }
  }
  // What serves stands there before anybody calls.
  for (const service of services.values()) {
    for (const end of service.ends.filter((end) => !end.listener && !end.ended && end.process)) {
      const server = enter("server", end.process, end.site);
      if (!edges.some((edge) => edge.side === "server" && edge.service === service && edge.from === server)) {
        edges.push({ from: server, service, side: "server", flow: sums() });
      }
    }
  }
  const idle = named.filter((process) => !sides.client.has(process.id) && !sides.server.has(process.id)).sort(byName);
  const placeOf = (id) => ({
    id,
    name: siteOf.get(id)?.name ?? (id.startsWith("told:") ? `${id.slice(5)} (no site record)` : "site not known yet"),
    tone: tones.get(id) ?? "var(--faint)",
  });
  return {
    network, sites, siteOf, tones, processes, services: [...services.values()], edges, idle,
    clients: column([...sides.client.values()], placeOf),
    servers: column([...sides.server.values()], placeOf),
  };
}

export const sums = () => ({ connections: 0, live: 0, failed: 0, partial: 0, octets: 0, octetsReverse: 0, requests: 0, failedRequests: 0 });

export function add(to, flow) {
  for (const name of Object.keys(to)) to[name] += flow[name];
  return to;
}

/// Places with their groups. Few nodes are rows; many are cells, and lines then run to the place as a whole.
function column(nodes, placeOf) {
  const places = new Map();
  const cells = nodes.length > MANY;
  for (const node of nodes) {
    node.drawnAs = cells ? `place:${node.place}` : node.key;
    if (!places.has(node.place)) places.set(node.place, new Map());
    const groups = places.get(node.place);
    const name = node.group ?? (node.inferred ? "no record" : "");
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(node);
  }
  const total = (members) => members.reduce((total, member) => add(total, member.sums), sums());
  return [...places].map(([id, groups]) => ({
    ...placeOf(id), cells, key: `place:${id}`, total: total([...groups.values()].flat()),
    groups: [...groups].map(([name, members]) => ({
      key: `${id}\u0000${name}`, name: name || "without a group", members: members.sort(byName), total: total(members),
    })).sort(byName),
  })).sort(byName);
}

/// Edges as they are drawn: between what stands there, summed up.
export function drawn(model) {
  const merged = new Map();
  for (const { from, service, side, flow } of model.edges) {
    const key = `${side}\u0000${from.drawnAs}\u0000${service.id}`;
    if (!merged.has(key)) merged.set(key, { key, side, node: from.drawnAs, service, members: new Set(), place: from.place, sums: sums() });
    merged.get(key).members.add(from.id);
    add(merged.get(key).sums, flow);
  }
  return [...merged.values()];
}
