// SPDX-License-Identifier: Apache-2.0
// Questions: forms and confirmations, in <dialog>, which keeps the keyboard inside and gives the focus
// back to where it was.

import { button, h, morph } from "./dom.js";

/**
 * Asks by a form of `fields`. `submit` is given the form and promises to be done; what it throws is
 * shown in the dialog, which then stays. True if it was done.
 */
export function ask(title, fields, verb, submit, danger = false) {
  return new Promise((resolve) => {
    const error = h("p", { class: "error", role: "alert" });
    const doIt = h("button", { class: danger ? "danger" : "main" }, verb);
    const form = h("form", { onsubmit }, h("h2", { id: "dialog-title" }, title), fields, error,
      h("p", { class: "actions" }, button("Cancel", () => dialog.close()), doIt));
    const dialog = h("dialog", { "aria-labelledby": "dialog-title" }, form);
    let done = false;
    dialog.onclose = () => {
      dialog.remove();
      resolve(done);
    };
    document.body.append(dialog);
    dialog.showModal();

    async function onsubmit(event) {
      event.preventDefault();
      doIt.disabled = true;
      morph(error);
      try {
        await submit(form);
        done = true;
        dialog.close();
      } catch (problem) {
        morph(error, problem.message);
        doIt.disabled = false;
      }
    }
  });
}

/** Asks before something is destroyed; `object` is named in the question. */
export function confirm(verb, object, what, act) {
  return ask(`${verb} ${object}?`, h("p", null, what), verb, act, true);
}
