// SPDX-License-Identifier: Apache-2.0
// usage: visits.mjs VIDEO.mjpeg OTHER-GATE TEACHABLE-GATE
// Visits after the first, by way of a server that is quick, or answers nothing, or has something new, or half of it; and the person's own gate, a
// file with two classes, or one that is taught, which stays until they go back to the site's, where the browser keeps anything.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { accessible, end, live, message, shot, start, until, url as origin, views, visit } from './browser.mjs';

const [video, otherGate, teachableGate] = process.argv.slice(2);
const GATE = '/gate.safetensors';

// Between the browser and the page's server. `mode.stalled`: answers nothing; `mode.broken`: a path whose connection is cut; `mode.held`: a
// promise that the gate waits for; `mode.changed`: { path: bytes }. `log` has { path, status } of every answer.
const mode = {};
let log = [];
const between = createServer(async (request, response) => {
  if (mode.stalled) return;
  if (request.url === mode.broken) return request.socket.destroy();
  if (request.url === GATE) await mode.held;
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
const kept = (page) => until(page, async () => navigator.serviceWorker.controller !== null && (await (await caches.open('winnow')).match('gate.safetensors')) !== undefined);
// Until that version of the page is there; until those are, and no other.
const whole = (page, number) => until(page, async (cacheName) => (await caches.match('./', { cacheName })) !== undefined, `${site}kept-${number}/`);
const left = (page, ...numbers) => until(page, async (wanted) => (await caches.keys()).flatMap((name) => /kept-(\d+)/.exec(name)?.[1] ?? []).sort().join() === wanted, numbers.join());
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

  await visitWithout(page, 0);

  mode.changed = {};
  await newStyle(page);
  await halfGate(page);
  await newWorker(page);
  mode.changed = {};
  await page.context().close();
}

const reachable = () => {
  mode.stalled = false;
  between.closeAllConnections();
};
const visitWithout = async (page, count) => {
  mode.stalled = true;
  await page.reload();
  await works(page);
  await classes(page, count);
  reachable();
};

// Something new is there at the next visit; a new gate at once.
async function newStyle(page) {
  mode.changed['/style.css'] = Buffer.concat([fromWeb('/style.css'), Buffer.from(':root { --changed: 1 }')]);
  log = [];
  await page.reload();
  await answered(page, '/style.css', 200);
  assert.equal(await background(page), '', 'half of a new page');
  await whole(page, 2);
  await page.reload();
  await works(page);
  assert.equal(await background(page), '1');
}

// A gate that was put on the server by half takes nobody's good one away; one that opens takes its place.
async function halfGate(page) {
  const other = readFileSync(otherGate);
  log = [];
  mode.changed[GATE] = other.subarray(0, other.length >> 1);
  await page.reload();
  await works(page);
  await answered(page, GATE, 200);
  await until(page, async () => (await (await caches.open('winnow-newer')).match('gate.safetensors')) !== undefined);
  await visitWithout(page, 0);
  assert.equal(await page.locator('#message').isVisible(), false, 'nobody is told of half a file');
  mode.changed[GATE] = other;
  await page.reload();
  await classes(page, 2);
  await until(page, async () => (await (await caches.open('winnow-newer')).match('gate.safetensors')) === undefined);
  await visitWithout(page, 2);
}

// A page that is open when a new one is installed has its own files until it is left.
async function newWorker(page) {
  mode.changed['/sw.js'] = Buffer.concat([fromWeb('/sw.js'), Buffer.from('// new\n')]);
  mode.changed['/gate/worker.js'] = Buffer.concat([fromWeb('/gate/worker.js'), Buffer.from('// new\n')]);
  const worker = () => page.evaluate(async () => (await (await fetch(new URL('gate/worker.js', document.scripts[0].src))).text()).endsWith('// new\n'));
  await page.evaluate(async () => {
    const { controller } = navigator.serviceWorker;
    await (await navigator.serviceWorker.getRegistration()).update();
    while (navigator.serviceWorker.controller === controller || navigator.serviceWorker.controller.state !== 'activated') await new Promise((done) => setTimeout(done, 50));
  });
  assert.equal(await worker(), false, 'the next page\'s worker for this one');
  await page.reload();
  await works(page);
  assert.equal(await worker(), true);
}

// ---- several tabs ----

const LAZY = ['/gate/worker.js', '/gate/index.js', '/gate/module.js', '/gate/picture.js']; // what each gate that is opened asks for again
const WASM = ['/gate/winnow-relaxed.wasm', '/gate/winnow.wasm', '/gate/winnow-plain.wasm'];

// Each file says of which version it is: a script by a line that a worker runs, WebAssembly by the name of an empty section at its end.
function publish(number) {
  const script = (path) => [path, Buffer.concat([fromWeb(path), Buffer.from(`(self.cameOf ??= []).push(${number});${'\n'.repeat(number)}`)])];
  const wasm = (path) => [path, Buffer.concat([fromWeb(path), Buffer.from([0, number + 1, number]), Buffer.alloc(number, 'v')])];
  mode.changed = Object.fromEntries([...['/sw.js', '/app.js', ...LAZY].map(script), ...WASM.map(wasm)]);
}

// Until nobody looks for what is newer: what is published meanwhile would be taken by half, and by the next visit whole, as a version more.
const settled = (page) =>
  until(page, async () => {
    const { installing, waiting } = await (await navigator.serviceWorker.getRegistration()).update();
    const { held, pending } = await navigator.locks.query();
    return !installing && !waiting && ![...held, ...pending].some(({ name }) => name.endsWith('/refresh'));
  });

// Of which versions a gate is that the page opens now.
async function opensGateOf(page) {
  await works(page);
  const [worker] = await Promise.all([page.waitForEvent('worker'), page.setInputFiles('#file', teachableGate)]);
  const before = await page.evaluate(() => window.winnow.frames);
  await page.waitForFunction((n) => window.winnow.frames > n + 3, before, { timeout: 60000 });
  const scripts = await worker.evaluate(() => self.cameOf ?? []);
  const size = await worker.evaluate(async (name) => (await (await fetch(new URL(name, location))).arrayBuffer()).byteLength, 'winnow-relaxed.wasm');
  return { scripts, wasm: size - fromWeb(WASM[0]).length };
}
const scriptOf = (page) => page.evaluate(() => document.scripts[0].src.slice(document.baseURI.length));
const allOf = (number) => ({ scripts: number === 1 ? [] : LAZY.map(() => number), wasm: number === 1 ? 0 : number + 3 });

// A new version that another tab takes leaves the files of open pages alone, also of one that came before there was a service worker; and goes
// when no page needs it.
async function severalTabs(browser) {
  const first = await live(browser, { ...views.phone, site });
  await kept(first);
  const [old, other] = [await first.context().newPage(), await first.context().newPage()];
  const take = async (number) => {
    publish(number);
    await other.goto(site);
    await whole(other, number);
    await settled(other);
    await other.reload();
    await settled(other);
    assert.equal(await scriptOf(other), `kept-${number}/app.js`);
  };
  await old.goto(site);
  await works(old);
  await settled(old);
  assert.deepEqual([await scriptOf(first), await scriptOf(old)], ['app.js', 'kept-1/app.js']);
  for (const number of [2, 3, 4]) await take(number);
  assert.deepEqual(await opensGateOf(other), allOf(4));
  for (const page of [first, old]) {
    await page.bringToFront();
    assert.deepEqual(await opensGateOf(page), allOf(1), `${await scriptOf(page)}: files of another version`);
  }
  await left(other, 1, 3, 4);
  await old.close();
  await take(5);
  await left(other, 1, 4, 5); // the first page still needs it
  await first.close();
  await take(6);
  await left(other, 5, 6);
  mode.changed = {};
  await other.context().close();
}

// What matters here of the service worker of before there were versions: the page's files lie beside its gate.
const EARLIER = `
  const files = ['./', 'style.css', 'app.js', 'camera.js', 'strings.js', ...${JSON.stringify([...LAZY, '/gate/worker-gate.js', ...WASM].map((path) => path.slice(1)))}];
  const keep = async () => (await caches.open('winnow')).addAll(files);
  self.addEventListener('install', (event) => event.waitUntil(Promise.all([keep(), caches.open('winnow-next')]).then(() => self.skipWaiting())));
  self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
  self.addEventListener('fetch', (event) => event.respondWith(caches.match(event.request, { cacheName: 'winnow' }).then((kept) => kept ?? fetch(event.request))));
`;

// A page that came before there were versions keeps its files too, until it is left; then they go, and its gate stays.
async function earlierPage(browser) {
  mode.changed = { '/sw.js': Buffer.from(EARLIER) };
  const page = await live(browser, { ...views.phone, site });
  await kept(page);
  publish(2);
  await page.evaluate(async () => (await navigator.serviceWorker.getRegistration()).update());
  await until(page, async () => (await navigator.serviceWorker.getRegistration()).waiting !== null);
  await page.reload();
  assert.deepEqual(await opensGateOf(page), allOf(1), 'files of another version');
  const files = () => page.evaluate(async () => (await (await caches.open('winnow')).keys()).map(({ url }) => url.slice(document.baseURI.length)));
  for (let i = 0; i < 50 && (await files()).includes('app.js'); i++) {
    await page.goto('about:blank');
    await page.waitForTimeout(200);
    await page.goto(site);
  }
  assert.deepEqual(await files(), ['gate.safetensors']);
  assert.equal(await page.evaluate(() => caches.has('winnow-next')), false);
  assert.equal(await scriptOf(page), 'kept-1/app.js');
  assert.deepEqual(await opensGateOf(page), allOf(2));
  await visitWithout(page, 0);
  mode.changed = {};
  await page.context().close();
}

// A browser without locks has the page without a network, and new versions.
async function withoutLocks(browser) {
  mode.changed = { '/sw.js': Buffer.concat([Buffer.from('Object.defineProperty(navigator, "locks", { value: undefined });\n'), fromWeb('/sw.js')]) };
  const page = await live(browser, { ...views.phone, site });
  await kept(page);
  await visitWithout(page, 0);
  await newStyle(page);
  mode.changed = {};
  await page.context().close();
}

const isSaid = (page, part) => page.waitForFunction((part) => !document.getElementById('message').hidden && document.querySelector('#message p').textContent.includes(part), part);

// A gate that did not come is told, and can be asked for again; then the camera that is not allowed, also to who opens or teaches a gate.
async function unreachable(browser) {
  mode.broken = GATE;
  const options = { ...views.phone, permissions: ['camera'], site, expected: /ERR_EMPTY_RESPONSE|ERR_CONNECTION/ };
  const page = await visit(browser, options, () => {
    const get = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = (wanted) => (window.allowed ? get(wanted) : Promise.reject(new DOMException('', 'NotAllowedError')));
    window.awake = window.persists = 0;
    Object.defineProperty(navigator, 'wakeLock', { value: { request: async () => window.awake++ } });
    navigator.storage.persist = async () => window.persists++;
  });
  await isSaid(page, 'could not be loaded');
  await accessible(page, 'a gate that did not come');
  mode.broken = null;
  await page.click('#message [data-text=again]');
  await isSaid(page, 'not allowed');
  await page.setInputFiles('#file', teachableGate);
  await page.waitForFunction(() => !document.getElementById('own').hidden);
  await isSaid(page, 'not allowed');
  await shot(page, 'not-allowed');
  assert.equal(await page.evaluate(() => window.persists), 1, 'the browser is asked to keep their gate');
  assert.equal(await page.evaluate(() => window.awake), 0);
  await page.evaluate(() => (window.allowed = true));
  await page.click('#message [data-text=again]');
  await works(page);
  assert.equal(await page.locator('#message').isVisible(), false);
  assert.ok((await page.evaluate(() => window.awake)) > 0, 'the screen stays on');
  await page.click('#own');
  await kept(page);
  await page.context().close();
}

// What was asked for last is in use, whatever comes when; and the camera waits for none of it.
async function lateGates(browser) {
  let release;
  mode.held = new Promise((done) => (release = done));
  const page = await visit(browser, { ...views.phone, permissions: ['camera'], site });
  await page.waitForFunction(() => document.getElementById('video').videoWidth > 0);
  assert.equal(await page.locator('#advice').textContent(), 'Loading…');
  await shot(page, 'gate-on-its-way');
  await page.setInputFiles('#file', otherGate);
  await works(page);
  log = [];
  release();
  mode.held = null;
  await answered(page, GATE, 200);
  await page.waitForTimeout(1000);
  await classes(page, 2);
  assert.ok(await page.locator('#own').isVisible());

  await page.evaluate(() => {
    const { arrayBuffer } = Blob.prototype;
    Blob.prototype.arrayBuffer = async function () {
      Blob.prototype.arrayBuffer = arrayBuffer;
      await new Promise((done) => (window.goOn = done));
      return arrayBuffer.call(this);
    };
  });
  await page.setInputFiles('#file', otherGate);
  await page.waitForFunction(() => window.goOn);
  await page.setInputFiles('#file', teachableGate);
  await classes(page, 0);
  await page.evaluate(() => window.goOn());
  await page.waitForTimeout(1000);
  await classes(page, 0);
  await page.context().close();
}

// Runs in the worker: gates take a while to open.
const slowly = () => {
  const make = WebAssembly.instantiate;
  let action;
  self.addEventListener('message', ({ data }) => (action ??= data.action));
  WebAssembly.instantiate = async (...what) => {
    if (action === 'gate') await new Promise((done) => setTimeout(done, 800));
    return make(...what);
  };
};

// A gate that is taught: "Start again" while it is learned ends that; no other gate takes its place unasked, nor before that one is there.
async function taughtGate(browser) {
  const page = await visit(browser, { ...views.phone, permissions: ['camera'], site, serviceWorkers: 'block', inWorker: slowly, expected: /ERR_EMPTY_RESPONSE|ERR_CONNECTION/ });
  const says = (words) => page.waitForFunction((words) => document.getElementById('progress').textContent.includes(words), words);
  const counts = () => page.locator('#is-count, #isnot-count').allTextContents();
  const made = () => page.evaluate(() => Boolean(window.winnow.made));
  const asked = () => page.waitForFunction(() => document.getElementById('sure').open);
  const keptOwn = () => page.evaluate(async () => (await (await caches.open('winnow-own')).match('gate.safetensors')) !== undefined);
  await page.setInputFiles('#file', teachableGate);
  await works(page);
  await page.click('#teach');
  await says('can be promised');
  const before = await counts();
  await page.click('#isnot', { button: 'right' });
  await page.waitForTimeout(300);
  assert.deepEqual(await counts(), before, 'the right button teaches nothing');
  await page.evaluate(() => document.getElementById('isnot').click());
  await says('Learning…');
  await page.click('#forget');
  await page.click('#sure [value=forget]');
  await says('can be promised');
  await page.waitForTimeout(2000);
  assert.deepEqual([await made(), await page.locator('#save').isDisabled(), await page.locator('#forget').isDisabled()], [false, true, true]);
  assert.deepEqual(await counts(), before);

  await page.evaluate(() => document.getElementById('isnot').click());
  await says('Try it');
  await page.click('#teach');
  await page.reload(); // nor is it lost by that
  await works(page);
  assert.ok(await made());
  for (const lose of [() => page.click('#own'), () => page.setInputFiles('#file', otherGate)]) {
    await lose();
    await asked();
    await accessible(page, 'a taught gate would be lost');
    await shot(page, 'lose-taught');
    await page.click('#sure [data-text=keep]');
    assert.ok(await made());
  }
  mode.broken = GATE;
  await page.click('#own');
  await page.click('#sure [value=forget]');
  assert.match(await message(page), /could not be loaded/);
  assert.ok((await made()) && (await keptOwn()), 'it is there until the other is');
  mode.broken = null;
  await page.click('#message [data-text=again]');
  await page.waitForFunction(() => document.getElementById('own').hidden);
  await until(page, async () => (await (await caches.open('winnow-own')).match('gate.safetensors')) === undefined);
  assert.equal(await made(), false);
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

// A browser that keeps nothing, as with all site data blocked, and one that has no room and lost what it had: the page works, and the second says
// that the gate will not last.
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
    Cache.prototype.match = () => Promise.reject(new DOMException('the store is gone', 'InvalidStateError'));
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
await severalTabs(browser);
await earlierPage(browser);
await withoutLocks(browser);
await unreachable(browser);
await lateGates(browser);
await ownGate(browser);
await taughtGate(browser);
await keepsNothing(browser);
await end(browser);
between.close();
between.closeAllConnections();
