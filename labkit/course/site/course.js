// Draws the figures of a page from the JSON beside them, in the page's own light or dark, and keeps title and
// description as text, so that they wrap on a phone and can be read aloud. Needs plotly.js and themes.js; no network.
(function () {
  "use strict";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const theme = () => (dark.matches ? window.courseThemes.dark : window.courseThemes.light);
  const figures = Array.from(document.querySelectorAll(".plotly-figure"));

  // plotly marks its texts up with a little HTML; parsed without running anything, only the text is taken.
  const plain = (text) =>
    new DOMParser().parseFromString(String(text).replace(/<br\s*\/?>/gi, " "), "text/html").body.textContent;

  function say(figure) {
    const meta = (figure.layout && figure.layout.meta) || {};
    const frame = figure.closest("figure");
    const title = frame.querySelector(".figure-title");
    const words = frame.querySelector(".in-words");
    if (title && meta.title) title.textContent = plain(meta.title);
    if (words && meta.description) words.textContent = meta.description;
  }

  async function draw(figure) {
    const spec = JSON.parse(document.getElementById(figure.id + "-data").textContent);
    spec.layout.template = theme();
    await window.Plotly.newPlot(figure, spec);
    for (const change of ["plotly_update", "plotly_relayout", "plotly_animated"]) figure.on(change, () => say(figure));
    say(figure);
    figure.dataset.drawn = "yes";
  }

  async function drawAll() {
    for (const figure of figures) {
      try {
        await draw(figure);
      } catch (error) {
        figure.textContent = "This figure could not be drawn: " + error.message;
        console.error(error);
      }
      await new Promise((go) => setTimeout(go)); // lets the page answer between two figures
    }
    document.documentElement.dataset.figures = "drawn";
  }

  dark.addEventListener("change", () => {
    for (const figure of figures) if (figure.dataset.drawn) window.Plotly.relayout(figure, { template: theme() });
  });
  drawAll();
})();
