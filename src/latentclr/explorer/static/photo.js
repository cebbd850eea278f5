// Photos: sending one, cutting it by hand, looking on while it is refined, the photo beside the picture.
"use strict";
(() => {
  const part = (id) => document.getElementById(id);
  const figure = () => document.querySelector("#stage .stage");
  const ASK = 400; // milliseconds between two questions how far it is
  const LEAST = 16; // pixels of a side that can be cut out

  let file = null;
  let sent = 0;

  const notice = (text) => {
    part("notice").textContent = text;
  };

  // Sending.
  const send = async () => {
    if (!file) return;
    const byHand = part("cut").value === "hand";
    const asked = new URLSearchParams(figure().dataset.query);
    asked.set("name", file.name);
    asked.set("cut", byHand ? part("box").value : part("cut").value);
    asked.set("face", byHand ? "" : part("face").value);
    asked.set("method", part("method").value);
    asked.set("tune", part("tune").checked ? "1" : "");
    sent += 1;
    const mine = sent;
    notice("Looking at the photo …");
    try {
      const answer = await fetch(`photo?${asked}`, { method: "POST", body: file });
      const text = await answer.text();
      if (!answer.ok) throw new Error(text);
      if (mine !== sent) return; // another one was sent since
      const found = JSON.parse(text);
      notice(found.notes.join(" "));
      figure().dispatchEvent(new CustomEvent("photo", { bubbles: true, detail: found.photo }));
      compare(true);
    } catch (error) {
      if (mine === sent) notice(error.message);
    }
  };

  const choose = (one) => {
    if (!one) return;
    file = one;
    part("again").disabled = false;
    const image = part("whole").querySelector("img");
    if (image.src) URL.revokeObjectURL(image.src);
    image.onload = whole;
    image.src = URL.createObjectURL(one);
    if (part("cut").value !== "hand") send();
  };

  // The part that is cut out by hand, in pixels of the upright photo.
  let square = { x: 0, y: 0, side: 0 };
  let aspect = 1; // width over height

  const most = (image) => Math.min(image.naturalWidth / aspect, image.naturalHeight);
  const whole = () => {
    const image = part("whole").querySelector("img");
    const now = document.querySelector("#stage .now");
    if (now && now.naturalWidth && now.naturalHeight && figure().matches(".picture")) aspect = now.naturalWidth / now.naturalHeight;
    const side = most(image);
    square = { x: (image.naturalWidth - side * aspect) / 2, y: (image.naturalHeight - side) / 2, side };
    mark(true);
  };
  const mark = (write) => {
    const image = part("whole").querySelector("img");
    const { naturalWidth: wide, naturalHeight: high } = image;
    if (!wide) return;
    square.side = Math.min(Math.max(square.side, LEAST), most(image));
    square.x = Math.min(Math.max(square.x, 0), wide - square.side * aspect);
    square.y = Math.min(Math.max(square.y, 0), high - square.side);
    const shown = part("square").style;
    shown.left = `${(100 * square.x) / wide}%`;
    shown.top = `${(100 * square.y) / high}%`;
    shown.width = `${(100 * square.side * aspect) / wide}%`;
    shown.height = `${(100 * square.side) / high}%`;
    if (write) {
      const numbers = [square.x, square.y, square.side * aspect, square.side];
      part("box").value = numbers.map((number) => Math.floor(number)).join(",");
    }
  };
  const typed = () => {
    const [x, y, , side] = part("box").value.split(",").map(Number);
    if (![x, y, side].every(Number.isFinite)) return; // the server says what is wrong with it
    square = { x, y, side };
    mark(false);
  };
  let drag = null;
  const grasp = (event) => {
    const on = event.target.closest("#square");
    if (!on) return;
    event.preventDefault();
    on.setPointerCapture(event.pointerId);
    drag = { x: event.clientX, y: event.clientY, from: { ...square }, size: Boolean(event.target.closest("i")) };
  };
  const pull = (event) => {
    if (!drag) return;
    const image = part("whole").querySelector("img");
    const scale = image.naturalWidth / image.clientWidth;
    const dx = (event.clientX - drag.x) * scale;
    const dy = (event.clientY - drag.y) * scale;
    if (drag.size) square.side = Math.min(drag.from.side + Math.max(dx / aspect, dy), (image.naturalWidth - square.x) / aspect, image.naturalHeight - square.y);
    else square = { ...square, x: drag.from.x + dx, y: drag.from.y + dy };
    mark(true);
  };

  // The photo, or the picture before its edits, on the left of a divider.
  const comparing = () => part("stage").classList.contains("comparing");
  const compare = (on) => {
    part("stage").classList.toggle("comparing", on);
    part("compare").setAttribute("aria-pressed", String(on));
    part("split").hidden = !on;
  };
  const split = (percent) => {
    const at = Math.min(100, Math.max(0, percent));
    part("split").value = at;
    part("stage").style.setProperty("--split", `${at}%`);
  };
  let dividing = false;
  const divide = (event) => {
    const frame = document.querySelector("#stage .frame");
    if (!frame) return;
    const { left, width } = frame.getBoundingClientRect();
    split((100 * (event.clientX - left)) / width);
  };

  document.addEventListener("submit", (event) => {
    if (event.target.id !== "photo-form") return;
    event.preventDefault();
    send();
  });
  document.addEventListener("change", (event) => {
    if (event.target.id === "photo-file") choose(event.target.files[0]);
    if (event.target.id === "cut") {
      part("hand").hidden = event.target.value !== "hand";
      part("face").disabled = event.target.value !== "trained";
      if (event.target.value === "hand" && file) whole();
    }
  });
  document.addEventListener("input", (event) => {
    if (event.target.id === "box") typed();
    if (event.target.id === "split") split(Number(event.target.value));
  });
  document.addEventListener("pointerdown", (event) => {
    grasp(event);
    dividing = comparing() && event.isPrimary && event.button === 0 && Boolean(event.target.closest("#stage .frame"));
    if (dividing) divide(event);
  });
  document.addEventListener("pointermove", (event) => {
    pull(event);
    if (dividing) divide(event);
  });
  for (const end of ["pointerup", "pointercancel"])
    document.addEventListener(end, () => {
      drag = null;
      dividing = false;
    });
  document.addEventListener("click", (event) => {
    if (event.target.closest("#compare")) compare(!comparing());
  });
  // A photo that was dropped on the page, or opened as a recipe, which it is not. What a tab holds is there
  // once it was looked at.
  document.addEventListener("photo-file", (event) => {
    part("photograph-button").click();
    const soon = () => (part("photo-form") ? choose(event.detail) : setTimeout(soon, 30));
    soon();
  });

  setInterval(() => {
    if (document.querySelector("#stage [data-doing]")) part("refresh")?.click();
  }, ASK);
})();
