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
document.querySelectorAll("input[name=kind]").forEach((choice) => {
  const company = document.querySelector("[data-company]");
  const show = () => {
    const picked = document.querySelector("input[name=kind]:checked");
    if (company) company.hidden = !picked || picked.value !== "company";
  };
  choice.addEventListener("change", show);
  show();
});
