// Totals, charts and the table by model.

import { Chart } from './chart.js';
import { byId, html, setChildren, setText } from './dom.js';
import { axisDollars, compact, count, dollars, milliseconds, percent } from './format.js';

const TICKS = 1e10;
// The column of costs in the table by model.
const COST = 6;

const sum = (name, field, color) => ({
  name, color, value: (bucket) => bucket[field], total: (totals) => count(totals[field]),
});

const percentiles = (field) => ['p50', 'p90', 'p99'].map((name) => ({
  name, color: name, value: (bucket) => bucket[field][name], total: (totals) => milliseconds(totals[field][name]),
}));

const CHARTS = [
  {
    title: 'Requests', stacked: true, whole: true, axis: compact,
    series: [
      { name: 'ok', color: 'answered', value: answered, total: (totals) => count(answered(totals)) },
      sum('errors', 'errors', 'errors'),
      sum('rejected', 'rejected', 'rejected'),
      sum('cancelled', 'cancelled', 'cancelled'),
    ],
  },
  {
    title: 'Tokens', stacked: true, whole: true, axis: compact,
    series: [sum('in', 'tokens_in', 'tokens-in'), sum('out', 'tokens_out', 'tokens-out')],
  },
  {
    title: 'Cost', stacked: true, axis: axisDollars,
    series: [{
      name: 'USD', color: 'cost',
      value: (bucket) => Number(bucket.cost_ticks) / TICKS, total: (totals) => dollars(totals.cost_ticks),
    }],
  },
  { title: 'Latency', axis: milliseconds, series: percentiles('latency_ms') },
  { title: 'Time to first token', axis: milliseconds, series: percentiles('ttft_ms') },
  {
    title: 'Cache rate', axis: percent,
    series: [{ name: 'from the cache', color: 'cached', value: (bucket) => bucket.cache_rate, total: (totals) => percent(totals.cache_rate) }],
  },
];

function answered({ requests, errors, rejected, cancelled }) {
  return Math.max(0, requests - errors - rejected - cancelled);
}

export class Overview {
  #charts = CHARTS.map((options) => new Chart(options));
  #choose;

  constructor(choose) {
    this.#choose = choose;
    byId('charts').append(...this.#charts.map((chart) => chart.figure));
  }

  show(summary) {
    tiles(summary.totals);
    for (const chart of this.#charts) chart.show(summary);
    this.#models(summary.models);
  }

  #models(models) {
    const body = byId('models').tBodies[0];
    const sorted = [...models].sort((a, b) => b.requests - a.requests);
    // A row that says the same stays, with the focus that may be in it.
    const known = new Map([...body.rows].map((row) => [row.dataset.key, row]));
    const rows = sorted.map((model) => {
      const key = JSON.stringify([model.provider, model.model]);
      const row = known.get(key) ?? this.#row(model, key);
      cells(model).forEach((text, index) => setText(row.cells[index + 2].firstChild, text));
      setText(row.cells[COST].lastChild, unknown(model));
      row.cells[3].classList.toggle('bad', model.errors > 0);
      return row;
    });
    setChildren(body, rows);
  }

  #row({ provider, model }, key) {
    const pick = (name, filter) =>
      html('th', { scope: 'row' }, name == null
        ? html('span', { class: 'faint' }, 'none')
        : html('button', { type: 'button', class: 'link', onclick: () => this.#choose(filter) }, name));
    const row = html('tr', {}, pick(provider, { provider: provider ?? '', model: '' }),
      pick(model, { provider: provider ?? '', model: model ?? '' }),
      ...Array.from({ length: 10 }, () => html('td', {}, document.createTextNode(''))));
    row.cells[COST].append(html('span', { class: 'note' }));
    row.dataset.key = key;
    return row;
  }
}

function cells(model) {
  return [
    count(model.requests), count(model.errors), count(model.tokens_in), count(model.tokens_out),
    // No tick of cost: nobody knows it, or there is none.
    model.cost_ticks ? dollars(model.cost_ticks) : '–', percent(model.cache_rate),
    milliseconds(model.latency_ms.p50), milliseconds(model.latency_ms.p90),
    milliseconds(model.ttft_ms.p50), milliseconds(model.ttft_ms.p90),
  ];
}

// Sums of costs lack these.
const unknown = ({ cost_unknown: number }) => (number ? `${count(number)} not known` : '');

function tiles(totals) {
  const texts = {
    requests: count(totals.requests), streams: count(totals.streams),
    errors: count(totals.errors), rejected: count(totals.rejected), cancelled: count(totals.cancelled),
    'tokens-in': count(totals.tokens_in), 'tokens-out': count(totals.tokens_out),
    cost: dollars(totals.cost_ticks), 'cost-unknown': unknown(totals),
    'cache-rate': percent(totals.cache_rate), cached: count(totals.cached),
  };
  for (const name of ['p50', 'p90', 'p99']) {
    texts[`latency-${name}`] = milliseconds(totals.latency_ms[name]);
    texts[`ttft-${name}`] = milliseconds(totals.ttft_ms[name]);
  }
  for (const [name, text] of Object.entries(texts)) setText(byId(`total-${name}`), text);
  byId('total-cost').classList.toggle('long', texts.cost.length > 11);
  byId('total-errors').classList.toggle('bad', totals.errors > 0);
}
