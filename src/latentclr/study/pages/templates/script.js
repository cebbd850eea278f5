// All works without this: it sends answers as they are given, listens to keys, and fetches what comes next.

const root = document.documentElement;
root.classList.add("script");
const find = (id) => document.getElementById(id);
const participant = document.body.dataset.participant;
const form = document.querySelector("form[data-item]");
const status = find("status");

// Answers that the server has not confirmed: path -> form data. They outlive the page.
const store = `unsent-${participant}`;
const unsent = new Map(recall(store, []));

function recall(key, otherwise) {
  try { return JSON.parse(localStorage.getItem(key)) ?? otherwise; } catch { return otherwise; }
}
function remember(key, value) {
  try { localStorage.setItem(key, JSON.stringify(value)); } catch { /* private windows may forbid it */ }
}
const say = (text) => { if (status) status.textContent = text; };
const pause = (time) => new Promise((resolve) => {
  setTimeout(resolve, time);
  addEventListener("online", resolve, { once: true });
});

const SLOW = 4_000;   // milliseconds until one is told that it takes long
const LOST = 90_000;  // until it is sent again: longer than the server may take, so that no answer overtakes a later one
let sending = null;
function send() {
  sending ??= attempt().finally(() => { sending = null; });
  return sending;
}
async function attempt() {
  let wait = 500;
  while (unsent.size) {
    const [path, body] = unsent.entries().next().value;
    const slow = setTimeout(() => { find("offline").hidden = false; }, SLOW);
    try {
      const response = await fetch(path, {
        method: "POST", body: new URLSearchParams(body), keepalive: true,
        headers: { Accept: "application/json" }, signal: AbortSignal.timeout?.(LOST),
      });
      if (response.status >= 500) throw new Error("the server is not ready");
      const told = response.ok ? { problem: "Saved" } : await response.json().catch(() => ({}));
      find("offline").hidden = true;
      say(told.problem ?? "This could not be saved; please load the page again.");
      if (response.status === 401) return;  // they go again when the code was entered
      if (unsent.get(path) === body) unsent.delete(path);  // else it was changed meanwhile, and goes again
      remember(store, [...unsent]);
      wait = 500;
    } catch {
      find("offline").hidden = false;
      await pause(wait);
      wait = Math.min(2 * wait, 10_000);
    } finally {
      clearTimeout(slow);
    }
  }
}

let appeared = 0;
function answered() {
  const fields = new URLSearchParams(new FormData(form));
  fields.set("milliseconds", Math.round(performance.now() - appeared));
  unsent.set(form.getAttribute("action"), fields.toString());
  remember(store, [...unsent]);
  say("Saving …");
  send();
}

function keys() {
  const questions = [...form.querySelectorAll("fieldset")];
  const next = form.querySelector("button");
  const open = (question) => !question.querySelector(":checked");
  const complete = () => !questions.some(open);
  let leaving = false;
  let now = null;

  function turn(question) {
    now?.classList.remove("now");
    now = question;
    if (questions.length > 1) now?.classList.add("now");
  }
  async function go(where) {
    if (leaving) return;
    leaving = true;
    next.setAttribute("aria-disabled", "true");
    await send();
    location.assign(where);
  }
  function onward() {
    if (complete()) { go(form.dataset.onward); return; }
    find("missing").hidden = false;
    find("missing").focus();
    turn(questions.find(open));
  }
  function choose(box) {
    box.checked = true;
    box.dispatchEvent(new Event("change", { bubbles: true }));
    (questions.find(open) ?? next).focus();
  }

  for (const [name, value] of new URLSearchParams(unsent.get(form.getAttribute("action")))) {
    for (const field of form.elements) {
      if (field.name !== name) continue;
      if (field.type === "radio") field.checked = field.value === value; else field.value = value;
    }
  }
  turn(questions.find(open) ?? questions[0]);

  form.addEventListener("change", () => {
    turn(questions.find(open) ?? now);
    if (complete()) find("missing").hidden = true;
    answered();
  });
  form.addEventListener("focusin", (event) => {
    const question = event.target.closest("fieldset");
    if (question) turn(question);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    onward();
  });
  for (const link of document.querySelectorAll("main a[href]")) {
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || !unsent.size) return;
      event.preventDefault();
      go(link.href);
    });
  }

  const shortcuts = find("shortcuts");
  shortcuts.checked = recall("shortcuts", true);
  const show = () => root.classList.toggle("answering", shortcuts.checked);
  shortcuts.addEventListener("change", () => { remember("shortcuts", shortcuts.checked); show(); });
  show();

  document.addEventListener("keydown", (event) => {
    const at = event.target;
    if (!shortcuts.checked || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (at.matches("input[type=text]")) return;
    const arrow = at.matches("input[type=radio]") ? "" : event.key;  // there, arrows choose
    if (arrow === "ArrowRight" || (event.key === "Enter" && !at.matches("a, button, input"))) {
      event.preventDefault();
      if (!event.repeat) onward();
    } else if (arrow === "ArrowLeft") {
      event.preventDefault();
      if (!event.repeat) go(form.querySelector("a[rel=prev]").href);
    } else if (now && !event.repeat) {
      const boxes = [...now.querySelectorAll("input")];
      const box = boxes.find((one) => one.dataset.key === event.key.toLowerCase()) ?? boxes[Number(event.key) - 1];
      if (box) { event.preventDefault(); choose(box); }
    }
  });

  addEventListener("load", () => {
    appeared = performance.now();
    for (const url of form.dataset.soon.split(" ").filter(Boolean)) new Image().src = url;
  });
}

if (form) keys();
if (participant && unsent.size) send();
