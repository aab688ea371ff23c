// The desk by keyboard: single letters outside of fields (they can be switched off), and a way out of every field.
"use strict";

(() => {
  const { byId } = window.wenfa;
  const OFF = "wenfa-keys-off";
  const dialog = byId("keys");
  const on = byId("keys-on");

  on.checked = !localStorage.getItem(OFF);
  on.addEventListener("change", () => (on.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1")));

  const links = () => [...document.querySelectorAll("#queue a, #requests a")].filter((each) => each.offsetParent);
  const current = () => links().indexOf(document.activeElement);

  function step(by) {
    const all = links();
    if (!all.length) return;
    const opened = all.findIndex((each) => each.hasAttribute("aria-current"));
    const from = current() >= 0 ? current() : opened >= 0 ? opened : by > 0 ? -1 : all.length;
    all[Math.max(0, Math.min(all.length - 1, from + by))].focus();
  }

  /** Open what is folded, and go to the field in it. */
  function reach(id) {
    const element = byId(id);
    if (!element) return;
    const fold = element.closest("details");
    if (fold) fold.open = true;
    element.focus();
    element.scrollIntoView({ block: "nearest" });
  }

  /** The first thing to press in a fold; its name while it is still being fetched. */
  function enter(id) {
    const fold = byId(id);
    if (!fold) return;
    fold.open = true;
    const first = fold.querySelector("ul button, .card button, .hits summary") || fold.querySelector("summary");
    first.focus();
    if (first.matches("summary")) {
      fold.addEventListener("htmx:afterSwap", () => {
        if (document.activeElement === first) fold.querySelector("ul button, .card button, .hits summary")?.focus();
      }, { once: true });
    }
  }

  const press = (selector) => document.querySelector(selector)?.click();

  const keys = {
    j: () => step(1),
    k: () => step(-1),
    o: () => current() >= 0 && document.activeElement.click(),
    c: () => press("#standing [data-claim-button]"),
    x: () => press("#standing [formaction$='/release']"),
    r: () => reach("text"),
    "/": () => reach("q"),
    s: () => enter("suggestions-fold"),
    t: () => enter("templates-fold"),
    n: () => reach("note"),
    "?": () => dialog.showModal(),
  };
  keys["？"] = keys["?"];

  const isField = (element) => element?.matches("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

  document.addEventListener("keydown", (event) => {
    // While a word is being composed every key belongs to that.
    if (event.isComposing || event.keyCode === 229 || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") return leave(event);
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.id === "text") {
      event.preventDefault();
      const send = event.target.form.querySelector(".primary");
      if (!send.disabled) event.target.form.requestSubmit(send);
      return;
    }
    if (!on.checked || event.ctrlKey || event.metaKey || event.altKey || isField(event.target)) return;
    if (!Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });

  /** Out of a field to the round, out of the round to the queue. */
  function leave(event) {
    event.preventDefault();
    if (isField(event.target)) {
      (byId("round-title") || byId("queue-title") || byId("main")).focus();
    } else if (byId("round-title")) {
      const row = links().find((each) => each.hasAttribute("aria-current")) || links()[0];
      if (row) row.focus();
      else location.assign("/desk");
    }
  }
})();
