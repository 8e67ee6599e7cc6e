'use strict';
// What the page is made of: the events, what follows from them (how each process lived, how long each fault
// lasted), and which of them are to be seen.

const byId = (id) => document.getElementById(id);
const text = (tag, content, name = '') => {
  const element = document.createElement(tag);
  element.textContent = content;
  if (name) element.className = name;
  return element;
};
const data = JSON.parse(byId('data').textContent);
const lanes = data.lanes;
const events = data.events.map(([time, kind, lane, peer, text], index) => (
  { index, time, kind: data.kinds[kind], lane, peer: peer < 0 ? null : peer, text }));
const end = Math.max(data.end, 1000);
const related = new Set(data.related);
const focus = data.focus === null ? null : events[data.focus];

// The groups that can be hidden: name, colour, the kinds in it.
const groups = [
  { name: 'faults and lives', color: '--bad', kinds: ['fault', 'heal', 'up', 'down', 'pause', 'resume', 'plan', 'panic', 'violation'] },
  { name: 'messages', color: '--message', kinds: ['message'] },
  { name: 'connections', color: '--connection', kinds: ['connection'] },
  { name: 'requests', color: '--sent', kinds: ['sent'] },
  { name: 'answers', color: '--good', kinds: ['acknowledged', 'refused', 'unknown'] },
  { name: 'reads', color: '--read', kinds: ['read'] },
  { name: 'commits', color: '--commit', kinds: ['commit'] },
  { name: 'disk', color: '--disk', kinds: ['disk', 'disk-error'] },
  { name: 'notes', color: '--note', kinds: ['note'] },
  { name: 'logs', color: '--note', kinds: ['log'] },
].map((group) => ({ ...group, shown: true, count: events.filter((e) => group.kinds.includes(e.kind)).length }));
const groupOf = new Map(groups.flatMap((group) => group.kinds.map((kind) => [kind, group])));

const warnings = new Set(['fault', 'pause', 'refused', 'unknown', 'disk-error']);
const colorOf = (event) => {
  if (['down', 'panic', 'violation'].includes(event.kind)) return '--bad';
  if (warnings.has(event.kind)) return '--warn';
  if (['up', 'heal', 'resume'].includes(event.kind)) return '--good';
  return groupOf.get(event.kind).color;
};
const isFault = (event) => ['fault', 'down', 'pause', 'panic', 'violation'].includes(event.kind);

const seconds = (time, digits = 6) => (time / 1e9).toFixed(digits);
const laneName = (lane) => lanes[lane].name;
const where = (event) => event.peer === null ? laneName(event.lane) : `${laneName(event.lane)} → ${laneName(event.peer)}`;
// What a message says, for its arrow.
const said = (event) => event.text.split(' ').slice(6).join(' ').replace(/^reply /, '↩ ');
// A message's two ends stand in its place already; node numbers in faults mean little to a reader.
const what = (event) => {
  if (event.peer === null) return event.text;
  if (event.kind === 'message') {
    // First what it says, then its stream, its length and its hash.
    const [stream, length, hash, ...frames] = event.text.split(' ').slice(3);
    return `${frames.join(' ') || '…'}  (${stream} ${length} ${hash})`;
  }
  if (event.kind === 'connection') return event.text.split(' ').slice(3).join(' ') || event.text;
  return event.text.replace(/ \d+ > \d+/, '').replace(/^(reset streams).*/, '$1');
};

// The stretches of each lane's life: {lane, from, to, state}, state one of up, down, paused.
const lives = (() => {
  const stretches = [];
  lanes.forEach((_, lane) => {
    let open = null;
    const turn = (time, state) => {
      if (open && open.state === state) return;
      if (open) stretches.push({ ...open, to: time });
      open = state ? { lane, from: time, state } : null;
    };
    for (const event of events) {
      if (event.lane !== lane) continue;
      if (event.kind === 'up' || event.kind === 'resume') turn(event.time, 'up');
      if (event.kind === 'down') turn(event.time, 'down');
      if (event.kind === 'pause') turn(event.time, 'paused');
    }
    if (open) stretches.push({ ...open, to: end });
  });
  return stretches;
})();

