// The page of the control room. It talks to the control room only; the token of user-service stays there.

const byId = (id) => document.getElementById(id);
const POLL_MS = 1000;
const SHOWN_ANSWERS = 8;
const SHOWN_EVENTS = 8;

async function call(path, method = 'GET') {
  const response = await fetch(path, { method });
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail ?? body.title);
  return body;
}

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// Asking for a user

const tiers = {
  l1: { text: 'Cache, in memory', tone: 'good' },
  l2: { text: 'Cache, in Redis', tone: 'good' },
  kept: { text: 'Cache, kept from before', tone: 'warn' },
  database: { text: 'Database', tone: 'plain' },
  none: { text: 'Nobody', tone: 'bad' },
};

async function ask(id, name = id) {
  byId('id').value = id;
  try {
    showAnswer(name, await call(`/api/users/${encodeURIComponent(id)}`));
  } catch {
    showAnswer(name, { tier: 'none', body: { title: 'The control room does not answer' } });
  }
  await refresh();
}

function showAnswer(who, answer) {
  const { text, tone } = tiers[answer.tier];
  const took = answer.tookMs === undefined ? '' : `${answer.tookMs.toFixed(1)} ms`;
  byId('answer').hidden = false;
  byId('answer').dataset.tone = tone;
  byId('tier').textContent = text;
  byId('took').textContent = took && `in ${took}`;
  byId('note').textContent = noteOn(answer);
  byId('note').hidden = byId('note').textContent === '';
  byId('user').replaceChildren(...facts(answer).flatMap(fact));
  addToHistory(answer.body.name ?? who, { text, tone }, took);
}

function noteOn({ status, tier, ageSeconds }) {
  if (tier === 'kept') return `The database did not answer: this is ${ageSeconds} s old.`;
  if (status === 503) return 'The database does not answer, and the cache does not know this user.';
  if (ageSeconds > 0) return `${ageSeconds} s old.`;
  return '';
}

function facts({ status, body, cacheStatus, retryAfterSeconds }) {
  const time = (text) => text && new Date(text).toLocaleString();
  const all = [
    ['Name', body.name],
    ['E-mail', body.email],
    ['Since', time(body.createdAt)],
    ['Changed', body.version > 1 && time(body.updatedAt)],
    ['Refused', body.title && `${body.title}${body.detail ? `: ${body.detail}` : ''}`],
    ['HTTP status', status],
    ['Retry-After', retryAfterSeconds && `${retryAfterSeconds} s`],
    ['Cache-Status', cacheStatus],
  ];
  return all.filter(([, value]) => value);
}

const fact = ([name, value]) => [element('dt', name), element('dd', value)];

function addToHistory(who, { text, tone }, took) {
  const row = element('tr', '');
  row.append(
    element('td', who),
    element('td', text, { class: 'tier', 'data-tone': tone }),
    element('td', took, { class: 'number' }),
  );
  const rows = byId('history').tBodies[0];
  rows.prepend(row);
  while (rows.rows.length > SHOWN_ANSWERS) rows.lastElementChild.remove();
  byId('history').hidden = false;
}

async function showExamples() {
  const buttons = (await call('/api/examples')).map(({ id, name }) => {
    const button = element('button', name, { type: 'button', title: id });
    button.addEventListener('click', () => ask(id, name));
    return button;
  });
  byId('examples').prepend(...buttons);
}

byId('ask').addEventListener('submit', (event) => {
  event.preventDefault();
  void ask(byId('id').value.trim());
});

byId('random').addEventListener('click', async () => {
  const { id, name } = await call('/api/examples/random');
  await ask(id, name);
});

// The database and the service

const states = {
  running: { text: 'is running', tone: 'good' },
  stopped: { text: 'is stopped', tone: 'bad' },
  starting: { text: 'is starting', tone: 'warn' },
  stopping: { text: 'is stopping', tone: 'warn' },
  restarting: { text: 'ended by itself and is started again', tone: 'warn' },
  external: { text: 'is yours (DATABASE_URL); the house does not stop it', tone: 'plain' },
};

/** A live region is read aloud whenever it is written: it is written when something changed. */
function showState(place, text, tone) {
  if (place.textContent === text) return;
  place.textContent = text;
  place.dataset.tone = tone;
}

