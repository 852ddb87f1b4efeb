// Copying, dropping files, and saying aloud what a page has to tell. Everything else works without this file.
"use strict";

const messages = document.querySelector("[data-messages]");

/** Show a message in the top right corner. Put there after the page has loaded, it is read out as well. */
function tell(text) {
  const message = document.createElement("p");
  message.className = "message";
  message.textContent = text;
  messages.replaceChildren(message);
}

async function copy(field) {
  try {
    await navigator.clipboard.writeText(field.value);
    tell("Copied to the clipboard.");
  } catch {
    field.focus();
    field.select();
    tell("The browser does not allow copying. The text is selected: press Ctrl+C.");
  }
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(document.getElementById(button.dataset.copy)));
}

for (const zone of document.querySelectorAll("[data-drop]")) {
  const input = zone.querySelector("input");
  zone.querySelector("[data-drop-hint]").hidden = false;
  for (const name of ["dragenter", "dragover"]) {
    zone.addEventListener(name, (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  for (const name of ["dragleave", "drop"]) {
    zone.addEventListener(name, () => zone.classList.remove("over"));
  }
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length !== 1) {
      tell("Drop one file.");
      return;
    }
    input.files = event.dataTransfer.files;
    tell(`${event.dataTransfer.files[0].name} is chosen.`);
  });
}

document.querySelector("[data-summary]")?.focus();

const told = [...messages.children];
if (told.length > 0) {
  setTimeout(() => messages.replaceChildren(...told.map((each) => each.cloneNode(true))), 150);
}
