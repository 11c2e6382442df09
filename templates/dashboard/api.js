// SPDX-License-Identifier: Apache-2.0
// The one way to the API: calls with the token, and what is on screen asked for again and again.

// The API is where this file's folder lies, whatever a proxy has put before both.
const BASE = new URL("..", import.meta.url).href.replace(/\/$/, "");
const PERIOD = 1500; // milliseconds between an answer and the next question
const DEADLINE = 30000;

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// The token is kept for this tab, so that a reload stays logged in; it ends within a quarter of an
// hour, and with the tab. The key itself is never stored: this page knows it as long as it is open,
// to have a new token when the old one ends, and asks for it again after a reload.
const TOKEN = "shakenfist.token";
const NAMESPACE = "shakenfist.namespace";
let key = null;
let lostSession = () => {};
let noted = () => {};

export const session = {
  get namespace() { return sessionStorage.getItem(NAMESPACE) ?? ""; },
  get open() { return sessionStorage.getItem(TOKEN) !== null; },
  get isAdmin() { return this.namespace === "system"; },
  close() {
    key = null;
    sessionStorage.removeItem(TOKEN);
  },
  /** Called when a log-in is needed. */
  set onLost(handler) { lostSession = handler; },
  /** Called with who notes something and what, how things stand; "" when all is well. */
  set onNote(handler) { noted = handler; },
};

export async function logIn(namespace, secret) {
  const answer = await send("POST", "/auth", { namespace, key: secret }, null);
  const { access_token: token } = await answer.json();
  key = secret;
  sessionStorage.setItem(TOKEN, token);
  sessionStorage.setItem(NAMESPACE, namespace);
}

/** The answer to a call: JSON, or as `as` says "text" or "blob". */
export async function call(method, path, body, as = "json") {
  const answer = await authorized(method, path, body);
  const stale = answer.headers.get("Warning");
  noted(path, stale ? `The database does not answer. What you see is ${asOf(stale)}.` : "");
  return answer[as]();
}

export const get = (path, as) => call("GET", path, undefined, as);

/** A path of segments that may hold anything. */
export const path = (...segments) => `/${segments.map(encodeURIComponent).join("/")}`;

function asOf(warning) {
  const at = /as of ([0-9TZ:-]+)/.exec(warning);
  return at ? `as of ${new Date(at[1]).toLocaleTimeString("sv-SE")}` : "not the newest";
}

async function authorized(method, path, body) {
  const token = sessionStorage.getItem(TOKEN);
  try {
    return await send(method, path, body, token);
  } catch (error) {
    if (error.status !== 401) throw error;
  }
  if (sessionStorage.getItem(TOKEN) === token && !(await renewed())) {
    session.close();
    lostSession();
    throw new ApiError(401, "Log in again");
  }
  return send(method, path, body, sessionStorage.getItem(TOKEN));
}

let renewal = null;

/** Whether there is a new token; asked for once, however many calls find that the old one has ended. */
function renewed() {
  if (key === null) return false;
  renewal ??= logIn(session.namespace, key).then(() => true, (error) => {
    if (error.status === 401) return false;
    throw error;
  }).finally(() => {
    renewal = null;
  });
  return renewal;
}

async function send(method, path, body, token) {
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(BASE + path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(DEADLINE),
    });
  } catch {
    throw new ApiError(0, "This node does not answer");
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  const text = typeof said.error === "string" ? said.error : JSON.stringify(said.error ?? said);
  throw new ApiError(answer.status, text);
}

// ---- what is on screen --------------------------------------------------------------------------

/** Everything that one view asks for again and again; over when another takes its place. */
export class Live {
  #over = false;
  #wake = new Set();
  #seen = () => { if (!document.hidden) this.refresh(); };

  constructor() {
    document.addEventListener("visibilitychange", this.#seen);
  }

  end() {
    this.#over = true;
    document.removeEventListener("visibilitychange", this.#seen);
    this.refresh();
  }

  /** Asks for everything at once, as somebody has just changed something. */
  refresh() {
    for (const wake of this.#wake) wake();
    this.#wake.clear();
  }

  /**
   * Gives what `ask` promises to `show`, again and again while the tab is seen, one question at a
   * time. An error of 404 is final and goes to `gone`; of any other the banner tells, and what
   * was shown stays.
   */
  async watch(ask, show, gone = (error) => noted(ask, error.message)) {
    let shown = null;
    while (!this.#over) {
      if (!document.hidden) {
        try {
          const answer = await ask();
          if (this.#over) return;
          // What has not changed needs no work, and screen readers no second reading.
          const text = JSON.stringify(answer);
          noted(ask, "");
          if (text !== shown) show(answer);
          shown = text;
        } catch (error) {
          if (this.#over || error.status === 401) return;
          if (!(error instanceof ApiError)) throw error;
          if (error.status === 404) return gone(error);
          noted(ask, `${error.message}. Trying again.`);
        }
      }
      await this.#pause();
    }
  }

  #pause() {
    return new Promise((resolve) => {
      this.#wake.add(resolve);
      setTimeout(() => {
        this.#wake.delete(resolve);
        resolve();
      }, PERIOD);
    });
  }
}
