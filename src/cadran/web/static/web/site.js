// Comforts only: every page works without this file.
"use strict";
document.querySelectorAll("button[name=propose]").forEach((button) => {
  button.addEventListener("click", async (event) => {
    const field = button.form.querySelector("[data-proposal]");
    event.preventDefault();
    button.disabled = true;
    try {
      const answer = await fetch("/sip/proposal", { cache: "no-store" });
      if (answer.ok) field.value = await answer.text();
    } finally {
      button.disabled = false;
      field.focus();
      field.select();
    }
  });
});
// The part that moves is fetched again: often while a call lasts, seldom otherwise, not at all in a hidden tab; a failure waits longer.
(() => {
  const BUSY_MS = 3000, IDLE_MS = 15000, LONGEST_MS = 120000;
  let part = document.querySelector("[data-live]"), failures = 0, timer = 0;
  if (!part) return;
  const plan = () => {
    clearTimeout(timer);
    const pace = part.dataset.busy === "yes" ? BUSY_MS : IDLE_MS;
    timer = setTimeout(look, Math.min(pace * 2 ** failures, LONGEST_MS));
  };
  const look = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(part.dataset.live, { cache: "no-store", redirect: "error" });
      if (!answer.ok) throw new Error(String(answer.status));
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-live]");
      if (fresh) {
        part.replaceWith(fresh);
        part = fresh;
      }
      failures = 0;
    } catch {
      failures = Math.min(failures + 1, 6);
    }
    plan();
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  plan();
})();
