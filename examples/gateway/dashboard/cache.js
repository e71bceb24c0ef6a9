// The cache: what it is worth, and forgetting what is in it.

import { get, post } from './api.js';
import { byId, setText, show } from './dom.js';
import { bytes, count, dollars, percent } from './format.js';

// What a purge of each kind needs, and how the name is called.
const KINDS = {
  everything: { fields: [] },
  gateway: { fields: ['account', 'gateway'] },
  provider: { fields: ['account', 'gateway', 'name'], name: 'Provider' },
  model: { fields: ['account', 'gateway', 'name'], name: 'Model' },
  key: { fields: ['account', 'gateway', 'name'], name: 'Custom key' },
  entry: { fields: ['account', 'gateway', 'name'], name: 'Key of the entry' },
};

export class Cache {
  #refresh;
  #isArmed = false;

  constructor(refresh) {
    this.#refresh = refresh;
    byId('purge').addEventListener('input', () => this.#arm(false));
    byId('purge-now').addEventListener('click', () => this.#click());
    // The button is the only way: a purge cannot be undone.
    byId('purge').addEventListener('submit', (event) => event.preventDefault());
    this.#arm(false);
  }

  async refresh(signal) {
    const cache = await get('/cache', {}, signal).catch((error) => {
      // Of a build without a cache.
      if (error.status === 404) return null;
      throw error;
    });
    // A store that others share does not say how much it has: it may be full from before.
    const isUsed = cache && (cache.entries === null || [cache.entries, cache.hits, cache.stale, cache.misses, cache.bypasses].some((number) => number > 0));
    show(byId('cache'), Boolean(isUsed));
    if (!isUsed) return;
    const texts = {
      rate: percent(cache.hit_rate), hits: count(cache.hits), stale: count(cache.stale), misses: count(cache.misses),
      bypasses: count(cache.bypasses), tokens: count(cache.saved_tokens), cost: dollars(cache.saved_cost_ticks),
      unknown: cache.saved_cost_unknown ? `${count(cache.saved_cost_unknown)} not known` : '',
      entries: count(cache.entries), evicted: count(cache.evicted), bytes: bytes(cache.bytes),
      failures: count(cache.failures), 'not-stored': reasons(cache.not_stored),
    };
    for (const [name, text] of Object.entries(texts)) setText(byId(`cache-${name}`), text);
    show(byId('cache-not-stored').parentElement, texts['not-stored'] !== '');
    byId('cache-failures').classList.toggle('bad', cache.failures > 0);
  }

  // The first click asks, the second one does it.
  async #click() {
    const wanted = purge();
    if (typeof wanted === 'string') return this.#say(wanted, true);
    if (!this.#isArmed) return this.#arm(true);
    this.#arm(false);
    byId('purge-now').disabled = true;
    try {
      await post('/cache/purge', wanted.body);
      this.#say(`Purged: ${wanted.words}`, false);
      this.#refresh();
    } catch (error) {
      this.#say(error.message, true);
    } finally {
      byId('purge-now').disabled = false;
    }
  }

  #arm(isArmed) {
    this.#isArmed = isArmed;
    const kind = KINDS[byId('purge-what').value];
    for (const field of ['account', 'gateway', 'name']) show(byId(`purge-${field}`).parentElement, kind.fields.includes(field));
    if (kind.name) setText(byId('purge-name-is'), kind.name);
    const wanted = isArmed && purge();
    setText(byId('purge-now'), wanted?.words ? `Really purge ${wanted.words}?` : 'Purge');
    byId('purge-now').classList.toggle('bad', isArmed);
    this.#say('', false);
  }

  #say(text, isBad) {
    setText(byId('purge-said'), text);
    byId('purge-said').classList.toggle('bad', isBad);
  }
}

// What the form asks for: { body, words }, or what it lacks.
function purge() {
  const what = byId('purge-what').value;
  if (what === 'everything') return { body: { everything: true }, words: 'everything' };
  const [account, gateway, name] = ['account', 'gateway', 'name'].map((field) => byId(`purge-${field}`).value.trim());
  if (gateway === '') return 'A gateway is needed.';
  const body = { gateway };
  if (account !== '') body.account = account;
  const where = account === '' ? gateway : `${account}/${gateway}`;
  if (what === 'gateway') return { body, words: `all of ${where}` };
  if (name === '') return `${KINDS[what].name}: it is needed.`;
  return { body: { ...body, [what]: name }, words: `${name} of ${where}` };
}

// Why answers were not kept, the most frequent first.
function reasons(notStored) {
  return Object.entries(notStored).filter(([, number]) => number > 0).sort(([, a], [, b]) => b - a)
    .map(([why, number]) => `${why.replaceAll('_', ' ')}: ${count(number)}`).join(', ');
}
