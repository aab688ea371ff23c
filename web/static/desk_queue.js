// The queue on every page of the desk: how much waits, rows that do not move under a pointer or the focus, the log-in's end.
"use strict";

(() => {
  const { byId, replace } = window.wenfa;
  const title = document.title;
  document.body.classList.add("with-script");

  // ---- how much waits ----

  let waiting = Number(byId("waiting-count").dataset.count);

  function tell() {
    byId("waiting-count").textContent = waiting || "";
    document.title = waiting ? `（${waiting}）${title}` : title;
    for (const link of document.querySelectorAll("#queue a")) {
      if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");
    }
  }

  tell();
  document.addEventListener("wenfa:replaced", (event) => {
    if (event.target.id === "queue") tell();
  });

  // ---- rows stay where they are while somebody is about to press one ----
  //
  // A row that is still there is brought up to date in its place; what is new or gone waits until the list is left, or for
  // the button above it. What happens below the row that is pointed at moves nothing, and is shown at once.

  const TOUCHED_MS = 3000;
  let held = null;
  let touchedAt = -TOUCHED_MS;

  const rows = (queue) => [...queue.querySelectorAll(".waiting-round")];
  const idsUpTo = (list, row) => list.slice(0, list.findIndex((each) => each.id === row.id) + 1).map((each) => each.id);

  function inHand(queue) {
    const focused = document.activeElement?.closest("#queue .waiting-round");
    const touched = performance.now() - touchedAt < TOUCHED_MS;
    return focused || queue.querySelector(".waiting-round:hover") || (touched ? rows(queue).at(-1) : null);
  }

  function moves(queue, piece, row) {
    return idsUpTo(rows(queue), row).join() !== idsUpTo(rows(piece), row).join();
  }

  document.addEventListener("wenfa:piece", (event) => {
    const piece = event.detail;
    if (piece.id === "requests") byId("requests-count").textContent = Number(piece.dataset.count) || "";
    if (piece.id !== "queue") return;
    waiting = Number(piece.dataset.count);
    const queue = byId("queue");
    const row = queue && inHand(queue);
    if (!row || !moves(queue, piece, row)) {
      letGo();
      return void tell();
    }
    event.preventDefault();
    hold(queue, piece);
  });

  function hold(queue, piece) {
    held = piece;
    const old = new Map(rows(queue).map((each) => [each.id, each]));
    const fresh = new Map(rows(piece).map((each) => [each.id, each]));
    for (const [id, row] of old) {
      if (fresh.has(id)) replace(fresh.get(id).cloneNode(true));
      row.classList.toggle("gone", !fresh.has(id));
    }
    const added = [...fresh.keys()].filter((id) => !old.has(id)).length;
    byId("more").textContent = added ? `有 ${added} 个新问题` : "队列有变化";
    byId("more").hidden = false;
    tell();
  }

  function letGo() {
    held = null;
    if (byId("more")) byId("more").hidden = true;
  }

  function showHeld() {
    const piece = held;
    if (!piece) return;
    letGo();
    replace(piece);
  }

  byId("more")?.addEventListener("click", () => {
    showHeld();
    (document.querySelector("#queue a") || byId("queue-title")).focus();
  });

  const later = () => setTimeout(() => held && byId("queue") && !inHand(byId("queue")) && showHeld(), 50);
  const list = document.querySelector(".waiting");
  list?.addEventListener("pointerleave", later);
  list?.addEventListener("focusout", later);
  list?.addEventListener("touchstart", () => (touchedAt = performance.now()), { passive: true });
  list?.addEventListener("touchend", () => setTimeout(later, TOUCHED_MS), { passive: true });

  // ---- the log-in's end ----

  /** Who is logged in now, null when nobody is, undefined when nobody could be asked. Forms get the token of a new log-in. */
  async function whoIsIt() {
    const answer = await fetch("/v1/auth/me", { headers: { Accept: "application/json" } }).catch(() => null);
    if (!answer || (answer.status !== 401 && !answer.ok)) return undefined;
    const who = answer.ok ? await answer.json() : null;
    const same = who?.lawyer_id === document.body.dataset.lawyer;
    if (same) for (const field of document.getElementsByName("csrf_token")) field.value = who.csrf_token;
    byId("logged-out").hidden = same;
    if (!same) byId("offline").hidden = true;
    return same ? who : null;
  }

  document.addEventListener("wenfa:cut", whoIsIt);
  document.addEventListener("wenfa:open", () => (byId("logged-out").hidden = true));
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !byId("logged-out").hidden) whoIsIt();
  });

  // ---- dialogs ----

  for (const button of document.querySelectorAll("[data-dialog]")) {
    button.addEventListener("click", () => byId(button.dataset.dialog).showModal());
  }

  window.desk = { whoIsIt };
})();
