// The rest of the page, and what the reader does.

// ---- The head.
const fillHead = () => {
  document.querySelector('header').classList.add(data.violation ? 'failed' : 'passed');
  byId('checker').textContent = data.violation ? data.violation.checker : 'nothing found';
  byId('title').textContent = data.title;
  byId('violation').textContent = data.violation ? data.violation.text : 'Everything held that must hold.';
  byId('replay').textContent = data.replay;
  const parts = [`${seconds(end, 3)} simulated seconds`, data.faults === null ? 'faults not counted' : `${data.faults.toLocaleString('en')} fault${data.faults === 1 ? '' : 's'}`,
    `${data.total.toLocaleString('en')} events`];
  if (events.length < data.total) {
    parts.push(`${events.length.toLocaleString('en')} of them here: everything from ${seconds(data.whole[0], 3)} s to `
      + `${seconds(data.whole[1], 3)} s, elsewhere only what is rare. trace.txt has all`);
  }
  const standings = data.replicas.rows.reduce((sum, row) => sum + row.standings.length, 0);
  if (standings < data.replicas.total) {
    parts.push(`${standings.toLocaleString('en')} of ${data.replicas.total.toLocaleString('en')} standings of replicas: far from the violation only turns`);
  }
  byId('facts').textContent = parts.join(' · ');
  byId('jump').textContent = data.violation ? 'Jump to the first violation' : 'Jump to the end';
  byId('jump').disabled = focus === null;
  byId('case').firstElementChild.textContent = data.case;
  byId('copy').addEventListener('click', () => {
    const range = document.createRange();
    range.selectNodeContents(byId('replay'));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    // A page from a file may not reach the clipboard: the text is selected in any case.
    if (navigator.clipboard) navigator.clipboard.writeText(data.replay).then(() => { byId('copy').textContent = 'Copied'; }, () => {});
  });
};

const fillFilters = () => {
  for (const group of groups) {
    if (group.count === 0) continue;
    const button = text('button', '', 'filter');
    button.type = 'button';
    button.style.setProperty('--dot', `var(${group.color})`);
    button.append(document.createElement('i'), group.name, text('b', group.count.toLocaleString('en')));
    button.title = 'Click: hide or show. Double click: only these';
    const tell = () => button.setAttribute('aria-pressed', String(group.shown));
    button.addEventListener('click', () => { group.shown = !group.shown; applyFilters(); });
    button.addEventListener('dblclick', () => {
      const alone = groups.every((other) => other === group || !other.shown || other.count === 0);
      groups.forEach((other) => { other.shown = alone || other === group; });
      applyFilters();
    });
    listeners.push(tell);
    tell();
    byId('filters').append(button);
  }
};

const fillPartitions = () => {
  if (!replicas.length) return;
  const choice = byId('partitions');
  for (const [value, name] of [['', 'all'], ['-', 'none'], ...partitionNames.map((name) => [name, name])]) {
    const option = text('option', name);
    option.value = value;
    choice.append(option);
  }
  choice.addEventListener('change', () => { chooseStrips(choice.value); layOut(); changed(); });
  byId('partitions-label').hidden = false;
  document.querySelector('[data-tab="replicas"]').hidden = false;
};

