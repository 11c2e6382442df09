// SPDX-License-Identifier: Apache-2.0
// All instances, and the form that makes one.

import { call, get, path, session } from "./api.js";
import { ask } from "./dialog.js";
import { badge, button, field, h, link, morph, plural, table, tick } from "./dom.js";

export function showInstances(place, { live, say }) {
  const list = h("div");
  let all = [];
  const filter = field("Filter", "filter", { type: "search", oninput: () => morph(list, rows(matching())) });
  morph(place, h("div", { class: "tools" }, filter,
    button("Create instance", () => createInstance(say), { class: "main" })), list);
  live.watch(() => get("/instances"), (instances) => {
    all = instances.sort((a, b) => a.name.localeCompare(b.name));
    morph(list, rows(matching()));
  });

  function matching() {
    const words = filter.querySelector("input").value.toLowerCase().split(/\s+/);
    const text = (one) => [one.name, one.uuid, one.state, one.power_state, one.node, one.namespace,
      ...one.interfaces.flatMap((nic) => [nic.ipv4, nic.floating])].join(" ").toLowerCase();
    return all.filter((one) => words.every((word) => text(one).includes(word)));
  }
}

function rows(instances) {
  const columns = [
    ["Name", (one) => link(one.name, "instances", one.uuid)],
    ["State", (one) => [badge(one.state), one.error_message && h("span", { class: "why" }, one.error_message)]],
    ["Power", (one) => (one.state === "created" ? badge(one.power_state) : "")],
    ["CPUs", (one) => one.cpus],
    ["Memory", (one) => h("span", { class: "figure" }, `${one.memory} MiB`)],
    ["Addresses", (one) => one.interfaces.map((nic) => h("span", { class: "line" },
      [nic.ipv4, nic.floating].filter(Boolean).join(", ")))],
    ["Node", (one) => one.node],
  ];
  if (session.isAdmin) columns.splice(1, 0, ["Namespace", (one) => one.namespace]);
  return table(plural(instances.length, "instance"), columns, instances, (one) => one.uuid, "There are none here.");
}

// ---- making one ---------------------------------------------------------------------------------

async function createInstance(say) {
  const networks = await get("/networks").catch((error) => {
    say(error.message);
    return [];
  });
  const mine = networks.filter((one) => one.state === "created" && one.namespace === session.namespace);
  let made = null;
  const done = await ask("Create an instance", fieldsFor(mine), "Create", async (form) => {
    made = await call("POST", "/instances", bodyOf(form));
  });
  if (!done) return;
  say(`Instance ${made.name} is being created`);
  location.hash = `#${path("instances", made.uuid)}`;
}

function fieldsFor(networks) {
  const disks = h("div", null, diskFields(0, "8"));
  let count = 1;
  return [
    field("Name", "name", { required: true, maxlength: 63, pattern: "[A-Za-z0-9\\-]+", autocomplete: "off", autofocus: true },
      "Letters, digits and hyphens; the guest's host name, too"),
    h("div", { class: "row" },
      field("CPUs", "cpus", { type: "number", required: true, min: 1, max: 1024, value: 1 }),
      field("Memory, MiB", "memory", { type: "number", required: true, min: 1, value: 1024 })),
    h("fieldset", null, h("legend", null, "Disks"), disks,
      button("Add a disk", () => disks.append(diskFields(count++, "1")), { class: "quiet" })),
    h("fieldset", null, h("legend", null, "Network"),
      h("div", { class: "row" },
        field("Network", "network", { tag: "select", options: [h("option", { value: "" }, "none"),
          ...networks.map((one) => h("option", { value: one.uuid }, `${one.name} (${one.netblock})`))] }),
        field("Address", "address", { autocomplete: "off", placeholder: "any" })),
      tick("With a floating address, reached from outside", "float", false)),
    field("SSH key", "ssh_key", { autocomplete: "off", placeholder: "ssh-ed25519 …" }),
    field("User data", "user_data", { tag: "textarea", rows: 3, spellcheck: "false" },
      "A script or a cloud-config, as it is"),
  ];
}

function diskFields(index, size) {
  const fields = h("div", { class: "row disk" },
    field("Image", `base-${index}`, { autocomplete: "off", placeholder: "https://… or label:…; blank without" }),
    field("Size, GB", `size-${index}`, { type: "number", min: 1, value: size }),
    index > 0 && button("Remove", () => fields.remove(), { class: "quiet", "aria-label": `Remove disk ${index + 1}` }));
  return fields;
}

function bodyOf(form) {
  const value = (name) => form.elements[name].value.trim();
  const disk = [...form.querySelectorAll(".disk")].map((row) => {
    const [base, size] = row.querySelectorAll("input");
    return { base: base.value.trim() || null, size: size.value ? Number(size.value) : null, type: "disk", bus: null };
  });
  const nic = { network_uuid: value("network"), float: form.elements.float.checked };
  if (value("address")) nic.address = value("address");
  return {
    name: value("name"), cpus: Number(value("cpus")), memory: Number(value("memory")), disk,
    network: nic.network_uuid ? [nic] : [], ssh_key: value("ssh_key") || null,
    user_data: value("user_data") ? base64(form.elements.user_data.value) : null,
  };
}

function base64(text) {
  const bytes = new TextEncoder().encode(text);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
