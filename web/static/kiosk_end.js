// After a minute the code goes from the screen, whoever is standing there.
"use strict";

(() => {
  const until = Date.now() + 60_000;
  setInterval(() => {
    const left = Math.ceil((until - Date.now()) / 1000);
    document.getElementById("left").textContent = Math.max(0, left);
    if (left <= 0) location.replace("/kiosk");
  }, 500);
})();
