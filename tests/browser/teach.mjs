// SPDX-License-Identifier: Apache-2.0
// usage: teach.mjs VIDEO.mjpeg PLAN.json
// Teaches the page as a person does, by holding its buttons while the camera shows what they say: from the backbone that it is served with,
// then a gate from a file. PLAN.json: { normal, other, lookalike: [first, last] number of their pictures in the video, gate: a file, backbone:
// a file }. Writes taught.safetensors and learned.safetensors, as the page saves them, and
// beside each a folder of pictures as the gate was given them, with scores.json, what it said of them: [{ similarity, verdict }].
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { accessible, block, end, message, record, shot, start, views, visit } from './browser.mjs';

const [video, planFile] = process.argv.slice(2);
const plan = JSON.parse(readFileSync(planFile, 'utf8'));
const numberNow = (page) => page.evaluate(() => window.numberNow());
const text = (page, id) => page.locator(`#${id}`).textContent();
const counts = async (page) => [Number(await text(page, 'is-count')), Number(await text(page, 'isnot-count'))];
const needed = async (page) => Number((await text(page, 'progress')).match(/^(\d+) more normal pictures?(, of other views,)? for 5%\./)?.[1] ?? 0);
const viewsTaught = (page) => page.evaluate(() => window.views.size); // of what it is, that were taught

// Holds a button, by mouse or by key, while the camera shows pictures of that kind, until there is enough.
async function hold(page, button, [first, last], enough, key = null) {
  const box = await page.locator(button).boundingBox();
  const inside = (number) => number >= first && number < last; // time to let go before the next kind comes
  while (!(await enough())) {
    while (!inside(await numberNow(page))) await page.waitForTimeout(30);
    if (key) await page.focus(button).then(() => page.keyboard.down(key));
    else await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2).then(() => page.mouse.down());
    while (inside(await numberNow(page)) && !(await enough())) await page.waitForTimeout(30);
    if (key) await page.keyboard.up(key);
    else await page.mouse.up();
    await page.waitForTimeout(300); // the picture that is on its way
    await page.waitForFunction((now) => document.getElementById('progress').textContent !== now, 'Learning…');
  }
}

// What the gauge shows towards the end of each kind's pictures, for one round of the video.
async function watch(page, pictures) {
  const seen = await page.evaluate(async (pictures) => {
    const seen = [];
    const marks = new Set();
    while (marks.size < pictures || seen.length < 20 * pictures) {
      const mark = await window.numberNow();
      marks.add(mark);
      seen.push([mark, document.getElementById('stage').dataset.verdict]);
      await new Promise((done) => setTimeout(done, 25));
    }
    return seen;
  }, pictures);
  return ([first, last], verdict) => {
    const late = seen.filter(([mark]) => mark > (first + last) / 2 && mark <= last);
    return late.filter((pair) => pair[1] === verdict).length / late.length;
  };
}

// What the page's gate says of pictures that it was given before: [{ similarity, pValue, gauge, verdict, png }].
function scores(page, numbers) {
  return page.evaluate(async (numbers) => {
    const results = [];
    for (const number of numbers) {
      const picture = window.squares[number];
      const { similarity, pValue, gauge, verdict } = await window.winnow.gate.score(picture);
      const canvas = new OffscreenCanvas(picture.width, picture.height);
      canvas.getContext('2d').putImageData(picture, 0, 0);
      const reader = new FileReader();
      reader.readAsDataURL(await canvas.convertToBlob({ type: 'image/png' }));
      await new Promise((done) => (reader.onload = done));
      results.push({ similarity, pValue, gauge, verdict, png: reader.result.split(',')[1] });
    }
    return results;
  }, numbers);
}

async function save(page, name) {
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
  assert.equal(download.suggestedFilename(), 'gate.safetensors');
  await download.saveAs(`${name}.safetensors`);
  mkdirSync(name);
  const known = await page.evaluate(() => Object.keys(window.squares).map(Number));
  const results = await scores(page, known);
  results.forEach(({ png }, i) => writeFileSync(`${name}/${i}.png`, Buffer.from(png, 'base64')));
  writeFileSync(`${name}/scores.json`, JSON.stringify(results.map(({ similarity, verdict }) => ({ similarity, verdict }))));
}

// As a switch or a screen reader presses a button: a click, and no pointer or key before it. Each adds one picture.
async function press(page, button, [first, last]) {
  await page.waitForTimeout(600); // or it would be the end of the hold before it (AFTER in app.js)
  for (let now = -1; now < first || now >= last; now = await numberNow(page)) await page.waitForTimeout(30);
  const was = await counts(page);
  await page.evaluate((button) => document.querySelector(button).click(), button);
  await page.waitForFunction((was) => was !== ['is-count', 'isnot-count'].map((id) => document.getElementById(id).textContent).join(), was.join());
  await page.waitForTimeout(500); // time for a second one
  const now = await counts(page);
  assert.equal(now[0] + now[1], was[0] + was[1] + 1, `${button}: one picture a press`);
}

