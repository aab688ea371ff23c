// A device in a hall: forgets whoever has gone, says what stands there, hears what is said, and never shows a broken page.
"use strict";

(() => {
  const { byId } = window.wenfa;
  const body = document.body;
  const log = byId("log");
  const box = byId("text");
  const still = byId("still");
  const IDLE_SECONDS = 60;
  const ASK_SECONDS = 20; // of them, at the end
  const KEEP_EVERY_MS = 20_000;
  const RETRY_MS = 5_000;

  // ---- who is there ----

  let touched = Date.now();
  let kept = Date.now();
  let ending = false;

  const begun = () => log.children.length > 0 || box.value !== "";

  function here() {
    touched = Date.now();
    if (still.open) still.close();
    if (touched - kept < KEEP_EVERY_MS || !log.children.length) return;
    kept = touched;
    fetch("/kiosk/here", { method: "POST" }).catch(() => {});
  }

  for (const kind of ["pointerdown", "keydown", "input", "wheel", "touchmove"]) {
    document.addEventListener(kind, here, { passive: true });
  }
  byId("stay").addEventListener("click", here);
  still.addEventListener("cancel", here);

  setInterval(() => {
    if (ending) return;
    if (!begun() || speaking()) touched = Date.now();
    const left = Math.ceil(IDLE_SECONDS - (Date.now() - touched) / 1000);
    if (left <= 0) forget();
    else if (left <= ASK_SECONDS) {
      byId("still-left").textContent = left;
      if (!still.open) still.showModal();
    }
  }, 500);

  /** Whoever was here has gone: nothing of theirs may stay on the screen, whatever the network does. */
  async function forget() {
    ending = true;
    still.close();
    blank();
    for (;;) {
      const answer = await fetch("/kiosk/end", { method: "POST", body: new URLSearchParams({ gone: "true" }) }).catch(() => null);
      if (answer?.ok) break;
      byId("offline").hidden = false;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    location.replace("/kiosk");
  }

  function blank() {
    hush();
    box.value = "";
    try {
      sessionStorage.clear();
    } catch {
      // Nothing was kept then.
    }
    log.replaceChildren();
    for (const each of ["status", "address", "closing"]) byId(each).hidden = true;
    byId("error").textContent = "";
    body.classList.add("empty");
    for (const button of document.querySelectorAll("button, textarea")) button.disabled = true;
  }

  // Who ends it themselves is shown the code; without a network there is none, and it is better to say so than to fail.
  byId("end").addEventListener("submit", (event) => {
    if (navigator.onLine) return;
    event.preventDefault();
    byId("error").textContent = "网络断开了，现在拿不到取件码。请稍等，或走开，一分钟后自动清除。";
  });

  // ---- reading aloud ----

  const read = byId("read");
  const speech = window.speechSynthesis;

  const speaking = () => Boolean(speech?.speaking);

  function hush() {
    speech?.cancel();
    read.setAttribute("aria-pressed", "false");
  }

  function hasVoice() {
    read.hidden = !speech.getVoices().some((each) => each.lang.toLowerCase().startsWith("zh"));
  }

  if (speech) {
    hasVoice();
    speech.addEventListener?.("voiceschanged", hasVoice);
    read.addEventListener("click", () => {
      if (speaking()) return hush();
      const said = [...log.querySelectorAll(".bubble:not(.citizen) .body > .text")].at(-1)?.textContent;
      if (!said) return;
      const utterance = new SpeechSynthesisUtterance(said);
      utterance.lang = "zh-CN";
      utterance.rate = 0.9;
      utterance.onend = utterance.onerror = () => read.setAttribute("aria-pressed", "false");
      read.setAttribute("aria-pressed", "true");
      speech.speak(utterance);
    });
    window.addEventListener("pagehide", hush);
  }

  // ---- listening ----

  const speak = byId("speak");
  const Recognition = window.SpeechRecognition || window.webkitSpeechRecognition;

  if (Recognition && window.isSecureContext) {
    const recognition = new Recognition();
    recognition.lang = "zh-CN";
    recognition.interimResults = true;
    let before = "";
    let listening = false;
    speak.hidden = byId("or-say").hidden = false;
    speak.addEventListener("click", () => {
      if (listening) return recognition.stop();
      before = box.value;
      try {
        recognition.start();
      } catch {
        return;
      }
      listening = true;
      hush();
      speak.setAttribute("aria-pressed", "true");
      speak.textContent = "说完了";
    });
    recognition.addEventListener("result", (event) => {
      box.value = before + [...event.results].map((each) => each[0].transcript).join("");
      box.dispatchEvent(new Event("input", { bubbles: true }));
    });
    recognition.addEventListener("error", () => {
      byId("error").textContent = "没有听清，请再按一次“说话”，或者打字。";
    });
    recognition.addEventListener("end", () => {
      listening = false;
      speak.setAttribute("aria-pressed", "false");
      speak.textContent = "说话";
    });
  }

})();
