// Measures the way to this server: delay, then down, then up, each step bounded in bytes and time.
"use strict";
(() => {
  const form = document.querySelector("[data-connection]");
  if (!form) return;
  const button = form.querySelector("button");
  const show = (name, text, share) => {
    document.querySelector(`[data-show=${name}]`).textContent = text;
    document.querySelector(`[data-bar=${name}]`).value = share;
  };
  const timed = async (work) => {
    const start = performance.now();
    await work(AbortSignal.timeout(20000));
    return Math.max(performance.now() - start, 0.5);
  };
  const get = (bytes) => async (signal) => {
    const answer = await fetch(`${form.dataset.down}?bytes=${bytes}`, { cache: "no-store", signal });
    if (!answer.ok) throw new Error(String(answer.status));
    await answer.arrayBuffer();
  };
  const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
  const send = (bytes) => async (signal) => {
    const noise = new Uint8Array(bytes);
    for (let at = 0; at < bytes; at += 65536) crypto.getRandomValues(noise.subarray(at, Math.min(at + 65536, bytes)));
    const headers = { "X-CSRFToken": token, "Content-Type": "application/octet-stream" };
    const answer = await fetch(form.dataset.up, { method: "POST", body: noise, headers, signal });
    if (!answer.ok) throw new Error(String(answer.status));
    await answer.arrayBuffer();
  };
  // The rate of the largest step that was made; a step that takes half a second is the last.
  const rate = async (name, sizes, step) => {
    let kbit_s = 0;
    for (const [place, bytes] of sizes.entries()) {
      const ms = await timed(step(bytes));
      kbit_s = Math.max(kbit_s, Math.min(Math.round((bytes * 8) / ms), 99999999));
      show(name, kbit_s.toLocaleString(document.documentElement.lang), (100 * (place + 1)) / sizes.length);
      if (ms > 500) break;
    }
    show(name, kbit_s.toLocaleString(document.documentElement.lang), 100);
    return kbit_s;
  };
  const delay = async () => {
    const found = [];
    for (let turn = 0; turn < 5; turn += 1) {
      found.push(await timed(get(16384)));
      show("latency", Math.round(Math.min(...found)), 20 * (turn + 1));
    }
    return Math.round(Math.min(...found));
  };
  const verdict = (name) =>
    document.querySelectorAll("[data-verdict]").forEach((one) => { one.hidden = one.dataset.verdict !== name; });
  button.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    verdict("");
    document.querySelector("[data-meters]").hidden = false;
    try {
      const latency_ms = await delay();
      const down_kbit_s = await rate("down", [65536, 262144, 1048576], get);
      const up_kbit_s = await rate("up", [32768, 131072, 524288], send);
      const body = new URLSearchParams({ down_kbit_s, up_kbit_s, latency_ms, device: new FormData(form).get("device") });
      const answer = await fetch(form.dataset.result, { method: "POST", body, headers: { "X-CSRFToken": token } });
      if (!answer.ok) throw new Error(String(answer.status));
      verdict((await answer.json()).fits ? "good" : "bad");
    } catch (error) {
      verdict("failed");
    } finally {
      button.disabled = false;
    }
  });
})();
