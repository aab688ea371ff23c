// What every live page shares: pieces of HTML put where they belong, a stream that comes back after a break, countdowns.
//
// The stream is read by hand and not by htmx's SSE extension: a bubble may come twice (with the reply to a form and by the
// stream) and must stand once, in its order; after a break the stream must resume after the last bubble on the page, even
// where the server was restarted and the browser has given up; and the page may scroll only for a reader who is at its end.
"use strict";

window.wenfa = (() => {
  const body = document.body;
  const clockAhead = Date.now() - Number(body.dataset.now || Date.now());
  /** The moment by the server's clock, in milliseconds. */
  const now = () => Date.now() - clockAhead;
  const byId = (id) => document.getElementById(id);
  const log = byId("log");

  // ---- pieces ----

  /** Put the pieces of `html` where they belong: bubbles into the log, others in place of what has their id. */
  function put(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    const atEnd = isAtEnd();
    const fresh = [];
    for (const piece of [...template.content.children]) {
      if (piece.matches(".bubble")) {
        if (place(piece)) fresh.push(piece);
      } else if (piece.id) {
        // A page may keep a piece back: what moves under a pointer is pressed by mistake.
        const taken = document.dispatchEvent(new CustomEvent("wenfa:piece", { detail: piece, cancelable: true }));
        if (taken) replace(piece);
      }
    }
    if (fresh.length) arrived(fresh, atEnd);
    tick();
    return fresh;
  }

  const writtenHere = new WeakSet();

  function place(bubble) {
    if (byId(bubble.id)) return false;
    if (!log) {
      // A page that shows answers otherwise than in a row says that there is a new one.
      if (bubble.matches(".lawyer")) byId("news")?.removeAttribute("hidden");
      return false;
    }
    const mine = bubble.dataset.client;
    const pending = mine && log.querySelector(`.pending[data-client="${CSS.escape(mine)}"]`);
    if (pending) {
      pending.remove();
      writtenHere.add(bubble);
    }
    const seq = Number(bubble.dataset.seq);
    const next = [...log.children].find((each) => each.matches(".pending") || Number(each.dataset.seq) > seq);
    bubble.classList.add("fresh");
    log.insertBefore(bubble, next || null);
    body.classList.remove("empty");
    body.dataset.seq = Math.max(Number(body.dataset.seq), seq);
    process(bubble);
    return true;
  }

  function replace(piece) {
    const old = byId(piece.id);
    if (!old) return;
    const checked = new Set([...old.querySelectorAll("input:checked")].map((each) => each.value));
    const place = focusable(old).indexOf(document.activeElement);
    const focused = old.contains(document.activeElement) ? focusKey(document.activeElement) : null;
    for (const input of piece.querySelectorAll("input[type=checkbox]")) input.checked = checked.has(input.value);
    old.replaceWith(piece);
    process(piece);
    if (focused !== null) {
      // Where what had the focus is gone, it goes to what stands in its place: never back to the top of the page.
      const all = focusable(piece);
      const next = all.find((each) => focusKey(each) === focused) || all[Math.min(place, all.length - 1)] || piece;
      if (next === piece) piece.tabIndex = -1;
      next.focus({ preventScroll: true });
    }
    piece.dispatchEvent(new CustomEvent("wenfa:replaced", { bubbles: true }));
  }

  const focusable = (element) => [...element.querySelectorAll("a, button, input, summary")];
  const focusKey = (element) => element.getAttribute("href") || element.value || element.textContent;
  const process = (element) => window.htmx?.process(element);

  // ---- scrolling: the page follows a reader at its end, and leaves everybody else where they are ----

  const root = document.documentElement;
  const isAtEnd = () => window.innerHeight + window.scrollY >= root.scrollHeight - 120;

  function arrived(bubbles, follow) {
    if (follow || bubbles.some((each) => writtenHere.has(each))) show(bubbles[0]);
    else byId("news")?.removeAttribute("hidden");
  }

  /** Scroll to the end, but never past the beginning of what is to be read. */
  function show(bubble) {
    const top = bubble.getBoundingClientRect().top + window.scrollY - readable();
    window.scrollTo(0, Math.min(top, root.scrollHeight - window.innerHeight));
    if (isAtEnd()) byId("news")?.setAttribute("hidden", "");
  }

  /** How much of the screen's top is covered by what sticks there. */
  function readable() {
    const covers = [document.querySelector(".bar"), byId("status")].filter(
      (each) => each && !each.hidden && getComputedStyle(each).position === "sticky" && each.offsetWidth > window.innerWidth / 2,
    );
    return covers.reduce((sum, each) => sum + each.offsetHeight, 0) + 20;
  }

  window.addEventListener("scroll", () => log && isAtEnd() && byId("news")?.setAttribute("hidden", ""), { passive: true });
  byId("news")?.addEventListener("click", () => {
    if (!log) return location.reload();
    const last = log.lastElementChild;
    if (last) show(last);
    byId("news").hidden = true;
  });

  // ---- the stream ----

  let source = null;
  let failures = 0;
  let retry = 0;
  let leaving = false;

  function connect() {
    if (leaving || (source && source.readyState !== EventSource.CLOSED)) return;
    clearTimeout(retry);
    const address = new URL(body.dataset.live, location.href);
    address.searchParams.set("after", body.dataset.seq);
    source = new EventSource(address);
    source.addEventListener("open", () => {
      failures = 0;
      byId("offline")?.setAttribute("hidden", "");
      document.dispatchEvent(new CustomEvent("wenfa:open"));
    });
    source.addEventListener("piece", (event) => put(event.data));
    source.addEventListener("error", () => {
      failures += 1;
      // A short break heals before anybody needs to know of it.
      if (failures > 1 && !leaving) byId("offline")?.removeAttribute("hidden");
      if (!leaving) document.dispatchEvent(new CustomEvent("wenfa:cut"));
      // The browser goes on by itself after a cut line, not after an error from a server that is starting up.
      if (source.readyState === EventSource.CLOSED) retry = setTimeout(connect, Math.min(30, 2 ** failures) * 1000);
    });
  }

  if (body.dataset.live && "open" in body.dataset) connect();
  window.addEventListener("pagehide", () => {
    leaving = true;
    source?.close();
  });
  window.addEventListener("pageshow", (event) => {
    leaving = false;
    if (event.persisted) connect();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && source?.readyState === EventSource.CLOSED) connect();
  });

  // ---- countdowns ----

  const two = (number) => String(number).padStart(2, "0");

  function tick() {
    const moment = now();
    for (const each of document.querySelectorAll("[data-due]")) {
      const left = Math.round((Number(each.dataset.due) - moment) / 1000);
      const said = left < 60 ? `${left} 秒` : `${Math.round(left / 60)} 分钟`;
      write(each, left > 0 ? `约还有 ${said}` : each.dataset.late);
    }
    for (const each of document.querySelectorAll("[data-deadline]")) {
      const left = Math.round((Number(each.dataset.deadline) - moment) / 1000);
      const length = Math.abs(left);
      const said = length < 3600 ? `${Math.floor(length / 60)}:${two(length % 60)}` : `${Math.floor(length / 3600)} 小时`;
      write(each, left > 0 ? `还有 ${said}` : `已超 ${said}`);
      each.classList.toggle("late", left <= 0);
      each.classList.toggle("soon", left > 0 && left < 180);
    }
  }

  /** "3分钟前" counts on; after an hour the time of day says more. */
  function age() {
    const moment = now();
    for (const each of document.querySelectorAll("time[data-ago]")) {
      const passed = (moment - Date.parse(each.dateTime)) / 1000;
      if (passed < 3600) write(each, passed < 60 ? "刚刚" : `${Math.floor(passed / 60)}分钟前`);
      else if (each.textContent.endsWith("前")) write(each, clock.format(new Date(each.dateTime)));
    }
  }

  const clock = new Intl.DateTimeFormat("zh-CN", { timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit" });
  const write = (element, text) => element.textContent === text || (element.textContent = text);
  tick();
  setInterval(tick, 1000);
  setInterval(age, 15_000);

  // ---- for the pages' own scripts ----

  /** A new client message id. (crypto.randomUUID is missing on plain http, as on a local network.) */
  function newId() {
    return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  /** Why a request failed, in words; what was being done is said by the caller. */
  function why(xhr) {
    const plain = (xhr.getResponseHeader("Content-Type") || "").startsWith("text/plain");
    if (xhr.status && plain && xhr.responseText) return `${xhr.responseText.replace(/。$/, "")}。`;
    return xhr.status ? "服务暂时出了问题，请稍后再试。" : "网络不通，或者服务没有回应，请稍后再试。";
  }

  return { byId, connect, isAtEnd, newId, now, put, replace, show, why };
})();