// How a fault that lasts begins and ends: [what it is, how its begin reads, how its end reads].
const lasting = [
  ['cut', /^cut /, /^mend /],
  ['slow link', /^slow .* by (?!0 us)/, /^slow .* by 0 us$/],
  ['slow disk', /^disk slower by (?!1$)/, /^disk slower by 1$/],
  ['failing disk', /^disk fault /, /^disk faults cleared$/],
  ['full disk', /^disk capacity /, /^disk capacity /],
  ['held reads', /^disk each \d+th Read /, /^disk faults cleared$/],
  ['held operations', /^disk each \d+th (?!Read )/, /^disk faults cleared$/],
  ['drifting clock', /^clock drift (?!0 ppm)/, /^clock drift 0 ppm$/],
  ['frozen clock', /^clock frozen: true/, /^clock frozen: false/],
];
// {lanes, from, to, name}: what went wrong for how long.
const stretchesOfFaults = (() => {
  const stretches = [];
  const open = new Map();
  for (const event of events) {
    if (event.kind !== 'fault' && event.kind !== 'heal') continue;
    const stall = event.text.match(/^disk stalls for (\d+) us/);
    if (stall) {
      stretches.push({ lanes: [event.lane], from: event.time, to: event.time + Number(stall[1]) * 1000, name: 'stalled disk' });
    }
    for (const [name, begins, ends] of lasting) {
      const key = `${name} ${event.lane} ${event.peer}`;
      const both = [event.lane, event.peer].filter((lane) => lane !== null);
      if (event.kind === 'fault' && begins.test(event.text) && !open.has(key)) open.set(key, { lanes: both, from: event.time, name });
      if (event.kind === 'heal' && ends.test(event.text) && open.has(key)) {
        stretches.push({ ...open.get(key), to: event.time });
        open.delete(key);
      }
    }
  }
  for (const stretch of open.values()) stretches.push({ ...stretch, to: end });
  return stretches;
})();
const heal = events.find((event) => event.kind === 'heal' && event.text === 'heal') || null;

// The place of the first event at or after this time.
const placeOf = (list, time) => {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle].time < time) low = middle + 1; else high = middle;
  }
  return low;
};

// What is to be seen, and what is looked at.
const state = { from: 0, to: end, selected: null, moment: null, query: '', shown: events };
const listeners = [];
const changed = () => listeners.forEach((listener) => listener());

const applyFilters = () => {
  const query = state.query.toLowerCase();
  const found = (event) => !query || `${where(event)} ${event.text}`.toLowerCase().includes(query);
  state.shown = events.filter((event) => groupOf.get(event.kind).shown && found(event));
  changed();
};

const setWindow = (from, to) => {
  const width = Math.min(Math.max(to - from, 2000), end * 1.02);
  const margin = Math.min(end * 0.01, width * 0.05);
  const begin = Math.min(Math.max(from, -margin), end + margin - width);
  [state.from, state.to] = [begin, begin + width];
  changed();
};
const zoom = (factor, around = (state.from + state.to) / 2) => {
  setWindow(around - (around - state.from) * factor, around + (state.to - around) * factor);
};
const pan = (share) => {
  const by = (state.to - state.from) * share;
  setWindow(state.from + by, state.to + by);
};

// Looks at an event; the window moves only if it is not in it.
const select = (event, near = false) => {
  state.selected = event;
  const width = state.to - state.from;
  const isOutside = event.time < state.from + width * 0.02 || event.time > state.to - width * 0.02;
  if (near) {
    // So near that single messages can be told apart.
    let reach = 200e6;
    while (reach > 2000 && placeOf(events, event.time + reach / 2) - placeOf(events, event.time - reach) > 350) reach /= 1.4;
    setWindow(event.time - reach, event.time + reach / 2);
  } else if (isOutside) {
    setWindow(event.time - width / 2, event.time + width / 2);
  } else {
    changed();
  }
};
const step = (direction, wanted) => {
  const from = state.selected ? state.selected.index : placeOf(events, (state.from + state.to) / 2);
  for (let index = from + direction; index >= 0 && index < events.length; index += direction) {
    if (wanted(events[index])) return select(events[index]);
  }
};
