// SPDX-License-Identifier: Apache-2.0
// usage: page.mjs VIDEO.mjpeg PLAN.json
// Looks at the camera page with a fake camera. PLAN.json: { photos: {path: native result}, threshold, pixels: what the native build makes of
// 'made', classes: null or { gate, advice, photos } of a gate with classes, static: the page at a server of plain files, half: the same without its
// WebAssembly, bundle: an app that Vite made of the npm package }.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, writeFileSync, copyFileSync, mkdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accessible, end, live, message, shot, shotFile, start, until, url, views, visit } from './browser.mjs';

const [video, planFile] = process.argv.slice(2);
const plan = JSON.parse(readFileSync(planFile, 'utf8'));
const open = (page, id) => page.waitForFunction((name) => document.getElementById(name).open, id);

// Every size, light and dark: nothing sticks out, the gauge is at the upper right, all is accessible.
async function looks(browser) {
  for (const [name, options] of Object.entries(views))
    for (const colorScheme of ['light', 'dark']) {
      const page = await live(browser, { ...options, colorScheme });
      const { width } = options.viewport;
      assert.equal(await page.locator('#message').isVisible(), false);
      const gauge = await page.locator('#gauge').boundingBox();
      assert.ok(gauge.x + gauge.width / 2 > width / 2 && gauge.y < 60, 'the gauge is at the upper right');
      assert.equal(await page.locator('#gauge').getAttribute('role'), 'meter');
      const { ring, word } = await page.evaluate(() => ({ ring: parseFloat(document.querySelector('#gauge .value').getAttribute('stroke-dasharray')), word: document.getElementById('word').textContent }));
      assert.ok(word === 'Good' ? ring >= 50 && ring <= 100 : ['Unsure', 'Not it'].includes(word) && ring >= 0 && ring <= 50, `${ring}, ${word}`);
      const [inRing, said] = await page.evaluate(() => [document.querySelector('#gauge text').textContent, document.getElementById('gauge').ariaValueNow]);
      assert.equal(inRing, said, 'the number in the ring is its fullness');
      assert.equal(await page.locator('#gauge .sign path:visible').count(), 1, 'a sign as well as a colour');
      assert.match(await page.locator('#speed').textContent(), /^\d+ fps · [\d.]+ ms$/);
      await shot(page, `${name}-${colorScheme}`);
      await accessible(page, `live, ${name}, ${colorScheme}`);
      await page.click('#teach');
      await page.waitForFunction(() => !/^(Loading…)?$/.test(document.getElementById('progress').textContent));
      const [guide, lesson] = [await page.locator('#guide').boundingBox(), await page.locator('#lesson').boundingBox()];
      assert.ok(guide.y + guide.height <= lesson.y || lesson.x + lesson.width <= guide.x, `${name}: the panel covers the guide`);
      for (const button of await page.locator('#controls button').all()) {
        const { x, y, width, height } = await button.boundingBox();
        assert.ok(x >= lesson.x + lesson.width || x + width <= lesson.x || y >= lesson.y + lesson.height || y + height <= lesson.y, `${name}: the panel covers ${await button.textContent()}`);
        assert.ok(x >= 0 && x + width <= options.viewport.width, `${name}: ${await button.textContent()} is off the screen`);
      }
      await shot(page, `${name}-${colorScheme}-teach`);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name}: sideways scrolling`);
      await page.context().close();
    }
}

// What the guide shows is what the gate sees, within a pixel of the screen.
async function guide(page) {
  for (const [width, height, teaching] of [[390, 844], [390, 844, true], [1280, 800], [844, 390], [844, 390, true]]) {
    await page.setViewportSize({ width, height });
    if (teaching) await page.click('#teach');
    const [seen, shown] = await page.evaluate(async () => {
      const { squareUnder } = await import('./camera.js');
      const video = document.getElementById('video');
      const [x, y, side] = squareUnder(video, document.getElementById('guide'));
      const scale = Math.max(innerWidth / video.videoWidth, innerHeight / video.videoHeight);
      const { left, top, width } = document.getElementById('guide').getBoundingClientRect();
      return [[innerWidth / 2 + (x - video.videoWidth / 2) * scale, innerHeight / 2 + (y - video.videoHeight / 2) * scale, side * scale], [left, top, width]];
    });
    for (const i of [0, 1, 2]) assert.ok(Math.abs(seen[i] - shown[i]) < 4, `${width}x${height}: seen ${seen}, guide ${shown}`);
    if (teaching) await page.click('#teach');
  }
  await page.setViewportSize(views.phone.viewport);
}

// The same pixels get the same score here, in each build that runs here.
async function scores(page) {
  const made = Array.from({ length: 160 * 160 * 4 }, (_, i) => (i % 4 === 3 ? 255 : (i * i + 7 * i) % 251));
  for (const build of ['relaxed', 'simd', 'plain']) {
    const { similarity, square, others } = await page.evaluate(
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
        const canvas = new OffscreenCanvas(160, 160);
        canvas.getContext('2d').putImageData(picture, 0, 0);
        const frame = new VideoFrame(canvas, { timestamp: 0 });
        const others = [await createImageBitmap(picture), frame].map((source) => gate.score(source).similarity);
        frame.close();
        return { similarity: gate.score(picture).similarity, others, square: hash.toString(16).padStart(16, '0') };
      },
      [build, made],
    );
    const scale = Math.max(1, Math.abs(plan.pixels.similarity));
    for (const it of [similarity, ...others]) // of an ImageData, an ImageBitmap, a VideoFrame
      assert.ok(Math.abs(it - plan.pixels.similarity) <= 1e-5 * scale, `${build}: ${it}, native ${plan.pixels.similarity}`);
    assert.equal(square, plan.pixels.square0, `${build}: the preprocessed square`);
  }
}

// What is no picture is told as such by both gates.
async function wrongPictures(page) {
  const faults = await page.evaluate(async () => {
    const { Gate } = await import('./gate/index.js');
    const gate = await Gate.load('gate.safetensors');
    const wrong = [null, {}, { data: new Uint16Array(400), width: 10, height: 10 }, { data: new Uint8Array(400), width: 1.5, height: 10 }];
    const faults = [];
    for (const judge of [(picture) => window.winnow.gate.score(picture), async (picture) => gate.score(picture)])
      for (const picture of wrong) faults.push(await judge(picture).then(() => 'judged', (error) => `${error.name}: ${error.message}`));
    gate.free();
    return faults;
  });
  const wanted = [/no picture, but null/, /cannot be drawn|without pixels/, /pixels in Uint16Array/, /1.5x10 pixels/];
  faults.forEach((fault, i) => assert.ok(fault.startsWith('WinnowError: ') && wanted[i % 4].test(fault), fault));
}

// A photo that is dropped or opened gets the score that the command line gives; only an accepted one can be sent.
async function photos(page) {
  const seen = new Set();
  for (const [path, native] of Object.entries(plan.photos)) {
    await page.setInputFiles('#file', path);
    await open(page, 'photo');
    const detail = await page.locator('#photo-detail').textContent();
    const verdict = await page.locator('#photo').getAttribute('data-verdict');
    assert.match(detail, / · p-value [\d.]+ · turns away at most \d+% of the right pictures, on average$/);
    const number = Number(await page.locator('#photo .ring text').textContent());
    assert.ok(verdict === 'normal' ? number >= 50 : number <= 50, `the ring says ${number}, ${verdict}`);
    assert.ok(Math.abs(number - parseFloat(await page.locator('#photo .value').getAttribute('stroke-dasharray'))) <= 0.55, 'the number in the ring is its fullness');
    const similarity = Number(detail.match(/similarity (-?[\d.]+)/)[1]);
    assert.ok(Math.abs(similarity - native.similarity) < 0.06, `${path}: ${detail}, native ${native.similarity}`);
    if (Math.abs(native.similarity - plan.threshold) > 0.06 && native.verdict !== 'unsure') assert.equal(verdict, native.verdict, path);
    assert.equal(await page.locator('#send').isDisabled(), verdict !== 'normal', 'only an accepted picture can be sent');
    if (verdict === 'normal') {
      await page.evaluate(() => {
        window.taken = null;
        window.winnow.onAccepted = (blob, result) => void (window.taken = [blob.size, result.verdict]);
      });
      await page.click('#send');
      await page.waitForFunction(() => document.getElementById('answer').textContent === 'Sent.');
      const [size, sent] = await page.evaluate(() => window.taken);
      assert.ok(size === statSync(path).size && sent === 'normal', 'the photo itself was sent');
    } else {
      assert.equal(await page.locator('#answer').textContent(), 'Only an accepted picture can be sent.');
    }
    if (!seen.has(verdict)) {
      await shot(page, `photo-${verdict}`);
      await accessible(page, `a photo that is ${verdict}`);
    }
    seen.add(verdict);
    await page.keyboard.press('Escape');
  }
  assert.ok(seen.has('normal') && seen.size > 1, [...seen].join());
}

// Similarities ever nearer to the threshold, on both sides: no text stands for both.
async function digits(page) {
  const texts = { normal: [], abnormal: [] };
  for (const step of [0.3, 1e-3, 1e-4, 1e-6, 0])
    for (const verdict of step ? ['normal', 'abnormal'] : ['normal']) {
      await page.evaluate(([step, verdict]) => {
        const { gate } = window.winnow;
        const similarity = gate.threshold + (verdict === 'normal' ? step : -step);
        gate.score = async () => ({ verdict, similarity, pValue: 0.05, gauge: 0.5, class: null, probability: null, milliseconds: 1 });
      }, [step, verdict]);
      await page.setInputFiles('#file', Object.keys(plan.photos)[0]);
      await open(page, 'photo');
      texts[verdict].push((await page.locator('#photo-detail').textContent()).match(/similarity (-?[\d.]+)/)[1]);
      await page.keyboard.press('Escape');
    }
  await page.evaluate(() => delete window.winnow.gate.score);
  const threshold = await page.evaluate(() => window.winnow.gate.threshold);
  assert.ok(texts.normal.every((text) => Number(text) >= threshold) && texts.abnormal.every((text) => Number(text) < threshold), JSON.stringify([threshold, texts]));
  assert.match(texts.normal[0], /^-?\d+\.\d\d$/, 'far from it, two digits will do');
}

// A photo of 24 megapixels, which iOS could not draw: it is judged smaller, upright, and the same but for what the smoothing does. What phones take
// at 4032x3024 is judged whole.
async function hugePhoto(page) {
  const source = readFileSync(Object.keys(plan.photos)[0]).toString('base64');
  const { huge, usual, whole, package: ofPackage, largest } = await page.evaluate(async (source) => {
    const photo = await createImageBitmap(new Blob([Uint8Array.from(atob(source), (c) => c.charCodeAt(0))]));
    const canvas = new OffscreenCanvas(6000, 4000);
    const context = canvas.getContext('2d');
    context.drawImage(photo, 0, 0, 6000, 4000);
    const { Gate } = await import('./gate/index.js');
    const gate = await Gate.load('gate.safetensors');
    const whole = gate.score(context.getImageData(0, 0, 6000, 4000)).similarity;
    let largest = 0;
    const Canvas = window.OffscreenCanvas;
    window.OffscreenCanvas = class extends Canvas {
      constructor(width, height) {
        super(width, height);
        largest = Math.max(largest, width * height);
      }
    };
    const ofPackage = gate.score(await createImageBitmap(canvas)).similarity;
    window.OffscreenCanvas = Canvas;
    gate.free();
    const score = window.winnow.gate.score.bind(window.winnow.gate);
    window.winnow.gate.score = (picture) => {
      if (picture.width > 1000) window.judged = [picture.width, picture.height]; // not the camera's squares
      return score(picture);
    };
    const jpeg = async () => {
      const reader = new FileReader();
      reader.readAsDataURL(await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.95 }));
      await new Promise((done) => (reader.onload = done));
      return reader.result.split(',')[1];
    };
    const huge = await jpeg();
    [canvas.width, canvas.height] = [4032, 3024];
    return { huge, usual: await jpeg(), whole, package: ofPackage, largest };
  }, source);
  assert.ok(largest > 15e6 && largest <= 16e6, `a canvas of ${largest} pixels`);
  await page.setInputFiles('#file', { name: 'huge.jpg', mimeType: 'image/jpeg', buffer: Buffer.from(huge, 'base64') });
  await open(page, 'photo');
  assert.deepEqual(await page.evaluate(() => window.judged), [4898, 3265]);
  const shown = Number((await page.locator('#photo-detail').textContent()).match(/similarity (-?[\d.]+)/)[1]);
  console.log(`a photo of 24 megapixels: similarity ${whole.toFixed(4)} whole, ${ofPackage.toFixed(4)} at 16 megapixels, ${shown} in the page`);
  for (const similarity of [ofPackage, shown]) assert.ok(Math.abs(similarity - whole) < 0.03 * Math.max(1, Math.abs(whole)), `${similarity}, whole ${whole}`);
  await page.keyboard.press('Escape');
  const exif = Buffer.from('ffe100224578696600004d4d002a00000008000101120003000000010006000000000000', 'hex'); // turn it to the right
  const turned = Buffer.concat([Buffer.from(huge, 'base64').subarray(0, 2), exif, Buffer.from(huge, 'base64').subarray(2)]);
  await page.setInputFiles('#file', { name: 'turned.jpg', mimeType: 'image/jpeg', buffer: turned });
  await open(page, 'photo');
  assert.deepEqual(await page.evaluate(() => window.judged), [3265, 4898]);
  await page.keyboard.press('Escape');
  await page.setInputFiles('#file', { name: 'usual.jpg', mimeType: 'image/jpeg', buffer: Buffer.from(usual, 'base64') });
  await open(page, 'photo');
  assert.deepEqual(await page.evaluate(() => window.judged), [4032, 3024]);
  await page.keyboard.press('Escape');
  await page.evaluate(() => delete window.winnow.gate.score);
}

// Sharing gives the other app a picture; where there is no other app, or the browser refuses, a file; where the person thinks better of it, nothing.
async function sharing(page) {
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press(' '); // photographs, wherever the focus is
  await open(page, 'photo');
  assert.ok(await page.evaluate(() => document.getElementById('video').paused), 'the picture is frozen');
  await page.keyboard.press('Escape');
  const before = await page.evaluate(() => window.winnow.frames);
  await page.waitForFunction((n) => window.winnow.frames > n + 2, before); // and goes on
  await page.focus('#shoot');
  await page.keyboard.press('Enter');
  await open(page, 'photo');
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#share')]);
  assert.equal(download.suggestedFilename(), 'winnow.png');
  await download.saveAs(shotFile('shared'));
  await page.evaluate(() => {
    navigator.canShare = ({ files }) => files.length === 1;
    navigator.share = async ({ files }) => (window.shared = files[0]);
  });
  await page.click('#share');
  await page.waitForFunction(() => window.shared);
  const shared = await page.evaluate(async () => {
    const { width, height } = await createImageBitmap(window.shared);
    return [window.shared.name, window.shared.type, width, height];
  });
  assert.deepEqual(shared, ['winnow.png', 'image/png', 720, 816]);
  const downloads = [];
  page.on('download', (download) => downloads.push(download));
  for (const [name, files] of [['AbortError', 0], ['NotAllowedError', 1]]) {
    await page.evaluate((name) => {
      window.refused = false;
      navigator.share = async () => {
        window.refused = true;
        throw new DOMException('', name);
      };
    }, name);
    await page.click('#share');
    await page.waitForFunction(() => window.refused);
    for (let i = 0; i < 100 && downloads.length < files; i++) await page.waitForTimeout(50);
    assert.equal(downloads.length, files, name);
  }
  const failOnce = (words) => page.evaluate((words) => {
    const { toBlob } = HTMLCanvasElement.prototype;
    HTMLCanvasElement.prototype.toBlob = () => {
      HTMLCanvasElement.prototype.toBlob = toBlob;
      throw new Error(words);
    };
  }, words);
  await failOnce('no picture');
  await page.click('#share');
  await page.waitForFunction(() => document.getElementById('answer').textContent === 'Something went wrong.no picture');
  await page.keyboard.press('Escape');
  await failOnce('no photograph');
  await page.click('#shoot');
  assert.equal(await message(page), 'Something went wrong.');
  assert.equal(await page.locator('#message small').textContent(), 'no photograph');
  await page.click('#message [data-text=close]');
  assert.equal(await page.evaluate(() => document.getElementById('video').paused), false, 'and the camera goes on');
}

// A folder with a folder in it, dropped as a person drops it: every photo in a list, what is no photo too.
async function folder(page) {
  const top = mkdtempSync(join(tmpdir(), 'winnow-drop-'));
  mkdirSync(join(top, 'inner'));
  const paths = Object.keys(plan.photos).slice(0, 6);
  paths.forEach((path, i) => copyFileSync(path, join(top, i % 2 ? 'inner' : '', `${i}.jpg`)));
  writeFileSync(join(top, 'notes.txt'), 'no photo');
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [top], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop']) await session.send('Input.dispatchDragEvent', { type, x: 200, y: 300, data });
  await open(page, 'list');
  await page.waitForFunction((n) => document.querySelectorAll('#results li').length === n && !/Judging/.test(document.getElementById('list-sum').textContent), paths.length + 1);
  const rows = await page.locator('#results li').evaluateAll((list) => list.map((row) => [row.querySelector('span').textContent, row.dataset.verdict]));
  assert.deepEqual(rows.map(([name]) => name), [...paths.map((_, i) => `${i}.jpg`), 'notes.txt']);
  paths.forEach((path, i) => {
    const { similarity, verdict } = plan.photos[path];
    if (Math.abs(similarity - plan.threshold) > 0.06 && verdict !== 'unsure') assert.equal(rows[i][1], verdict, path);
  });
  assert.equal(rows.at(-1)[1], 'none');
  const sum = await page.locator('#list-sum').textContent();
  const count = (verdict) => rows.filter((row) => row[1] === verdict).length;
  assert.ok(sum.includes(`Good ${count('normal')}`) && sum.includes('not a photo 1'), sum);
  await accessible(page, 'a folder of photos');
  await shot(page, 'folder');
  await page.click('#results li:first-child button');
  await open(page, 'photo');
  assert.equal(await page.locator('#photo').getAttribute('data-verdict'), rows[0][1]);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
}

// Files that come while others are judged take their place: no row of the first is in the second's list.
async function twoFolders(page) {
  await page.evaluate(() => {
    const score = window.winnow.gate.score.bind(window.winnow.gate);
    window.winnow.gate.score = (picture) => new Promise((done) => setTimeout(done, 300)).then(() => score(picture));
  });
  const photo = readFileSync(Object.keys(plan.photos)[0]);
  const files = (name, count) => Array.from({ length: count }, (_, i) => ({ name: `${name}${i}.png`, mimeType: 'image/png', buffer: photo }));
  const names = () => page.locator('#results li span').allTextContents();
  await page.setInputFiles('#file', files('first', 4));
  await page.waitForFunction(() => document.querySelectorAll('#results li').length === 1);
  await page.setInputFiles('#file', files('second', 3));
  await page.waitForFunction(() => !/Judging/.test(document.getElementById('list-sum').textContent));
  await page.waitForTimeout(700); // whatever is left of the first
  assert.deepEqual(await names(), ['second0.png', 'second1.png', 'second2.png']);
  await page.keyboard.press('Escape');
  await page.evaluate(() => delete window.winnow.gate.score);
}

// A gate with classes tells the diagnosis of an accepted picture, and of no other; its advice is in the user's words.
async function classes(page) {
  await page.setInputFiles('#file', Object.keys(plan.photos)[0]);
  await open(page, 'photo');
  await page.setInputFiles('#file', plan.classes.gate);
  await page.waitForFunction(() => window.winnow.gate.classes.length === 2);
  await page.waitForFunction(() => !document.getElementById('photo').open); // another gate's verdict
  for (const [path, native] of Object.entries(plan.classes.photos)) {
    await page.setInputFiles('#file', path);
    await open(page, 'photo');
    assert.equal(await page.locator('#photo').getAttribute('data-verdict'), native.verdict, path);
    if (native.verdict === 'normal') {
      await page.click('#send');
      await page.waitForFunction(() => document.getElementById('answer').textContent);
      const [, name, percent] = (await page.locator('#answer').textContent()).match(/^Diagnosis: (.+) · (\d+)%$/);
      assert.equal(name, native.class, path);
      assert.ok(Math.abs(percent - 100 * native.probability) < 1, `${percent}%, native ${native.probability}`);
      await shot(page, 'diagnosis');
    } else {
      assert.ok(await page.locator('#send').isDisabled());
      assert.ok(!(await page.locator('#photo').textContent()).includes(native.class), 'no class of what is turned away');
    }
    await page.keyboard.press('Escape');
  }
  await page.waitForFunction((advice) => document.getElementById('advice').textContent === advice, plan.classes.advice);
  await page.waitForFunction(() => window.winnow.gate.classes.includes(document.getElementById('advice').textContent));
}

// The other camera, mirrored where it looks at the person; one that is slow to come, and asked for twice; one that stops, and one that goes away.
async function cameras(page) {
  await page.evaluate(() => {
    window.asked = [];
    const get = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {
      const facingMode = wanted.video.facingMode.ideal;
      const stream = await get(wanted);
      const [track] = stream.getVideoTracks();
      const settings = track.getSettings();
      track.getSettings = () => ({ ...settings, facingMode });
      window.asked.push(facingMode);
      return stream;
    };
  });
  const mirrored = () => page.locator('#video').evaluate((video) => video.classList.contains('mirror'));
  for (const [i, facing] of ['user', 'environment'].entries()) {
    await page.click('#turn');
    await page.waitForFunction((count) => window.asked.length === count, i + 1);
    const before = await page.evaluate(() => window.winnow.frames);
    await page.waitForFunction((n) => window.winnow.frames > n + 10, before); // of the new camera
    assert.equal(await page.evaluate(() => window.asked.at(-1)), facing);
    assert.equal(await mirrored(), facing === 'user');
  }
  await page.evaluate(() => {
    window.streams = [];
    const get = navigator.mediaDevices.getUserMedia;
    navigator.mediaDevices.getUserMedia = async (wanted) => {
      await new Promise((done) => setTimeout(done, 300));
      const stream = await get(wanted);
      window.streams.push(stream);
      return stream;
    };
  });
  await page.click('#turn');
  await page.click('#turn');
  await page.waitForFunction(() => window.streams.length === 2);
  const before = await page.evaluate(() => window.winnow.frames);
  await page.waitForFunction((n) => window.winnow.frames > n + 5, before);
  const live = await page.evaluate(() => window.streams.map((stream) => [stream.active, stream === document.getElementById('video').srcObject]));
  assert.deepEqual(live, [[false, false], [true, true]], 'a camera that nobody looks through');
  assert.equal(await page.locator('#message').isVisible(), false);
  const verdict = () => page.locator('#stage').getAttribute('data-verdict');
  assert.notEqual(await verdict(), 'none');
  const still = await page.evaluate(() => {
    document.getElementById('video').srcObject.getVideoTracks()[0].dispatchEvent(new Event('mute'));
    return document.getElementById('stage').dataset.verdict;
  });
  assert.equal(still, 'none', 'a verdict without a picture');
  await page.waitForFunction(() => document.getElementById('stage').dataset.verdict !== 'none'); // and it goes on
  await page.evaluate(() => {
    const [track] = document.getElementById('video').srcObject.getVideoTracks();
    track.stop();
    track.dispatchEvent(new Event('ended'));
  });
  assert.match(await message(page), /went away/);
  await page.waitForTimeout(300); // whatever was being judged
  assert.deepEqual([await verdict(), await page.locator('#word').textContent()], ['none', 'No picture']);
  await shot(page, 'camera-lost');
  await page.click('#message [data-text=again]');
  await page.waitForFunction(() => document.getElementById('message').hidden);
}

// Nothing keeps a phone from putting the page on its home screen.
async function installs(page) {
  const session = await page.context().newCDPSession(page);
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
  assert.deepEqual(installabilityErrors.filter(({ errorId }) => errorId !== 'in-incognito'), []); // as contexts of tests are
  const { manifest, icons } = await page.evaluate(async () => {
    const manifest = await (await fetch('manifest.webmanifest')).json();
    const size = async ({ src }) => createImageBitmap(await (await fetch(src)).blob()).then(({ width, height }) => `${width}x${height}`);
    return { manifest, icons: await Promise.all(manifest.icons.filter(({ type }) => type === 'image/png').map(async (icon) => [icon.purpose, icon.sizes, await size(icon)])) };
  });
  assert.deepEqual(icons, [['any', '192x192', '192x192'], ['any', '512x512', '512x512'], ['maskable', '512x512', '512x512']]);
  assert.deepEqual([manifest.id, manifest.scope, manifest.lang], ['./', './', 'en']);
  assert.match(await page.locator('#file').getAttribute('accept'), /application\/octet-stream/); // without it, iOS greys gate files out
}

async function japanese(page) {
  await page.click('#language');
  assert.equal(await page.locator('html').getAttribute('lang'), 'ja');
  assert.equal(await page.locator('#teach').textContent(), '教える');
  await page.setInputFiles('#file', Object.keys(plan.photos)[0]);
  await open(page, 'photo');
  await accessible(page, 'a photo, in Japanese');
  await shot(page, 'photo-ja');
  await page.keyboard.press('Escape');
  await accessible(page, 'live, in Japanese');
  await shot(page, 'phone-ja');
  await page.click('#language');
}

// A sentence in the page's language, and below it what the library says.
async function brokenGate(page) {
  const file = { name: 'broken.safetensors', mimeType: 'application/octet-stream', buffer: Buffer.from('not a gate at all') };
  for (const sentence of [/^This file cannot be opened as a gate\. [^:]+$/, /^このファイルはゲートとして開けません。[^a-z:]*winnow[^:]+$/]) {
    await page.setInputFiles('#file', file);
    assert.match(await message(page), sentence);
    assert.match(await page.locator('#message small[lang=en]').textContent(), /not a safetensors file/);
    await accessible(page, 'a broken gate');
    await shot(page, `broken-gate-${await page.locator('html').getAttribute('lang')}`);
    await page.click('#message [data-text=close]');
    await page.click('#language');
  }
  const before = await page.evaluate(() => window.winnow.frames);
  await page.waitForFunction((n) => window.winnow.frames > n + 2, before); // the old gate goes on
}

// A fault of the library in a list of photos, and of an app that is handed an accepted one.
async function faults(page) {
  await page.click('#language');
  await page.evaluate(() => {
    window.winnow.gate.score = async () => {
      throw new Error('byte 7: a fault');
    };
  });
  assert.equal(await message(page), 'エラーが発生しました。'); // of the camera's frames
  assert.equal(await page.locator('#message small').textContent(), 'byte 7: a fault');
  const again = await page.evaluate(async () => {
    let told = 0;
    new MutationObserver(() => told++).observe(document.getElementById('message'), { subtree: true, childList: true });
    await new Promise((done) => setTimeout(done, 500));
    return told;
  });
  assert.equal(again, 0, 'an alert for every frame');
  await page.setInputFiles('#file', Object.keys(plan.photos)[0]);
  await open(page, 'list');
  await page.waitForFunction(() => document.querySelector('#results small'));
  assert.equal(await page.locator('#results small').textContent(), 'byte 7: a fault');
  assert.equal(await page.locator('#results b').textContent(), '判定できません');
  await accessible(page, 'a photo that could not be judged');
  await page.keyboard.press('Escape');
  const before = await page.evaluate(() => delete window.winnow.gate.score && window.winnow.frames);
  await page.waitForFunction((n) => window.winnow.frames > n + 2, before);
  await page.click('#message [data-text=close]');
  await page.evaluate(() => {
    window.winnow.onAccepted = () => Promise.reject(new Error('no answer'));
  });
  await page.setInputFiles('#file', Object.keys(plan.photos).find((path) => plan.photos[path].verdict === 'normal'));
  await open(page, 'photo');
  await page.click('#send');
  await page.waitForFunction(() => document.getElementById('answer').textContent === 'エラーが発生しました。no answer');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'send', 'the focus stays');
  await page.evaluate(() => {
    window.given = 0;
    window.winnow.onAccepted = () => void window.given++;
  });
  for (let i = 0; i < 2; i++) await page.keyboard.press('Enter'); // once more, and it is not sent twice
  await page.waitForFunction(() => document.getElementById('answer').textContent === '送信しました。');
  assert.equal(await page.evaluate(() => window.given), 1);
  await accessible(page, 'a picture that was sent');
  await otherModel(page);
  await page.keyboard.press('Escape');
  await page.click('#language');
}

// Another main model takes the place of one that has answered, or is about to: no answer of the old one is shown, and the picture can be sent to the new.
async function otherModel(page) {
  const answer = () => page.locator('#answer').textContent();
  await page.evaluate(() => (window.winnow.onAccepted = () => new Promise((done) => (window.answer = done))));
  assert.equal(await answer(), '', 'what the one before answered');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => window.answer);
  await page.evaluate(() => {
    window.winnow.onAccepted = () => 'the new answer';
    window.answer('the old answer');
  });
  assert.equal(await answer(), '', 'what the one before answers late');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.getElementById('answer').textContent === 'the new answer');
  await page.evaluate(() => (window.winnow.onAccepted = null));
  assert.equal(await answer(), '');
}

// Whatever serves it, the page allows itself its own files alone, and works.
async function policy(browser) {
  const page = await live(browser, { ...views.phone, site: plan.static, expected: /Content Security Policy|404/ });
  const refused = await page.evaluate(async (other) => {
    const refused = [];
    document.addEventListener('securitypolicyviolation', (event) => refused.push(event.effectiveDirective));
    await fetch(other).catch(() => {});
    document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.stranger = true' }));
    await new Promise((done) => setTimeout(done, 100));
    return [...refused, window.stranger];
  }, url);
  assert.deepEqual(refused, ['connect-src', 'script-src-elem', undefined]);
  await page.context().close();
}

// Safari before 16.4 and Firefox before 105 have no OffscreenCanvas, Firefox before 132 tells no page of a video's frames: the camera, at more than
// the 10 frames a second of a timer, a photo, the photograph, the shared picture and teaching work.
async function pageCanvas(browser) {
  const without = () => {
    delete globalThis.OffscreenCanvas;
    delete globalThis.HTMLVideoElement?.prototype.requestVideoFrameCallback;
  };
  const page = await live(browser, { ...views.phone, serviceWorkers: 'block', inWorker: without }, without);
  assert.equal(await page.locator('#message').isVisible(), false);
  await page.waitForFunction(() => parseInt(document.getElementById('speed').textContent) > 12);
  const [path, native] = Object.entries(plan.photos)[0];
  await page.setInputFiles('#file', path);
  await open(page, 'photo');
  const similarity = Number((await page.locator('#photo-detail').textContent()).match(/similarity (-?[\d.]+)/)[1]);
  assert.ok(Math.abs(similarity - native.similarity) < 0.06, `${similarity}, native ${native.similarity}`);
  await page.keyboard.press('Escape');
  await page.click('#shoot');
  await open(page, 'photo');
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#share')]);
  assert.equal(download.suggestedFilename(), 'winnow.png');
  await page.keyboard.press('Escape');
  const [inPage, whole, left] = await page.evaluate(async () => {
    const { Gate } = await import('./gate/index.js');
    const gate = await Gate.load('gate.safetensors');
    const picture = new ImageData(Uint8ClampedArray.from({ length: 160 * 160 * 4 }, (_, i) => (i % 4 === 3 ? 255 : (i * i + 7 * i) % 251)), 160, 160);
    const bitmap = await createImageBitmap(picture);
    const scores = [gate.score(bitmap).similarity, gate.score(picture).similarity];
    await window.winnow.gate.score(bitmap);
    return [...scores, bitmap.width];
  });
  assert.ok(Math.abs(inPage - whole) < 1e-6 * Math.max(1, Math.abs(whole)), `${inPage} of what is drawn, ${whole} of its pixels`);
  assert.equal(left, 0, 'a bitmap that is given away is closed');
  await page.context().close();
}

// The npm package in an app that a bundler made: both gates, with the native score.
async function bundled(browser) {
  const page = await visit(browser, { site: plan.bundle });
  await page.waitForFunction(() => window.gates);
  const made = Array.from({ length: 160 * 160 * 4 }, (_, i) => (i % 4 === 3 ? 255 : (i * i + 7 * i) % 251));
  const similarities = await page.evaluate(async (data) => {
    const picture = new ImageData(new Uint8ClampedArray(data), 160, 160);
    const score = async (kind) => (await (await kind.load('gate.safetensors')).score(picture)).similarity;
    return Promise.all(window.gates.map(score));
  }, made);
  assert.equal(similarities.length, 2);
  for (const similarity of similarities)
    assert.ok(Math.abs(similarity - plan.pixels.similarity) <= 1e-5 * Math.max(1, Math.abs(similarity)), `${similarity}, native ${plan.pixels.similarity}`);
  await page.context().close();
}

async function offline(browser) {
  const page = await live(browser, views.desktop);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await installs(page);
  await until(page, async () => (await caches.match('gate.safetensors')) !== undefined);
  await page.context().setOffline(true);
  await page.reload();
  await page.waitForFunction(() => window.winnow?.frames > 3, null, { timeout: 120000 });
  await page.context().close();
}

// Browsers that lack something: each is told what helps, in both languages, and photos still work.
async function lacking(name, wanted, browser, options = {}, prepare = null, argument, also = () => {}) {
  for (const locale of ['en', 'ja']) {
    const page = await visit(browser, { ...views.phone, ...options, locale }, prepare, argument);
    const text = await message(page);
    assert.match(text, wanted[locale], name);
    await also(page);
    await accessible(page, `${name}, ${locale}`);
    await shot(page, `${name}-${locale}`);
    await page.context().close();
  }
}

const camera = '--use-fake-ui-for-media-stream'; // allows it
const browser = await start(video, camera);
await looks(browser);
const page = await live(browser, { ...views.phone, colorScheme: 'light' });
await guide(page);
await scores(page);
await wrongPictures(page);
await photos(page);
await digits(page);
await hugePhoto(page);
await sharing(page);
await folder(page);
await twoFolders(page);
await japanese(page);
await brokenGate(page);
await faults(page);
await cameras(page);
if (plan.classes) await classes(page);
await page.context().close();
await policy(browser);
await pageCanvas(browser);
await bundled(browser);
await offline(browser);
await lacking('no-wasm', { en: /cannot run WebAssembly/, ja: /WebAssembly に対応していません/ }, browser, {}, () => delete window.WebAssembly, null, async (page) => {
  const usable = await page.locator('button:visible:not(:disabled)').evaluateAll((buttons) => buttons.map(({ id }) => id));
  assert.deepEqual(usable, ['language'], 'only what works can be pressed');
});
await lacking('no-module', { en: /part of this page could not be loaded/, ja: /一部を読み込めません/ }, browser, { site: plan.half });
const empty = { en: /no gate here yet/, ja: /ゲートがありません/ };
await lacking('no-gate', empty, browser, { serviceWorkers: 'block' }, () => {
  const get = window.fetch;
  window.fetch = (what, ...rest) => (String(what).endsWith('.safetensors') ? Promise.resolve(new Response('', { status: 404 })) : get(what, ...rest));
});
const refuseWith = (name) => [{}, (name) => (navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', name))), name];
await lacking('camera-busy', { en: /another app/, ja: /ほかのアプリ/ }, browser, ...refuseWith('NotReadableError'));
const insecure = () => {
  Object.defineProperty(window, 'isSecureContext', { value: false });
  Object.defineProperty(navigator, 'mediaDevices', { value: undefined });
};
await lacking('no-https', { en: /https pages only/, ja: /https のページ/ }, browser, {}, insecure);
await end(browser);

const refusing = await start(video); // asks, and nobody says yes
await lacking('camera-denied', { en: /not allowed/, ja: /許可されていません/ }, refusing);
await end(refusing);

const blind = await start(null, camera); // a computer without a camera
await lacking('no-camera', { en: /No camera was found/, ja: /カメラが見つかりません/ }, blind);
const photo = await visit(blind, views.desktop);
await message(photo);
await photo.setInputFiles('#file', Object.keys(plan.photos)[0]);
await open(photo, 'photo');
await end(blind);

const old = await start(video, camera, '--js-flags=--no-enable-sse4-1'); // without it, V8 has no SIMD
await lacking('no-simd', { en: /no WebAssembly SIMD/, ja: /WebAssembly SIMD に対応していない/ }, old, { permissions: ['camera'] });
const slow = await live(old, { permissions: ['camera'] });
assert.equal(await slow.evaluate(() => window.winnow.gate.build), 'plain');
await slow.click('#message [data-text=close]');
assert.equal(await slow.locator('#message').isVisible(), false);
await end(old);
