// What the pages do beyond links and forms: theme, keyboard, live updates that
// never move what someone is looking at. Everything works without it, only less
// comfortably.
(() => {
  'use strict';
  const root = document.documentElement;
  const $ = (selector, from = document) => from.querySelector(selector);
  const say = (text) => { const said = $('#said'); if (said) said.textContent = text; };

  // Theme: kept in a cookie, so that the server renders the right one at once.
  function toggleTheme() {
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
    document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
    say(dark ? 'Light' : 'Dark');
  }

  // Lists: arrow keys, j and k move through rows; Enter is the link's own.
  function rows() { return [...document.querySelectorAll('[data-list] [data-row]')].filter((e) => e.offsetParent !== null); }
  function move(by) {
    const all = rows();
    if (!all.length) return false;
    const at = all.indexOf(document.activeElement);
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
    next.focus();
    next.scrollIntoView({ block: 'nearest' });
    return true;
  }

  function findBox() { return $('.find input[type=search]') || $('[data-find]'); }
  const pages = { t: '/', f: '/findings', d: '/stores', s: '/sales', h: '/sources' };
  let gone = 0; // when g was pressed

  document.addEventListener('keydown', (e) => {
    if (e.metaKey || e.ctrlKey || e.altKey || e.isComposing) return;
    const typing = e.target.matches('input, textarea, select, [contenteditable]');
    const help = $('#help');
    if (e.key === 'Escape') {
      if (typing) e.target.blur();
      else if (document.activeElement?.closest('[data-list]')) document.activeElement.blur();
      return; // an open dialog closes by itself
    }
    if (help?.open) return;
    if (typing) {
      // From the box, down goes into what was found.
      if (e.key === 'ArrowDown' && e.target.type === 'search' && move(1)) e.preventDefault();
      return;
    }
    if (gone && Date.now() - gone < 1500 && pages[e.key]) {
      gone = 0;
      location.assign(pages[e.key]);
      return;
    }
    gone = 0;
    switch (e.key) {
      case '/': { const box = findBox(); if (box) { e.preventDefault(); box.focus(); box.select(); } break; }
      case 'g': gone = Date.now(); break;
      case '?': help?.showModal(); break;
      case 'd': toggleTheme(); break;
      case 'r': showNewer(); break;
      case 'j': case 'ArrowDown': if (move(1)) e.preventDefault(); break;
      case 'k': case 'ArrowUp': if (document.activeElement?.closest('[data-list]') && move(-1)) e.preventDefault(); break;
    }
  });

  document.addEventListener('click', (e) => {
    const target = e.target.closest('[data-theme-toggle], [data-help], [data-close], [data-copy], [data-show-newer]');
    if (!target) return;
    if (target.matches('[data-theme-toggle]')) toggleTheme();
    if (target.matches('[data-help]')) $('#help').showModal();
    if (target.matches('[data-close]')) target.closest('dialog').close();
    if (target.matches('[data-show-newer]')) showNewer();
    if (target.matches('[data-copy]')) {
      navigator.clipboard?.writeText(target.dataset.copy).then(() => {
        target.classList.add('done');
        say(`Copied ${target.dataset.copy}`);
        setTimeout(() => target.classList.remove('done'), 1500);
      });
    }
  });

  // Filters leave what is empty out of the address one may share.
  document.addEventListener('htmx:config:request', (e) => {
    const ctx = e.detail.ctx;
    if (!ctx.sourceElement?.matches?.('[data-filters]')) return;
    const body = ctx.request.body;
    if (!(body instanceof FormData)) return;
    for (const [name, value] of [...body.entries()]) {
      if (value === '' || (name === 'state' && value === 'open')) body.delete(name);
    }
  });

  // Live updates. The server says "changed"; regions marked data-live ask again
  // for themselves. A calm region (a list) is exchanged only while nobody is in
  // it; otherwise a button offers what is new.
  // What a region shows, without what only time changes.
  const essence = (region) => region.innerHTML
    .replace(/<time[^>]*>[^<]*<\/time>/g, '')
    .replace(/ (open|hidden|data-htmx-powered)="[^"]*"/g, '')
    .replace(/<div class="group-body".*?<\/details>/gs, '');

  let pointedAt = null;
  let pointedTime = 0;
  document.addEventListener('pointermove', (e) => { pointedAt = e.target; pointedTime = Date.now(); }, { passive: true });
  const within = (region, node) => node instanceof Node && region.contains(node);
  function inUse(region) {
    const selection = getSelection();
    if (selection && !selection.isCollapsed && within(region, selection.anchorNode)) return true;
    if (region.dataset.live !== 'calm') return false;
    if (within(region, document.activeElement)) return true;
    if (region.querySelector('details[open]')) return true;
    if (scrollY > 80) return true;
    return within(region, pointedAt) && region.matches(':hover') && Date.now() - pointedTime < 60000;
  }

  document.addEventListener('htmx:before:swap', (e) => {
    const { ctx, tasks } = e.detail;
    const region = ctx?.sourceElement;
    if (ctx?.response?.status >= 400) {
      e.preventDefault();
      if (!region?.matches?.('[data-live]')) showProblem(ctx);
      return;
    }
    if (!region?.matches?.('[data-live]')) return;
    if (region.dataset.force) { delete region.dataset.force; return; }
    if (!inUse(region)) return;
    // Only the region waits; how fresh things are is always said.
    const i = tasks.findIndex((t) => t.type === 'main');
    if (i < 0) return;
    const next = tasks[i].fragment.firstElementChild;
    tasks.splice(i, 1);
    const button = $('[data-newer]', region);
    if (button && next && essence(next) !== essence(region)) button.hidden = false;
  });

  // An answer that is an error page: its sentence stands where the answer was to be.
  function showProblem(ctx) {
    const target = typeof ctx.target === 'string' ? $(ctx.target) : ctx.target;
    const sentence = new DOMParser().parseFromString(ctx.text ?? '', 'text/html').querySelector('.empty');
    if (target && sentence) target.replaceChildren(document.adoptNode(sentence));
  }

  function showNewer() {
    const region = $('[data-live="calm"]');
    const button = region && $('[data-newer]', region);
    if (!button || button.hidden) return;
    region.dataset.force = '1';
    button.hidden = true;
    htmx.ajax('GET', region.getAttribute('hx-get'), { source: region });
  }

  // What one sees may be old: say so when the connection is gone.
  function connected(yes) {
    const note = $('#offline');
    const fresh = $('#fresh');
    if (!note || !fresh) return;
    if (yes) { fresh.dataset.asOf = ''; } else if (note.hidden) { $('[data-as-of-text]', note).textContent = fresh.dataset.seen || fresh.dataset.asOf || 'an earlier time'; }
    note.hidden = yes;
    fresh.classList.toggle('off', !yes);
  }
  document.addEventListener('htmx:sse:after:connection', () => connected(true));
  document.addEventListener('htmx:sse:error', () => connected(false));
  document.addEventListener('htmx:sse:close', (e) => { if (e.detail?.reason === 'ended') connected(false); });
  document.addEventListener('htmx:sse:after:message', () => {
    const fresh = $('#fresh');
    if (fresh) fresh.dataset.seen = new Date().toLocaleTimeString();
  });

  // A request that takes longer than a moment shows as a bar on top.
  let running = 0;
  const busy = (by) => { running = Math.max(0, running + by); root.toggleAttribute('data-busy', running > 0); };
  const quiet = (ctx) => ctx?.sourceElement?.id === 'live' || ctx?.sourceElement?.matches?.('[data-live]');
  document.addEventListener('htmx:before:request', (e) => { if (!quiet(e.detail.ctx)) busy(1); });
  document.addEventListener('htmx:finally:request', (e) => { if (!quiet(e.detail.ctx)) busy(-1); });

  // Results that come while typing are said to those who do not see them.
  document.addEventListener('htmx:after:swap', () => {
    const found = $('#found');
    if (found?.dataset.said) say(found.dataset.said);
  });
})();
