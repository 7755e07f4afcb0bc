// Elements and texts. Names come from hosts that nobody vouches for: they become text nodes, never markup.

export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

export function svg(tag, attributes = {}) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) if (value != null) element.setAttribute(name, value);
  return element;
}

/// What is said below a name: parts that go to the next line as a whole.
export function about(...parts) {
  const bits = parts.filter(Boolean).flatMap((part, place) => [place > 0 && el("span", { class: "sep" }, " · "), el("span", { class: "bit" }, part)]);
  return el("span", { class: "about" }, ...bits);
}

/// A name that goes on in the next line before its port, and not within it.
export const breakable = (name) => name.split(/(?=:)/).flatMap((part, place) => (place > 0 ? [el("wbr"), part] : [part]));

export const classes = (...names) => names.filter(Boolean).join(" ");

export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

export function octets(number) {
  if (number == null) return "?";
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  while (number >= 1000 && unit + 1 < units.length) {
    number /= 1000;
    unit += 1;
  }
  return `${number < 10 && unit > 0 ? number.toFixed(1) : Math.round(number)} ${units[unit]}`;
}

export function micros(number) {
  if (number == null) return "?";
  if (Math.abs(number) < 1000) return `${number} µs`;
  if (Math.abs(number) < 1_000_000) return `${(number / 1000).toFixed(1)} ms`;
  return `${(number / 1_000_000).toFixed(1)} s`;
}

/// A time of a source, to the second; with the day where `whole`.
export function time(us, whole = false) {
  if (!us) return "?";
  const text = new Date(us / 1000).toISOString();
  return whole ? `${text.slice(0, 10)} ${text.slice(11, 19)} UTC` : text.slice(11, 19);
}

/// A router without its area.
export const routerName = (name) => (name ?? "").split("/").pop();

export const words = {
  start: "start", counterpart: "other side", listener: "listener", connector: "connector", listenerRouter: "listener's router",
  connectorRouter: "connector's router", sourceSite: "client's site", destSite: "server's site", sourceProcess: "client", destProcess: "server",
};
