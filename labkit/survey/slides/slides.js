// Starts the slides: shrinks what is too tall for one, says so where the computer lacks a language's letters.
(function start() {
  "use strict";
  if (!innerWidth) return void setTimeout(start, 50); // a frame has no size before its page is laid out
  const sizes = SIZES;
  const phone = innerWidth < innerHeight && innerWidth < sizes.phone.width; // a whole slide's text would be tiny there
  const size = phone ? sizes.phone : sizes.screen;
  document.documentElement.classList.toggle("phone", phone);
  const leaves = Array.from(document.querySelectorAll(".slides section")).filter((one) => !one.querySelector("section"));

  // Before reveal.js hides all but one, every slide can be measured.
  for (const slide of leaves) {
    const outer = slide.parentElement.closest("section");
    for (const one of [outer, slide]) if (one) one.style.cssText = "display:block;visibility:hidden;width:" + size.width + "px;height:auto";
    for (let percent = 100; percent > 45 && slide.scrollHeight > size.height - 8; percent -= 5) slide.style.fontSize = percent + "%";
    const font = slide.style.fontSize;
    for (const one of [outer, slide]) if (one) one.removeAttribute("style");
    slide.style.fontSize = font;
  }

  // Letters that a computer has no font for all look the same: a box. Two different ones must look different.
  const letters = { ja: ["動認", "Japanese"], ko: ["영상", "Korean"], zh: ["动识", "Chinese"] };
  const context = Object.assign(document.createElement("canvas"), { width: 40, height: 40 }).getContext("2d", { willReadFrequently: true });
  function picture(letter, font) {
    context.clearRect(0, 0, 40, 40);
    context.font = "28px " + font;
    context.fillText(letter, 4, 32);
    return context.getImageData(0, 0, 40, 40).data.join();
  }
  const used = new Set(Array.from(document.querySelectorAll("[lang]"), (one) => one.lang));
  const lacking = Array.from(used).filter((lang) => {
    if (!letters[lang]) return false;
    const font = getComputedStyle(document.querySelector('[lang="' + lang + '"]')).fontFamily;
    const [one, other] = letters[lang][0];
    return picture(one, font) === picture(other, font);
  });
  if (lacking.length) {
    const names = lacking.map((lang) => letters[lang][1]).join(", ");
    const notice = Object.assign(document.createElement("p"), { className: "fontless" });
    notice.textContent = "This computer has no font for " + names + ", so its letters are boxes. Install one, such as Noto Sans CJK.";
    document.body.append(notice);
  }

  Reveal.initialize({
    ...size,
    margin: 0.02,
    center: false,
    hash: location.protocol !== "about:", // a notebook's frame has no address of its own
    slideNumber: "c/t",
    scrollActivationWidth: 0, // otherwise a phone gets one long page without arrows and numbers
    transition: matchMedia("(prefers-reduced-motion: reduce)").matches ? "none" : "fade",
  }).then(() => {
    document.documentElement.dataset.slides = "ready";
  });
})();