const middle = ([first, last]) => Array.from({ length: last - first - 1 }, (_, i) => first + i + 1);
const mean = (results) => results.reduce((sum, { pValue }) => sum + pValue, 0) / results.length;

// The whole panel on a phone held sideways, beside what it must not cover.
async function sideways(page) {
  await page.setViewportSize(views.landscape.viewport);
  const [lesson, ...others] = await Promise.all(['#lesson', '#guide', '#figures', '#gauge', '#open', '#turn', '#shoot', '#teach', '#language'].map((name) => page.locator(name).boundingBox()));
  assert.ok(lesson.y >= 0 && lesson.y + lesson.height <= views.landscape.viewport.height);
  for (const other of others) {
    const apart = other.x >= lesson.x + lesson.width || other.x + other.width <= lesson.x || other.y + other.height <= lesson.y;
    assert.ok(apart, `the panel ${JSON.stringify(lesson)} covers ${JSON.stringify(other)}`);
  }
  await shot(page, 'taught-landscape');
  await page.setViewportSize(views.phone.viewport);
}

async function fromBackbone(page) {
  await page.waitForFunction(() => window.winnow?.ready && /more normal/.test(document.getElementById('progress').textContent), null, { timeout: 120000 });
  assert.equal(await page.locator('#message').isVisible(), false);
  assert.equal(await text(page, 'word'), 'No gate');
  const wanted = await needed(page);
  assert.ok(wanted >= 19, `${wanted} pictures for 5%`);
  await accessible(page, 'teaching begins');
  await shot(page, 'teaching');

  await page.evaluate(() => {
    window.views = new Set();
    window.normals = 0;
    const post = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (message, ...rest) {
      if (message.action === 'add' && message.label === 'normal') {
        window.normals++;
        window.views.add(window.numberOf.get(message.picture));
      }
      return post.call(this, message, ...rest);
    };
    window.learning = 0; // seconds that the page said so
    let since = 0;
    new MutationObserver(() => {
      if (document.getElementById('progress').textContent === 'Learning…') since = performance.now();
      else if (since) [window.learning, since] = [window.learning + (performance.now() - since) / 1000, 0];
    }).observe(document.getElementById('progress'), { childList: true, characterData: true, subtree: true });
  });
  const begin = performance.now();
  await hold(page, '#is', plan.normal, async () => (await counts(page))[0] >= 8, ' ');
  await press(page, '#is', plan.normal);
  await page.waitForFunction(() => Number(document.getElementById('is-count').textContent) === window.normals); // none is on its way
  const [few, seen] = [(await counts(page))[0], await viewsTaught(page)];
  assert.ok(seen < few, `${few} pictures are of fewer views`);
  const more = await needed(page); // a picture that the panel's growth moved under the guide is another view
  assert.ok(more <= wanted - seen && more > wanted - few, `the promise counts views down: ${more} of ${wanted} after ${few} pictures of ${seen} views`);
  assert.match(await text(page, 'progress'), /, of other views, for 5%\./);
  assert.ok(Math.abs((await page.locator('#share-taught').evaluate((bar) => bar.value)) - (1 - more / wanted)) < 1e-6);
  assert.ok(await page.locator('#save').isDisabled(), 'nothing to save yet');

  await hold(page, '#is', plan.normal, async () => (await needed(page)) === 0);
  await page.waitForFunction(() => window.winnow.made);
  assert.match(await text(page, 'progress'), /^5% can be promised, for this camera only\. /);
  const promised = performance.now();
  await page.waitForFunction((wanted) => wanted.every((n) => window.squares[n]), middle(plan.other));
  const scenes = (await scores(page, middle(plan.other))).map(({ gauge }) => 100 * gauge);
  console.log(`the ring of what it is not, before the gate has seen any: ${scenes.map(Math.round).join(' ')}`);
  assert.ok(scenes.every((ring) => ring < 40), 'a gate of few photos lets the ring fall'); // below 20 of drawings, 25 to 33 of photos
  const taught = [plan.normal[0], plan.normal[1] - 1]; // the button is let go as the last picture comes
  const all = middle([taught[0] - 1, taught[1] + 1]);
  await hold(page, '#is', plan.normal, () => page.evaluate((all) => all.every((number) => window.views.has(number)), all));
  const looked = performance.now() - promised;
  await page.evaluate(() => (window.winnow.made = null));
  await press(page, '#isnot', plan.other);
  await page.waitForFunction(() => window.winnow.made); // and the gate learns it
  await hold(page, '#isnot', plan.other, async () => (await counts(page))[1] >= 6);
  const seconds = (performance.now() - begin - looked) / 1000;
  const [first, learning] = [(promised - begin) / 1000, await page.evaluate(() => window.learning)];
  console.log(`a gate from a backbone in ${seconds.toFixed(1)} s, of ${(await counts(page)).join(' and ')} pictures: ${first.toFixed(1)} s to the promise, ` +
    `${(seconds - first).toFixed(1)} s of what it is not; ${learning.toFixed(1)} s of them it learned`);
  assert.ok(seconds < 60, 'a gate is taught within a minute');

  const share = await watch(page, plan.pictures);
  const [good, bad] = [share(taught, 'normal'), share(plan.other, 'abnormal')];
  console.log(`the gauge is right on ${(100 * good).toFixed(0)}% of what it is, ${(100 * bad).toFixed(0)}% of what it is not`);
  assert.ok(good > 0.8 && bad > 0.8); // every picture of what it is was taught: one that was not may be turned away, as one in twenty is
  await accessible(page, 'taught');
  await shot(page, 'taught');
  await sideways(page);
  await page.click('#language');
  assert.match(await text(page, 'progress'), /約束できます/);
  await shot(page, 'taught-ja');
  await page.click('#language');
  await save(page, 'taught');

  await startAgain(page);
  await page.waitForFunction((n) => document.getElementById('progress').textContent.startsWith(`${n} more`), wanted);
  assert.ok(await page.locator('#save').isDisabled() && (await page.evaluate(() => window.winnow.gate === null)));
}

