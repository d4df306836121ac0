// The video and its curve as one: a click in the curve jumps in the video, and the playhead follows the video.
(function () {
  "use strict";
  const about = JSON.parse(document.getElementById("timeline").textContent);
  const video = document.querySelector("video");
  const curve = document.getElementById("curve");
  const head = document.getElementById("playhead");
  const range = document.getElementById("seek");
  const now = document.getElementById("now");
  const clock = (seconds) => {
    const tenths = Math.round(10 * seconds);
    const minutes = Math.floor(tenths / 600);
    const hours = Math.floor(minutes / 60);
    const two = (number) => String(number).padStart(2, "0");
    const rest = `${two(Math.floor((tenths % 600) / 10))}.${tenths % 10}`;
    return hours ? `${hours}:${two(minutes % 60)}:${rest}` : `${minutes}:${rest}`;
  };

  // The number of the last part that begins at or before this moment.
  function partAt(seconds) {
    let low = 0;
    let high = about.starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (about.starts[middle] <= seconds + 1e-3) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  function show() {
    const seconds = Math.min(video.currentTime, about.seconds);
    const at = about.left + (seconds / about.seconds) * about.width;
    head.setAttribute("x1", at);
    head.setAttribute("x2", at);
    const part = partAt(seconds);
    const words = `${clock(seconds)}: ${about.names[about.best[part]]}, ${Math.round(100 * about.scores[part])}%`;
    now.textContent = words;
    range.setAttribute("aria-valuetext", words);
    if (document.activeElement !== range || Math.abs(range.value - seconds) > about.step) range.value = seconds;
  }

  function jump(seconds) {
    video.currentTime = Math.max(0, Math.min(seconds, about.seconds));
    show();
  }

  curve.addEventListener("click", (event) => {
    const box = curve.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * about.whole;
    jump(((at - about.left) / about.width) * about.seconds);
  });
  range.addEventListener("input", () => jump(Number(range.value)));
  for (const button of document.querySelectorAll("button[data-at]")) {
    button.addEventListener("click", () => jump(Number(button.dataset.at)));
  }
  video.addEventListener("error", () => { document.getElementById("unplayable").hidden = false; });
  for (const event of ["timeupdate", "seeked", "loadedmetadata"]) video.addEventListener(event, show);
  const follow = () => {
    show();
    if (!video.paused) requestAnimationFrame(follow); // smoother than the four timeupdates of a second
  };
  video.addEventListener("play", follow);
  show();
})();
