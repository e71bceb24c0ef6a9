// Legible in the light, in the dark and on a phone; with a picture of each.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import { contrast, open } from './browser.mjs';
import { check } from './harness.mjs';
import { showing } from './numbers.mjs';

const TEXTS = [
  'h1', '#live', '#live-streams', '#ranges span >> nth=0', '#ranges :checked + span', '#scope label >> nth=0', '#provider',
  '#tiles dt >> nth=0', '#total-requests', '#total-errors', '#tiles .note >> nth=0',
  '.chart h2 >> nth=0', '.legend li >> nth=0', '.legend b >> nth=0', '.mark >> nth=0',
  '#models thead th >> nth=0', '#models .link >> nth=0', '#models td >> nth=0', '#models .faint >> nth=0',
  '#filters label >> nth=0', '#rows .opens >> nth=0', '#rows .number >> nth=0', '#rows .tag >> nth=0',
  '.badge.good >> nth=0', '.badge.bad >> nth=0', '.badge.warn >> nth=0', '.badge.calm >> nth=0', '#clear', '#updated',
];
const DETAIL_TEXTS = ['#detail h2', '#detail h3 >> nth=0', '.facts dt >> nth=0', '.facts dd >> nth=0', '.when', '.thumb >> nth=0'];

export async function checkLooks(browser, book, pictures) {
  const url = `${book.gateway.admin}/dashboard?range=15m`;
  const detail = async (page) => {
    await page.locator('#rows tbody tr', { hasText: /grok-4.3stream/ }).first().locator('.opens').click();
    await page.locator('#detail h3').first().waitFor();
  };

  for (const scheme of ['light', 'dark']) {
    await check(`all texts stand out from their ground, ${scheme}`, async () => {
      const { page, context, faults } = await open(browser, url, { colorScheme: scheme, viewport: { width: 1360, height: 900 } });
      await showing(page, book.entries.length);
      await page.screenshot({ path: join(pictures, `${scheme}.png`), fullPage: true });
      const ratios = {};
      for (const text of TEXTS) ratios[text] = await contrast(page.locator(text));
      await detail(page);
      for (const text of DETAIL_TEXTS) ratios[text] = await contrast(page.locator(text));
      await page.screenshot({ path: join(pictures, `${scheme}-detail.png`) });
      const faint = Object.entries(ratios).filter(([, ratio]) => !(ratio >= 4.5));
      assert.deepEqual(faint, []);
      const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number)[0]);
      assert.ok(scheme === 'dark' ? ground < 64 : ground > 192, `a ground of ${ground}`);
      assert.deepEqual(faults, []);
      await context.close();
    });
  }

  for (const width of [360, 320]) {
    await check(`nothing is wider than a phone of ${width} pixels`, async () => {
      const { page, context } = await open(browser, url, {
        colorScheme: 'dark', viewport: { width, height: 780 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true,
      });
      await showing(page, book.entries.length);
      const measure = (selector) => page.locator(selector).evaluate((element) => [element.scrollWidth, element.clientWidth]);
      const widths = [await measure('html')];
      if (width === 360) await page.screenshot({ path: join(pictures, 'phone.png') });
      await page.locator('#rows tbody tr').nth(2).scrollIntoViewIfNeeded();
      if (width === 360) await page.screenshot({ path: join(pictures, 'phone-log.png') });
      await detail(page);
      widths.push(await measure('html'), await measure('#detail'));
      if (width === 360) await page.screenshot({ path: join(pictures, 'phone-detail.png') });
      // A drawing of a wider window, before it is drawn anew.
      await page.locator('.plot svg').evaluateAll((drawings) => drawings.forEach((one) => one.setAttribute('width', 800)));
      widths.push(await measure('html'));
      assert.deepEqual(widths, Array(4).fill([width, width]));
      const tall = await page.locator('.thumb').first().evaluate((button) => button.offsetHeight);
      assert.ok(tall >= 36, 'buttons are large enough for a thumb');
      await context.close();
    });
  }

  await check('what has the focus is outlined', async () => {
    const { page, context } = await open(browser, url);
    await showing(page, book.entries.length);
    const outlines = [];
    for (let step = 0; step < 12; step += 1) {
      await page.keyboard.press('Tab');
      outlines.push(await page.evaluate(() => {
        const { activeElement: at } = document;
        return getComputedStyle(at.type === 'radio' ? at.nextElementSibling : at).outlineStyle;
      }));
    }
    assert.deepEqual([...new Set(outlines)], ['solid']);
    await context.close();
  });
}

// The texts stand out from their ground in both colour schemes, of which pictures are taken, and nothing is wider than
// a narrow screen.
export async function standsOut(page, texts, { pictures, name }) {
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme });
    const ratios = {};
    for (const text of texts) ratios[text] = await contrast(page.locator(text));
    assert.deepEqual(Object.entries(ratios).filter(([, ratio]) => !(ratio >= 4.5)), []);
    await page.screenshot({ path: join(pictures, `${name}-${scheme}.png`), fullPage: true });
  }
  await page.setViewportSize({ width: 360, height: 780 });
  const widths = await page.locator('html').evaluate((element) => [element.scrollWidth, element.clientWidth]);
  assert.deepEqual(widths, [360, 360]);
}
