// Draws the figures of a page from the JSON beside them, in the page's own light or dark, and keeps title and
// description as text, so that they wrap on a phone and can be read aloud. Needs plotly.js and themes.js; no network.
(function () {
  "use strict";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  // A page with a switch of its own says its choice in `data-theme`; other pages follow the system.
  const root = document.documentElement;
  const theme = () => window.courseThemes[root.dataset.theme || (dark.matches ? "dark" : "light")];
  const touch = window.matchMedia("(pointer: coarse)").matches;
  const figures = Array.from(document.querySelectorAll(".plotly-figure"));
  const LETTER = 7.2; // pixels of a letter in an axis title
  const AXIS_TITLE = /^[xy]axis\d*\.title\.text$/;

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

  // An axis title in lines that its axis has room for.
  function wrapped(text, room) {
    const most = Math.max(12, Math.floor(room / LETTER));
    const lines = [""];
    const whole = text.replace(/-<br>/g, "-").replace(/<br\s*\/?>/g, " "); // as it was before an earlier call
    for (const word of whole.match(/\S*?\w-(?=[a-z]{4})|\S+\s*/g) || []) { // a long word is also cut behind its hyphen
      const last = lines.at(-1);
      if (last && plain(last + word.trimEnd()).length > most) lines.push(word);
      else lines[lines.length - 1] = last + word;
    }
    return lines.map((line) => line.trimEnd()).join("<br>");
  }

  // The axis titles among `changes` (in plotly's dotted names) in lines no longer than their axes are now.
  function fitted(figure, changes) {
    const fit = { ...changes };
    for (const [key, text] of Object.entries(changes)) {
      const axis = AXIS_TITLE.test(key) && figure._fullLayout[key.split(".")[0]];
      if (axis && typeof text === "string") fit[key] = wrapped(text, axis._length || figure.clientWidth);
    }
    return fit;
  }

  async function fitTitles(figure) {
    const now = axisTitles(figure.layout);
    const fit = fitted(figure, now);
    if (Object.keys(fit).some((key) => fit[key] !== now[key])) await window.Plotly.relayout(figure, fit);
  }

  function axisTitles(layout) {
    const titles = {};
    for (const [name, part] of Object.entries(layout)) {
      if (!/^[xy]axis\d*$/.test(name) || !part.title) continue;
      titles[`${name}.title.text`] = typeof part.title === "string" ? part.title : part.title.text;
    }
    return titles;
  }

  // The page's own menus and sliders: what they all say together chooses a row of the figure's table.
  function connect(figure, table) {
    const place = document.getElementById(figure.id + "-controls");
    if (!place) return;
    const controls = Array.from(place.querySelectorAll("select, input"));
    const chosen = (control) => (control.matches("select") ? control.selectedIndex : Number(control.value));
    const many = (control) => (control.matches("select") ? control.options.length : Number(control.max) + 1);
    const values = new Map(controls.map((control) => [control, JSON.parse(control.dataset.values || "[]")]));
    let waiting = false;
    const show = () => {
      waiting = false;
      const row = controls.reduce((sum, control) => sum * many(control) + chosen(control), 0);
      const [traces, layout] = structuredClone(table[row]); // plotly keeps what it is given
      window.Plotly.update(figure, traces, fitted(figure, layout));
    };
    place.addEventListener("input", ({ target }) => {
      if (target.matches("input")) {
        const value = values.get(target)[chosen(target)];
        target.setAttribute("aria-valuetext", value);
        target.closest("label").querySelector("b").textContent = value;
      }
      if (!waiting) setTimeout(show);
      waiting = true;
    });
    place.hidden = false;
  }

  async function draw(figure) {
    const { table, ...spec } = JSON.parse(document.getElementById(figure.id + "-data").textContent);
    spec.layout.template = theme();
    if (touch) spec.layout.dragmode = false; // a finger on a figure moves the page
    const picture = spec.layout.meta.picture; // a picture's height follows from its width
    if (picture) {
      const [wide, tall] = picture;
      spec.layout.height -= Math.round(tall - Math.max(60, (tall * Math.min(wide, figure.clientWidth)) / wide));
      figure.style.height = `${spec.layout.height}px`;
    }
    await window.Plotly.newPlot(figure, spec.data, spec.layout, { displaylogo: false, displayModeBar: touch ? false : "hover" });
    for (const change of ["plotly_update", "plotly_relayout", "plotly_animated"]) figure.on(change, () => say(figure));
    await fitTitles(figure);
    say(figure);
    connect(figure, table);
    hint(figure.closest(".drawing"), figure);
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
    root.dataset.figures = "drawn";
  }

  // A figure that is wider than its box fades out where there is more of it, and the keyboard can scroll it.
  function hint(box, figure) {
    box.setAttribute("role", "group");
    box.setAttribute("aria-labelledby", box.closest("figure").getAttribute("aria-labelledby"));
    const look = () => {
      box.classList.toggle("more", box.scrollWidth - box.clientWidth - box.scrollLeft > 2);
      if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    };
    let wide = box.clientWidth;
    new ResizeObserver(async () => {
      if (box.clientWidth && box.clientWidth !== wide) await window.Plotly.Plots.resize(figure);
      wide = box.clientWidth || wide; // 0 in a fold that is closed
      look();
    }).observe(box);
    box.addEventListener("scroll", look, { passive: true });
    figure.on("plotly_afterplot", look);
    look();
  }

  const drawn = () => figures.filter((figure) => figure.dataset.drawn);
  const repaint = () => drawn().forEach((figure) => window.Plotly.relayout(figure, { template: theme() }));
  dark.addEventListener("change", repaint);
  new MutationObserver(repaint).observe(root, { attributeFilter: ["data-theme"] });
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (width !== window.innerWidth) setTimeout(() => drawn().forEach(fitTitles), 300); // after plotly's own
    width = window.innerWidth;
  });
  // A figure's box has its width once the whole page is there: the site's column of headings stands behind the text.
  window.addEventListener("load", drawAll);
})();
