// The citizen's page: what was written stands there at once, and comes back into the box if it could not be sent.
"use strict";

(() => {
  const { byId, connect, newId, put, show, why } = window.wenfa;
  const log = byId("log");
  const box = byId("text");
  const error = byId("error");
  const DRAFT = "wenfa-draft";
  const SLOW_MS = 700;
  const sending = new Map();

  // ---- sending ----

  document.addEventListener("htmx:beforeRequest", (event) => {
    const form = event.detail.elt;
    if (!form.matches("[data-say]")) return;
    const typed = form.id === "say";
    const pressed = event.detail.requestConfig.triggeringEvent?.submitter;
    const words = typed ? box.value.trim() : pressed?.textContent.trim() || "";
    const pending = bubble(words, form.elements.client_message_id.value);
    error.textContent = "";
    document.body.classList.remove("empty");
    log.append(pending);
    if (typed) box.value = ""; // but stays kept until it has been taken
    busy(form, true);
    show(pending);
    const slow = setTimeout(() => {
      pending.querySelector("time").textContent = "正在看您的问题";
    }, SLOW_MS);
    sending.set(form, { typed, words, pending, slow });
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.detail.elt;
    const sent = sending.get(form);
    if (!sent) {
      // A list that was asked for: what is shown stays, and why nothing changed is said.
      error.textContent = event.detail.successful ? "" : why(event.detail.xhr);
      return;
    }
    sending.delete(form);
    clearTimeout(sent.slow);
    busy(form, false);
    if (event.detail.successful) {
      put(event.detail.xhr.responseText);
      sent.pending.remove();
      renew(form);
      connect();
      if (sent.typed) reset();
      keep();
      return;
    }
    sent.pending.remove();
    if (sent.typed) write(box.value ? `${sent.words}\n${box.value}` : sent.words);
    error.textContent = `${sent.typed ? "没有发出去，您写的话还在框里。" : "没有发出去。"}${why(event.detail.xhr)}`;
    if (!log.children.length) document.body.classList.add("empty");
    if (sent.typed) box.focus();
  });

  function bubble(words, id) {
    const article = document.createElement("article");
    article.className = "bubble citizen pending";
    article.dataset.client = id;
    article.setAttribute("aria-hidden", "true"); // read aloud once, when it has been taken
    const header = document.createElement("header");
    const time = document.createElement("time");
    time.textContent = "正在发送";
    header.append("您 ", time);
    const text = document.createElement("p");
    text.className = "text";
    text.textContent = words;
    const inside = document.createElement("div");
    inside.className = "body";
    inside.append(text);
    article.append(header, inside);
    return article;
  }

  /** One form, one message: after it has been taken the next one is another. A failed one keeps its id and is sent once. */
  function renew(form) {
    form.elements.client_message_id.value = newId();
  }

  function busy(form, yes) {
    for (const button of form.querySelectorAll("button")) button.disabled = yes;
  }

  // ---- the box ----

  function write(words) {
    box.value = words;
    keep();
  }

  // Kept with its id: what was on its way when the page was reloaded is put back, and sent again it is still one message.
  function keep() {
    if (sending.has(box.form)) return;
    try {
      if (box.value) sessionStorage.setItem(DRAFT, JSON.stringify({ words: box.value, id: box.form.elements.client_message_id.value }));
      else sessionStorage.removeItem(DRAFT);
    } catch {
      // A browser that stores nothing still sends.
    }
  }

  function restore() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(DRAFT) || "null");
      if (!kept || box.value) return;
      if (log.querySelector(`[data-client="${CSS.escape(kept.id)}"]`)) sessionStorage.removeItem(DRAFT);
      else [box.value, box.form.elements.client_message_id.value] = [kept.words, kept.id];
    } catch {
      // As above.
    }
  }

  box.addEventListener("input", keep);
  restore();

  // With a keyboard Enter sends, as everywhere; under a thumb it makes a new line. Never while a word is being composed.
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    if (!matchMedia("(hover: hover) and (pointer: fine)").matches) return;
    event.preventDefault();
    if (box.value.trim() && !sending.has(box.form)) box.form.requestSubmit();
  });

  // ---- whom a follow-up is for ----

  const all = () => document.querySelector("#address [data-all]");
  const some = () => [...document.querySelectorAll("#address input[name=address_to]")];
  const settle = () => all() && (all().checked = !some().some((each) => each.checked));

  function reset() {
    for (const each of some()) each.checked = false;
    settle();
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("#address [data-all]")) reset();
    else if (event.target.matches("#address input")) settle();
  });
  document.addEventListener("wenfa:replaced", settle);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-to]");
    const chip = link && some().find((each) => each.value === link.dataset.to);
    if (!chip) return;
    event.preventDefault();
    for (const each of some()) each.checked = each === chip;
    settle();
    box.focus();
  });

  // ---- where ----

  const region = document.querySelector("details.region");

  document.addEventListener("click", (event) => {
    if (region?.open && !region.contains(event.target)) region.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && region?.open) {
      region.open = false;
      region.querySelector("summary").focus();
    }
  });

  if (log.lastElementChild && !location.hash.startsWith("#m-")) show(log.lastElementChild);
})();
