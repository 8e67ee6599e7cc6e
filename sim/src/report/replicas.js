// The replicas: on the lane of each node a strip for each of its partitions, coloured by the role and labelled with the epoch, and
// how each stood at any moment.

const stripHeight = 13;
const roleColors = {
  leader: '--leader', follower: '--follower', candidate: '--candidate', prospective: '--candidate', unattached: '--unattached', failed: '--failed',
};
// When each lane's process came to its end: what a replica was is over then.
const ends = lanes.map((_, lane) => lives.filter((life) => life.lane === lane && life.state === 'down').map((life) => life.from));
const endAfter = (lane, time) => ends[lane].find((end) => end > time) ?? Infinity;
const isDown = (lane, time) => lives.some((life) => life.lane === lane && life.state === 'down' && life.from <= time && time < life.to);

const replicas = data.replicas.rows.map(({ lane, partition, standings }) => {
  const all = standings.map(([time, role, epoch, logEnd, highWatermark]) => (
    { time: time * 1000, role: data.replicas.roles[role], epoch, logEnd, highWatermark }));
  // The stretches of one role in one epoch.
  const spans = [];
  all.forEach((standing, place) => {
    const to = Math.min(all[place + 1]?.time ?? end, endAfter(lane, standing.time), end);
    const last = spans.at(-1);
    if (last && last.to === standing.time && last.role === standing.role && last.epoch === standing.epoch) last.to = to;
    else spans.push({ from: standing.time, to, role: standing.role, epoch: standing.epoch });
  });
  return { lane, partition, all, spans: spans.filter((span) => span.role !== 'gone') };
});
const partitionNames = [...new Set(replicas.map((replica) => replica.partition))].sort((one, other) => (
  (other === 'metadata-0') - (one === 'metadata-0') || (one < other ? -1 : 1)));

// Which strips are drawn: '' for all, null for none, or a partition's name.
let shownPartition = '';
let stripsOf = [];
const chooseStrips = (partition) => {
  shownPartition = partition;
  const isShown = (replica) => partition === '' || replica.partition === partition;
  stripsOf = lanes.map((_, lane) => replicas.filter((replica) => replica.lane === lane && isShown(replica)));
};
chooseStrips('');

// How a replica stood then; null before it was there, and after it was gone.
const standingAt = (replica, time) => {
  const place = placeOf(replica.all, time + 1) - 1;
  const standing = replica.all[place];
  if (!standing || standing.role === 'gone') return null;
  if (endAfter(replica.lane, standing.time) <= time) return isDown(replica.lane, time) ? { role: 'down' } : null;
  return standing;
};
const standingText = (standing) => standing.role === 'down' ? 'down'
  : `${standing.role}, epoch ${standing.epoch}, log end ${standing.logEnd}, high watermark ${standing.highWatermark}`;

// Draws the strips of one lane from `top` on.
const drawStrips = (pen, width, lane, top) => {
  stripsOf[lane].forEach((replica, place) => {
    const y = top + place * stripHeight;
    let told = null;
    for (const span of replica.spans) {
      if (span.to < state.from || span.from > state.to) continue;
      const [left, right] = [Math.max(xOf(span.from, width), gutter), Math.min(xOf(span.to, width), width)];
      const wide = Math.max(right - left, 1);
      pen.fillStyle = colors[roleColors[span.role] ?? '--unattached'];
      pen.fillRect(left, y + 1, wide, stripHeight - 2);
      pen.fillStyle = colors['--bg'];
      if (left > gutter && wide > 2) pen.fillRect(left, y + 1, 1, stripHeight - 2);
      // The first stretch of an epoch that has room for it tells it; of the others those of roles that are not usual.
      if (span.epoch === told && span.role === 'follower') continue;
      const label = wide > 76 && span.role !== 'follower' ? `${span.epoch} ${span.role}` : `${span.epoch}`;
      pen.font = '10px system-ui, "DejaVu Sans", sans-serif';
      if (pen.measureText(label).width + 5 > wide) continue;
      told = span.epoch;
      pen.fillStyle = colors[span.role === 'follower' || span.role === 'unattached' ? '--ink' : '--on-role'];
      pen.textAlign = 'left';
      pen.fillText(label, left + 3, y + stripHeight / 2 + 0.5);
    }
  });
  pen.font = '12px system-ui, "DejaVu Sans", sans-serif';
};
const drawStripNames = (pen, lane, top) => {
  pen.font = '10px system-ui, "DejaVu Sans", sans-serif';
  pen.fillStyle = colors['--dim'];
  pen.textAlign = 'right';
  stripsOf[lane].forEach((replica, place) => {
    const name = replica.partition.length > 22 ? `…${replica.partition.slice(-21)}` : replica.partition;
    pen.fillText(name, gutter - 6, top + place * stripHeight + stripHeight / 2 + 0.5, gutter - 12);
  });
  pen.textAlign = 'left';
};

// What a pointer on a strip is told: that partition on all nodes.
const partitionTold = (partition, time) => {
  const lines = replicas.filter((replica) => replica.partition === partition).flatMap((replica) => {
    const standing = standingAt(replica, time);
    return standing ? [`${laneName(replica.lane)}: ${standingText(standing)}`] : [];
  });
  return [`${seconds(time, 3)} s · ${partition}`, ...(lines.length ? lines : ['no replica'])].join('\n');
};

// The moment that is looked at: that of the selected event, or where the lanes were clicked.
const moment = () => state.selected?.time ?? state.moment ?? focus?.time ?? end;

// The table of the panel: each partition on each node, at that moment.
const fillReplicas = () => {
  const panel = byId('replicas');
  if (panel.hidden) return;
  const time = moment();
  const table = document.createElement('table');
  const head = document.createElement('tr');
  for (const name of ['node', 'role', 'epoch', 'log end', 'high watermark']) head.append(text('th', name));
  table.append(head);
  for (const partition of partitionNames) {
    const stood = replicas.filter((replica) => replica.partition === partition)
      .map((replica) => ({ replica, standing: standingAt(replica, time) })).filter(({ standing }) => standing);
    if (!stood.length || (shownPartition && shownPartition !== partition)) continue;
    const name = document.createElement('tr');
    const cell = text('th', partition, 'partition');
    cell.colSpan = 5;
    name.append(cell);
    table.append(name);
    for (const { replica, standing } of stood) {
      const row = document.createElement('tr');
      const role = text('td', standing.role, 'role');
      role.style.setProperty('--dot', `var(${roleColors[standing.role] ?? '--down'})`);
      const numbers = ['epoch', 'logEnd', 'highWatermark'].map((field) => text('td', standing[field] ?? '', 'number'));
      row.append(text('td', laneName(replica.lane)), role, ...numbers);
      table.append(row);
    }
  }
  const about = `At ${seconds(time, 6)} s. Roles and epochs are those of that moment, ends are at most 0.1 s old. Click into the lanes for another one.`;
  panel.replaceChildren(text('p', about), table);
};
