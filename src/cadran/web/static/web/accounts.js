// Comfort for registration; every page works without it.
"use strict";
const words = document.documentElement.lang === "en"
  ? { show: "Show", hide: "Hide", length: "10 characters", letters: "letters", digits: "digits" }
  : { show: "Montrer", hide: "Cacher", length: "10 caractères", letters: "des lettres", digits: "des chiffres" };

document.querySelectorAll("input[data-secret]").forEach((field) => {
  const box = document.createElement("div"), toggle = document.createElement("button"), rules = document.createElement("ul");
  box.className = "secret";
  field.replaceWith(box);
  toggle.type = "button";
  toggle.className = "show";
  toggle.setAttribute("aria-controls", field.id);
  const tell = (shown) => {
    field.type = shown ? "text" : "password";
    toggle.textContent = shown ? words.hide : words.show;
    toggle.setAttribute("aria-pressed", String(shown));
  };
  toggle.addEventListener("click", () => tell(field.type === "password"));
  tell(false);
  box.append(field, toggle);
  rules.className = "strength";
  const kept = [
    [words.length, (text) => text.length >= 10],
    [words.letters, (text) => /\p{L}/u.test(text)],
    [words.digits, (text) => /\p{Nd}/u.test(text)],
  ].map(([name, test]) => {
    const line = document.createElement("li");
    line.textContent = name;
    rules.append(line);
    return [line, test];
  });
  const look = () => kept.forEach(([line, test]) => line.classList.toggle("met", test(field.value)));
  field.addEventListener("input", look);
  look();
  box.after(rules);
});

document.querySelectorAll("input[type=file]").forEach((field) => {
  field.addEventListener("change", () => {
    const [file] = field.files, old = field.parentElement.querySelector(".preview");
    if (old) old.remove();
    if (!file || !/^image\/(jpeg|png|webp)$/.test(file.type)) return;
    const reader = new FileReader();
    reader.addEventListener("load", () => {
      const picture = document.createElement("img");
      picture.className = "preview";
      picture.alt = "";
      picture.src = reader.result;
      field.after(picture);
    });
    reader.readAsDataURL(file);
  });
});

document.querySelectorAll("form[data-once]").forEach((form) => {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) return event.preventDefault();
    if (event.submitter && event.submitter.name === "propose") return undefined;
    form.dataset.sent = "yes";
    return undefined;
  });
});
addEventListener("pageshow", () => document.querySelectorAll("form[data-once]").forEach((form) => delete form.dataset.sent));
const summary = document.querySelector("[data-summary]");
if (summary) summary.focus();
