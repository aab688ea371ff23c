// The draft of an answer: on the server shortly after the last key, in the browser at once, and in both by when it was
// written and what it goes on from, so that the newest words win wherever they come from.
"use strict";

(() => {
  const { byId, now } = window.wenfa;
  const { whoIsIt } = window.desk;
  const PREFIX = "wenfa-answer:";
  const MINE = `${PREFIX}${document.body.dataset.lawyer}:`;
  const PAUSE_MS = 1500;
  const LONGEST_MS = 10_000;
  const RETRY_MS = 3000;
  const MOST_RETRY_MS = 30_000;
  // By the server's clock words are as much older as they were on their way.
  const ON_THE_WAY_MS = 5000;

  // ---- what the server has not got yet lies in the browser ----

  const address = (round) => `/v1/desk/rounds/${round}/draft`;
  const token = () => document.getElementsByName("csrf_token")[0].value;

  function stored(round) {
    try {
      return JSON.parse(localStorage.getItem(MINE + round) || "null");
    } catch {
      return null;
    }
  }

  /** Without a draft: there is nothing left to keep. */
  function store(round, draft) {
    try {
      if (draft) localStorage.setItem(MINE + round, JSON.stringify(draft));
      else localStorage.removeItem(MINE + round);
    } catch {
      // A browser that stores nothing still saves on the server.
    }
  }

  /** `from` is the draft on the server that was on the page while these words were written: they are newer than that one. */
  function upload(round, { text, citations, at, from }) {
    return fetch(address(round), {
      method: "PUT",
      keepalive: true, // a page that is being left still sends it
      headers: { "Content-Type": "application/json", "X-CSRF-Token": token() },
      body: JSON.stringify({ text, citations, written_ms_ago: Math.max(0, Math.round(now() - at)), goes_on_from: from || null }),
    }).catch(() => null);
  }

  const waiting = () => Object.keys(localStorage).filter((each) => each.startsWith(MINE)).map((each) => each.slice(MINE.length));

  /** What was written while the line was down, for rounds that are not open here. */
  async function uploadOthers() {
    for (const round of waiting()) {
      if (round === form?.dataset.draft) continue;
      const draft = stored(round);
      const answer = draft && (await upload(round, draft));
      if (answer?.ok || answer?.status === 404) store(round, null);
    }
  }

  // Another lawyer's words are not left lying about, and nobody's are once they have logged out.
  for (const each of Object.keys(localStorage)) {
    if (each.startsWith(PREFIX) && !each.startsWith(MINE)) localStorage.removeItem(each);
  }
  const logout = document.querySelector("form[action='/desk/logout']");
  logout.addEventListener("submit", async (event) => {
    if (waiting().length === 0) return;
    event.preventDefault();
    await Promise.all([save(), uploadOthers()]);
    over = true;
    for (const round of waiting()) store(round, null);
    logout.submit();
  });
  document.addEventListener("wenfa:open", uploadOthers);

  // ---- the draft that is open ----

  const form = byId("answer");
  const box = byId("text");
  const saved = byId("saved");
  const round = form?.dataset.draft;
  let timer = 0;
  let unsavedSince = 0;
  let failures = 0;
  let saving = null;
  let sending = false;
  let over = !form;
  let stands = form?.dataset.stands; // when the server's words were written that this page goes on from
  let draft = form && { text: box.defaultValue, citations: window.desk.citations(), at: Number(form.dataset.written), from: stands };
  let onServer = true;

  const wall = (at) =>
    new Intl.DateTimeFormat("zh-CN", { hour: "2-digit", minute: "2-digit", hour12: false, timeZone: "Asia/Shanghai" }).format(at);
  const same = (one, other) => one.text === other.text && one.citations.join("\n") === other.citations.join("\n");

  function show(found, at) {
    box.value = found.text;
    window.desk.citeAll(found.citations);
    draft = { text: found.text, citations: found.citations, at, from: stands };
  }

  function changed() {
    const written = { text: box.value, citations: window.desk.citations(), at: now(), from: stands };
    if (over || same(written, draft)) return;
    draft = written;
    onServer = false;
    unsavedSince ||= Date.now();
    store(round, draft);
    clearTimeout(timer);
    timer = setTimeout(save, Math.max(0, Math.min(PAUSE_MS, unsavedSince + LONGEST_MS - Date.now())));
  }

  /** One after the other: what is written meanwhile goes with the next. */
  function save() {
    clearTimeout(timer);
    if (over || sending || onServer) return Promise.resolve();
    saving ??= send(draft).finally(() => {
      saving = null;
      const pause = failures ? Math.min(MOST_RETRY_MS, RETRY_MS * 2 ** (failures - 1)) : PAUSE_MS;
      if (!onServer && !over && !sending) timer = setTimeout(save, pause);
    });
    return saving;
  }

  async function send(sent) {
    sent.from = stands;
    const answer = await upload(round, sent);
    if (over) return;
    if (answer?.ok) return taken(sent, await answer.json());
    failures += 1;
    if (answer?.status === 401 || answer?.status === 403) {
      saved.textContent = (await whoIsIt()) ? "正在保存草稿" : "草稿暂存在本机，登录后接着存";
    } else if (answer && answer.status < 500) {
      saved.textContent = `草稿只存在本机。${(await answer.json()).title}`;
    } else saved.textContent = "网络断了，草稿暂存在本机";
  }

  /** What stands on the server now: these words, or others that were written later. */
  function taken(sent, found) {
    failures = unsavedSince = 0;
    const mine = found.written_at && same(sent, found);
    if (mine) stands = found.written_at;
    if (draft !== sent) {
      draft.from = stands;
      return store(round, draft);
    }
    onServer = true;
    store(round, null);
    if (!found.written_at) saved.textContent = "您在别处已经发出了解答";
    else if (mine) {
      saved.textContent = sent.text || sent.citations.length ? `草稿已保存 ${wall(now())}` : "";
    } else elsewhere(found);
  }

  function elsewhere(found) {
    stands = found.written_at;
    show(found, Date.parse(stands));
    saved.textContent = `已换成您 ${wall(draft.at)} 在别处写的草稿`;
  }

  /** Coming back to a page that was left open: the words may have grown elsewhere meanwhile. */
  async function refresh() {
    const before = draft;
    const answer = onServer && !over && (await fetch(address(round)).catch(() => null));
    if (!answer || !answer.ok || draft !== before) return;
    const found = await answer.json();
    if (found.written_at && !same(found, draft)) elsewhere(found);
  }

  uploadOthers();
  if (!form) return;
  document.addEventListener("desk:written", changed);
  // While the answer is on its way nothing is saved: on a slow line the draft could come in after it, and stay.
  document.addEventListener("desk:sending", () => {
    sending = true;
    clearTimeout(timer);
  });
  document.addEventListener("desk:refused", () => {
    sending = false;
    save();
  });
  document.addEventListener("desk:sent", () => {
    over = true;
    clearTimeout(timer);
    store(round, null);
  });
  document.addEventListener("wenfa:open", save);
  window.addEventListener("online", save);
  window.addEventListener("pagehide", save);
  document.addEventListener("visibilitychange", () => (document.hidden ? save() : refresh()));

  const found = stored(round);
  if (document.querySelector("[data-sent]")) {
    store(round, null);
    // Reloaded, the page no longer says that something has just been sent.
    history.replaceState(null, "", location.pathname);
  } else if (found && found.at > draft.at - ON_THE_WAY_MS && !byId("error").textContent) {
    // On a slow line one may have begun to write before this ran.
    const begun = box.value === box.defaultValue ? "" : `\n${box.value}`;
    show({ text: found.text + begun, citations: found.citations }, found.at);
    onServer = false;
    saved.textContent = "已恢复本机的草稿";
    save();
  } else changed();
})();