// One tap throws nothing away, nor does Escape; what goes wrong then is told.
async function startAgain(page) {
  const ask = async () => {
    await page.click('#forget');
    await page.waitForFunction(() => document.getElementById('sure').open);
  };
  const was = await counts(page);
  await ask();
  await accessible(page, 'starting again');
  await shot(page, 'start-again');
  await page.click('#sure [data-text=keep]');
  await ask();
  await page.keyboard.press('Escape');
  await page.waitForTimeout(300);
  assert.deepEqual(await counts(page), was);
  assert.ok(await page.evaluate(() => window.winnow.made && window.winnow.gate && !document.getElementById('save').disabled), 'the gate is still there');

  await page.evaluate(() => {
    Cache.prototype.delete = () => Promise.reject(new DOMException('the store is gone', 'InvalidStateError'));
  });
  await ask();
  await page.click('#sure [data-text=forget]');
  assert.equal(await message(page), 'Something went wrong.');
  assert.equal(await page.locator('#message small').textContent(), 'the store is gone');
  await page.click('#message [data-text=close]');
}

async function fromGate(page) {
  await page.setInputFiles('#file', plan.gate);
  await page.waitForFunction(() => window.winnow.gate && /can be promised/.test(document.getElementById('progress').textContent));
  const [normals, abnormals] = await counts(page);
  assert.ok(normals >= 19 && abnormals >= 19, 'the gate remembers what it was made of');
  await page.waitForFunction((wanted) => wanted.every((n) => window.squares[n]), middle(plan.lookalike));
  const before = mean(await scores(page, middle(plan.lookalike)));
  await hold(page, '#is', plan.lookalike, async () => (await counts(page))[0] >= normals + 12);
  await page.waitForFunction(() => window.winnow.made);
  const after = mean(await scores(page, middle(plan.lookalike)));
  console.log(`mean p-value of look-alikes that count as normal from now on: ${before.toFixed(3)} before, ${after.toFixed(3)} after`);
  assert.ok(after > before, 'the correction was not learned');
  await save(page, 'learned');
}

// Runs in the worker.
const slowly = () => {
  const make = WebAssembly.instantiate;
  let action;
  self.addEventListener('message', ({ data }) => (action ??= data.action));
  WebAssembly.instantiate = async (...what) => {
    if (action === 'learner') await new Promise((done) => setTimeout(done, 1500));
    return make(...what);
  };
};

// While a learner is loaded, which takes long here, there is nothing to hold, and no count.
async function whileItLoads(page) {
  await page.setInputFiles('#file', plan.gate);
  await page.waitForFunction(() => document.getElementById('progress').textContent === 'Loading…');
  assert.deepEqual(await counts(page), [NaN, NaN]);
  assert.ok((await page.locator('#is').isDisabled()) && (await page.locator('#isnot').isDisabled()));
  await shot(page, 'learner-loads');
  const box = await page.locator('#is').boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.up();
  await page.click('#teach');
  await page.click('#teach'); // closed, and opened again
  await page.waitForFunction(() => /can be promised/.test(document.getElementById('progress').textContent));
  const now = await counts(page);
  assert.ok(now.every((count) => count >= 19) && !(await page.locator('#is').isDisabled()), now.join());
  await page.waitForTimeout(500);
  assert.deepEqual(await counts(page), now, 'nothing was added before it was there');
}

const browser = await start(video, '--use-fake-ui-for-media-stream');
const page = await visit(browser, { ...views.phone, permissions: ['camera'], acceptDownloads: true }, record, block);
await fromBackbone(page);
await fromGate(page);
await page.context().close();

// The same backbone by its file, on a page that has nothing.
const bare = await visit(browser, { ...views.phone, permissions: ['camera'], serviceWorkers: 'block', inWorker: slowly }, () => history.replaceState(null, '', '?gate=none'));
await message(bare);
await bare.setInputFiles('#file', plan.backbone);
await bare.waitForFunction(() => /^\d+ more normal/.test(document.getElementById('progress').textContent));
assert.equal(await bare.locator('#message').isVisible(), false);
await whileItLoads(bare);
await end(browser);