// ---- The list: only the rows that are in sight exist.
const rowHeight = 20;
const list = byId('rows');
let followed = '';
const fillRows = () => {
  const space = byId('space');
  const first = Math.max(0, Math.floor(list.scrollTop / rowHeight) - 5);
  const last = Math.min(state.shown.length, first + Math.ceil(list.clientHeight / rowHeight) + 10);
  const made = [];
  for (let place = first; place < last; place += 1) {
    const event = state.shown[place];
    const row = text('div', '', 'row');
    row.style.top = `${place * rowHeight}px`;
    row.classList.toggle('related', related.has(event.index) || event === focus);
    row.classList.toggle('selected', event === state.selected);
    row.classList.toggle('outside', event.time < state.from || event.time > state.to);
    const told = text('span', what(event));
    told.style.color = isFault(event) || related.has(event.index) ? `var(${colorOf(event)})` : '';
    row.append(text('time', seconds(event.time, 9)), text('span', where(event)), told);
    row.title = event.text;
    row.addEventListener('click', () => { select(event); showTab('event'); });
    made.push(row);
  }
  space.replaceChildren(...made);
};
// The list follows the timeline: to what is selected, else to the middle of the window.
const followTimeline = () => {
  const now = `${state.from} ${state.to} ${state.selected?.index} ${state.shown.length}`;
  if (now !== followed) {
    followed = now;
    byId('space').style.height = `${state.shown.length * rowHeight}px`;
    const selected = state.selected && placeOf(state.shown, state.selected.time);
    const isInWindow = state.selected && state.selected.time >= state.from && state.selected.time <= state.to;
    let place = placeOf(state.shown, state.from);
    if (isInWindow) {
      place = selected;
      while (place < state.shown.length && state.shown[place].time === state.selected.time && state.shown[place] !== state.selected) place += 1;
    }
    const [top, high] = [place * rowHeight, list.clientHeight];
    const isSeen = top > list.scrollTop + rowHeight && top < list.scrollTop + high - 2 * rowHeight;
    if (!(isInWindow && isSeen)) list.scrollTop = top - (isInWindow ? high / 3 : 0);
  }
  fillRows();
};

// ---- The panels.
const showTab = (name) => {
  for (const tab of document.querySelectorAll('[data-tab]')) {
    const isShown = tab.dataset.tab === name;
    tab.setAttribute('aria-selected', String(isShown));
    byId(tab.dataset.tab).hidden = !isShown;
  }
  fillReplicas();
};

const steps = (chosen) => {
  const listed = text('ol', '', 'steps');
  for (const event of chosen) {
    const told = what(event);
    const button = text('button', told.length > 240 ? `${told.slice(0, 240)}…` : told, 'mono');
    button.type = 'button';
    button.style.setProperty('--dot', `var(${colorOf(event)})`);
    button.classList.toggle('related', related.has(event.index) || event === focus);
    button.prepend(text('small', `${seconds(event.time)} s · ${where(event)}`));
    button.addEventListener('click', () => select(event, true));
    const item = document.createElement('li');
    item.append(button);
    listed.append(item);
  }
  return listed;
};

// The events that the violation speaks of, and between them how the servers fared.
const fillStory = () => {
  const isServer = (event) => [event.lane, event.peer].some((lane) => lane !== null && lanes[lane].role === 'server');
  const tells = (event) => (isFault(event) || ['up', 'resume', 'heal'].includes(event.kind)
    || (event.kind === 'note' && event.text !== 'node added')) && (isServer(event) || event.kind === 'violation' || event === heal);
  const middle = focus ? focus.index : events.length;
  const before = events.slice(0, middle).filter(tells).slice(-25);
  const after = events.slice(middle).filter(tells).slice(0, 15);
  const chosen = [...new Set([...before, ...after, ...data.related.map((index) => events[index]), ...(focus ? [focus] : [])])];
  chosen.sort((one, other) => one.index - other.index);
  const panel = byId('story');
  if (data.violation) {
    const count = data.related.length;
    panel.append(text('p', count
      ? `The violation speaks of ${count} event${count === 1 ? '' : 's'} (shaded); with them, the faults and lives of the servers.`
      : 'The faults and lives of the servers up to the violation.'));
  }
  panel.append(steps(chosen));
  // Only the panel is moved, not the page.
  const first = panel.querySelector('.related');
  if (first) panel.scrollTop = first.offsetTop - panel.offsetTop - panel.clientHeight / 2;
};

