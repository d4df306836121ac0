// Starts the slides of a notebook. A figure on a hidden slide has no width: it is laid out anew when its slide comes.
(function () {
  "use strict";
  Reveal.initialize({
    ...SIZES.screen,
    margin: 0.02,
    center: false,
    hash: true,
    slideNumber: "c/t",
    scrollActivationWidth: 0,
    transition: matchMedia("(prefers-reduced-motion: reduce)").matches ? "none" : "fade",
  }).then(() => {
    const layOut = () => window.dispatchEvent(new Event("resize"));
    Reveal.on("slidechanged", layOut);
    layOut();
    document.documentElement.dataset.slides = "ready";
  });
})();
