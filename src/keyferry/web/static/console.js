/* What the pages gain with a script: files can be dropped, texts copied, messages closed. Everything else works without. */
"use strict";

/* A file that is dropped on a field's area is that field's file. */
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    const area = event.target instanceof Element ? event.target.closest("[data-drop]") : null;
    if (!area || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    area.classList.toggle("over", kind === "dragenter" || kind === "dragover");
    if (kind !== "drop") return;
    const input = area.querySelector("input[type=file]");
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    input.focus();
  });
}

/* A drop beside every field must not replace the page, and with it what was typed. */
for (const kind of ["dragover", "drop"]) {
  window.addEventListener(kind, (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
}

document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element ? event.target.closest("button") : null;
  if (!button) return;
  if (button.dataset.close !== undefined) {
    button.closest(".message").remove();
    document.querySelector("main")?.focus();
  }
  if (button.dataset.pick !== undefined) document.getElementById(button.dataset.pick).click();
  if (button.dataset.copy !== undefined) {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
    const said = document.getElementById("said");
    if (said) said.textContent = "Copied.";
    button.textContent = "Copied";
  }
});

/* A search that follows what is typed has its words in the page's address, so that it can be kept and gone back to. */
document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (form?.dataset.follow === undefined) return;
  const asked = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
  history.replaceState(null, "", asked.size ? `${form.action}?${asked}` : form.action);
});

/* One form is sent once: a second click makes no second key. */
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || form.dataset.again !== undefined) return;
  if (form.dataset.sent !== undefined) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "";
  setTimeout(() => delete form.dataset.sent, 8000);
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
document.documentElement.classList.add("scripted");
for (const each of document.querySelectorAll("[data-scripted]")) each.hidden = false;

/* A file that a page was made to hand out is downloaded at once. */
document.querySelector("a[data-download]")?.click();
