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
