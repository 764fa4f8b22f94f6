// Written below its two constants by cadran.web.easydialer.app. Pages come from the network alone: they hold a customer's data.
"use strict";
const CACHE = `easydialer-${VERSION}`;
const OFFLINE = KEPT[KEPT.length - 1];
self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(KEPT)).then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter((name) => name.startsWith("easydialer-") && name !== CACHE).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== self.location.origin) return;
  if (request.mode === "navigate") {
    event.respondWith(fetch(request).catch(() => caches.match(OFFLINE)));
    return;
  }
  const path = new URL(request.url).pathname + new URL(request.url).search;
  if (KEPT.includes(path)) event.respondWith(fetch(request).catch(() => caches.match(request)));
});
