// What the page does by itself: keys, the address, saving and opening. All else is gradio's.
"use strict";
(() => {
  const part = (id) => document.getElementById(id);
  const press = (id) => {
    const button = part(id);
    if (button && !button.disabled) button.click();
  };
  const later = (wait, what) => {
    let timer = 0;
    return () => {
      clearTimeout(timer);
      timer = setTimeout(what, wait);
    };
  };

  let query = "";
  let place = -1;

  const PHOTO = /^image\/(png|jpeg|webp)$/;
  const notice = (text) => {
    part("notice").textContent = text;
  };

  // After a while, since browsers count these. And only what is shown after the server has answered to the address
  // that was opened: until then, the page shows what every page begins with.
  let restored = location.search === "";
  const remember = later(250, () => history.replaceState(null, "", "?" + query));
  const tell = later(600, () => {
    const picture = document.querySelector("#stage .now");
    part("told").textContent = picture ? picture.alt : "";
  });
  const sharpen = later(350, () => {
    if (document.querySelector("#stage [data-rough]")) press("sharpen");
  });

  const link = () => {
    for (const a of document.querySelectorAll("[data-export]"))
      a.href = `${a.dataset.export}?${query}&size=${part("size").value}`;
  };

  // The sliders' names are for the buttons beside them, too.
  const mark = () => {
    for (let i = 0; part(`row-${i}`); i += 1) {
      const label = part(`slider-${i}`)?.querySelector("label");
      const name = label?.textContent.trim() ?? "";
      if (label) label.title = name; // long ones are cut
      part(`row-${i}`).classList.toggle("chosen", i === place);
      part(`reset-${i}`)?.setAttribute("aria-label", `take ${name} back`);
      part(`pick-${i}`)?.setAttribute("aria-label", `choose ${name}`);
      part(`pick-${i}`)?.setAttribute("aria-pressed", String(i === place));
    }
  };

  const shown = () => {
    const stage = document.querySelector("#stage .stage");
    if (!stage || !part("size")) return;
    query = stage.dataset.query;
    place = Number(stage.dataset.place);
    link();
    mark();
    if (restored) remember();
    tell();
    sharpen();
  };

  // What takes longer than one notices is shown to be under way.
  const asked = window.fetch;
  const pending = new Set();
  window.fetch = async (...what) => {
    const address = String(what[0]?.url ?? what[0]);
    if (!/run\/predict|picture|loop|open$|photo\?/.test(address)) return asked(...what);
    const one = {};
    const slow = setTimeout(() => {
      pending.add(one);
      document.body.classList.add("busy");
    }, 300);
    try {
      return await asked(...what);
    } finally {
      if (address.includes("run/predict")) restored = true;
      clearTimeout(slow);
      pending.delete(one);
      if (pending.size === 0) document.body.classList.remove("busy");
    }
  };

  const dark = () => document.body.classList.contains("dark");
  const paint = (on) => {
    document.body.classList.toggle("dark", on);
    part("theme").textContent = on ? "Light" : "Dark";
  };
  const repaint = () => {
    paint(!dark());
    try {
      localStorage.setItem("latentclr-dark", dark() ? "1" : "");
    } catch {
      // not remembered, then
    }
  };

  const original = (on) => {
    part("stage").classList.toggle("original", on);
    part("original").setAttribute("aria-pressed", String(on));
  };

  const copy = async () => {
    const address = `${location.origin}${location.pathname}?${query}`;
    try {
      await navigator.clipboard.writeText(address);
      notice("The link is in the clipboard.");
    } catch {
      prompt("The link:", address);
    }
  };

  const save = async (a) => {
    notice("Drawing …");
    try {
      const answer = await fetch(a.href);
      if (!answer.ok) throw new Error(await answer.text());
      const named = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition") ?? "");
      const file = document.createElement("a");
      file.href = URL.createObjectURL(await answer.blob());
      file.download = named ? named[1] : a.dataset.export;
      file.click();
      setTimeout(() => URL.revokeObjectURL(file.href), 60000);
      notice(`Saved as ${file.download}${a.dataset.told ? `; ${a.dataset.told}` : ", with its recipe in it."}`);
    } catch (error) {
      notice(error.message);
    }
  };

  const open = async (file) => {
    if (!file) return;
    try {
      const answer = await fetch("open", { method: "POST", body: file });
      if (!answer.ok && PHOTO.test(file.type)) return document.dispatchEvent(new CustomEvent("photo-file", { detail: file }));
      if (!answer.ok) throw new Error(await answer.text());
      location.search = "?" + (await answer.json()).query;
    } catch (error) {
      notice(error.message);
    }
  };

  const step = (by) => {
    const next = part(`row-${place + by}`);
    const there = next && next.offsetParent !== null;
    if (!there) return press(by > 0 ? "later" : "earlier");
    press(`pick-${place + by}`);
    next.querySelector("input[type=range]").focus();
  };
  const view = (number) => document.querySelectorAll("#mode input")[number]?.click();
  const keys = () => (part("keys").open ? part("keys").close() : part("keys").showModal());

  const KEYS = {
    "?": keys,
    j: () => step(+1),
    k: () => step(-1),
    ">": () => press("later"),
    "<": () => press("earlier"),
    0: () => press(`reset-${place}`),
    x: () => press("reset"),
    z: () => press("undo"),
    y: () => press("redo"),
    "]": () => press("after"),
    "[": () => press("before"),
    r: () => press("random"),
    s: () => press("star"),
    h: () => press("hide"),
    n: () => part("name")?.querySelector("input")?.focus(),
    c: copy,
    d: repaint,
    v: () => press("compare"),
  };

  const writing = (target) =>
    target.closest("textarea, select, [contenteditable], input:not([type=range], [type=radio], [type=checkbox], [type=file])");

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && writing(event.target)) return event.target.blur();
    if (writing(event.target) || event.altKey) return undefined;
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (key !== "z" && key !== "y") return undefined;
      event.preventDefault();
      return press(key === "y" || event.shiftKey ? "redo" : "undo");
    }
    if (part("keys")?.open && key !== "?") return undefined;
    if (key === "o") return original(true);
    const what = key >= "1" && key <= "6" ? () => view(Number(key) - 1) : KEYS[key];
    if (!what) return undefined;
    event.preventDefault();
    return what();
  });
  document.addEventListener("keyup", (event) => {
    if (event.key.toLowerCase() === "o" && !writing(event.target)) original(false);
  });

  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest(selector);
    const a = at("[data-export]");
    if (a) {
      event.preventDefault();
      save(a);
    } else if (at("#original")) original(part("original").getAttribute("aria-pressed") !== "true");
    else if (at("[data-press]")) press(at("[data-press]").dataset.press);
    else if (at("#copy")) copy();
    else if (at("#theme")) repaint();
    else if (at("#help")) keys();
    else if (at(".row") && !at("button, input")) press(at(".row").id.replace("row", "pick"));
  });
  // What was typed counts when one leaves the field, too, if it was typed: not what the page itself has put there.
  let entered = false;
  document.addEventListener("keydown", (event) => {
    entered = event.key === "Enter";
  }, true);
  document.addEventListener("change", (event) => {
    if (event.target.closest("#seed, #slots") && !entered)
      event.target.dispatchEvent(new KeyboardEvent("keypress", { key: "Enter", bubbles: true, cancelable: true }));
    entered = false;
    if (event.target.id === "file") open(event.target.files[0]);
    if (event.target.id === "size") link();
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    open(event.dataTransfer.files[0]);
  });

  // Gradio builds the page some time after this has run.
  const watch = new MutationObserver(() => {
    if (!document.querySelector("#stage .stage") || !part("size") || !part("sliders") || !part("theme")) return;
    watch.disconnect();
    let stored = null;
    try {
      stored = localStorage.getItem("latentclr-dark");
    } catch {
      // as the system has it
    }
    paint(stored === null ? dark() : stored === "1");
    // Gradio brings controls up to date, and makes them, one after the other.
    new MutationObserver(later(50, mark)).observe(part("sliders"), { childList: true, subtree: true, characterData: true });
    part("message")?.setAttribute("role", "alert");
    // What changes inside the stage may be no more than attributes: gradio keeps the elements that it can.
    const changes = { childList: true, subtree: true, attributes: true, attributeFilter: ["data-query", "data-place", "src"] };
    new MutationObserver(shown).observe(part("stage"), changes);
    shown();
  });
  watch.observe(document.documentElement, { childList: true, subtree: true });
})();
