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
