// The two canvases: the whole run in small, and a window on the lanes.

const overview = byId('overview');
const timeline = byId('timeline');
const gutter = 128;
const axis = 24;
// Servers have a row for the names of what is wrong with them.
const extra = (lane) => (lanes[lane].role === 'server' ? 22 : 0);
const stripsTop = (lane) => tops[lane] + 37 + extra(lane);
const stripsHigh = (lane) => (stripsOf[lane].length ? stripsOf[lane].length * stripHeight + 4 : 0);
const heightOf = (lane) => 36 + extra(lane) + stripsHigh(lane);
let [tops, wholeHeight] = [[], 0];
const layOut = () => {
  tops = [];
  lanes.forEach((_, lane) => tops.push(lane === 0 ? axis : tops[lane - 1] + heightOf(lane - 1)));
  wholeHeight = axis + lanes.reduce((sum, _, lane) => sum + heightOf(lane), 0) + 4;
};
layOut();
// Above this many in the window, frequent events are drawn as heaps.
const single = 900;

let colors = {};
const readColors = () => {
  const style = getComputedStyle(document.documentElement);
  const names = ['bg', 'panel', 'ink', 'dim', 'line', 'accent', 'bad', 'bad-soft', 'warn', 'warn-soft', 'good', 'up', 'down',
    'paused', 'message', 'connection', 'disk', 'read', 'sent', 'commit', 'note', 'shade', 'select',
    'leader', 'follower', 'candidate', 'unattached', 'failed', 'on-role'];
  colors = Object.fromEntries(names.map((name) => [`--${name}`, style.getPropertyValue(`--${name}`).trim()]));
};

const prepare = (canvas, height) => {
  const [ratio, width] = [window.devicePixelRatio || 1, canvas.clientWidth];
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext('2d');
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = '12px system-ui, "DejaVu Sans", sans-serif';
  pen.textBaseline = 'middle';
  return [pen, width];
};

// Where a kind stands within its lane, from the top: faults, messages, what clients do, disk.
const rows = { message: 13, connection: 13, sent: 20, acknowledged: 23, refused: 23, unknown: 23, read: 20, commit: 20, disk: 31, 'disk-error': 31 };
const yIn = (lane, kind) => tops[lane] + extra(lane) + (rows[kind] ?? 9);
const yOf = (event) => yIn(event.lane, event.kind);
const xOf = (time, width) => gutter + (time - state.from) / (state.to - state.from) * (width - gutter - 8);
const timeAt = (x, width) => state.from + (x - gutter) / (width - gutter - 8) * (state.to - state.from);
const heapable = new Set(['message', 'connection', 'sent', 'acknowledged', 'read', 'commit', 'disk', 'note', 'log', 'plan']);

const drawOverview = () => {
  const [pen, width] = prepare(overview, 40);
  const x = (time) => time / end * width;
  for (const life of lives) {
    if (life.state === 'up' || lanes[life.lane].role !== 'server') continue;
    pen.fillStyle = colors[life.state === 'down' ? '--down' : '--paused'];
    pen.fillRect(x(life.from), 0, Math.max(1, x(life.to) - x(life.from)), 40);
  }
  const columns = new Float64Array(Math.ceil(width / 2) + 1);
  for (const event of state.shown) columns[Math.floor(x(event.time) / 2)] += 1;
  const most = Math.log1p(Math.max(...columns, 1));
  pen.fillStyle = colors['--dim'];
  pen.globalAlpha = 0.55;
  columns.forEach((count, column) => {
    const height = Math.log1p(count) / most * 22;
    pen.fillRect(column * 2, 40 - height, 2, height);
  });
  pen.globalAlpha = 1;
  for (const event of events) {
    if (!isFault(event)) continue;
    pen.fillStyle = colors[colorOf(event)];
    pen.fillRect(x(event.time) - 0.75, 4, 1.5, 10);
  }
  if (focus) {
    pen.fillStyle = colors['--bad'];
    pen.fillRect(x(focus.time) - 1, 0, 2, 40);
  }
  const [left, right] = [x(state.from), x(state.to)];
  pen.fillStyle = colors['--shade'];
  pen.fillRect(left, 0, Math.max(right - left, 3), 40);
  pen.strokeStyle = colors['--accent'];
  pen.lineWidth = 1.5;
  pen.strokeRect(left + 0.75, 0.75, Math.max(right - left, 3) - 1.5, 38.5);
};

