// SPDX-License-Identifier: Apache-2.0
// usage: page.mjs CHROMIUM URL VIDEO.mjpeg PLAN.json OUT
// Looks at the camera page with a fake camera. PLAN.json: { seconds per part, parts: ["normal", "abnormal", ...] or [] where
// the verdicts of the video are not known, photos: {path: native result} }. Screenshots go to OUT.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [executablePath, url, video, planFile, out] = process.argv.slice(2);
const { chromium } = createRequire(join(process.env.WINNOW_BROWSER, 'x.js'))('playwright-core');
const plan = JSON.parse(readFileSync(planFile, 'utf8'));
const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', `--use-file-for-fake-video-capture=${video}`],
});
const axe = readFileSync(join(process.env.WINNOW_BROWSER, 'node_modules', 'axe-core', 'axe.min.js'), 'utf8');
const problems = [];

async function openPage(options = {}) {
  const context = await browser.newContext({ permissions: ['camera'], ...options });
  const page = await context.newPage();
  page.on('pageerror', (error) => problems.push(`page error: ${error.message}`));
  page.on('console', (message) => message.type() === 'error' && !/404/.test(message.text()) && problems.push(`console: ${message.text()}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !/^(blob|data):/.test(request.url())) problems.push(`third-party request: ${request.url()}`);
  });
  await page.goto(url);
  await page.waitForFunction(() => window.winnow?.frames > 3, null, { timeout: 120000 });
  return { context, page };
}

async function accessible(page, state) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
  for (const { id, help, nodes } of violations) problems.push(`axe, ${state}: ${id}: ${help}: ${nodes.map((n) => n.html).join(' ')}`);
}

const shot = (page, name) => page.screenshot({ path: join(out, `${name}.png`) });

// Phone, then desktop; light and dark.
const phone = await openPage({ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, colorScheme: 'light' });
const { page } = phone;
assert.equal(await page.locator('#message').isVisible(), false);
const gauge = await page.locator('#gauge').boundingBox();
assert.ok(gauge.x > 195 && gauge.y < 60, 'the gauge is at the upper right');
assert.equal(await page.locator('#gauge').getAttribute('role'), 'meter');
await shot(page, 'phone');
await accessible(page, 'live');

// What the guide shows is what the gate sees, within a pixel of the screen.
for (const [width, height] of [[390, 844], [1280, 800], [844, 390]]) {
  await page.setViewportSize({ width, height });
  const [seen, guide] = await page.evaluate(async () => {
    const { squareUnder } = await import('./camera.js');
    const video = document.getElementById('video');
    const [x, , side] = squareUnder(video, document.getElementById('guide'));
    const scale = Math.max(innerWidth / video.videoWidth, innerHeight / video.videoHeight);
    const { left, width } = document.getElementById('guide').getBoundingClientRect();
    return [[innerWidth / 2 + (x - video.videoWidth / 2) * scale, side * scale], [left, width]];
  });
  for (const i of [0, 1]) assert.ok(Math.abs(seen[i] - guide[i]) < 4, `${width}x${height}: seen ${seen}, guide ${guide}`);
}
await page.setViewportSize({ width: 390, height: 844 });

// The same pixels get the same score here, in each build that runs here.
const made = (size) => Array.from({ length: size * size * 4 }, (_, i) => (i % 4 === 3 ? 255 : (i * i + 7 * i) % 251));
for (const build of ['relaxed', 'simd', 'plain']) {
  const { similarity, square } = await page.evaluate(
    async ([build, data]) => {
      const { Gate } = await import('./gate/index.js');
      const { Module } = await import('./gate/module.js');
      const picture = new ImageData(new Uint8ClampedArray(data), 160, 160);
      const gate = await Gate.load('gate.safetensors', { build });
      const module = await Module.load({ build });
      const out = module.alloc(128 * 128 * 3);
      module.with(new Uint8Array(data), (at) => module.call.wg_square(at, 160, 160, 2, 1, 128, 0, out));
      let hash = 0xcbf29ce484222325n; // FNV-1a, as native.c
      for (const byte of module.bytes.subarray(out, out + 128 * 128 * 3)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
      return { similarity: gate.score(picture).similarity, square: hash.toString(16).padStart(16, '0') };
    },
    [build, made(160)],
  );
  const scale = Math.max(1, Math.abs(plan.pixels.similarity));
  assert.ok(Math.abs(similarity - plan.pixels.similarity) <= 1e-5 * scale, `${build}: ${similarity}, native ${plan.pixels.similarity}`);
  assert.equal(square, plan.pixels.square0, `${build}: the preprocessed square`);
}

// What is shown over time follows the video.
const seen = new Set();
const rates = [];
for (let i = 0; i < (plan.parts.length ? 4 * plan.seconds * plan.parts.length : 8); i++) {
  await page.waitForTimeout(250);
  seen.add(await page.locator('#stage').getAttribute('data-verdict'));
  rates.push(parseInt(await page.locator('#speed').textContent(), 10));
}
for (const verdict of new Set(plan.parts)) assert.ok(seen.has(verdict), `the video shows ${verdict} pictures, the page ${[...seen]}`);
rates.sort((a, b) => a - b);
console.log(`frames a second: median ${rates[rates.length >> 1]}, least ${rates[0]}; ${await page.locator('#speed').textContent()}`);

// A photo that is dropped or opened gets the score that the command line gives.
for (const [path, native] of Object.entries(plan.photos)) {
  await page.setInputFiles('#file', path);
  await page.waitForFunction(() => document.getElementById('photo').open);
  const detail = await page.locator('#photo-detail').textContent();
  const verdict = await page.locator('#photo').getAttribute('data-verdict');
  const similarity = Number(detail.match(/similarity (-?[\d.]+)/)[1]);
  assert.ok(Math.abs(similarity - native.similarity) < 0.06, `${path}: ${detail}, native ${native.similarity}`);
  if (Math.abs(native.similarity - plan.threshold) > 0.06) assert.equal(verdict, native.verdict, path);
  assert.equal(await page.locator('#send').isDisabled(), verdict !== 'normal', 'only an accepted picture can be sent');
  if (verdict === 'normal') {
    await page.evaluate(() => (window.winnow.onAccepted = (blob, result) => (window.taken = [blob.size, result.verdict])));
    await page.click('#send');
    assert.deepEqual((await page.evaluate(() => window.taken))[1], 'normal');
  }
  await shot(page, `photo-${verdict}`);
  await accessible(page, `a photo that is ${verdict}`);
  await page.keyboard.press('Escape');
}

// Photographing by keyboard; Japanese; a broken gate; teach mode's panel.
await page.focus('#shoot');
await page.keyboard.press('Enter');
await page.waitForFunction(() => document.getElementById('photo').open);
await page.keyboard.press('Escape');
await page.click('#language');
assert.equal(await page.locator('html').getAttribute('lang'), 'ja');
assert.equal(await page.locator('#teach').textContent(), '教える');
await page.click('#teach');
await page.waitForFunction(() => /./.test(document.getElementById('progress').textContent));
assert.doesNotMatch(await page.locator('#progress').textContent(), /[a-z]{3}/, 'English in the Japanese page');
await accessible(page, 'teaching, in Japanese');
await shot(page, 'phone-ja');
await page.click('#teach');
await page.click('#language');
await page.setInputFiles('#file', { name: 'broken.safetensors', mimeType: 'application/octet-stream', buffer: Buffer.from('not a gate at all') });
await page.waitForFunction(() => !document.getElementById('message').hidden);
assert.match(await page.locator('#message p').textContent(), /not a gate: .+/);
await accessible(page, 'a broken gate');
await phone.context.close();

// Teaching: what the camera shows now is it; the new gate takes over and can be saved.
if (plan.teach) {
  const teaching = await openPage({ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, colorScheme: 'dark' });
  await teaching.page.click('#teach');
  await teaching.page.waitForFunction(() => /./.test(document.getElementById('progress').textContent));
  const box = await teaching.page.locator('#isnot').boundingBox();
  await teaching.page.mouse.move(box.x + 20, box.y + 20);
  await teaching.page.mouse.down();
  await teaching.page.waitForTimeout(3000);
  await shot(teaching.page, 'teach-dark');
  await teaching.page.mouse.up();
  await teaching.page.waitForFunction(() => !document.getElementById('save').disabled, null, { timeout: 300000 });
  const [download] = await Promise.all([teaching.page.waitForEvent('download'), teaching.page.click('#save')]);
  await download.saveAs(join(out, 'taught.safetensors'));
  await teaching.context.close();
}

// Small screens, desktop, and no network after the first visit.
const narrow = await openPage({ viewport: { width: 320, height: 568 } });
assert.ok(await narrow.page.evaluate(() => document.documentElement.scrollWidth <= 320), 'no sideways scrolling at 320 pixels');
await shot(narrow.page, 'narrow');
await narrow.context.close();
const desktop = await openPage({ viewport: { width: 1280, height: 800 }, colorScheme: 'dark' });
await shot(desktop.page, 'desktop-dark');
await desktop.page.evaluate(() => navigator.serviceWorker.ready);
await desktop.page.waitForFunction(async () => (await caches.match('gate.safetensors')) !== undefined);
await desktop.context.setOffline(true);
await desktop.page.reload();
await desktop.page.waitForFunction(() => window.winnow?.frames > 3, null, { timeout: 120000 });
await desktop.context.close();

// No camera allowed: a helpful message, and photos still work.
const denied = await browser.newContext({ permissions: [] });
const page2 = await denied.newPage();
await page2.addInitScript(() => {
  navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
});
await page2.goto(url);
await page2.waitForFunction(() => !document.getElementById('message').hidden);
assert.match(await page2.locator('#message p').textContent(), /not allowed/);
await accessible(page2, 'no camera allowed');
await shot(page2, 'denied');
await browser.close();
assert.deepEqual(problems, []);