function showDatabase(state) {
  const { text, tone } = states[state];
  showState(byId('database'), `PostgreSQL ${text}.`, tone);
  const isSettled = state === 'running' || state === 'stopped';
  byId('switch').setAttribute('aria-checked', String(state === 'running' || state === 'external'));
  byId('switch').setAttribute('aria-disabled', String(!isSettled));
  byId('switch-note').hidden = state === 'external';
}

byId('switch').addEventListener('click', async () => {
  if (byId('switch').getAttribute('aria-disabled') === 'true') return;
  const isOn = byId('switch').getAttribute('aria-checked') === 'true';
  showDatabase(isOn ? 'stopping' : 'starting');
  try {
    await call(`/api/database/${isOn ? 'stop' : 'start'}`, 'POST');
    await refresh();
  } catch (error) {
    showState(byId('database'), `That did not work: ${error.message}`, 'bad');
    byId('switch').setAttribute('aria-disabled', 'false');
  }
});

// User events

byId('change').addEventListener('click', async () => {
  try {
    const { name, status } = await call('/api/examples/random/change', 'POST');
    byId('change-note').textContent =
      status === 200 ? `${name} was changed.` : `${name} was not changed: HTTP status ${status}.`;
    await refresh();
  } catch (error) {
    byId('change-note').textContent = `Nobody was changed: ${error.message}.`;
  }
});

function showEvents({ events, components }) {
  const { sent } = components.find(({ kind }) => kind === 'relay').stats;
  const isWell = events.relay.status === 'up';
  const relay = isWell ? 'The relay is up.' : 'The relay cannot go on: events wait in the outbox.';
  showState(byId('events'), `${relay} Sent: ${sent}.`, isWell ? 'good' : 'warn');
  byId('last-events').hidden = events.recent.length === 0;
  const rows = events.recent.slice(0, SHOWN_EVENTS).map(eventRow);
  byId('last-events').tBodies[0].replaceChildren(...rows);
}

function eventRow({ type, userId, version, at }) {
  const row = element('tr', '');
  row.append(
    element('td', type),
    element('td', userId, { class: 'id' }),
    element('td', version, { class: 'number' }),
    element('td', new Date(at).toLocaleTimeString(), { class: 'number' }),
  );
  return row;
}

// Counters

const breakerStates = ['closed', 'half-open', 'open'];
const before = new Map();

/** Nested numbers become rows: `{ l1: { hits: 2 } }` is "l1 hits". */
function flat(stats, prefix = '') {
  return Object.entries(stats).flatMap(([key, value]) => {
    const name = `${prefix}${key.replaceAll(/([A-Z])/g, ' $1').toLowerCase()}`;
    return typeof value === 'object' && value !== null ? flat(value, `${name} `) : [[name, value]];
  });
}

function componentTable({ kind, name, stats }) {
  const table = element('table', '');
  table.append(element('caption', `${kind} “${name}”`));
  const body = table.createTBody();
  for (const [key, value] of flat(stats)) {
    const row = body.insertRow();
    const shown = kind === 'breaker' && key === 'state' ? breakerStates[value] : value;
    const id = `${kind} ${name} ${key}`;
    const isNew = before.has(id) && before.get(id) !== value;
    before.set(id, value);
    const look = isNew ? 'changed' : shown === 0 ? 'zero' : '';
    row.append(
      element('th', key, { scope: 'row' }),
      element('td', shown, { class: `number ${look}` }),
    );
  }
  return table;
}

function showCounters(stats) {
  byId('counters-note').textContent = stats
    ? 'Once a second, from the service itself.'
    : 'user-service does not answer; these are the last numbers.';
  if (!stats) return;
  showEvents(stats);
  byId('counters').replaceChildren(...stats.components.map(componentTable));
}

async function refresh() {
  const { database, service, stats } = await call('/api/state');
  showDatabase(database);
  const { text, tone } = states[service.state];
  const again = service.restarts > 0 ? ` (started again ${service.restarts} times)` : '';
  showState(byId('service'), `user-service ${text}${again}.`, tone);
  showCounters(stats);
}

async function keepFresh() {
  if (!document.hidden) {
    await refresh().catch(() => {
      showState(
        byId('service'),
        'The control room does not answer. Is npm start still running?',
        'bad',
      );
    });
  }
  setTimeout(keepFresh, POLL_MS);
}

void showExamples();
void keepFresh();
