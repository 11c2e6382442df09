// SPDX-License-Identifier: Apache-2.0
// The namespaces that the caller manages, and the names of their keys.

import { call, get, path, session } from "./api.js";
import { ask, confirm } from "./dialog.js";
import { badge, button, field, h, morph, plural, table } from "./dom.js";

export function showNamespaces(place, { live, say }) {
  const list = h("div");
  morph(place, session.isAdmin && h("div", { class: "tools" },
    button("Create namespace", create, { class: "main" })), list);
  live.watch(() => get("/auth/namespaces"), (spaces) => morph(list, rows(spaces)));

  function rows(spaces) {
    return table(plural(spaces.length, "namespace"), [
      ["Name", (space) => space.name],
      ["State", (space) => badge(space.state)],
      ["Keys", (space) => h("ul", { class: "plain" }, space.keys.map((key) => h("li", { key }, key, " ",
        button("Delete", () => removeKey(space, key),
          { class: "quiet", "aria-label": `Delete the key ${key} of ${space.name}` }))))],
      ["Trusts", (space) => space.trust.full.join(", ")],
      ["", (space) => h("span", { class: "actions" },
        button("Add key", () => addKey(space), { class: "quiet", "aria-label": `Add a key to ${space.name}` }),
        session.isAdmin && space.name !== "system" && button("Delete", () => remove(space),
          { class: "quiet danger", "aria-label": `Delete the namespace ${space.name}` }))],
    ], spaces, (space) => space.name, "There are none.");
  }

  function tell(done, text) {
    if (!done) return;
    say(text);
    live.refresh();
  }

  async function create() {
    let made = "";
    tell(await ask("Create a namespace", [
      field("Name", "namespace", { required: true, autocomplete: "off", autofocus: true }), keyFields(),
    ], "Create", ({ elements }) => {
      made = elements.namespace.value.trim();
      return call("POST", "/auth/namespaces",
        { namespace: made, key_name: elements.key_name.value.trim(), key: elements.key.value });
    }), `Namespace ${made} is there`);
  }

  async function addKey(space) {
    tell(await ask(`Add a key to ${space.name}`, keyFields(), "Add", ({ elements }) =>
      call("POST", path("auth", "namespaces", space.name, "keys"),
        { key_name: elements.key_name.value.trim(), key: elements.key.value })), "The key is there");
  }

  async function removeKey(space, key) {
    tell(await confirm("Delete", `the key ${key} of ${space.name}`, "Who logs in by it is out at once.",
      () => call("DELETE", path("auth", "namespaces", space.name, "keys", key))), `Key ${key} is deleted`);
  }

  async function remove(space) {
    tell(await confirm("Delete", `namespace ${space.name}`, "Its instances and networks have to be gone before; its artifacts go with it.",
      () => call("DELETE", path("auth", "namespaces", space.name))), `Namespace ${space.name} is deleted`);
  }
}

function keyFields() {
  return [field("Name of the key", "key_name", { required: true, autocomplete: "off" }),
    field("Key", "key", { type: "password", required: true, autocomplete: "new-password" })];
}
