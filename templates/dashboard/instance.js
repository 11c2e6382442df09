// SPDX-License-Identifier: Apache-2.0
// One instance: what it is, its power, its console and its screen.

import { ApiError, call, get, path } from "./api.js";
import { ask, confirm } from "./dialog.js";
import { badge, button, facts, field, h, link, morph, table } from "./dom.js";
import { eventsOf } from "./events.js";
import { progressOf } from "./artifacts.js";

// What may be asked of an instance by its power state, and whether that can cost it something.
const POWER = {
  on: [["Power off", "poweroff", true], ["Pause", "pause"], ["Reboot", "rebootsoft"],
    ["Reset", "reboothard", true]],
  paused: [["Resume", "unpause"], ["Power off", "poweroff", true]],
  off: [["Power on", "poweron"]],
};
const LOSSES = {
  poweroff: "As if its plug were pulled: what the guest has not written yet is lost.",
  reboothard: "As if its reset button were pressed: what the guest has not written yet is lost.",
};

export function showInstance(place, { live, say, rename }, ref) {
  const [top, images, parts, guest] = [h("div"), h("div"), h("div"), h("div")];
  let networks = null;
  morph(place, top, images, parts, guest);
  live.watch(look, show, (error) => morph(top, h("p", { class: "error" }, error.message)));
  place.append(eventsOf(live, "instances", ref));

  async function look() {
    const instance = await get(path("instances", ref));
    const isMaking = ["initial", "creating"].includes(instance.state);
    const artifacts = isMaking ? await get("/artifacts") : [];
    if (!networks || instance.interfaces.some((nic) => !networks.has(nic.network_uuid))) {
      networks = new Map((await get("/networks")).map((one) => [one.uuid, one.name]));
    }
    return { instance, artifacts };
  }

  function show({ instance, artifacts }) {
    rename(instance.name);
    morph(top, summary(instance, act));
    const bases = instance.disk_spec.map((disk) => disk.base?.split("#")[0]);
    const fetched = artifacts.filter((one) => one.state === "initial" && bases.includes(one.source_url));
    morph(images, fetched.map((one) => h("section", { key: one.uuid },
      h("h2", null, "Fetching its image"), progressOf(one))));
    morph(parts, interfaces(instance, networks, act), disks(instance), metadata(instance));
    if (instance.state !== "created") guest.replaceChildren();
    else if (!guest.firstChild) guest.append(consoleOf(live, ref), screenOf(ref, instance.name));
  }

  /** Does `what`, and says that it is done, or why not. */
  async function act(what, done) {
    try {
      await what();
      say(done);
    } catch (error) {
      say(error.message);
    }
    live.refresh();
  }
}

function summary(instance, act) {
  const { name } = instance;
  const at = (...rest) => path("instances", instance.uuid, ...rest);
  const power = instance.state === "created" ? POWER[instance.power_state] ?? [] : [];
  const press = ([text, verb]) => {
    const send = () => call("POST", at(verb));
    if (!LOSSES[verb]) return act(send, `${text}: done for ${name}`);
    return confirm(text, name, LOSSES[verb], send).then((done) => done && act(async () => {}, `${text}: done for ${name}`));
  };
  const remove = () => confirm("Delete", name, "Its disks go with it, and nothing brings them back.",
    () => call("DELETE", at())).then((done) => done && act(async () => {}, `${name} is being deleted`));
  const gone = ["deleted", "delete-wait"].includes(instance.state);
  return [
    h("p", { class: "states", "aria-live": "polite" }, badge(instance.state),
      instance.state === "created" && [" ", badge(instance.power_state)], h("code", null, instance.uuid),
      instance.error_message && h("span", { class: "why" }, instance.error_message)),
    h("p", { class: "actions", role: "group", "aria-label": "Actions" },
      power.map((one) => button(one[0], () => press(one), { key: one[1], class: one[2] && "danger" })),
      !gone && button("Delete", remove, { key: "delete", class: "danger" })),
    facts([
      ["Namespace", instance.namespace], ["Node", instance.node],
      ["CPUs", instance.cpus], ["Memory", `${instance.memory} MiB`],
      ["Firmware", instance.uefi ? `UEFI${instance.secure_boot ? ", secure boot" : ""}` : "BIOS"],
      ["Agent", instance.agent_state], ["Console port", instance.console_port],
      ["Screen", instance.vdi_port && `${instance.video.vdi}, port ${instance.vdi_port}`],
    ]),
  ];
}

