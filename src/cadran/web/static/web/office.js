// Comforts only: every page works without this file.
"use strict";
document.addEventListener("keydown", (event) => {
  const find = document.getElementById("find");
  if (event.key === "/" && find && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) {
    event.preventDefault();
    find.focus();
    find.select();
  }
});
const here = document.querySelector(".side [aria-current]");
if (here && here.parentElement.scrollWidth > here.parentElement.clientWidth) {
  here.parentElement.scrollLeft = here.offsetLeft - (here.parentElement.clientWidth - here.offsetWidth) / 2;
}
const again = document.querySelector("a[data-refresh]");
if (again) {
  const place = document.querySelector("[data-live]");
  setInterval(async () => {
    if (document.hidden || place.contains(document.activeElement)) return;
    try {
      const answer = await fetch(again.href, { cache: "no-store", headers: { "X-Refresh": "1" }, redirect: "error" });
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-live]");
      if (fresh && !place.contains(document.activeElement)) place.replaceChildren(...fresh.childNodes);
    } catch { /* the next turn tries again */ }
  }, Number(again.dataset.refresh) * 1000);
}
// Recordings are heard on the page itself; without this file the link opens the sound.
let player = null;
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-listen]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const again = player && player.dataset.of === link.href && !player.paused;
  if (player) player.pause();
  document.querySelectorAll("a[data-listen][aria-pressed]").forEach((one) => one.removeAttribute("aria-pressed"));
  if (again) return;
  player = new Audio(link.href);
  player.dataset.of = link.href;
  link.setAttribute("aria-pressed", "true");
  const over = () => link.removeAttribute("aria-pressed");
  player.addEventListener("ended", over);
  player.addEventListener("error", over);
  player.play().catch(over);
});
