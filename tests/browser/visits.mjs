// SPDX-License-Identifier: Apache-2.0
// usage: visits.mjs VIDEO.mjpeg OTHER-GATE
// Visits after the first, by way of a server that is quick, or answers nothing, or has something new; and the person's own gate, a file
// with two classes, which stays until they go back to the site's, where the browser keeps anything.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { accessible, end, live, message, shot, start, url as origin, views, visit } from './browser.mjs';

const [video, otherGate] = process.argv.slice(2);
const GATE = '/gate.safetensors';

// Between the browser and the page's server. `mode.stalled`: answers nothing; `mode.broken`: a path whose connection is cut; `mode.changed`:
// { path: bytes }. `log` has { path, status } of every answer.
const mode = {};
let log = [];
const between = createServer(async (request, response) => {
  if (mode.stalled) return;
  if (request.url === mode.broken) return request.socket.destroy();
  const headers = Object.fromEntries(['if-none-match', 'accept'].filter((name) => request.headers[name]).map((name) => [name, request.headers[name]]));
  const answer = await fetch(new URL(request.url, origin), { headers, cache: 'no-store' });
  const changed = mode.changed?.[request.url];
  const ours = Object.fromEntries([...answer.headers].filter(([name]) => !['content-length', 'connection', 'keep-alive'].includes(name)));
  if (changed) ours.etag = `"${changed.length}"`;
  const same = changed ? request.headers['if-none-match'] === ours.etag : answer.status === 304;
  const status = same ? 304 : changed ? 200 : answer.status;
  log.push({ path: request.url, status });
  response.writeHead(status, ours);
  response.end(same ? undefined : changed ?? Buffer.from(await answer.arrayBuffer()));
});
await new Promise((done) => between.listen(0, '127.0.0.1', done));
const site = `http://127.0.0.1:${between.address().port}/`;

const fromWeb = (path) => readFileSync(new URL(`../../web${path}`, import.meta.url));
const classes = (page, count) => page.waitForFunction((n) => window.winnow.gate?.classes.length === n, count);
const works = (page) => page.waitForFunction(() => window.winnow?.frames > 3, null, { timeout: 60000 });
const answered = async (page, path, status) => {
  for (let i = 0; i < 200 && !log.some((line) => line.path === path && line.status === status); i++) await page.waitForTimeout(50);
  assert.ok(log.some((line) => line.path === path && line.status === status), `${path} ${status} in ${JSON.stringify(log)}`);
};
// Until the page is kept whole: its service worker at work, its gate there.
const kept = (page) => page.waitForFunction(async () => navigator.serviceWorker.controller && (await (await caches.open('winnow')).match('gate.safetensors')));
const background = (page) => page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue('--changed'));

async function laterVisits(browser) {
  const page = await live(browser, { ...views.phone, site });
  await kept(page);
  assert.equal(log.filter((line) => line.path === GATE && line.status === 200).length, 1, 'the gate came once');

  log = [];
  await page.reload();
  await works(page);
  await answered(page, GATE, 304);
  await answered(page, '/', 304);
  assert.deepEqual(log.filter(({ status }) => status !== 304), [], 'nothing that is the same came again');

  mode.stalled = true;
  await page.reload({ timeout: 10000 });
  await works(page);
  mode.stalled = false;
  between.closeAllConnections();

  // Something new is there at the next visit; a new gate at once.
  mode.changed = { '/style.css': Buffer.concat([fromWeb('/style.css'), Buffer.from(':root { --changed: 1 }')]) };
  log = [];
  await page.reload();
  await answered(page, '/style.css', 200);
  assert.equal(await background(page), '', 'half of a new page');
  await page.waitForFunction(async () => (await (await caches.open('winnow-next')).match('complete')) !== undefined);
  await page.reload();
  await works(page);
  assert.equal(await background(page), '1');
  mode.changed[GATE] = readFileSync(otherGate);
  await page.reload();
  await classes(page, 2);
  await newWorker(page);
  mode.changed = {};
  await page.context().close();
}

