// The lawyer's desk: a place taken when the writing starts, a draft that survives a reload, articles cited with one tap.
"use strict";

(() => {
  const { byId, put, why } = window.wenfa;
  const form = byId("answer");
  const PREFIX = "wenfa-answer:";
  const RENEW_MS = 60_000;

  // ---- the queue ----

  const title = document.title;

  function count() {
    const waiting = Number(byId("queue")?.dataset.count || 0);
    document.title = waiting ? `（${waiting}）${title}` : title;
    for (const link of document.querySelectorAll("#queue a")) {
      if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");
    }
  }

  count();
  document.addEventListener("wenfa:replaced", (event) => event.target.id === "queue" && count());

  // Drafts are kept in the browser: whoever uses it next must not find them.
  document.querySelector("form[action='/desk/logout']").addEventListener("submit", () => {
    for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX)) localStorage.removeItem(key);
  });

  if (!form) return;
  const box = byId("text");
  const error = byId("error");
  const cited = byId("cited");
  const saved = byId("saved");
  const key = PREFIX + form.dataset.draft;

  // ---- the draft ----

  const citations = () => [...cited.querySelectorAll("input")].map((each) => each.value);

  function keep() {
    if (box.value || citations().length) {
      localStorage.setItem(key, JSON.stringify({ text: box.value, citations: citations() }));
      saved.textContent = "草稿已存在本机";
    } else {
      localStorage.removeItem(key);
      saved.textContent = "";
    }
  }

  function restore() {
    const kept = JSON.parse(localStorage.getItem(key) || "null");
    if (!kept || box.value) return;
    box.value = kept.text;
    for (const each of kept.citations) cite(each);
    saved.textContent = "已恢复上次的草稿";
  }

  // ---- a place under the quorum ----

  let claimedAt = 0;

  async function claim() {
    if (Date.now() - claimedAt < RENEW_MS) return;
    claimedAt = Date.now();
    const answer = await fetch(document.querySelector("[data-claim]").dataset.claim, {
      method: "POST",
      headers: { "HX-Request": "true" },
      body: new URLSearchParams({ csrf_token: form.elements.csrf_token.value }),
    }).catch(() => null);
    if (!answer) return;
    const text = await answer.text();
    if (answer.ok) put(text);
    else if (byId("standing").querySelector("[data-claim-button]")) error.textContent = text;
  }

  box.addEventListener("input", () => {
    error.textContent = "";
    keep();
    if (box.value.trim()) claim();
  });

  // ---- citing ----

  function cite(written) {
    if (citations().includes(written)) return;
    const item = document.createElement("li");
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "checkbox", name: "citations", value: written });
    input.checked = true;
    label.append(input, ` ${written}`);
    item.append(label);
    cited.append(item);
  }

  function mark() {
    const taken = new Set(citations());
    for (const input of document.querySelectorAll("#hits input")) {
      input.checked = taken.has(input.value);
      // The list above is what is sent; here it is only a switch.
      input.removeAttribute("name");
      input.nextElementSibling.textContent = input.checked ? "已引用" : "引用";
    }
  }

  document.addEventListener("change", (event) => {
    const input = event.target;
    if (!input.matches("#hits input, #cited input")) return;
    if (input.checked) cite(input.value);
    else forget(input.value);
    mark();
    keep();
  });

  function forget(written) {
    [...cited.querySelectorAll("input")].find((each) => each.value === written)?.closest("li").remove();
    // What is no longer cited needs no decision.
    const doubts = [...byId("warnings").querySelectorAll("[data-citation]")];
    doubts.find((each) => each.dataset.citation === written)?.remove();
    if (doubts.length === 1 && doubts[0].dataset.citation === written) byId("warnings").replaceChildren();
  }

  document.addEventListener("htmx:afterSwap", mark);

  // ---- sending ----

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt !== form) return;
    error.textContent = "";
    form.querySelector(".primary").disabled = true;
  });
  // Before htmx follows the redirect to the sent answer.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    if (event.detail.elt === form && event.detail.xhr.status < 300) localStorage.removeItem(key);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const { elt, successful, xhr } = event.detail;
    if (elt === form) form.querySelector(".primary").disabled = successful;
    if (successful && elt.matches("[data-clear]")) elt.reset();
    const beside = elt.closest(".beside-answer details")?.querySelector(".error");
    if (beside) beside.textContent = successful ? "" : why(xhr);
    if (successful || beside) return;
    if (elt === form && xhr.status === 409 && (xhr.getResponseHeader("Content-Type") || "").startsWith("text/html")) {
      put(xhr.responseText);
      byId("warnings").scrollIntoView({ block: "nearest" });
      byId("warnings").querySelector("input").focus({ preventScroll: true });
    } else if (elt.closest("#laws")) byId("hits").textContent = `没有检索成。${why(xhr)}`;
    else error.textContent = elt === form ? `没有发出去，您写的都还在。${why(xhr)}` : why(xhr);
  });

  restore();
  mark();
})();