const fillEvent = () => {
  const panel = byId('event');
  const event = state.selected;
  if (!event) return panel.replaceChildren(text('p', 'Click an event in the timeline or in the list.'));
  const facts = document.createElement('dl');
  for (const [name, value] of [['time', `${seconds(event.time, 9)} s`], ['where', where(event)], ['kind', event.kind]]) {
    facts.append(text('dt', name), text('dd', value));
  }
  if (focus && focus !== event) {
    const apart = event.time - focus.time;
    facts.append(text('dt', 'from the violation'), text('dd', `${seconds(Math.abs(apart))} s ${apart < 0 ? 'before' : 'after'}`));
  }
  const words = [...new Set(event.text.match(/\bs\d+\b|\b\d+\/\d+\/\d+\b|[\w.-]+(?:\/[\w.-]+)+|\b[a-z][\w.]*-\d+\b/g) || [])].slice(0, 8);
  const find = text('p', words.length ? 'Find others with ' : '');
  for (const word of words) {
    const button = text('button', word, 'mono');
    button.type = 'button';
    button.addEventListener('click', () => { byId('search').value = word; setQuery(word); });
    find.append(button, ' ');
  }
  panel.replaceChildren(facts, text('pre', event.text), find);
};

const fillHelp = () => {
  const legend = document.createElement('dl');
  const swatch = (color, about) => {
    const box = text('span', '', 'swatch');
    box.style.setProperty('--dot', `var(${color})`);
    const name = document.createElement('dt');
    name.append(box);
    legend.append(name, text('dd', about));
  };
  swatch('--up', 'the process runs');
  swatch('--down', 'it is down: crashed, or without power');
  swatch('--paused', 'it stands still');
  swatch('--warn-soft', 'a fault that lasts: a cut or slow link, a failing, full or slow disk, a clock that drifts');
  if (replicas.length) {
    swatch('--leader', 'a replica leads; the number in a strip is its epoch');
    swatch('--follower', 'it follows');
    swatch('--candidate', 'it asks for votes');
    swatch('--unattached', 'it knows of no leader');
    swatch('--failed', 'it has stopped: its disk, or what contradicts its log');
  }
  swatch('--message', 'messages, at their arrival: an arrow from the sender to the receiver; from near, with the requests and replies (↩) that begin in it; from afar, heaps');
  swatch('--sent', 'what a client asks for');
  swatch('--good', 'a client is told that it was done');
  swatch('--read', 'reads');
  swatch('--disk', 'disk operations');
  for (const [mark, about] of [['✖', 'the process ends'], ['▶', 'it starts or goes on'], ['▲', 'a fault'], ['▽', 'a fault ends'],
    ['×', 'a client was told that it has failed'], ['?', 'a client was not told what became of its request'], ['!', 'a disk operation failed'], ['◯', 'the violation speaks of it']]) {
    legend.append(text('dt', mark), text('dd', about));
  }
  const keys = document.createElement('dl');
  for (const [key, about] of [['j', 'jump to the first violation'], ['f', 'next fault'], ['F', 'fault before'], ['+', 'zoom in (or the wheel)'],
    ['-', 'zoom out'], ['0', 'whole run'], ['← →', 'move (or drag)'], ['↑ ↓', 'event before, next event'], ['/', 'find']]) {
    const name = document.createElement('dt');
    name.append(text('kbd', key));
    keys.append(name, text('dd', about));
  }
  byId('help').append(legend, keys);
};

// ---- What the reader does.
const jump = () => { if (focus) select(focus, true); };
const setQuery = (query) => {
  state.query = query.trim();
  applyFilters();
  byId('found').textContent = state.query ? `${state.shown.length.toLocaleString('en')} found` : '';
};
const byStep = (direction) => step(direction, (event) => groupOf.get(event.kind).shown && (!state.query || state.shown.includes(event)));