// A page that is open when a new one is installed has its own files until it is left.
async function newWorker(page) {
  mode.changed['/sw.js'] = Buffer.concat([fromWeb('/sw.js'), Buffer.from('// new\n')]);
  mode.changed['/gate/worker.js'] = Buffer.concat([fromWeb('/gate/worker.js'), Buffer.from('// new\n')]);
  const worker = () => page.evaluate(async () => (await (await fetch('gate/worker.js')).text()).endsWith('// new\n'));
  await page.evaluate(async () => {
    const changed = new Promise((done) => navigator.serviceWorker.addEventListener('controllerchange', done));
    await (await navigator.serviceWorker.getRegistration()).update();
    await changed;
  });
  assert.equal(await worker(), false, 'the next page\'s worker for this one');
  await page.reload();
  await works(page);
  assert.equal(await worker(), true);
}

// A gate that did not come is told, and can be asked for again.
async function unreachable(browser) {
  mode.broken = GATE;
  const page = await visit(browser, { ...views.phone, permissions: ['camera'], site, expected: /ERR_EMPTY_RESPONSE|ERR_CONNECTION/ });
  assert.match(await message(page), /could not be loaded/);
  await accessible(page, 'a gate that did not come');
  mode.broken = null;
  await page.click('#message [data-text=again]');
  await works(page);
  await kept(page);
  await page.context().close();
}

async function ownGate(browser) {
  const page = await live(browser, { ...views.phone, site });
  assert.equal(await page.locator('#own').isVisible(), false);
  await page.setInputFiles('#file', otherGate);
  await classes(page, 2);
  await page.waitForFunction(() => !document.getElementById('own').hidden);
  await page.reload();
  await works(page);
  await classes(page, 2);
  for (const view of ['phone', 'narrow', 'desktop']) {
    await page.setViewportSize(views[view].viewport);
    const [button, ...others] = await Promise.all(['#own', '#figures', '#guide'].map((name) => page.locator(name).boundingBox()));
    for (const other of others) {
      const apart = button.y >= other.y + other.height || button.y + button.height <= other.y || button.x + button.width <= other.x;
      assert.ok(apart, `${view}: the way back covers what is there`);
    }
    await shot(page, `own-gate-${view}`);
  }
  await accessible(page, 'a gate of the person\'s own');
  await page.click('#own');
  await classes(page, 0);
  assert.equal(await page.locator('#own').isVisible(), false);
  await page.reload();
  await works(page);
  await classes(page, 0);
  await page.context().close();
}

// A browser that keeps nothing, and one that has no room: the page works, and the second says that the gate will not last.
async function keepsNothing(browser) {
  const refusing = await live(browser, { ...views.phone, site }, () => {
    CacheStorage.prototype.open = () => Promise.reject(new DOMException('', 'SecurityError'));
    Object.defineProperty(window, 'localStorage', {
      get() {
        throw new DOMException('', 'SecurityError');
      },
    });
  });
  await refusing.setInputFiles('#file', otherGate);
  await classes(refusing, 2);
  assert.equal(await refusing.locator('#message').isVisible(), false);
  await refusing.click('#language');
  assert.equal(await refusing.locator('#teach').textContent(), '教える');
  await refusing.context().close();
  const full = await live(browser, { ...views.phone, site }, () => {
    Cache.prototype.put = () => Promise.reject(new DOMException('', 'QuotaExceededError'));
  });
  assert.match(await message(full), /could not be kept/);
  await full.click('#message [data-text=close]');
  await full.setInputFiles('#file', otherGate);
  await classes(full, 2);
  assert.match(await message(full), /could not be kept/);
  await full.context().close();
}

const browser = await start(video, '--use-fake-ui-for-media-stream');
await laterVisits(browser);
await unreachable(browser);
await ownGate(browser);
await keepsNothing(browser);
await end(browser);
between.close();
between.closeAllConnections();
