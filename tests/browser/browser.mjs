// SPDX-License-Identifier: Apache-2.0
// What the tests of the page share: Chromium with a fake camera, a page whose every complaint is a failure, axe-core, screenshots.
// The environment: CHROMIUM, WINNOW_BROWSER (the folder of node_modules), WINNOW_PAGE (the page's URL), WINNOW_SHOTS (what the
// names of screenshots begin with, a folder before it).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { CHROMIUM, WINNOW_BROWSER, WINNOW_PAGE, WINNOW_SHOTS } = process.env;
const { chromium } = createRequire(join(WINNOW_BROWSER, 'x.js'))('playwright-core');
const axe = readFileSync(join(WINNOW_BROWSER, 'node_modules', 'axe-core', 'axe.min.js'), 'utf8');
const rules = ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'];

export const views = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true },
  narrow: { viewport: { width: 320, height: 568 } },
  landscape: { viewport: { width: 844, height: 390 }, deviceScaleFactor: 2, hasTouch: true },
  desktop: { viewport: { width: 1280, height: 800 } },
};
export const url = WINNOW_PAGE;
const problems = [];

export function start(video, ...more) {
  const camera = video ? ['--use-fake-device-for-media-stream', `--use-file-for-fake-video-capture=${video}`] : [];
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', ...camera, ...more] });
}

// A page of its own context; `prepare` runs in it before anything else does. `options.site`: another site than the environment's; `options.expected`:
// what the console may say; `options.inWorker`: what the workers do first.
export async function visit(browser, { site = url, expected = /404/, inWorker = null, ...options } = {}, prepare = null, argument) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.on('pageerror', (error) => problems.push(`page error: ${error.message}`));
  page.on('console', (message) => message.type() === 'error' && !expected.test(message.text()) && problems.push(`console: ${message.text()}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(site) && !/^(blob|data):/.test(request.url())) problems.push(`third-party request: ${request.url()}`);
  });
  if (prepare) await page.addInitScript(prepare, argument);
  if (inWorker)
    await context.route('**/gate/worker.js', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: `(${inWorker})();\n${await response.text()}` });
    });
  await page.goto(site);
  return page;
}

// The same, with the gate at work on the camera's picture.
export async function live(browser, options = {}, prepare = null, argument) {
  const page = await visit(browser, { permissions: ['camera'], ...options }, prepare, argument);
  await page.waitForFunction(() => window.winnow?.frames > 3, null, { timeout: 120000 });
  return page;
}

// Until a function of the page gives (a promise of) true: waitForFunction takes any promise for true, whatever comes of it.
export async function until(page, promised, argument) {
  const end = Date.now() + 60000;
  while (!(await page.evaluate(promised, argument))) {
    assert.ok(Date.now() < end, `in vain: ${promised}`);
    await page.waitForTimeout(50);
  }
}

// Until whatever moves has come to rest.
const rest = (page) => page.evaluate(() => Promise.allSettled(document.getAnimations().map((animation) => animation.finished)));

// What axe says of the page at rest: half faded in, any text has too little contrast.
export async function accessible(page, state) {
  await rest(page);
  await page.evaluate(axe);
  const { violations } = await page.evaluate((runOnly) => window.axe.run({ runOnly }), rules);
  for (const { id, help, nodes } of violations) problems.push(`axe, ${state}: ${id}: ${help}: ${nodes.map((n) => n.html).join(' ')}`);
}

export const message = async (page) => {
  await page.waitForFunction(() => !document.getElementById('message').hidden);
  return page.locator('#message p').textContent();
};

export const shotFile = (name) => `${WINNOW_SHOTS}-${name}.png`;
export async function shot(page, name) {
  await rest(page);
  await page.screenshot({ path: shotFile(name) });
}

export async function end(browser) {
  await browser.close();
  assert.deepEqual(problems, []);
}

// ---- frames that say which they are ----
// Eight blocks, black or white, at the foot of a frame are its number. They lie below the guide.
export const block = 24;

// Runs in the page: window.log gets, for each picture that the gate judged, the number of its frame, what the gate said, what was shown
// (result, and the gauge's verdict and percent of the ring in the document), and the time; window.squares the pixels that it was given of each,
// and window.numberOf a picture's number.
export function record(side) {
  const make = window.createImageBitmap.bind(window);
  const strip = new OffscreenCanvas(8, 1).getContext('2d', { willReadFrequently: true });
  const number = (bitmap) => {
    strip.drawImage(bitmap, 0, bitmap.height - side, 8 * side, side, 0, 0, 8, 1);
    const { data } = strip.getImageData(0, 0, 8, 1);
    return [0, 1, 2, 3, 4, 5, 6, 7].reduce((n, i) => 2 * n + (data[4 * i] > 127), 0);
  };
  window.createImageBitmap = async (source, ...rest) => {
    if (!(source instanceof HTMLVideoElement)) return make(source, ...rest);
    const whole = await make(source); // the square and the number of one and the same frame
    const mark = (window.mark = number(whole));
    const part = await make(whole, ...rest);
    window.squares[mark] ??= pixels(part);
    window.numberOf.set(part, mark);
    whole.close();
    return part;
  };
  const pixels = (bitmap) => {
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, bitmap.width, bitmap.height);
  };
  window.squares = {};
  window.numberOf = new WeakMap();
  window.numberNow = async () => number(await make(document.getElementById('video')));
  window.log = [];
  let app;
  const watch = (value) => {
    const previous = window.log.at(-1);
    if (previous) {
      previous.gauge = document.getElementById('stage').dataset.verdict;
      previous.ring = parseFloat(document.querySelector('#gauge .value').getAttribute('stroke-dasharray'));
    }
    if (value) window.log.push({ mark: window.mark, ...value });
  };
  Object.defineProperty(window, 'winnow', {
    get: () => app,
    set(object) {
      app = object;
      Object.defineProperty(app, 'last', { set: watch });
    },
  });
}
