// SPDX-License-Identifier: Apache-2.0
// Virtual networks, and who has which address in them.

import { call, get, path, session } from "./api.js";
import { ask, confirm } from "./dialog.js";
import { badge, button, facts, field, h, link, morph, plural, table, tick } from "./dom.js";
import { eventsOf } from "./events.js";

export function showNetworks(place, { live, say }) {
  const list = h("div");
  morph(place, h("div", { class: "tools" }, button("Create network", create, { class: "main" })), list);
  live.watch(() => get("/networks"), (networks) => morph(list, rows(networks)));

  async function create() {
    const done = await ask("Create a network", [
      field("Name", "name", { required: true, autocomplete: "off", autofocus: true, maxlength: 255 }),
      field("Netblock", "netblock", { required: true, autocomplete: "off", placeholder: "10.0.0.0/24" },
        "Any block from /8 to /29; networks do not see each other"),
      tick("DHCP gives guests their addresses", "provide_dhcp", true),
      tick("NAT lets guests out", "provide_nat", true),
      tick("DNS names guests to each other", "provide_dns", false),
    ], "Create", ({ elements }) => call("POST", "/networks", {
      name: elements.name.value, netblock: elements.netblock.value.trim(),
      provide_dhcp: elements.provide_dhcp.checked, provide_nat: elements.provide_nat.checked,
      provide_dns: elements.provide_dns.checked,
    }));
    if (!done) return;
    say("The network is being created");
    live.refresh();
  }
}

const services = (one) =>
  ["dhcp", "nat", "dns"].filter((kind) => one[`provide_${kind}`]).map((kind) => kind.toUpperCase()).join(", ");

function rows(networks) {
  const columns = [
    ["Name", (one) => link(one.name, "networks", one.uuid)],
    ["State", (one) => badge(one.state)],
    ["Netblock", (one) => one.netblock],
    ["Services", services],
    ["VXLAN", (one) => one.vxid],
  ];
  if (session.isAdmin) columns.splice(1, 0, ["Namespace", (one) => one.namespace]);
  return table(plural(networks.length, "network"), columns, networks, (one) => one.uuid, "There are none here.");
}

export function showNetwork(place, { live, say, rename }, ref) {
  const top = h("div");
  const who = h("div");
  morph(place, top, who);
  const gone = (error) => morph(top, h("p", { class: "error" }, error.message));
  live.watch(() => get(path("networks", ref)), (network) => {
    rename(network.name);
    morph(top, h("p", { class: "states" }, badge(network.state), h("code", null, network.uuid)),
      h("p", { class: "actions" }, network.state !== "deleted" && button("Delete", () => remove(network), { class: "danger" })),
      facts([["Namespace", network.namespace], ["Netblock", network.netblock],
        ["Services", services(network)], ["Gateway outside", network.floating_gateway], ["VXLAN", network.vxid]]));
  }, gone);
  const asks = [path("networks", ref, "addresses"), path("networks", ref, "interfaces"), "/instances"];
  live.watch(() => Promise.all(asks.map((one) => get(one))), ([addresses, interfaces, instances]) => {
    const names = new Map(instances.map((one) => [one.uuid, one.name]));
    const owner = (uuid) => link(names.get(uuid) ?? uuid, "instances", uuid);
    morph(who, h("h2", null, "Addresses"), table("Addresses", [
      ["Address", (one) => one.address],
      ["Kind", (one) => one.type],
      ["Whose", ({ user: [kind, uuid] }) => (kind === "instance" ? owner(uuid)
        : uuid === ref ? "the network" : link(uuid, "networks", uuid))],
      ["Remark", (one) => one.comment],
    ], addresses, (one) => one.address, "It has none."),
    h("h2", null, "Interfaces"), table("Interfaces", [
      ["MAC", (nic) => h("code", null, nic.macaddr)],
      ["Instance", (nic) => owner(nic.instance_uuid)],
      ["Address", (nic) => nic.ipv4 ?? "none"],
      ["Floating", (nic) => nic.floating ?? ""],
      ["State", (nic) => badge(nic.state)],
    ], interfaces, (nic) => nic.uuid, "Nobody is in it."));
  }, () => morph(who));
  place.append(eventsOf(live, "networks", ref));

  async function remove(network) {
    const done = await confirm("Delete", `network ${network.name}`, "Its interfaces have to be gone before.",
      () => call("DELETE", path("networks", network.uuid)));
    if (!done) return;
    say(`Network ${network.name} is deleted`);
    location.hash = "#/networks";
  }
}
