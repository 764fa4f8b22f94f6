// Comforts of EasyDialer: every page works without this file.
"use strict";
const here = document.currentScript;
if ("serviceWorker" in navigator && here) navigator.serviceWorker.register(here.dataset.worker, { scope: here.dataset.scope }).catch(() => {});
// The browser offers to install the app when it likes to: then there is a button.
window.addEventListener("beforeinstallprompt", (event) => {
  const line = document.querySelector("[data-install]");
  if (!line) return;
  event.preventDefault();
  line.hidden = false;
  line.querySelector("button").addEventListener("click", async () => {
    line.hidden = true;
    await event.prompt();
  }, { once: true });
});
// A keypad for thumbs.
(() => {
  const pad = document.querySelector("[data-pad]"), field = document.querySelector("#to");
  if (!pad || !field) return;
  pad.hidden = false;
  pad.addEventListener("click", (event) => {
    const key = event.target.closest("button");
    if (!key) return;
    field.value = key.value === "back" ? field.value.slice(0, -1) : (field.value + key.value).slice(0, field.maxLength);
    navigator.vibrate?.(8);
  });
})();
// The contacts narrowed while typing.
(() => {
  const box = document.querySelector("[data-narrow]"), list = document.querySelector("[data-contacts]");
  if (!box || !list) return;
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().trim();
  box.hidden = false;
  box.querySelector("input").addEventListener("input", (event) => {
    const wanted = plain(event.target.value);
    for (const one of list.children) one.hidden = !plain(one.dataset.name).includes(wanted);
  });
})();
// The seconds that a prepared call still waits.
(() => {
  const left = document.querySelector("[data-left]");
  if (!left) return;
  const end = performance.now() + Number(left.dataset.left) * 1000, shown = left.querySelector("strong");
  const show = () => {
    const seconds = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    shown.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    if (seconds) setTimeout(show, 250);
    else location.reload();
  };
  show();
})();
