// A sound and a notification when a question comes: off until the lawyer asks for them, once for each round however many
// pages of the desk are open, and without the citizen's words unless the lawyer wants them: screens are seen by others.
"use strict";

(() => {
  const { byId, now } = window.wenfa;
  const SETTINGS = "wenfa-bell";
  const RUNG = "wenfa-rung:";
  const WATCHED = "wenfa-bell-watched";
  const DAY_MS = 86_400_000;
  const GAP_MS = 60_000;
  const SETTLE_MS = 120;
  const me = Math.random().toString(36).slice(2);
  const error = byId("bell-error");
  const boxes = Object.fromEntries([...document.querySelectorAll("[data-bell]")].map((each) => [each.dataset.bell, each]));
  let settings = JSON.parse(localStorage.getItem(SETTINGS) || "{}");
  let audio = null;
  let rungAt = 0;

  // ---- what is wanted ----

  const canNotify = () => "Notification" in window && window.isSecureContext;

  function show() {
    if (settings.notify && (!canNotify() || Notification.permission !== "granted")) settings.notify = false;
    for (const [name, box] of Object.entries(boxes)) box.checked = Boolean(settings[name]);
    boxes.words.disabled = !settings.notify;
    byId("bell-state").textContent = settings.sound || settings.notify ? "开" : "关";
  }

  async function want(name, yes) {
    error.textContent = "";
    settings[name] = yes;
    if (name === "notify" && yes) {
      if (!canNotify()) error.textContent = "这个浏览器不能在这个网址弹出通知（要用 https 打开）。可以先用声音。";
      else if ((await Notification.requestPermission()) !== "granted") {
        error.textContent = "浏览器没有允许通知。请在地址栏旁的网站设置里允许，再来打开。";
      }
    }
    if (name === "sound" && yes) ring(false);
    show();
    localStorage.setItem(SETTINGS, JSON.stringify(settings));
    for (const row of rowsIn(byId("queue"))) if (!seen(row)) mark(row);
  }

  for (const [name, box] of Object.entries(boxes)) box.addEventListener("change", () => want(name, box.checked));
  document.querySelector("[data-bell-try]").addEventListener("click", () => {
    if (settings.sound) ring(false);
    if (settings.notify) notify("提醒是开着的，来了新问题就这样告诉您", "", "");
    error.textContent = settings.sound || settings.notify ? "" : "先选一种提醒。";
  });
  window.addEventListener("storage", (event) => {
    if (event.key !== SETTINGS) return;
    settings = JSON.parse(event.newValue || "{}");
    show();
  });

  // ---- ringing ----

  /** Two soft tones, three for what is urgent. Made here: no file, and no other host. */
  function ring(urgent) {
    if (Date.now() - rungAt < 1000) return;
    rungAt = Date.now();
    audio ??= new AudioContext();
    audio.resume();
    [660, 880, ...(urgent ? [660] : [])].forEach((pitch, place) => {
      const at = audio.currentTime + place * 0.18;
      const tone = new OscillatorNode(audio, { frequency: pitch });
      const volume = new GainNode(audio, { gain: 0 });
      volume.gain.linearRampToValueAtTime(0.0001, at);
      volume.gain.exponentialRampToValueAtTime(0.2, at + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.17);
      tone.connect(volume).connect(audio.destination);
      tone.start(at);
      tone.stop(at + 0.18);
    });
  }

  function notify(said, words, id) {
    try {
      const shown = new Notification(said, { body: words, tag: id || "wenfa", lang: "zh-CN" });
      shown.addEventListener("click", () => {
        window.focus();
        shown.close();
        const row = document.querySelector(`#${CSS.escape(id || "queue-title")} a`);
        if (row?.offsetParent) row.focus();
        else if (id) location.assign(`/desk/rounds/${id.slice(2)}`);
      });
    } catch {
      // Browsers of phones have the name and not the thing.
      error.textContent = "这个浏览器弹不出桌面通知，可以用声音。";
    }
  }

  function tell(row) {
    const left = Math.round((Number(row.querySelector("[data-deadline]").dataset.deadline) - now()) / 60_000);
    const due = left > 0 ? `还有 ${left} 分钟` : "已到时间";
    const mine = row.dataset.addressed !== undefined;
    const urgent = row.classList.contains("urgent");
    if (settings.sound) ring(urgent);
    if (!settings.notify) return;
    const said = mine ? `有人追问您，${due}` : `有新的问题，${due}`;
    const words = settings.words ? row.querySelector(".question").textContent.slice(0, 60) : "";
    notify(urgent ? `紧急：${said}` : said, words, row.id);
  }

  // ---- once for each round ----

  const rings = (row) => !row.matches(".past, .mine");
  const seen = (row) => localStorage.getItem(RUNG + row.id) !== null;
  const mark = (row) => localStorage.setItem(RUNG + row.id, `${me} ${Date.now()}`);
  const rowsIn = (queue) => [...(queue?.querySelectorAll(".waiting-round") || [])];

  /** Several pages hear of it in the same moment: each writes its name, and after a moment the last name that stands rings. */
  function once(row) {
    if (seen(row)) return;
    mark(row);
    setTimeout(() => {
      if (localStorage.getItem(RUNG + row.id)?.startsWith(me)) tell(row);
    }, SETTLE_MS);
  }

  // What is there when the desk is opened is seen anyway; what came while one page gave way to another is not.
  let opening = Date.now() - Number(localStorage.getItem(WATCHED) || 0) > GAP_MS;

  function look(queue) {
    if (settings.sound || settings.notify) {
      for (const row of rowsIn(queue)) {
        if (opening && !seen(row)) mark(row);
        else if (rings(row)) once(row);
      }
    }
    opening = false;
    localStorage.setItem(WATCHED, String(Date.now()));
  }

  function forget() {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith(RUNG) && Date.now() - Number(localStorage.getItem(key).split(" ")[1]) > DAY_MS) localStorage.removeItem(key);
    }
  }

  document.addEventListener("wenfa:piece", (event) => event.detail.id === "queue" && look(event.detail));
  window.addEventListener("pagehide", () => localStorage.setItem(WATCHED, String(Date.now())));
  // Browsers let a page sound only after something was pressed in it.
  for (const kind of ["pointerdown", "keydown"]) {
    document.addEventListener(kind, () => settings.sound && (audio ??= new AudioContext()).resume(), { once: true });
  }

  show();
  forget();
  if (byId("queue")) look(byId("queue"));
})();
