// Says in the page what went wrong with a passkey; the ceremony itself is allauth's script.
"use strict";
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  document.querySelectorAll("[data-passkey-error]").forEach((one) => { one.hidden = false; });
});
