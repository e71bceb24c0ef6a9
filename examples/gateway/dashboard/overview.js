// Totals, charts and the tables by model and by caller.

import { Chart } from './chart.js';
import { byId, setText, show } from './dom.js';
import { axisDollars, compact, count, dollars, milliseconds, percent } from './format.js';
import { Sums, unknown } from './sums.js';

const TICKS = 1e10;

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
  #models;
  #subjects;
  #labels;

  constructor(filters) {
    const choose = (scope) => () => filters.choose(scope);
    this.#models = new Sums(byId('models'), ({ provider, model }) => [
      [provider, choose({ provider: provider ?? '', model: '' })],
      [model, choose({ provider: provider ?? '', model: model ?? '' })],
    ]);
    this.#subjects = new Sums(byId('subjects'), ({ subject }) => [[subject, choose({ subject })]]);
    this.#labels = new Sums(byId('labels'), ({ value }) => [[value, choose({ 'label-value': value })]]);
    byId('charts').append(...this.#charts.map((chart) => chart.figure));
  }

  show(summary) {
    tiles(summary.totals);
    for (const chart of this.#charts) chart.show(summary);
    this.#models.show(summary.models);
    this.#callers(summary);
  }

  // Who was calling: of no interest where the host does not say.
  #callers({ subjects = [], labels = [] }) {
    const label = byId('by-label').value.trim();
    const isAsked = [byId('subject'), byId('label-value')].some(({ value }) => value !== '') || label !== '';
    show(byId('callers'), subjects.length > 0 || isAsked);
    show(byId('subjects-part'), subjects.length > 0);
    show(byId('labels-part'), labels.length > 0);
    setText(byId('labels-name'), label);
    this.#subjects.show(subjects);
    this.#labels.show(labels);
  }
}

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