const drawAxis = (pen, width, height) => {
  const about = (state.to - state.from) / Math.max((width - gutter) / 110, 1);
  const unit = 10 ** Math.floor(Math.log10(about));
  const between = [1, 2, 5, 10].map((times) => times * unit).find((candidate) => candidate >= about);
  const digits = Math.max(0, Math.min(9, 9 - Math.floor(Math.log10(between) + 1e-9)));
  pen.fillStyle = colors['--dim'];
  pen.textAlign = 'center';
  for (let time = Math.ceil(Math.max(state.from, 0) / between) * between; time <= state.to; time += between) {
    const x = xOf(time, width);
    pen.fillText(`${seconds(time, digits)} s`, Math.max(Math.min(x, width - 34), gutter + 22), axis / 2);
    pen.globalAlpha = 0.5;
    pen.fillStyle = colors['--line'];
    pen.fillRect(x, axis, 1, height - axis);
    pen.globalAlpha = 1;
    pen.fillStyle = colors['--dim'];
  }
  pen.fillStyle = colors['--line'];
  tops.forEach((top) => pen.fillRect(0, top, width, 1));
};

const hatch = (pen, left, top, right, bottom, color) => {
  pen.save();
  pen.beginPath();
  pen.rect(left, top, right - left, bottom - top);
  pen.clip();
  pen.strokeStyle = color;
  pen.globalAlpha = 0.5;
  pen.lineWidth = 1;
  pen.beginPath();
  const high = bottom - top;
  for (let x = Math.floor(left / 7) * 7 - high; x < right; x += 7) {
    pen.moveTo(x, bottom);
    pen.lineTo(x + high, top);
  }
  pen.stroke();
  pen.restore();
};

const drawLives = (pen, width) => {
  for (const life of lives) {
    if (life.to < state.from || life.from > state.to) continue;
    const [left, right] = [Math.max(xOf(life.from, width), gutter), Math.min(xOf(life.to, width), width)];
    const [top, high] = [tops[life.lane] + 3, heightOf(life.lane) - 6];
    pen.fillStyle = colors[{ up: '--up', down: '--down', paused: '--paused' }[life.state]];
    pen.fillRect(left, top, Math.max(right - left, 1), high);
    if (life.state === 'up') continue;
    hatch(pen, left, top, right, top + high, colors[life.state === 'down' ? '--bad' : '--warn']);
    if (right - left < 56) continue;
    pen.font = '600 11px system-ui, "DejaVu Sans", sans-serif';
    pen.textAlign = 'center';
    pen.fillStyle = colors[life.state === 'down' ? '--bad' : '--warn'];
    pen.fillText(life.state, (left + right) / 2, tops[life.lane] + (36 + extra(life.lane)) / 2);
    pen.font = '12px system-ui, "DejaVu Sans", sans-serif';
  }
};

const drawFaultStretches = (pen, width) => {
  const busy = lanes.map(() => []);
  pen.textAlign = 'left';
  for (const stretch of stretchesOfFaults) {
    if (stretch.to < state.from || stretch.from > state.to) continue;
    const [left, right] = [Math.max(xOf(stretch.from, width), gutter), Math.min(xOf(stretch.to, width), width)];
    for (const lane of stretch.lanes) {
      const level = busy[lane].filter((other) => other > stretch.from).length % 3;
      busy[lane].push(stretch.to);
      const top = tops[lane] + 3 + level * 4;
      pen.fillStyle = colors['--warn-soft'];
      pen.fillRect(left, top, Math.max(right - left, 2), 3);
      if (level === 0 && extra(lane) && right - left > 78) {
        pen.fillStyle = colors['--warn'];
        pen.font = '10px system-ui, "DejaVu Sans", sans-serif';
        pen.fillText(stretch.name, left + 3, tops[lane] + 20);
        pen.font = '12px system-ui, "DejaVu Sans", sans-serif';
      }
    }
  }
};

// Many events of one kind, one lane and one place become one bar; the more, the longer.
const drawHeaps = (pen, width, visible) => {
  const heaps = new Map();
  for (const event of visible) {
    if (!heapable.has(event.kind)) continue;
    const key = `${Math.floor(xOf(event.time, width) / 2)} ${event.lane} ${event.kind}`;
    const heap = heaps.get(key);
    if (heap) heap.count += 1; else heaps.set(key, { event, count: 1 });
  }
  for (const { event, count } of heaps.values()) {
    const high = Math.min(2.5 + Math.log2(count) * 1.6, 9);
    pen.fillStyle = colors[colorOf(event)];
    pen.globalAlpha = 0.75;
    pen.fillRect(Math.floor(xOf(event.time, width) / 2) * 2, yOf(event) - high / 2, 2, high);
  }
  pen.globalAlpha = 1;
};

