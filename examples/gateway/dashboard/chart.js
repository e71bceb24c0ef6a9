// Charts over time: stacked bars or lines, as SVG.

import { html, svg } from './dom.js';
import { clock, day, seconds } from './format.js';

const HEIGHT = 168;
const TOP = 10;
const BOTTOM = 22;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
// Between two marks on the axis of time.
const STEPS = [MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY];

export class Chart {
  #plot = html('div', { class: 'plot', tabindex: '0' });
  #tip = html('div', { class: 'tip', hidden: true });
  #legend = html('ul', { class: 'legend' });
  #options;
  #data = null;
  #cursor = null;
  #positions = [];

  // series: [{ name, color, value(bucket) → number | null, total(totals) → text }]
  constructor(options) {
    this.#options = options;
    const caption = html('figcaption', {}, html('h2', {}, options.title), this.#legend);
    this.figure = html('figure', { class: 'panel chart' }, caption, this.#plot, this.#tip);
    this.#plot.addEventListener('pointermove', (event) => this.#point(event));
    this.#plot.addEventListener('pointerdown', (event) => this.#point(event));
    this.#plot.addEventListener('pointerleave', () => this.#moveTo(null));
    this.#plot.addEventListener('blur', () => this.#moveTo(null));
    this.#plot.addEventListener('keydown', (event) => this.#key(event));
    new ResizeObserver(() => this.#draw()).observe(this.#plot);
  }

  show(summary) {
    this.#data = summary;
    this.#legend.replaceChildren(...this.#options.series.map((series) =>
      html('li', {}, html('span', { class: `swatch ${series.color}` }), `${series.name} `,
        html('b', {}, series.total(summary.totals)))));
    this.#draw();
  }

  #draw() {
    const width = Math.floor(this.#plot.clientWidth);
    if (!this.#data || width < 80) return;
    const { buckets } = this.#data;
    const { series, stacked, axis } = this.#options;
    const heights = buckets.map((bucket) => {
      const values = series.map(({ value }) => value(bucket) ?? 0);
      return stacked ? values.reduce((sum, value) => sum + value, 0) : Math.max(...values);
    });
    const step = stepFor(Math.max(...heights, 0), this.#options.whole);
    const top = Math.max(step, Math.ceil(Math.max(...heights, 0) / step - 1e-9) * step);
    const marks = Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step);
    const labels = marks.map((value) => axis(value, step));
    const left = 12 + 6.8 * Math.max(...labels.map((label) => label.length));
    const inner = width - left - 6;
    const floor = HEIGHT - BOTTOM;
    const y = (value) => floor - (value / top) * (floor - TOP);
    const slot = inner / buckets.length;
    this.#positions = buckets.map((_, index) => left + slot * (index + 0.5));

    const grid = marks.flatMap((value, index) => [
      svg('line', { class: value ? 'grid' : 'base', x1: left, x2: width - 6, y1: y(value), y2: y(value) }),
      svg('text', { class: 'mark', x: left - 6, y: y(value) + 3.5, 'text-anchor': 'end' }, labels[index]),
    ]);
    const shapes = stacked
      ? this.#bars(slot, y, floor)
      : series.flatMap((one) => this.#line(one, y));
    this.#plot.replaceChildren(svg('svg', {
      width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: 'img', 'aria-label': this.#spoken(),
    }, ...grid, ...this.#times(inner), svg('rect', { class: 'cursor', y: TOP, height: floor - TOP, width: slot, visibility: 'hidden' }), ...shapes));
    this.#moveTo(this.#cursor);
  }

  #bars(slot, y, floor) {
    const width = Math.max(1, Math.min(18, slot - (slot > 6 ? 2 : 0.5)));
    return this.#data.buckets.flatMap((bucket, index) => {
      let below = 0;
      return this.#options.series.map(({ color, value }) => {
        const amount = value(bucket) ?? 0;
        if (amount <= 0) return null;
        const bottom = y(below);
        below += amount;
        // What is there at all must be seen.
        const height = Math.max(1.5, bottom - y(below));
        return svg('rect', {
          class: color, x: this.#positions[index] - width / 2, y: Math.min(bottom, floor) - height, width, height, rx: Math.min(1.5, width / 4),
        });
      });
    });
  }

  #line({ color, value }, y) {
    const runs = [];
    let run = null;
    this.#data.buckets.forEach((bucket, index) => {
      const amount = value(bucket);
      if (amount == null) {
        run = null;
      } else {
        if (!run) runs.push(run = []);
        run.push([this.#positions[index].toFixed(1), y(amount).toFixed(1)]);
      }
    });
    return runs.flatMap((points) => [
      points.length > 1 ? svg('polyline', { class: color, points: points.map((point) => point.join(',')).join(' ') }) : null,
      // Dots say where there is a measurement, as long as they do not touch.
      ...(points.length === 1 || this.#data.buckets.length < 70
        ? points.map(([cx, cy]) => svg('circle', { class: color, cx, cy, r: points.length === 1 ? 3 : 2 }))
        : []),
    ]);
  }

  // At round times of the day, where whoever looks is.
  #times(inner) {
    const { buckets, bucket: length } = this.#data;
    const wanted = Math.max(2, Math.floor(inner / 64));
    const step = STEPS.find((step) => this.#span() / step <= wanted) ?? 7 * DAY;
    const steps = (time) => Math.floor((time - new Date(time).getTimezoneOffset() * MINUTE) / step);
    const label = step >= DAY ? (date) => day(date).slice(5) : clock;
    return buckets.map(({ start }, index) => {
      if (steps(start) === steps(start - length)) return null;
      const x = this.#positions[index];
      if (x + 16 > this.#plot.clientWidth) return null;
      return svg('text', { class: 'mark', x, y: HEIGHT - 6, 'text-anchor': 'middle' }, label(new Date(start)));
    });
  }

  #span() {
    return this.#data.to - this.#data.from;
  }

  #spoken() {
    const totals = this.#options.series.map(({ name, total }) => `${name} ${total(this.#data.totals)}`);
    return `${this.#options.title}: ${totals.join(', ')}. Arrow keys read the single bars.`;
  }

  #point(event) {
    const at = event.clientX - this.#plot.getBoundingClientRect().left;
    let nearest = null;
    this.#positions.forEach((position, index) => {
      if (nearest === null || Math.abs(position - at) < Math.abs(this.#positions[nearest] - at)) nearest = index;
    });
    this.#moveTo(nearest);
  }

  #key(event) {
    const last = this.#positions.length - 1;
    const at = this.#cursor ?? last + 1;
    const moves = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last };
    if (event.key === 'Escape') this.#moveTo(null);
    if (!(event.key in moves) || last < 0) return;
    event.preventDefault();
    this.#moveTo(Math.max(0, Math.min(last, moves[event.key])));
  }

  #moveTo(index) {
    const cursor = this.#plot.querySelector('.cursor');
    const bucket = index === null ? null : this.#data?.buckets[index];
    this.#cursor = bucket ? index : null;
    this.#tip.hidden = !bucket;
    cursor?.setAttribute('visibility', bucket ? 'visible' : 'hidden');
    if (!bucket || !cursor) return;
    const x = this.#positions[index];
    cursor.setAttribute('x', x - cursor.width.baseVal.value / 2);
    const from = new Date(bucket.start);
    const to = new Date(bucket.start + this.#data.bucket);
    const time = this.#data.bucket < 60_000 ? seconds : clock;
    const date = this.#span() > 30 * HOUR ? `${day(from)} ` : '';
    this.#tip.replaceChildren(
      html('p', {}, `${date}${time(from)}–${time(to)}`),
      ...this.#options.series.map(({ name, color, total }) =>
        html('p', {}, html('span', { class: `swatch ${color}` }), `${name} `, html('b', {}, total(bucket)))));
    const room = this.#plot.clientWidth - this.#tip.offsetWidth;
    const left = x < this.#plot.clientWidth / 2 ? x + 12 : x - 12 - this.#tip.offsetWidth;
    this.#tip.style.left = `${this.#plot.offsetLeft + Math.max(0, Math.min(room, left))}px`;
    this.#tip.style.top = `${this.#plot.offsetTop + TOP}px`;
  }
}

// A step of 1, 2 or 5 times a power of ten, for about four of them.
function stepFor(highest, isWhole) {
  if (!(highest > 0)) return 1;
  const rough = highest / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) * power;
  return isWhole ? Math.max(1, step) : step;
}
