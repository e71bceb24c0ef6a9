// A headless Chromium, watched.

import { chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

export async function launch(executablePath) {
  return chromium.launch({ executablePath, args: FLAGS });
}

// A page, with all that must not happen on it: `faults` stays empty, `foreign` too.
export async function open(browser, url, { clock = false, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  const faults = [];
  const foreign = [];
  page.on('console', (message) => faults.push(`console ${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('dialog', (dialog) => { faults.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol !== 'data:' && origin !== new URL(url).origin) foreign.push(request.url());
  });
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      console.error(`violated ${event.violatedDirective}: ${event.blockedURI}`);
    });
  });
  if (clock) await page.clock.install();
  await page.goto(url);
  return { page, context, faults, foreign };
}

// As if the page lay behind another one, or no longer.
export const hide = (page, hidden) => page.evaluate((value) => {
  Object.defineProperty(document, 'hidden', { configurable: true, get: () => value });
  document.dispatchEvent(new Event('visibilitychange'));
}, hidden);

// As if somebody came back to the page: it asks again at once.
export const nudge = (page) => page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));

export const texts = (locator) => locator.allTextContents();

// The contrast (WCAG 2) of an element's text against what is behind it.
export function contrast(locator) {
  return locator.evaluate((element) => {
    const read = (color) => {
      const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
      return { rgb: [r, g, b], a };
    };
    const light = ([r, g, b]) => {
      const part = (value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
      return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
    };
    let behind = null;
    for (let at = element; at && !behind; at = at.parentElement) {
      const { rgb, a } = read(getComputedStyle(at).backgroundColor);
      if (a === 1) behind = rgb;
      else if (a !== 0) throw new Error('half transparent ground');
    }
    const style = getComputedStyle(element);
    const text = read(element instanceof SVGElement ? style.fill : style.color).rgb;
    const [high, low] = [light(text), light(behind)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  });
}
