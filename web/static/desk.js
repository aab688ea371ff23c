// A round at the desk: a place taken when the writing starts, articles cited and words put in with one tap, the sending.
"use strict";

(() => {
  const { byId, put, why } = window.wenfa;
  const form = byId("answer");
  const RENEW_MS = 60_000;
  const box = byId("text");
  const error = byId("error");
  const cited = byId("cited");
  const tell = (what) => document.dispatchEvent(new CustomEvent(`desk:${what}`));
  const written = () => tell("written");

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
    else if (answer.status === 401) window.desk.whoIsIt();
    else if (byId("standing").querySelector("[data-claim-button]")) error.textContent = text;
  }

  box.addEventListener("input", () => {
    error.textContent = "";
    written();
    if (box.value.trim()) claim();
  });

  // ---- citing ----

  const citations = () => [...cited.querySelectorAll("input")].map((each) => each.value);

  function cite(name) {
    if (citations().includes(name)) return;
    const item = document.createElement("li");
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "checkbox", name: "citations", value: name });
    input.checked = true;
    label.append(input, ` ${name}`);
    item.append(label);
    cited.append(item);
  }

  function citeAll(names) {
    cited.replaceChildren();
    names.forEach(cite);
    mark();
  }

  function mark() {
    const taken = new Set(citations());
    for (const input of document.querySelectorAll(".hits input")) {
      input.checked = taken.has(input.value);
      // The list above is what is sent; here it is only a switch.
      input.removeAttribute("name");
      input.nextElementSibling.firstChild.textContent = input.checked ? "已引用" : "引用";
    }
  }

  document.addEventListener("change", (event) => {
    const input = event.target;
    if (!input.matches(".hits input, #cited input")) return;
    const lost = input.matches("#cited input");
    if (input.checked) cite(input.value);
    else forget(input.value);
    if (lost) (cited.querySelector("input") || box).focus();
    mark();
    written();
  });

  function forget(name) {
    [...cited.querySelectorAll("input")].find((each) => each.value === name)?.closest("li").remove();
    // What is no longer cited needs no decision.
    const doubts = [...byId("warnings").querySelectorAll("[data-citation]")];
    doubts.find((each) => each.dataset.citation === name)?.remove();
    if (doubts.length === 1 && doubts[0].dataset.citation === name) byId("warnings").replaceChildren();
  }

  // ---- words put in ----

  /** Words at the cursor, or in place of what is marked there. */
  function insert(words) {
    box.setRangeText(words, box.selectionStart, box.selectionEnd, "end");
    box.focus();
    box.dispatchEvent(new Event("input"));
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-insert]");
    if (button) insert(byId(button.dataset.insert).textContent);
  });

  /** What is to be kept as words of one's own: what is marked in the box, else all of it. */
  const chosen = () => box.value.slice(box.selectionStart, box.selectionEnd).trim() || box.value.trim();

  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.elt.id === "keep-template") event.detail.parameters.text = chosen();
  });

  // ---- htmx: what it put in, where the focus goes, what went wrong ----

  const isMine = () => byId("standing").dataset.mine !== undefined;
  let wasMine = null;

  /** The button that was pressed is gone: on to the writing, or to what stands in its place. */
  function moveOn() {
    if (wasMine === null || wasMine === isMine()) return;
    wasMine = null;
    const focused = document.activeElement;
    if (focused !== document.body && !byId("standing").contains(focused)) return;
    (isMine() ? box : byId("standing").querySelector("button") || byId("round-title")).focus();
  }

  // What the button does comes back twice, by its own reply and by the stream: whichever is first.
  document.addEventListener("wenfa:replaced", moveOn);
  document.addEventListener("htmx:afterSwap", () => {
    mark();
    moveOn();
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    const { elt, target } = event.detail;
    if (elt.closest("#standing")) wasMine = isMine();
    if (target?.id === "suggestions") target.textContent = "正在法规库里找。";
    if (elt !== form) return;
    error.textContent = "";
    form.querySelector(".primary").disabled = true;
    tell("sending");
  });
  // Before htmx follows the redirect to the sent answer.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    if (event.detail.elt === form && event.detail.xhr.status < 300) tell("sent");
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const { elt, successful, target, xhr } = event.detail;
    if (elt === form) {
      form.querySelector(".primary").disabled = successful;
      if (!successful) tell("refused");
    }
    if (successful && elt.matches("[data-clear]")) elt.reset();
    if (elt.id === "keep-template") return kept(elt, successful, xhr);
    const beside = elt.closest(".beside-answer details")?.querySelector(".error");
    if (beside) beside.textContent = successful ? "" : why(xhr);
    if (xhr.status === 401) window.desk.whoIsIt();
    if (successful || beside) return;
    if (elt === form && xhr.status === 409 && (xhr.getResponseHeader("Content-Type") || "").startsWith("text/html")) {
      put(xhr.responseText);
      byId("warnings").scrollIntoView({ block: "nearest" });
      byId("warnings").querySelector("input").focus({ preventScroll: true });
    } else if (elt.closest("#laws")) byId("hits").textContent = `没有检索成。${why(xhr)}`;
    else if (target?.id === "suggestions") target.textContent = `没有取到建议。${why(xhr)}`;
    else if (target?.id === "templates") target.textContent = `没有取到常用语。${why(xhr)}`;
    else error.textContent = elt === form ? `没有发出去，您写的都还在。${why(xhr)}` : why(xhr);
  });

  function kept(elt, successful, xhr) {
    byId("template-said").textContent = successful ? "已存为常用语。" : why(xhr);
    byId("template-said").classList.toggle("error", !successful);
    if (successful) elt.reset();
  }

  // ---- on a phone: the way to the box, while it is not to be seen ----

  const half = { threshold: 0.5 };
  new IntersectionObserver(([seen]) => document.body.classList.toggle("at-answer", seen.isIntersecting), half).observe(box);
  // The keyboard has come up: it may not lie over what is being written.
  window.visualViewport?.addEventListener("resize", () => {
    if (document.activeElement === box) box.scrollIntoView({ block: "nearest" });
  });
  document.querySelector(".jump").addEventListener("click", (event) => {
    const there = event.target.closest("a") && byId(event.target.closest("a").hash.slice(1));
    if (!there) return;
    event.preventDefault();
    if (there.matches("details")) there.open = true;
    const field = there.matches("details") ? there.querySelector("input[type=search]") || there.querySelector("summary") : there;
    there.scrollIntoView({ block: "start" });
    field.focus({ preventScroll: field !== there });
  });

  mark();
  Object.assign(window.desk, { citations, citeAll });
})();
