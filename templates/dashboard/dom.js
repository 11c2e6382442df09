// SPDX-License-Identifier: Apache-2.0
// Elements, and how they follow what they show. Everything that strangers have written comes through
// h() as text: nothing here or elsewhere makes markup of a string.

// What a reader would not see, or would see in another place than it is: control characters but
// tab and line feed, and those that turn the direction of what follows.
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** `text` with a mark in place of each character that is not seen. */
export function visible(text) {
  return String(text).replace(UNSEEN, (c) => {
    const code = c.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    return `\u27e8${code.toString(16).padStart(4, "0")}\u27e9`;
  });
}

/**
 * An element. `props`: attributes, where true is an empty one and false, null and undefined are none;
 * functions become its handlers ("onclick"); "key" tells it from its siblings, see morph().
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (typeof value === "function") element[name] = value;
    else if (name === "key") element.dataset.key = value;
    else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...nodes(children));
  return element;
}

function nodes(children) {
  return children.flat(Infinity)
    .filter((child) => child != null && child !== false && child !== "")
    .map((child) => (child instanceof Node ? child : document.createTextNode(visible(child))));
}

/** Makes `parent` hold `children`, and keeps what has not changed: focus, scroll and selection stay. */
export function morph(parent, ...children) {
  const keyed = new Map();
  for (const child of parent.children) if (child.dataset.key) keyed.set(child.dataset.key, child);
  let at = parent.firstChild;
  for (const wanted of nodes(children)) {
    const key = wanted.dataset?.key;
    const old = key ? keyed.get(key) : at;
    keyed.delete(key); // Of two with one key the second is new.
    if (old && !(!key && old.dataset?.key) && alike(old, wanted)) {
      if (old !== at) parent.insertBefore(old, at);
      else at = at.nextSibling;
      become(old, wanted);
    } else {
      parent.insertBefore(wanted, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function alike(old, wanted) {
  return old.nodeType === wanted.nodeType && old.nodeName === wanted.nodeName;
}

const HANDLERS = ["onclick", "onsubmit", "onchange", "oninput"];

function become(old, wanted) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== wanted.data) old.data = wanted.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!wanted.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  // The handlers of the new one know the object as it is now.
  for (const name of HANDLERS) old[name] = wanted[name];
  morph(old, ...wanted.childNodes);
}

// ---- what views are made of ---------------------------------------------------------------------

/** A table of `items`. A column is [title, cell of an item]; on small screens each row is a card. */
export function table(caption, columns, items, key, none) {
  if (items.length === 0) return h("p", { class: "none" }, none);
  const cells = (item) => columns.map(([title, cell], index) =>
    h(index === 0 ? "th" : "td", { "data-title": title, scope: index === 0 && "row" }, cell(item)));
  return h("table", null,
    h("caption", null, caption),
    h("thead", null, h("tr", null, columns.map(([title]) => h("th", { scope: "col" }, title)))),
    h("tbody", null, items.map((item) => h("tr", { key: key(item) }, cells(item)))));
}

/** A list of facts, [name, value]; those without a value are left out. */
export function facts(rows) {
  return h("dl", { class: "facts" }, rows.filter(([, value]) => value != null && value !== "").map(
    ([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))));
}

const GOOD = new Set(["created", "alive", "on", "complete"]);
const BAD = new Set(["error", "dead", "unreachable", "missing", "crashed"]);

/** A state, in words; its colour only repeats them. */
export function badge(state) {
  const kind = GOOD.has(state) ? "good" : BAD.has(state) ? "bad" : "between";
  return h("span", { class: `badge ${kind}` }, state);
}

export function link(text, ...path) {
  return h("a", { href: `#/${path.map(encodeURIComponent).join("/")}` }, text);
}

export function button(text, onclick, props) {
  return h("button", { type: "button", onclick, ...props }, text);
}

/** A field of a form, with its name; `props` are the control's, `hint` says what it takes. */
export function field(label, name, props = {}, hint = null) {
  const { tag = "input", options = [], ...rest } = props;
  const id = `field-${name}`;
  return h("p", { class: "field" }, h("label", { for: id }, label),
    h(tag, { id, name, "aria-describedby": hint && `${id}-hint`, ...rest }, options),
    hint && h("span", { id: `${id}-hint`, class: "hint" }, hint));
}

export function tick(label, name, checked) {
  return h("p", { class: "field tick" },
    h("label", null, h("input", { type: "checkbox", name, checked }), " ", label));
}

export const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

// ---- figures ------------------------------------------------------------------------------------

export function bytes(count) {
  if (count == null) return "";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(Math.floor(Math.log2(Math.max(count, 1)) / 10), units.length - 1);
  const value = count / 2 ** (10 * power);
  return `${value >= 100 || power === 0 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

// Swedes write dates as ISO 8601 has them.
const CLOCK = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" });

/** When it was, where the reader is. */
export function time(seconds) {
  if (!seconds) return "";
  const date = new Date(seconds * 1000);
  return h("time", { datetime: date.toISOString() }, CLOCK.format(date));
}

/** How much of `total` is `used`, as a bar beside the figures. */
export function share(label, used, total, unit = "") {
  const said = `${label}: ${used} of ${total}${unit}`;
  return h("div", { class: "share" },
    h("span", null, label), h("span", { class: "figure" }, `${used} / ${total}${unit}`),
    h("meter", { min: 0, max: Math.max(total, 1), value: used, "aria-label": said }));
}
