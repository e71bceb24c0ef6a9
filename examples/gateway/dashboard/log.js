// The table of exchanges, newest first.

import { get } from './api.js';
import { byId, html, setChildren, setText, show } from './dom.js';
import { count, dollars, milliseconds, moment } from './format.js';
import { inWords } from './operations.js';

const PAGE = 50;
const MOST = 1000;
// What most calls are, so that the others stand out.
const USUAL = ['chat', 'responses', 'messages'];

export class Log {
  #open;
  #records = new Map();
  #rows = new Map();
  #next = null;
  #question = '';

  constructor(open) {
    this.#open = open;
  }

  // Asks for the newest page; what older pages were shown before stay.
  async refresh(from, filters, signal) {
    const question = JSON.stringify(filters);
    const { logs, next } = await get('/logs', { ...filters, from, limit: PAGE }, signal);
    const meets = question === this.#question && logs.some(({ id }) => this.#records.has(id));
    if (!meets || next === null) {
      this.#records.clear();
      this.#next = next;
    }
    this.#question = question;
    for (const record of logs) this.#records.set(record.id, record);
    for (const [id, record] of this.#records) {
      if (Date.parse(record.created_at) < from) this.#records.delete(id);
    }
    this.#draw();
  }

  async older(from, filters) {
    const question = this.#question;
    const { logs, next } = await get('/logs', { ...filters, from, limit: PAGE, cursor: this.#next });
    if (question !== this.#question) return;
    for (const record of logs) this.#records.set(record.id, record);
    this.#next = next;
    this.#draw();
  }

  #draw() {
    // Ids sort by time.
    const records = [...this.#records.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
    for (const id of [...this.#rows.keys()].filter((id) => !this.#records.has(id))) this.#rows.delete(id);
    setChildren(byId('rows').tBodies[0], records.map((record) => this.#row(record)));
    show(byId('rows'), records.length > 0);
    show(byId('nothing'), records.length === 0);
    show(byId('older'), this.#next !== null && records.length < MOST);
  }

  #row(record) {
    const known = this.#rows.get(record.id);
    if (known) {
      setText(known.querySelector('.opens'), moment(new Date(record.created_at)));
      return known;
    }
    const cell = (name, label, ...content) => html('td', { class: name, role: 'cell', 'data-label': label }, ...content);
    const number = (label, value, format) => cell(value == null ? 'number unknown' : 'number', label, format(value));
    const open = () => this.#open(record.id);
    const row = html('tr', { role: 'row', 'data-id': record.id },
      cell('time', 'Time', html('button', { type: 'button', class: 'opens' }, moment(new Date(record.created_at)))),
      cell('result', 'Result', badge(record)),
      cell('provider', 'Provider', record.provider ?? html('span', { class: 'faint' }, 'none')),
      cell('model', 'Model', record.model ?? html('span', { class: 'faint' }, 'none'),
        USUAL.includes(record.model_type) ? null : html('span', { class: 'tag' }, inWords(record.model_type)),
        record.stream ? html('span', { class: 'tag' }, 'stream') : null,
        record.cached ? html('span', { class: 'tag' }, 'cache') : null),
      number('Tokens in', record.tokens_in, count),
      number('Tokens out', record.tokens_out, count),
      number('Cost', record.cost_ticks, dollars),
      number('Duration', record.duration, milliseconds),
      number('First token', record.timings.to_first_token, milliseconds));
    row.addEventListener('click', open);
    this.#rows.set(record.id, row);
    return row;
  }
}

// The status, and how it ended where that was not well.
export function badge({ status_code: status, outcome, success, cached }) {
  const kind = success ? 'good' : outcome === 'cancelled' ? 'calm' : outcome === 'rejected' ? 'warn' : 'bad';
  const word = success ? (cached ? 'cached' : 'ok') : outcome === 'complete' ? 'error' : outcome;
  return html('span', { class: `badge ${kind}` }, `${status ?? '–'} ${word}`);
}
