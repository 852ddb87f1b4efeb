/* Passkeys: a button asks the browser's authenticator, and sends what it answers with the button's form. */
"use strict";

const words = {
  NotAllowedError: "That was cancelled, or took too long. Try again, or use another way.",
  InvalidStateError: "This passkey is set up already.",
  SecurityError: "Passkeys for this server work at its public address alone, which this page is not at.",
  NotSupportedError: "This authenticator cannot make such a passkey.",
};

function say(form, text) {
  const said = form.querySelector("[data-passkey-said]");
  said.textContent = text;
  said.hidden = false;
}

async function optionsOf(button) {
  if (button.dataset.options) return JSON.parse(button.dataset.options);
  const answer = await fetch(button.dataset.optionsAt, { method: "POST", headers: { "Content-Type": "application/x-www-form-urlencoded" } });
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.detail);
  return content;
}

async function ask(act, options) {
  if (act === "create") {
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
  }
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
}

document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element ? event.target.closest("button[data-passkey]") : null;
  if (!button) return;
  const form = button.form;
  form.querySelector("[data-passkey-said]").hidden = true;
  if (!form.reportValidity()) return;
  if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
    say(form, window.isSecureContext ? "This browser has no passkeys, or is too old for them." : "Passkeys need https.");
    return;
  }
  button.disabled = true;
  try {
    const answer = await ask(button.dataset.passkey, await optionsOf(button));
    form.elements.passkey.value = JSON.stringify(answer.toJSON());
    form.requestSubmit();
  } catch (error) {
    say(form, words[error.name] ?? `The passkey could not be used. ${error.message}`);
  } finally {
    button.disabled = false;
  }
});
