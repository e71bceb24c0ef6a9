// The page: asks the gateway every few seconds and shows what it says.

import { Problem, get } from './api.js';
import { Cache } from './cache.js';
import { Detail } from './detail.js';
import { byId, setText, show } from './dom.js';
import { Filters } from './filters.js';
import { count, seconds } from './format.js';
import { Limits } from './limits.js';
import { Log } from './log.js';
import { Overview } from './overview.js';

const LIVE_EVERY = 2_000;
const REFRESH_EVERY = 5_000;
// Of the time, at most a tenth is spent on asking: sums over a large log take a while.
const REST = 10;

const filters = new Filters(() => refresh());
const detail = new Detail();
const overview = new Overview(filters);
const limits = new Limits();
const cache = new Cache(() => refresh());
const log = new Log((id) => detail.open(id));

let asking = null;
let timer;
let liveTimer;

// The newest question wins: one that is still on its way is dropped.
async function refresh() {
  clearTimeout(timer);
  asking?.abort();
  const { signal } = (asking = new AbortController());
  const { from, to, bucket } = filters.window;
  const started = performance.now();
  try {
    const [summary, all] = await Promise.all([
      get('/summary', { from, to, bucket, ...filters.scope, by_label: filters.label }, signal),
      filters.isScoped ? get('/summary', { from, to, bucket: to - from }, signal) : null,
      log.refresh(from, filters.log, signal),
      limits.refresh(signal),
      cache.refresh(signal),
    ]);
    filters.offer((all ?? summary).models);
    overview.show(summary);
    invite(summary);
    complain(null);
    setText(byId('updated'), `Updated ${seconds(new Date())}`);
  } catch (error) {
    if (signal.aborted) return;
    complain(error);
  }
  later(Math.max(REFRESH_EVERY, REST * (performance.now() - started)));
}

function later(delay) {
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(refresh, delay);
}

async function watch() {
  clearTimeout(liveTimer);
  try {
    const live = await get('/live');
    setText(byId('live-in-flight'), count(live.in_flight));
    setText(byId('live-streams'), count(live.streams));
    showLost(live.lost);
    showCommand(live.gateway);
    byId('live').classList.toggle('busy', live.in_flight > 0);
  } catch {
    setText(byId('live-in-flight'), '–');
    setText(byId('live-streams'), '–');
    byId('live').classList.remove('busy');
  }
  if (!document.hidden) liveTimer = setTimeout(watch, LIVE_EVERY);
}

// Where there is nothing to see: how to get something.
function invite(summary) {
  const isEmpty = summary.totals.requests === 0;
  show(byId('empty'), isEmpty && !filters.isAny);
  show(byId('overview'), !isEmpty || filters.isAny);
  show(byId('log'), !isEmpty || filters.isAny);
  setText(byId('empty-title'), `No requests in the last ${filters.range.words}`);
}

function complain(error) {
  const text = error instanceof Problem ? error.message : error && `This page has a fault: ${error.message}`;
  show(byId('problem'), Boolean(text));
  setText(byId('problem'), text ?? '');
}

// Records that are in no log: the sums of this page lack them.
function showLost(lost) {
  show(byId('lost'), lost > 0);
  setText(byId('lost'), lost > 0 ? `${count(lost)} records are missing here: since the gateway was started, the log could not take them.` : '');
}

// On an address of its own, this page is not where the gateway is.
function showCommand(gateway) {
  const isHere = ['127.0.0.1', 'localhost', '[::1]'].includes(location.hostname);
  const origin = gateway && isHere ? `http://${gateway}` : location.origin;
  setText(byId('empty-command'), `curl -N ${origin}/v1/acct/gw/grok/v1/chat/completions \\
  -H "authorization: Bearer $XAI_API_KEY" -H 'content-type: application/json' \\
  -d '{"model":"grok-4.3","stream":true,"messages":[{"role":"user","content":"What is a gateway?"}]}'`);
}
show(byId('empty-copy'), Boolean(navigator.clipboard));
byId('empty-copy').addEventListener('click', () => navigator.clipboard.writeText(byId('empty-command').textContent));

byId('older').addEventListener('click', () => log.older(filters.window.from, filters.log).catch(complain));
document.addEventListener('visibilitychange', () => {
  clearTimeout(timer);
  clearTimeout(liveTimer);
  if (!document.hidden) {
    refresh();
    watch();
  }
});

refresh();
watch();
