// Behaviour of the back office. Everything works from markup (data-* attributes) and by delegation, so that content
// swapped in by htmx needs no set-up. Styles are set through the CSSOM only: the CSP forbids style attributes.
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const on = (name, handler, options) => document.addEventListener(name, handler, options);
  const typing = (element) => element.closest("input, textarea, select, [contenteditable]");

  // --- Toasts --------------------------------------------------------------------------------------------------
  function toast(tone, text, lasting = false) {
    const model = $(`.toast.${tone}`, $("#toast-template")?.content ?? document);
    const box = $("#toasts");
    if (!model || !box) return;
    const shown = model.cloneNode(true);
    $(".grow", shown).textContent = text;
    box.append(shown);
    if (!lasting) setTimeout(() => shown.remove(), 6000);
  }
  on("toast", (event) => toast(event.detail.tone, event.detail.text));

  // --- Copying -------------------------------------------------------------------------------------------------
  async function copy(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.classList.add("copied");
      setTimeout(() => button.classList.remove("copied"), 1200);
      toast("positive", button.dataset.copy.length > 60 ? "Copied" : `Copied ${button.dataset.copy}`);
    } catch {
      toast("warning", "The browser did not allow copying");
    }
  }

  // --- Menus (native popovers; only their place is ours) ---------------------------------------------------------
  function place(menu) {
    const opener = $(`[popovertarget="${menu.id}"]`);
    if (!opener) return;
    const from = opener.getBoundingClientRect();
    const size = menu.getBoundingClientRect();
    const right = from.left + size.width > innerWidth - 8;
    const left = right ? Math.max(8, from.right - size.width) : from.left;
    const below = from.bottom + 4 + size.height <= innerHeight || from.top < size.height;
    menu.style.left = `${left}px`;
    menu.style.top = `${below ? from.bottom + 4 : from.top - size.height - 4}px`;
  }
  on("toggle", (event) => {
    const menu = event.target;
    if (!(menu instanceof Element) || !menu.matches("[data-menu]")) return;
    $(`[popovertarget="${menu.id}"]`)?.setAttribute("aria-expanded", String(event.newState === "open"));
    if (event.newState === "open") {
      place(menu);
      $("a, button:not([disabled]), input", menu)?.focus({ preventScroll: true });
    }
  }, true);
  addEventListener("scroll", () => $$("[data-menu]:popover-open").forEach((menu) => menu.hidePopover()), { passive: true });
  function walkMenu(event, menu) {
    const items = $$("a.menu-item, button.menu-item, .menu-item input", menu);
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (!step || !items.length) return;
    event.preventDefault();
    items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus();
  }

  // --- Dialogs: "#id" in the address opens <dialog id>, closing takes it out again --------------------------------
  function openFromAddress() {
    const name = decodeURIComponent(location.hash.slice(1));
    const wanted = name && document.getElementById(name);
    $$("dialog[open]").forEach((dialog) => dialog !== wanted && dialog.close());
    if (wanted instanceof HTMLDialogElement && !wanted.open) wanted.showModal();
  }
  addEventListener("hashchange", openFromAddress);
  on("close", (event) => {
    if (event.target.id && location.hash === `#${event.target.id}`) {
      history.replaceState(history.state, "", location.pathname + location.search);
    }
  }, true);

  // --- Tooltip of a time -----------------------------------------------------------------------------------------
  let tip;
  function showZones(time) {
    if (!tip) {
      tip = document.createElement("div");
      tip.className = "zones";
      tip.id = "zones";
      tip.setAttribute("role", "tooltip");
      tip.popover = "manual";
    }
    (time.closest("dialog") ?? document.body).append(tip);
    tip.replaceChildren(...time.dataset.zones.split("\n").map((line) => {
      const row = document.createElement("div");
      line.split("|").forEach((part) => row.append(Object.assign(document.createElement("span"), { textContent: part })));
      return row;
    }));
    tip.showPopover();
    time.setAttribute("aria-describedby", "zones");
    const at = time.getBoundingClientRect();
    const size = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(at.left, innerWidth - size.width - 8))}px`;
    tip.style.top = `${at.top > size.height + 12 ? at.top - size.height - 6 : at.bottom + 6}px`;
  }
  function hideZones() {
    if (tip?.matches(":popover-open")) tip.hidePopover();
  }
  for (const name of ["mouseover", "focusin"]) on(name, (event) => {
    const time = event.target.closest?.("[data-zones]");
    if (time) showZones(time); else hideZones();
  });
  on("focusout", hideZones);

  // --- Command palette = search bar --------------------------------------------------------------------------------
  const palette = {
    timer: 0,
    get dialog() { return $("#palette"); },
    open() {
      if (!this.dialog || this.dialog.open) return;
      this.dialog.showModal();
      const input = $("[data-palette-input]", this.dialog);
      input.select();
      this.filter(input.value);
    },
    items() { return $$(".palette-item:not([hidden])", this.dialog); },
    mark(item) {
      $$('[aria-selected="true"]', this.dialog).forEach((other) => other.setAttribute("aria-selected", "false"));
      if (!item) return;
      item.id ||= `palette-item-${Math.random().toString(36).slice(2)}`;
      item.setAttribute("aria-selected", "true");
      item.scrollIntoView({ block: "nearest" });
      $("[data-palette-input]", this.dialog).setAttribute("aria-activedescendant", item.id);
    },
    move(step) {
      const items = this.items();
      const now = items.findIndex((item) => item.getAttribute("aria-selected") === "true");
      this.mark(items[(now + step + items.length) % items.length]);
    },
    settle(searching) {
      this.mark(this.items()[0]);
      $(".palette-none", this.dialog).hidden = searching || this.items().length > 0;
    },
    filter(text) {
      const term = text.trim().toLowerCase();
      const pages = $("[data-palette-pages]", this.dialog);
      $$(".palette-item", pages).forEach((item) => { item.hidden = !item.textContent.toLowerCase().includes(term); });
      pages.hidden = !$$(".palette-item:not([hidden])", pages).length;
      clearTimeout(this.timer);
      if (term.length < 3) $("#found").replaceChildren();
      else this.timer = setTimeout(() => window.htmx?.trigger("[data-palette-input]", "palette:search"), 300);
      this.settle(term.length >= 3);
    },
    key(event) {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        this.move(event.key === "ArrowDown" ? 1 : -1);
      } else if (event.key === "Enter") {
        event.preventDefault();
        $('[aria-selected="true"]', this.dialog)?.click();
      }
    },
  };
  on("input", (event) => event.target.matches("[data-palette-input]") && palette.filter(event.target.value));

  // --- Fields that belong to one choice of a select: data-shows names it, data-shown-for and data-when the fields -----
  function showFor(select) {
    $$(`[data-shown-for="${select.dataset.shows}"]`, select.form).forEach((part) => {
      part.hidden = !part.dataset.when.split(" ").includes(select.value);
      $$("input, select, textarea", part).forEach((control) => { control.disabled = part.hidden; });
    });
  }
  on("change", (event) => { if (event.target.matches("select[data-shows]")) showFor(event.target); });
  const showAll = () => $$("select[data-shows]").forEach(showFor);
  on("htmx:afterSettle", showAll);
  showAll();

  // --- Enter in a field that has a button of its own -------------------------------------------------------------------
  on("keydown", (event) => {
    const field = event.key === "Enter" && event.target.closest?.("[data-enter]");
    if (!field) return;
    event.preventDefault();
    $(`button[name="do"][value="${field.dataset.enter}"]`, field.form)?.click();
  });

  // --- "All values" stands alone among the values of a filter ----------------------------------------------------------
  on("change", (event) => {
    const box = event.target;
    if (!box.matches?.(".pick input") || !box.checked) return;
    $$("input", box.closest(".picks")).forEach((other) => {
      if (other !== box && (box.matches("[data-alone]") || other.matches("[data-alone]"))) other.checked = false;
    });
  });

  // --- Filling a field with an example -------------------------------------------------------------------------------
  on("click", (event) => {
    const button = event.target.closest?.("[data-fill]");
    if (!button) return;
    const field = document.getElementById(button.dataset.fill);
    field.value = button.dataset.text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  });

  // --- Forms of filters leave empty fields out of the address -----------------------------------------------------------
  on("htmx:configRequest", (event) => {
    if (!event.target.matches("form[data-tidy]")) return;
    const sent = event.detail.formData;
    [...sent.keys()].forEach((name) => { if (sent.getAll(name).every((value) => value === "")) sent.delete(name); });
  });

  // --- Ticking many boxes at once ------------------------------------------------------------------------------------
  on("click", (event) => {
    const button = event.target.closest?.("[data-check]");
    if (!button) return;
    const wanted = button.dataset.check;
    $$("[data-mode]", button.form).forEach((box) => { box.checked = wanted === "all" || box.dataset.mode === wanted; });
  });

  // --- Rules of a new password ---------------------------------------------------------------------------------------
  const RULES = {
    length: (text) => text.length >= 8 && text.length <= 128,
    lower: (text) => /\p{Ll}/u.test(text),
    upper: (text) => /\p{Lu}/u.test(text),
    digit: (text) => /\p{Nd}/u.test(text),
    special: (text) => /[^\p{L}\p{N}\s]/u.test(text),
  };
  on("input", (event) => {
    if (!event.target.matches("[data-password-rules]")) return;
    $$("[data-rule]", event.target.form).forEach((item) => {
      item.classList.toggle("met", RULES[item.dataset.rule](event.target.value));
    });
  });

  // --- Keyboard ------------------------------------------------------------------------------------------------
  function walkRows(step) {
    const rows = $$("table[data-rows] tbody tr[data-href]");
    if (!rows.length) return;
    const next = rows[Math.max(0, Math.min(rows.length - 1, rows.indexOf(document.activeElement) + step))];
    next.tabIndex = -1;
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  }
  on("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      palette.open();
    } else if (palette.dialog?.open) {
      palette.key(event);
    } else if ($("[data-menu]:popover-open")) {
      walkMenu(event, $("[data-menu]:popover-open"));
    } else if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || $("dialog[open]")) {
      return;
    } else if (event.key === "/") {
      event.preventDefault();
      palette.open();
    } else if (event.key === "?") {
      location.hash = "shortcuts";
    } else if (event.key === "j" || (event.key === "ArrowDown" && event.target.matches("tr"))) {
      event.preventDefault();
      walkRows(1);
    } else if (event.key === "k" || (event.key === "ArrowUp" && event.target.matches("tr"))) {
      event.preventDefault();
      walkRows(-1);
    } else if (event.key === "Enter" && event.target.matches("tr[data-href]")) {
      location.assign(event.target.dataset.href);
    } else if (event.key === "Escape") {
      document.body.classList.remove("nav-is-open");
      hideZones();
    }
  });

  // --- Clicks --------------------------------------------------------------------------------------------------
  function setNavigation(open) {
    document.body.classList.toggle("nav-is-open", open);
    $("[data-nav-open]")?.setAttribute("aria-expanded", String(open));
    if (open) $(".nav a")?.focus();
  }
  function setTheme(value) {
    if (value) document.documentElement.dataset.theme = value;
    else delete document.documentElement.dataset.theme;
    document.cookie = `theme=${value}; path=/; max-age=${value ? 31536000 : 0}; samesite=lax`;
    $$("[data-theme-set]").forEach((one) => one.setAttribute("aria-pressed", String(one.dataset.themeSet === value)));
    drawCharts(true);
  }
  on("click", (event) => {
    const target = event.target;
    const button = target.closest("[data-copy], [data-close], [data-dismiss], [data-palette], [data-nav-open], [data-nav-close], [data-theme-set], [data-retry], [data-expand]");
    if (button) {
      const data = button.dataset;
      if ("copy" in data) copy(button);
      if ("close" in data) button.closest("dialog")?.close();
      if ("dismiss" in data) button.closest(".toast")?.remove();
      if ("palette" in data) palette.open();
      if ("navOpen" in data) setNavigation(true);
      if ("navClose" in data) setNavigation(false);
      if ("themeSet" in data) setTheme(data.themeSet);
      if ("retry" in data) retry();
      if ("expand" in data) {
        const all = $$("details", document.getElementById(data.expand));
        const open = !all.every((one) => one.open);
        all.forEach((one) => { one.open = open; });
      }
      return;
    }
    if (target instanceof HTMLDialogElement && target.open) {
      const box = target.getBoundingClientRect();
      if (event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom) target.close();
      return;
    }
    const row = target.closest("tr[data-href]");
    if (row && !target.closest("a, button, input, label, summary, [data-zones]") && !String(getSelection())) {
      if (event.ctrlKey || event.metaKey) open(row.dataset.href, "_blank", "noopener");
      else location.assign(row.dataset.href);
    }
  });
  on("focusin", (event) => {
    if (event.target.matches("[data-selects-choice]")) $("input[type=radio]", event.target.closest("label")).checked = true;
  });

  // --- Forms: codes from names, leaving with changes -----------------------------------------------------------
  on("input", (event) => {
    const input = event.target;
    if (input.form?.dataset.guard !== undefined) input.form.dataset.changed = "";
    if (input.dataset.codeFrom) input.dataset.touched = "";
    const code = input.name && $(`[data-code-from="${input.name}"]`, input.form ?? document);
    if (code && code.dataset.touched === undefined) code.value = input.value.trim().toLowerCase().replace(/\s+/g, "_");
  });
  on("submit", (event) => { delete event.target.dataset.changed; });
  addEventListener("beforeunload", (event) => { if ($("form[data-guard][data-changed]")) event.preventDefault(); });

  // --- Waiting: progress after 150 ms, a skeleton after 1 s, never pressed twice -----------------------------------
  const waiting = new WeakMap();
  function pressed(element) {
    return element.matches("form") ? $("button[type=submit]", element) : element.closest("button, a.button");
  }
  function begin(element, target) {
    const button = pressed(element);
    const timers = [setTimeout(() => button?.classList.add("is-busy"), 150), setTimeout(() => target?.classList.add("is-slow"), 1000)];
    button?.setAttribute("aria-disabled", "true");
    waiting.set(element, { button, target, timers });
  }
  function end(element) {
    const wait = waiting.get(element);
    if (!wait) return;
    wait.timers.forEach(clearTimeout);
    wait.button?.classList.remove("is-busy");
    wait.button?.removeAttribute("aria-disabled");
    wait.target?.classList.remove("is-slow");
    waiting.delete(element);
  }
  on("click", (event) => {
    if (event.target.closest('[aria-disabled="true"]')) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  }, true);
  on("submit", (event) => {
    const form = event.target;
    if (form.method === "dialog" || form.hasAttribute("hx-post") || form.hasAttribute("hx-get") || event.defaultPrevented) return;
    if (waiting.has(form)) event.preventDefault(); else begin(form, null);
  });
  addEventListener("pageshow", () => $$("form").forEach(end));
  on("htmx:beforeRequest", (event) => {
    const { elt, target } = event.detail;
    if (elt === target && $("[data-menu]:popover-open", elt)) return event.preventDefault(); // a menu in it is in use: reload later
    begin(elt, target);
  });
  on("htmx:afterRequest", (event) => {
    end(event.detail.elt);
    if (!event.detail.successful) return;
    $("#offline")?.setAttribute("hidden", "");
    event.detail.elt.closest("[popover]")?.hidePopover();
    if (event.detail.elt.matches("[data-close-on-success]")) event.detail.elt.closest("dialog")?.close();
  });

  // --- Errors and a lost connection ------------------------------------------------------------------------------
  let lost = null;
  function retry() {
    if (!lost) return location.reload();
    const { requestConfig: config, elt, target } = lost;
    if (elt.isConnected) window.htmx.ajax(config.verb, config.path, { source: elt, target, values: config.parameters });
    else location.reload();
  }
  for (const name of ["htmx:sendError", "htmx:timeout"]) on(name, (event) => {
    lost = event.detail;
    $("#offline")?.removeAttribute("hidden");
  });
  addEventListener("offline", () => { lost = null; $("#offline")?.removeAttribute("hidden"); });
  addEventListener("online", () => $("#offline")?.setAttribute("hidden", ""));
  on("htmx:responseError", (event) => {
    const request = event.detail.xhr.getResponseHeader("X-Request-Id");
    const words = { 401: "You were logged out. Reload the page to log in.", 403: "Your role does not allow this.", 404: "This no longer exists.", 429: "Too many requests. Wait a moment." };
    const said = document.body.dataset;
    const told = said[`said-${event.detail.xhr.status}`] ?? said.saidFailed;
    toast("negative", (told ?? words[event.detail.xhr.status] ?? "That did not work; nothing was changed.") + (!request ? "" : told ? ` (${request})` : ` Request ${request}`), true);
  });

  // What was unfolded before a swap is unfolded after it (live usage reloads itself).
  let unfolded = [];
  on("htmx:beforeSwap", (event) => { unfolded = $$("details[id][open]", event.detail.target).map((one) => one.id); });
  on("htmx:afterSwap", () => unfolded.splice(0).forEach((id) => document.getElementById(id)?.setAttribute("open", "")));

  // --- Strips of tabs: the current one is in sight, however narrow the window is ----------------------------------------
  function showCurrent() {
    $$(".tabs [aria-current], .quick [aria-current]").forEach((tab) => {
      const strip = tab.parentElement, place = tab.getBoundingClientRect(), within = strip.getBoundingClientRect();
      strip.scrollLeft += place.left + place.width / 2 - within.left - within.width / 2;
    });
  }

  // --- After a swap: focus the first error, draw charts, settle the palette ------------------------------------------
  on("htmx:afterSettle", (event) => {
    const part = event.detail.elt;
    if (part.matches("form[data-guard]") && event.detail.requestConfig?.verb === "post") part.dataset.changed = "";
    $('[aria-invalid="true"]', part)?.focus();
    if (part.id === "found") palette.settle(false);
    showCurrent();
    drawCharts();
  });

  // --- The sandbox clock has arrived: show the page as it is now, unless something is being typed in it ---------------
  on("clock:arrived", () => {
    if ($("form[data-guard][data-changed]") || $("dialog[open]")) return;
    window.htmx.ajax("GET", location.pathname + location.search, { target: "#main", swap: "innerHTML" });
  });

  // --- Charts (uPlot is loaded by the pages that have one) -----------------------------------------------------------
  const drawn = new Map();
  function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }
  function drawChart(box) {
    const chart = JSON.parse(box.dataset.chart);
    const scale = 10 ** chart.axis.exponent, unit = chart.unit || "Month";
    const stacked = chart.kind === "stack";
    const bars = stacked || chart.kind === "bars" ? uPlot.paths.bars({ size: [0.55, 36], radius: 0.12 }) : undefined;
    const rule = { stroke: colour("--text-muted"), font: `12px ${colour("--font")}`, ticks: { show: false } };
    const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
    // A stack is drawn from its top: each bar reaches down to the axis, and those below cover it.
    const parts = chart.series.map((series, at) => ({
      ...series, mark: `--mark-${at + 1}`,
      heights: stacked ? series.values.map((_, x) => chart.series.slice(0, at + 1).reduce((sum, one) => sum + one.values[x], 0)) : series.values,
    }));
    if (stacked) parts.reverse();
    const options = {
      width: box.clientWidth, height: 200, padding: [8, 18, 0, 0],
      cursor: { y: false, points: { size: 7 } }, legend: { live: true, markers: { show: false } },
      // A bar stands around its point: the first and the last one need half a step more.
      scales: { x: { time: true, range: (_, low, high) => { const step = bars && chart.x.length > 1 ? (high - low) / (chart.x.length - 1) / 2 : 0; return [low - step, high + step]; } }, y: { range: (_, low, high) => [Math.min(0, low), Math.max(high * 1.08, 1)] } },
      axes: [
        { ...rule, size: 30, grid: { show: false }, values: (_, splits) => splits.map((at) => new Date(at * 1000).toLocaleDateString("en", { month: "short", day: unit === "Day" ? "numeric" : undefined, timeZone: "UTC" })) },
        { ...rule, size: 56, grid: { stroke: colour("--line"), width: 1 }, values: (_, splits) => splits.map((value) => chart.axis.prefix + compact.format(value / scale)) },
      ],
      series: [
        { label: unit, value: (_u, _v, _s, index) => (index == null ? "—" : chart.x_labels[index]) },
        ...parts.map((series) => ({
          label: series.label, stroke: colour(series.mark), width: bars ? 0 : 2, paths: bars,
          fill: bars ? colour(series.mark) : `${colour(series.mark)}14`, points: { show: false },
          value: (_u, _v, _s, index) => (index == null ? "—" : series.display[index]),
        })),
      ],
    };
    return new uPlot({ ...options, tzDate: (at) => uPlot.tzDate(new Date(at * 1e3), "UTC") }, [chart.x, ...parts.map((series) => series.heights)], box);
  }
  function drawCharts(again = false) {
    if (!window.uPlot) return;
    for (const [box, plot] of drawn) if (again || !box.isConnected) { plot.destroy(); drawn.delete(box); }
    $$("[data-chart]").forEach((box) => { if (!drawn.has(box) && box.clientWidth) drawn.set(box, drawChart(box)); });
  }
  let resized = 0;
  addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(() => drawCharts(true), 120); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawCharts(true));

  // --- The portal: inside a frame it hides its brand; what an address says once is not said again after a reload -------
  document.body.classList.toggle("is-framed", document.body.matches(".is-framed") || window.self !== window.top);
  $$("[data-clean-address]").forEach((mark) => {
    const address = new URL(location.href);
    mark.dataset.cleanAddress.split(" ").forEach((name) => address.searchParams.delete(name));
    history.replaceState(history.state, "", address);
  });

  openFromAddress();
  showCurrent();
  document.fonts?.ready.then(() => drawCharts());
  $$("#toasts .toast").forEach((one) => setTimeout(() => one.remove(), 6000));
})();
