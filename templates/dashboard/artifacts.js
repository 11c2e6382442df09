// SPDX-License-Identifier: Apache-2.0
// Images and what else is kept in versions, with how far their fetching is.

import { call, get, path, session } from "./api.js";
import { ask, confirm } from "./dialog.js";
import { badge, button, bytes, facts, field, h, link, morph, plural, table, tick } from "./dom.js";
import { eventsOf } from "./events.js";

/** How far the fetch of an artifact is. */
export function progressOf(artifact) {
  const { bytes: done, total_bytes: total } = artifact.progress;
  const said = total > 0 ? `${bytes(done)} of ${bytes(total)}` : done > 0 ? `${bytes(done)} so far` : "waiting to begin";
  return h("div", { class: "progress" }, h("span", null, said),
    h("progress", { max: Math.max(total, 1), value: total > 0 ? done : null, "aria-label": `Fetching ${artifact.source_url}` }));
}

export function showArtifacts(place, { live, say }) {
  const list = h("div");
  morph(place, h("div", { class: "tools" }, button("Fetch image", fetchImage, { class: "main" })), list);
  live.watch(() => get("/artifacts"), (artifacts) => morph(list, rows(artifacts)));

  async function fetchImage() {
    const done = await ask("Fetch an image", [
      field("URL", "url", { type: "url", required: true, autofocus: true, placeholder: "https://…" },
        "Asked again, it is fetched only if it has changed"),
      session.isAdmin && tick("For all namespaces", "shared", false),
    ], "Fetch", ({ elements }) => call("POST", "/artifacts", {
      url: elements.url.value.trim(), shared: elements.shared?.checked ?? false,
    }));
    if (!done) return;
    say("The image is being fetched");
    live.refresh();
  }
}

const newest = (artifact) => artifact.blobs[artifact.index];

function rows(artifacts) {
  const columns = [
    ["Source", (one) => link(one.source_url, "artifacts", one.uuid)],
    ["Kind", (one) => one.artifact_type],
    ["State", (one) => [badge(one.state), one.state === "initial" && progressOf(one),
      one.error_message && h("span", { class: "why" }, one.error_message)]],
    ["Versions", (one) => Object.keys(one.blobs).length],
    ["Size", (one) => bytes(newest(one)?.size)],
    ["Shared", (one) => (one.shared ? "with all" : "")],
  ];
  if (session.isAdmin) columns.splice(1, 0, ["Namespace", (one) => one.namespace]);
  return table(plural(artifacts.length, "artifact"), columns, artifacts, (one) => one.uuid, "There are none here.");
}

export function showArtifact(place, { live, say, rename }, ref) {
  const top = h("div");
  morph(place, top);
  live.watch(() => get(path("artifacts", ref)), (artifact) => {
    rename(artifact.source_url);
    const versions = Object.entries(artifact.blobs).map(([index, blob]) => ({ index, ...blob })).reverse();
    morph(top, h("p", { class: "states" }, badge(artifact.state), h("code", null, artifact.uuid),
      artifact.error_message && h("span", { class: "why" }, artifact.error_message)),
    artifact.state === "initial" && progressOf(artifact),
    h("p", { class: "actions" }, artifact.state !== "deleted" && button("Delete", () => remove(artifact), { class: "danger" })),
    facts([["Namespace", artifact.namespace], ["Kind", artifact.artifact_type],
      ["Kept versions", artifact.max_versions], ["Shared", artifact.shared ? "with all namespaces" : "no"]]),
    h("h2", null, "Versions"), table("Versions, the newest first", [
      ["Version", (one) => one.index], ["Size", (one) => bytes(one.size)],
      ["As a disk", (one) => bytes(one["virtual size"])],
      ["Used by", (one) => one.instances.map((uuid) => h("span", { class: "line" }, link(uuid, "instances", uuid)))],
      ["SHA-256", (one) => h("code", null, one.sha256)],
    ], versions, (one) => one.uuid, "It has none yet."));
  }, (error) => morph(top, h("p", { class: "error" }, error.message)));
  place.append(eventsOf(live, "artifacts", ref));

  async function remove(artifact) {
    const done = await confirm("Delete", artifact.source_url, "What uses it keeps its bytes.",
      () => call("DELETE", path("artifacts", artifact.uuid)));
    if (!done) return;
    say("The artifact is deleted");
    location.hash = "#/artifacts";
  }
}