const arrow = (pen, x, from, to, color, alpha) => {
  const down = Math.sign(to - from);
  pen.globalAlpha = alpha;
  pen.strokeStyle = color;
  pen.fillStyle = color;
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(x, from);
  pen.lineTo(x, to - down * 5);
  pen.stroke();
  pen.beginPath();
  pen.moveTo(x, to);
  pen.lineTo(x - 3, to - down * 6);
  pen.lineTo(x + 3, to - down * 6);
  pen.fill();
  pen.globalAlpha = 1;
};

// What messages say, beside their arrows, as far as there is room: each in a row of its own between two lanes.
const drawSaid = (pen, width, visible) => {
  pen.font = '10px system-ui, "DejaVu Sans", sans-serif';
  pen.textAlign = 'left';
  const taken = [];
  for (const event of visible) {
    const label = event.kind === 'message' && event.peer !== null ? said(event) : '';
    if (!label) continue;
    const [x, wide] = [xOf(event.time, width) + 4, pen.measureText(label).width + 6];
    const [top, bottom] = [yOf(event), yIn(event.peer, 'message')].sort((one, other) => one - other);
    const isFree = (y) => !lanes.some((_, lane) => y > stripsTop(lane) - 6 && y < stripsTop(lane) + stripsHigh(lane) + 4)
      && !taken.some((box) => Math.abs(box.y - y) < 11 && x < box.right && x + wide > box.left);
    for (let y = top + 10; y < bottom - 4; y += 11) {
      if (!isFree(y)) continue;
      pen.globalAlpha = 0.85;
      pen.fillStyle = colors['--bg'];
      pen.fillRect(x - 1, y - 5, wide - 4, 10);
      pen.globalAlpha = 1;
      pen.fillStyle = colors['--ink'];
      pen.fillText(label, x, y);
      taken.push({ y, left: x, right: x + wide });
      break;
    }
  }
  pen.font = '12px system-ui, "DejaVu Sans", sans-serif';
};

const drawSingly = (pen, width, visible) => {
  const few = visible.length < 300;
  for (const event of visible) {
    if (!heapable.has(event.kind)) continue;
    const [x, y, color] = [xOf(event.time, width), yOf(event), colors[colorOf(event)]];
    if (event.peer !== null) {
      const arrives = yIn(event.peer, 'message');
      arrow(pen, x, y, arrives, color, event.kind === 'message' ? (few ? 0.9 : 0.45) : 0.35);
      continue;
    }
    pen.fillStyle = color;
    pen.beginPath();
    if (event.kind === 'disk') pen.rect(x - 1, y - 3, 2, 6);
    else pen.arc(x, y, event.kind === 'acknowledged' ? 3.5 : 2.5, 0, 7);
    pen.fill();
  }
  if (few) drawSaid(pen, width, visible);
};

const marks = {
  down: '✖', up: '▶', pause: '❚❚', resume: '▶', fault: '▲', heal: '▽', panic: '✸', violation: '✸', refused: '×', unknown: '?', 'disk-error': '!',
};
const drawMarks = (pen, width, visible) => {
  pen.textAlign = 'center';
  const last = new Map();
  for (const event of visible) {
    const mark = marks[event.kind];
    if (!mark) continue;
    const [x, y] = [xOf(event.time, width), yOf(event)];
    const key = `${event.lane} ${event.kind}`;
    if (x - (last.get(key) ?? -9) < 3) continue;
    last.set(key, x);
    pen.fillStyle = colors[colorOf(event)];
    pen.font = `${['refused', 'unknown', 'disk-error'].includes(event.kind) ? 'bold 10' : '12'}px system-ui, "DejaVu Sans", sans-serif`;
    pen.fillText(mark, x, y);
  }
  pen.font = '12px system-ui, "DejaVu Sans", sans-serif';
};