const listenToPointer = () => {
  let drag = null;
  const tip = byId('tip');
  timeline.addEventListener('wheel', (event) => {
    if (event.offsetX < gutter) return;
    event.preventDefault();
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) return pan((event.deltaX || event.deltaY) / 1000);
    zoom(Math.exp(Math.max(-200, Math.min(200, event.deltaY)) / 400), timeAt(event.offsetX, timeline.clientWidth));
  }, { passive: false });
  timeline.addEventListener('pointerdown', (event) => {
    drag = { x: event.offsetX, from: state.from, to: state.to, moved: false };
    timeline.setPointerCapture(event.pointerId);
  });
  timeline.addEventListener('pointermove', (event) => {
    if (drag) {
      const by = event.offsetX - drag.x;
      drag.moved ||= Math.abs(by) > 3;
      const scale = (drag.to - drag.from) / (timeline.clientWidth - gutter - 8);
      if (drag.moved) setWindow(drag.from - by * scale, drag.to - by * scale);
    }
    const strip = drag?.moved ? null : stripAt(event.offsetX, event.offsetY);
    const near = drag?.moved || strip ? null : eventAt(event.offsetX, event.offsetY);
    tip.hidden = !near && !strip;
    if (tip.hidden) return;
    tip.textContent = strip
      ? partitionTold(strip.partition, timeAt(event.offsetX, timeline.clientWidth))
      : `${seconds(near.time)} s · ${where(near)} · ${what(near)}`.slice(0, 400);
    tip.style.left = `${Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8)}px`;
    tip.style.top = `${Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8)}px`;
  });
  timeline.addEventListener('pointerup', (event) => {
    const isClick = drag && !drag.moved;
    drag = null;
    if (!isClick) return;
    const strip = stripAt(event.offsetX, event.offsetY);
    const near = strip ? null : eventAt(event.offsetX, event.offsetY);
    if (near) { select(near); showTab(byId('replicas').hidden ? 'event' : 'replicas'); return; }
    if (!replicas.length || event.offsetX < gutter) return;
    [state.selected, state.moment] = [null, timeAt(event.offsetX, timeline.clientWidth)];
    changed();
    if (strip) showTab('replicas');
  });
  timeline.addEventListener('pointerleave', () => { tip.hidden = true; });
  const centre = (event) => {
    const [time, half] = [event.offsetX / overview.clientWidth * end, (state.to - state.from) / 2];
    setWindow(time - half, time + half);
  };
  overview.addEventListener('pointerdown', (event) => { overview.setPointerCapture(event.pointerId); centre(event); });
  overview.addEventListener('pointermove', (event) => { if (event.buttons) centre(event); });
};

const listenToKeys = () => {
  const keys = {
    j: jump, f: () => step(1, isFault), F: () => step(-1, isFault), '+': () => zoom(0.6), '=': () => zoom(0.6), '-': () => zoom(1 / 0.6),
    0: () => setWindow(0, end), ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2), ArrowUp: () => byStep(-1), ArrowDown: () => byStep(1),
    '/': () => byId('search').focus(),
  };
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.tagName === 'INPUT') { if (event.key === 'Escape') event.target.blur(); return; }
    if (!keys[event.key] || (event.target.closest('[role="tabpanel"]') && event.key.startsWith('Arrow'))) return;
    event.preventDefault();
    keys[event.key]();
  });
  byId('jump').addEventListener('click', jump);
  byId('fault-after').addEventListener('click', keys.f);
  byId('fault-before').addEventListener('click', keys.F);
  byId('zoom-in').addEventListener('click', keys['+']);
  byId('zoom-out').addEventListener('click', keys['-']);
  byId('zoom-all').addEventListener('click', keys[0]);
  byId('search').addEventListener('input', (event) => setQuery(event.target.value));
  for (const tab of document.querySelectorAll('[data-tab]')) tab.addEventListener('click', () => showTab(tab.dataset.tab));
};

let isDue = false;
const redraw = () => {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    drawOverview();
    drawTimeline();
    followTimeline();
    fillEvent();
    fillReplicas();
  });
};
readColors();
fillHead();
fillFilters();
fillPartitions();
fillStory();
fillHelp();
listenToPointer();
listenToKeys();
listeners.push(redraw);
list.addEventListener('scroll', fillRows);
addEventListener('resize', redraw);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { readColors(); redraw(); });
setWindow(0, end);
// `report.html#at-violation` opens there.
if (location.hash === '#at-violation') jump();
