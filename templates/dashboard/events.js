// SPDX-License-Identifier: Apache-2.0
// What happened to an object, by kind and number; the part of other views that tells of theirs, too.

import { get, path, session } from "./api.js";
import { field, h, morph, table, time } from "./dom.js";

const TYPES = ["audit", "mutate", "status", "usage", "resources", "prune"];
const LIMITS = [20, 100, 1000];

/** The events of one object, followed. */
export function eventsOf(live, kind, ref) {
  const place = h("div", null, h("p", { class: "none" }, "Asking …"));
  const choose = h("form", { class: "filters", onchange: () => live.refresh() },
    field("Kind", "type", { tag: "select", options: [h("option", { value: "" }, "all"), ...TYPES.map(option)] }),
    field("At most", "limit", { tag: "select", options: LIMITS.map(option) }));
  const ask = () => {
    const query = new URLSearchParams({ limit: choose.elements.limit.value });
    if (choose.elements.type.value) query.set("event_type", choose.elements.type.value);
    return get(`${path(kind, ref, "events")}?${query}`);
  };
  live.watch(ask, (events) => morph(place, list(events)), () => morph(place, "There are none any more."));
  return h("section", { class: "events" }, h("h2", null, "Events"), choose, place);
}

function option(value) {
  return h("option", null, String(value));
}

function list(events) {
  return table("Events, the newest first", [
    ["When", (event) => time(event.timestamp)],
    ["What", (event) => event.message],
    ["Kind", (event) => event.type],
    ["Node", (event) => event.fqdn],
    ["Took", (event) => event.duration != null && h("span", { class: "figure" }, `${event.duration.toFixed(2)} s`)],
    ["More", (event) => more(event.extra)],
  ], events, (event) => `${event.timestamp} ${event.message}`, "Nothing has happened of this kind.");
}

function more(extra) {
  const text = extra && Object.keys(extra).length > 0 ? JSON.stringify(extra) : "";
  return text && h("code", { class: "more" }, text);
}

const KINDS = ["instances", "networks", "artifacts", "nodes"];
const nameOf = (object) => object.name ?? object.source_url;
const refOf = (object) => object.uuid ?? object.name;

/** A view of its own: which object, and then its events. */
export async function showEvents(place, { live, say }, of = "instances", ref = "") {
  const kinds = KINDS.filter((one) => one !== "nodes" || session.isAdmin);
  const kind = kinds.includes(of) ? of : kinds[0];
  const objects = await get(path(kind)).catch((error) => {
    say(error.message);
    return [];
  });
  const choose = h("form", { class: "filters", onchange },
    field("Of", "kind", { tag: "select", options: kinds.map((one) => h("option", { selected: one === kind }, one)) }),
    field("Which", "ref", { tag: "select", options: [
      h("option", { value: "" }, objects.length > 0 ? "choose one" : "there are none"),
      ...objects.map((object) => h("option",
        { value: refOf(object), selected: refOf(object) === ref }, nameOf(object)))] }));
  morph(place, choose);
  if (ref) place.append(eventsOf(live, kind, ref));

  function onchange(event) {
    const { kind: chosen, ref: which } = choose.elements;
    location.hash = event.target === chosen || !which.value
      ? `#/events/${chosen.value}` : `#/events/${chosen.value}/${encodeURIComponent(which.value)}`;
  }
}