const drawUpright = (pen, width, height, event, color, label, dash, atTop) => {
  const x = xOf(event.time, width);
  if (x < gutter || x > width) return;
  pen.strokeStyle = color;
  pen.lineWidth = dash.length ? 1 : 2;
  pen.setLineDash(dash);
  pen.beginPath();
  pen.moveTo(x, axis - 4);
  pen.lineTo(x, height);
  pen.stroke();
  pen.setLineDash([]);
  if (!label) return;
  pen.font = '600 11px system-ui, "DejaVu Sans", sans-serif';
  const wide = pen.measureText(label).width + 10;
  const left = x + wide > width ? x - wide : x;
  const top = atTop ? 2 : height - 17;
  pen.fillStyle = color;
  pen.fillRect(left, top, wide, 16);
  pen.fillStyle = colors['--bg'];
  pen.textAlign = 'left';
  pen.fillText(label, left + 5, top + 8.5);
  pen.font = '12px system-ui, "DejaVu Sans", sans-serif';
};

const drawNames = (pen, height) => {
  pen.fillStyle = colors['--bg'];
  pen.fillRect(0, 0, gutter, height);
  pen.textAlign = 'left';
  lanes.forEach((lane, index) => {
    const top = tops[index];
    pen.fillStyle = colors['--line'];
    pen.fillRect(0, top, gutter, 1);
    pen.fillStyle = colors['--ink'];
    pen.font = `${lane.role === 'server' ? '600 ' : ''}13px system-ui, "DejaVu Sans", sans-serif`;
    pen.fillText(lane.name, 14, top + (36 + extra(index)) / 2, gutter - 20);
    drawStripNames(pen, index, stripsTop(index));
  });
  pen.fillStyle = colors['--line'];
  pen.fillRect(gutter - 1, 0, 1, height);
};

const visibleEvents = () => state.shown.slice(placeOf(state.shown, state.from), placeOf(state.shown, state.to + 1));

const focusLabel = () => {
  if (!focus) return '';
  if (focus.kind === 'acknowledged') return 'the broken promise';
  if (focus.kind === 'panic') return 'panic';
  return data.violation ? 'first violation' : 'end';
};

const drawTimeline = () => {
  const height = wholeHeight;
  const [pen, width] = prepare(timeline, height);
  const visible = visibleEvents();
  drawAxis(pen, width, height);
  drawLives(pen, width);
  pen.save();
  pen.beginPath();
  pen.rect(gutter, 0, width - gutter, height);
  pen.clip();
  lanes.forEach((_, lane) => drawStrips(pen, width, lane, stripsTop(lane)));
  if (groups[0].shown) drawFaultStretches(pen, width);
  if (visible.length > single) drawHeaps(pen, width, visible); else drawSingly(pen, width, visible);
  drawMarks(pen, width, visible);
  for (const index of related) {
    const event = events[index];
    if (event.time < state.from || event.time > state.to) continue;
    pen.strokeStyle = colors['--bad'];
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(xOf(event.time, width), yOf(event), 6, 0, 7);
    pen.stroke();
  }
  if (heal) drawUpright(pen, width, height, heal, colors['--good'], 'everything heals', [4, 3], false);
  if (focus) drawUpright(pen, width, height, focus, colors['--bad'], focusLabel(), [], true);
  const at = state.selected ?? (state.moment === null ? null : { time: state.moment });
  if (at) drawUpright(pen, width, height, at, colors['--accent'], '', [2, 2], true);
  pen.restore();
  drawNames(pen, height);
};

// The replica whose strip is at a height of the timeline.
const stripAt = (x, y) => {
  if (x < gutter) return null;
  const lane = lanes.findIndex((_, index) => y >= stripsTop(index) && y < stripsTop(index) + stripsHigh(index));
  return lane < 0 ? null : stripsOf[lane][Math.floor((y - stripsTop(lane)) / stripHeight)] ?? null;
};

// The event nearest to a point of the timeline, if one is near.
const eventAt = (x, y) => {
  const width = timeline.clientWidth;
  const reach = (timeAt(8, width) - timeAt(0, width));
  const time = timeAt(x, width);
  let [best, least] = [null, 196];
  for (let place = placeOf(state.shown, time - reach); place < state.shown.length; place += 1) {
    const event = state.shown[place];
    if (event.time > time + reach) break;
    const across = xOf(event.time, width) - x;
    const top = yOf(event);
    const bottom = event.peer === null ? top : yIn(event.peer, 'message');
    const down = Math.max(Math.min(top, bottom) - y, y - Math.max(top, bottom), 0);
    const far = across * across + down * down - (isFault(event) ? 16 : 0);
    if (far < least) [best, least] = [event, far];
  }
  return best;
};
