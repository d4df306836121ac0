// The gallery: facets, search and pages of entries, from the JSON in the page. No kernel, no network.
// Whatever readers wrote goes into the page by textContent alone, never as HTML.
(function () {
  "use strict";
  const PAGE = 40; // entries shown at once
  const SHOWN = 8; // values of a facet before "more"
  const data = JSON.parse(document.getElementById("gallery-data").textContent);
  const facets = data.facets;
  const entries = data.entries;
  const at = (id) => document.getElementById(id);
  const NAMES = { language: { en: "English", ja: "日本語", ko: "한국어", zh: "中文" } };

  const fold = (text) =>
    text.normalize("NFKC").toLowerCase().replace(/(\p{L})[-_ ](?=\p{Nd})/gu, "$1");
  for (const entry of entries) {
    entry.heading = fold(entry.title);
    entry.tags = fold(entry.values[facets.indexOf("keyword")].join(" · "));
    entry.sets = entry.values.map((values) => new Set(values));
  }

  const state = { query: "", page: 0, chosen: facets.map(() => new Set()), open: new Set() };

  function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "onclick" || name === "onchange") made[name] = value; // ours, never a reader's
      else if (value !== false && value != null) made.setAttribute(name, value);
    }
    made.append(...children.map((child) => (child instanceof Node ? child : document.createTextNode(child))));
    return made;
  }

  const named = (facet, value) => (NAMES[facet] && NAMES[facet][value]) || value;

  // Where the words of the question stand, as a number to sort by: title, then keywords, then text; 0 where one is missing.
  function score(entry, words) {
    let sum = 0;
    for (const word of words) {
      if (entry.heading.includes(word)) sum += 9;
      else if (entry.tags.includes(word)) sum += 3;
      else if (entry.words.includes(word)) sum += 1;
      else return 0;
    }
    return sum;
  }

  const fits = (entry, facet) => {
    const wanted = state.chosen[facet];
    if (!wanted.size) return true;
    for (const value of entry.values[facet]) if (wanted.has(value)) return true;
    return false;
  };

  function find() {
    const words = fold(state.query).split(/\s+/).filter(Boolean);
    const scored = [];
    const counts = facets.map(() => new Map());
    for (const entry of entries) {
      const points = words.length ? score(entry, words) : 1;
      if (!points) continue;
      // A facet counts what the others leave, so that its numbers say what choosing one more value would give.
      const misses = [];
      for (let facet = 0; facet < facets.length && misses.length < 2; facet++) if (!fits(entry, facet)) misses.push(facet);
      if (misses.length > 1) continue;
      const counted = misses.length ? misses : facets.keys();
      for (const facet of counted)
        for (const value of entry.sets[facet]) counts[facet].set(value, (counts[facet].get(value) || 0) + 1);
      if (!misses.length) scored.push([points, entry]);
    }
    if (words.length) scored.sort((one, other) => other[0] - one[0]);
    return { found: scored.map((pair) => pair[1]), counts };
  }

  function drawEntries(found) {
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    state.page = Math.min(state.page, pages - 1);
    const first = state.page * PAGE;
    const list = found.slice(first, first + PAGE).map((entry) => {
      const value = (name) => entry.values[facets.indexOf(name)];
      const language = value("language")[0];
      const facts = [...value("year"), ...value("reader"), language && named("language", language), ...value("status")];
      return element("li", { class: "entry" },
        element("h2", {}, element("a", { href: entry.href }, entry.title)),
        element("p", { class: "facts" }, ...facts.filter(Boolean).map((fact) => element("span", {}, fact))),
        element("p", { lang: language }, entry.summary),
        element("ul", { class: "tags", lang: language }, ...value("keyword").slice(0, 8).map((word) => element("li", {}, word))));
    });
    at("entries").replaceChildren(...list);
    at("entries").start = first + 1;
    at("count").textContent = found.length
      ? `${found.length.toLocaleString("en")} of ${entries.length.toLocaleString("en")}` +
        (pages > 1 ? `, page ${state.page + 1} of ${pages.toLocaleString("en")}` : "")
      : "Nothing fits. Take one of the choices back, or search for fewer words.";
    const turn = (by, words) =>
      element("button", { type: "button", disabled: state.page + by < 0 || state.page + by >= pages ? "" : null, id: `turn${by}`,
        onclick: () => { state.page += by; update(); at("count").scrollIntoView({ block: "center" }); } }, words);
    keepFocus(() => at("pager").replaceChildren(...(pages > 1 ? [turn(-1, "Previous"), turn(1, "Next")] : [])));
  }

  function drawFacets(counts) {
    const lists = facets.map((name, facet) => {
      const chosen = state.chosen[facet];
      const values = [...new Set([...chosen, ...counts[facet].keys()])];
      const many = (value) => counts[facet].get(value) || 0;
      values.sort((one, other) => chosen.has(other) - chosen.has(one) || many(other) - many(one) || one.localeCompare(other));
      if (!values.length) return "";
      const all = state.open.has(name);
      const shown = values.slice(0, all ? 200 : Math.max(SHOWN, chosen.size));
      const boxes = shown.map((value) => {
        const box = element("input", { type: "checkbox", id: `${name}:${value}`,
          onchange: () => { chosen.has(value) ? chosen.delete(value) : chosen.add(value); state.page = 0; update(); } });
        box.checked = chosen.has(value);
        return element("label", {}, box, element("span", {}, named(name, value)), element("small", {}, many(value).toLocaleString("en")));
      });
      const more = values.length > shown.length || all
        ? [element("button", { type: "button", class: "more", id: `${name}:more`, "aria-expanded": String(all),
            onclick: () => { all ? state.open.delete(name) : state.open.add(name); update(); } },
            all ? "fewer" : `${(values.length - shown.length).toLocaleString("en")} more`)]
        : [];
      return element("fieldset", {}, element("legend", {}, name), ...boxes, ...more);
    });
    keepFocus(() => at("facet-lists").replaceChildren(...lists));
    const chips = facets.flatMap((name, facet) => [...state.chosen[facet]].map((value) =>
      element("button", { type: "button", "aria-label": `without ${name} ${value}`,
        onclick: () => { state.chosen[facet].delete(value); state.page = 0; update(); at("query").focus(); } },
        `${name}: ${named(name, value)} ×`)));
    at("chosen").replaceChildren(...chips);
  }

  // What had the keyboard keeps it when its list is drawn anew.
  function keepFocus(draw) {
    const id = document.activeElement && document.activeElement.id;
    draw();
    const again = id && document.activeElement.id !== id && at(id);
    if (again && !again.disabled) again.focus();
  }

  // The address carries the choice, so that it can be sent and bookmarked.
  function remember() {
    const asked = new URLSearchParams();
    if (state.query) asked.set("q", state.query);
    facets.forEach((name, facet) => state.chosen[facet].forEach((value) => asked.append(name, value)));
    if (state.page) asked.set("page", String(state.page + 1));
    history.replaceState(null, "", `#${asked}`);
  }

  function recall() {
    const asked = new URLSearchParams(location.hash.slice(1));
    state.query = (asked.get("q") || "").slice(0, 200);
    state.chosen = facets.map((name) => new Set(asked.getAll(name)));
    state.page = Math.max(0, (parseInt(asked.get("page"), 10) || 1) - 1);
    at("query").value = state.query;
    update();
  }

  function update() {
    const { found, counts } = find();
    drawEntries(found);
    drawFacets(counts);
    remember();
    document.documentElement.dataset.gallery = "drawn";
  }

  let waiting;
  at("query").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { state.query = at("query").value.trim(); state.page = 0; update(); }, 120);
  });
  at("search").addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", recall);
  if (window.matchMedia("(max-width: 56rem)").matches) at("facets").open = false;
  recall();
})();
