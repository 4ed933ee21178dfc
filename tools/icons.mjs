// SPDX-License-Identifier: Apache-2.0
// usage: CHROMIUM=... WINNOW_BROWSER=build/browser node tools/icons.mjs   Draws web/icon.svg as the PNGs of the page's manifest; the maskable
// one has its ground to the edges and the ring within the circle that every mask leaves.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { CHROMIUM, WINNOW_BROWSER } = process.env;
const { chromium } = createRequire(join(process.cwd(), WINNOW_BROWSER, 'x.js'))('playwright-core');
const svg = readFileSync('web/icon.svg', 'utf8');
const masked = svg.replace(/(<rect[^>]*) rx="22"/, '$1').replace('viewBox="0 0 100 100"', 'viewBox="0 0 100 100" style="background:#10150f"');
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
for (const [name, side, picture] of [['icon-192', 192, svg], ['icon-512', 512, svg], ['icon-maskable', 512, masked]]) {
  const page = await browser.newPage({ viewport: { width: side, height: side } });
  await page.setContent(`<style>body { margin: 0 } svg { display: block; width: 100vw }</style>${picture}`);
  await page.screenshot({ path: `web/${name}.png`, omitBackground: true });
}
await browser.close();
