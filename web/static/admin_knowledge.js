// The administration's pages on laws and cards: say what a request could not do, and stop what is too large before it is sent.
"use strict";

(() => {
  const offline = document.getElementById("offline");

  function say(words) {
    if (!offline) return;
    offline.textContent = words;
    offline.hidden = !words;
  }

  document.addEventListener("htmx:sendError", () => say("网络断了，核对和进度没有更新。您写的还在，网络通了再写一个字就会重新核对。"));
  document.addEventListener("htmx:responseError", (event) => {
    const xhr = event.detail.xhr;
    const plain = (xhr.getResponseHeader("Content-Type") || "").startsWith("text/plain");
    say(plain && xhr.responseText ? `${xhr.responseText.replace(/。$/, "")}。` : "服务暂时出了问题，核对没有更新，您写的还在，请稍后再试。");
  });
  document.addEventListener("htmx:afterOnLoad", () => say(""));

  // A server that refuses a large body cuts the line, and a browser then shows nothing of why.
  for (const form of document.querySelectorAll("form[data-most-bytes]")) {
    const input = form.querySelector("input[type=file]");
    const error = document.getElementById("files-error");
    form.addEventListener("submit", (event) => {
      const size = [...input.files].reduce((sum, file) => sum + file.size, 0);
      if (size <= Number(form.dataset.mostBytes)) return;
      event.preventDefault();
      error.textContent = form.dataset.tooLarge;
      input.setAttribute("aria-invalid", "true");
      input.focus();
    });
  }
})();
