// Tables of sums: who or what is summed up in the first columns, and what it comes to in the others.

import { html, setChildren, setText } from './dom.js';
import { count, dollars, milliseconds, percent } from './format.js';

// Where errors and costs stand among the sums.
const ERRORS = 1;
const COST = 4;

export class Sums {
  #body;
  #heads;

  // heads(entry): for each of the first columns, [text, what a click does].
  constructor(table, heads) {
    this.#body = table.tBodies[0];
    this.#heads = heads;
  }

  show(entries) {
    const sorted = [...entries].sort((a, b) => b.requests - a.requests);
    // A row that says the same stays, with the focus that may be in it.
    const known = new Map([...this.#body.rows].map((row) => [row.dataset.key, row]));
    const rows = sorted.map((entry) => {
      const heads = this.#heads(entry);
      const key = JSON.stringify(heads.map(([text]) => text ?? null));
      const row = known.get(key) ?? newRow(heads, key);
      const sums = [...row.cells].slice(heads.length);
      cells(entry).forEach((text, index) => setText(sums[index].firstChild, text));
      setText(sums[COST].lastChild, unknown(entry));
      sums[ERRORS].classList.toggle('bad', entry.errors > 0);
      return row;
    });
    setChildren(this.#body, rows);
  }
}

function newRow(heads, key) {
  const row = html('tr', {}, ...heads.map(([text, pick]) =>
    html('th', { scope: 'row' }, text == null
      ? html('span', { class: 'faint' }, 'none')
      : html('button', { type: 'button', class: 'link', onclick: pick }, text))),
    ...Array.from({ length: 10 }, () => html('td', {}, document.createTextNode(''))));
  row.cells[heads.length + COST].append(html('span', { class: 'note' }));
  row.dataset.key = key;
  return row;
}

function cells(entry) {
  return [
    count(entry.requests), count(entry.errors), count(entry.tokens_in), count(entry.tokens_out),
    // No tick of cost: nobody knows it, or there is none.
    entry.cost_ticks ? dollars(entry.cost_ticks) : '–', percent(entry.cache_rate),
    milliseconds(entry.latency_ms.p50), milliseconds(entry.latency_ms.p90),
    milliseconds(entry.ttft_ms.p50), milliseconds(entry.ttft_ms.p90),
  ];
}

// Sums of costs lack these.
export const unknown = ({ cost_unknown: number }) => (number ? `${count(number)} not known` : '');
