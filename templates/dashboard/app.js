// SPDX-License-Identifier: Apache-2.0
// The frame: who is logged in, which view the address asks for, and what is said at its edges.

import { Live, logIn, session } from "./api.js";
import { button, field, h, link, morph } from "./dom.js";
import { showArtifact, showArtifacts } from "./artifacts.js";
import { showCluster } from "./cluster.js";
import { showEvents } from "./events.js";
import { showInstance } from "./instance.js";
import { showInstances } from "./instances.js";
import { showNamespaces } from "./namespaces.js";
import { showNetwork, showNetworks } from "./networks.js";

// The first word of the address -> the title of its view, how it is shown, and one of its objects.
const VIEWS = {
  cluster: { title: "Cluster", show: showCluster, admin: true },
  instances: { title: "Instances", show: showInstances, one: showInstance },
  networks: { title: "Networks", show: showNetworks, one: showNetwork },
  artifacts: { title: "Artifacts", show: showArtifacts, one: showArtifact },
  namespaces: { title: "Namespaces", show: showNamespaces },
  events: { title: "Events", show: showEvents, one: showEvents },
};

const main = document.getElementById("main");
const nav = document.querySelector("nav");
const who = document.querySelector(".who");
let live = null;

const offered = () => Object.entries(VIEWS).filter(([, view]) => session.isAdmin || !view.admin);

function route() {
  live?.end();
  document.querySelector("dialog")?.close();
  notes.clear();
  note();
  if (!session.open) return showLogIn();
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
  const [first] = offered()[0];
  const view = offered().find(([key]) => key === name)?.[1];
  if (!view || (rest.length > 0 && !view.one)) {
    location.replace(`#/${first}`);
    return null;
  }
  live = new Live();
  frame(name);
  const place = h("div", { class: "view" });
  // Views of one object rename it when they know what it is called.
  const heading = h("h1", null, view.title);
  main.replaceChildren(heading, place);
  document.title = `${heading.textContent} - Shaken Fist`;
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
  const tools = { live, say, rename };
  return rest.length > 0 ? view.one(place, tools, ...rest) : view.show(place, tools);

  function rename(text) {
    morph(heading, text);
    document.title = `${heading.textContent} - Shaken Fist`;
  }
}

/** A part of an address; one that somebody has broken stands for itself. */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function frame(current) {
  nav.hidden = who.hidden = false;
  morph(nav, h("ul", null, offered().map(([name, { title }]) => {
    const to = link(title, name);
    if (name === current) to.setAttribute("aria-current", "page");
    return h("li", null, to);
  })));
  morph(who, h("span", null, session.namespace), button("Log out", () => {
    session.close();
    route();
  }, { class: "quiet" }));
}

function showLogIn(why = "") {
  live?.end();
  nav.hidden = who.hidden = true;
  document.title = "Log in - Shaken Fist";
  const error = h("p", { class: "error", role: "alert" }, why);
  const form = h("form", { class: "log-in", onsubmit },
    h("h1", null, "Log in"),
    field("Namespace", "namespace",
      { required: true, autocomplete: "username", value: session.namespace, autocapitalize: "none" }),
    field("Key", "key", { type: "password", required: true, autocomplete: "current-password" }),
    error, h("p", null, h("button", { class: "main" }, "Log in")));
  main.replaceChildren(form);
  form.elements[session.namespace ? "key" : "namespace"].focus();

  async function onsubmit(event) {
    event.preventDefault();
    const { namespace, key } = form.elements;
    try {
      await logIn(namespace.value.trim(), key.value);
      route();
    } catch (problem) {
      morph(error, problem.status === 401 ? "No such namespace, or the key is wrong" : problem.message);
      key.select();
    }
  }
}

// ---- what is said at the edges ------------------------------------------------------------------

let hush = 0;

/** Something has happened: read out, and shown for a while. */
function say(text) {
  const said = document.getElementById("said");
  morph(said, h("p", null, text));
  clearTimeout(hush);
  hush = setTimeout(() => said.replaceChildren(), 6000);
}

const notes = new Map();

/** How things stand, by who notes it, for as long as they do. */
function note(source, text) {
  if (text) notes.set(source, text);
  else notes.delete(source);
  morph(document.getElementById("banner"), [...new Set(notes.values())].map((one) => h("p", null, one)));
}

session.onNote = note;
session.onLost = () => showLogIn("Your log-in has ended.");
addEventListener("hashchange", route);
// The address belongs to the views.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
route();
