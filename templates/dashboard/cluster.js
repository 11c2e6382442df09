// SPDX-License-Identifier: Apache-2.0
// The nodes: what each has and gives, and how gossip sees it from the node that answers.

import { call, get, path } from "./api.js";
import { confirm } from "./dialog.js";
import { badge, button, facts, h, link, morph, share } from "./dom.js";

export function showCluster(place, { live, say }) {
  live.watch(() => get("/nodes"), (nodes) => morph(place, summary(nodes),
    h("div", { class: "cards" }, nodes.map((node) => card(node, live, say)))));
}

const stateOf = (node) => node.gossip?.state ?? node.state;

function summary(nodes) {
  const sum = (of, what) => nodes.reduce((total, node) => total + (node[of]?.[what] ?? 0), 0);
  const counts = new Map();
  for (const node of nodes) counts.set(stateOf(node), (counts.get(stateOf(node)) ?? 0) + 1);
  const witness = nodes.find((node) => node.gossip?.self)?.name;
  return h("section", { class: "summary", "aria-label": "Summary" },
    facts([
      ["Nodes", [...counts].map(([state, count]) => `${count} ${state}`).join(", ")],
      ["Seen by", witness],
      ["Networks served by", nodes.find((node) => node.is_network_node)?.name ?? "none"],
    ]),
    h("div", { class: "shares" },
      share("CPUs", sum("used", "cpus"), sum("limit", "cpus")),
      share("Memory", gib(sum("used", "memory_mb")), gib(sum("limit", "memory_mb")), " GiB"),
      share("Disk", sum("used", "disk_gb"), sum("limit", "disk_gb"), " GB")));
}

const gib = (mib) => Math.round(mib / 102.4) / 10;

function card(node, live, say) {
  const { gossip, used, limit } = node;
  return h("article", { key: node.name, class: "card" },
    h("h2", null, node.name, " ", badge(stateOf(node)),
      node.is_network_node && h("span", { class: "badge role" }, "network services"),
      node.drained && [" ", badge("drained")]),
    h("div", { class: "shares" },
      share("CPUs", used.cpus, limit.cpus),
      share("Memory", gib(used.memory_mb), gib(limit.memory_mb), " GiB"),
      share("Disk", used.disk_gb, limit.disk_gb, " GB")),
    facts([
      ["Address", gossip ? `${gossip.address}:${gossip.port}` : node.ip],
      ["Instances", gossip?.instances],
      ["Release", node.release],
      ["Round trip", gossip?.round_trip_ms == null ? null : `${gossip.round_trip_ms.toFixed(2)} ms`],
      ["Incarnation", gossip?.incarnation],
    ]),
    gossip?.evidence.length > 0 && h("ul", { class: "evidence" }, gossip.evidence.map((seen) =>
      h("li", null, `${seen.witness} found it ${seen.found}: ${seen.paths}`))),
    h("p", { class: "actions" }, link("Events", "events", "nodes", node.name),
      button(node.drained ? "Undrain" : "Drain", drain, { key: "drain", class: "quiet" }),
      ["missing", "stopped"].includes(node.state) && button("Delete", () => remove(node.name), { class: "danger" })));

  async function drain() {
    const verb = node.drained ? "undrain" : "drain";
    try {
      await call("POST", path("nodes", node.name, verb));
      say(node.drained ? `Node ${node.name} takes instances again` : `Node ${node.name} takes no new instances`);
    } catch (error) {
      say(error.message);
    }
    live.refresh();
  }

  async function remove(name) {
    const done = await confirm("Delete", `node ${name}`,
      "Its instances are deleted, too, and their addresses become free.",
      () => call("DELETE", path("nodes", name)));
    if (!done) return;
    say(`Node ${name} is deleted`);
    live.refresh();
  }
}