function interfaces(instance, networks, act) {
  const float = (nic) => {
    const verb = nic.floating ? "defloat" : "float";
    act(() => call("POST", path("interfaces", nic.uuid, verb)),
      nic.floating ? `${nic.floating} is given back` : "It gets a floating address");
  };
  const add = async () => {
    const options = [...networks].map(([uuid, name]) => h("option", { value: uuid }, name));
    const done = await ask("Add an interface", field("Network", "network", { tag: "select", required: true, options }), "Add",
      (form) => call("POST", path("instances", instance.uuid, "interfaces"), { network: { network_uuid: form.elements.network.value } }));
    if (done) act(async () => {}, "The interface is being plugged in");
  };
  return h("section", null, h("h2", null, "Interfaces"), table("Interfaces", [
    ["Network", (nic) => link(networks.get(nic.network_uuid) ?? nic.network_uuid, "networks", nic.network_uuid)],
    ["Address", (nic) => nic.ipv4 ?? "none"],
    ["Floating", (nic) => nic.floating ?? ""],
    ["MAC", (nic) => h("code", null, nic.macaddr)],
    ["Model", (nic) => nic.model],
    ["", (nic) => nic.ipv4 && button(nic.floating ? "Take floating address" : "Give floating address",
      () => float(nic), { class: "quiet" })],
  ], instance.interfaces, (nic) => nic.uuid, "It has none."),
  instance.state === "created" && button("Add an interface", add, { class: "quiet" }));
}

function disks(instance) {
  return h("section", null, h("h2", null, "Disks"), table("Disks", [
    ["Device", (disk) => disk.device], ["Bus", (disk) => disk.bus], ["Kind", (disk) => disk.type],
    ["Size", (disk) => (disk.size ? `${disk.size} GB` : "as its image")],
    ["Image", (disk) => instance.disk_spec[instance.disks.indexOf(disk)]?.base ?? "blank"],
  ], instance.disks, (disk) => disk.device, "It has none."));
}

function metadata(instance) {
  const rows = Object.entries(instance.metadata);
  return rows.length > 0 && h("section", null, h("h2", null, "Metadata"),
    facts(rows.map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)])));
}

// ---- console and screen -------------------------------------------------------------------------

const TAIL = 65536; // bytes of the console that are shown
// What moves a terminal's cursor or colours its text: of no use on a page.
const TERMINAL = /\u001b(\[[0-9;?]*[ -/]*[@-~]|[()][A-Z0-9]|[=>78])/g;

function consoleOf(live, ref) {
  const text = h("pre", { class: "console", tabindex: 0, role: "log", "aria-live": "off", "aria-label": "Console output" });
  const follow = h("input", { type: "checkbox", checked: true });
  const read = () => {
    if (!text.isConnected) throw new ApiError(404, "The instance is gone");
    return get(`${path("instances", ref, "consoledata")}?length=${TAIL}`, "text");
  };
  queueMicrotask(() => live.watch(read, (output) => {
    morph(text, output.replace(TERMINAL, "").replace(/\r+\n/g, "\n").replace(/\r/g, "\n"));
    if (follow.checked) text.scrollTop = text.scrollHeight;
  }, () => {}));
  return h("section", null, h("h2", null, "Console"),
    h("p", { class: "tools" }, h("label", null, follow, " Keep the end in view")), text);
}

function screenOf(ref, name) {
  const place = h("div", { class: "screen" });
  let last = null;
  const take = async () => {
    morph(place, h("p", { role: "status" }, "Taking it …"));
    try {
      const blob = await get(path("instances", ref, "screenshot"));
      const picture = await get(path("blobs", blob, "data"), "blob");
      if (last) URL.revokeObjectURL(last);
      last = URL.createObjectURL(new Blob([picture], { type: "image/png" }));
      place.replaceChildren(h("img", { src: last, alt: `The screen of ${name}, ${new Date().toLocaleTimeString("sv-SE")}` }));
    } catch (error) {
      morph(place, h("p", { class: "error", role: "alert" }, error.message));
    }
  };
  return h("section", null, h("h2", null, "Screen"), h("p", null, button("Take a screenshot", take)), place);
}
