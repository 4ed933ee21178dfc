// SPDX-License-Identifier: Apache-2.0
// In Node: both builds against the native one, on drawn pixels of every format, size parity and orientation.
// WINNOW_NATIVE: the program of native.c; WINNOW_GATE: a gate file; WINNOW_INT8_GATE: the same in int8; WINNOW_PROGRAM: the command line.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { Gate, Learner, WinnowError, bestBuild } from 'winnow-gate'; // as a user's Node finds it
import { Module } from '../module.js';

const { WINNOW_NATIVE, WINNOW_GATE, WINNOW_INT8_GATE, WINNOW_PROGRAM } = process.env;
const needed = Object.entries({ WINNOW_NATIVE, WINNOW_GATE, WINNOW_INT8_GATE, WINNOW_PROGRAM }).flatMap(([name, value]) => (value ? [] : name));
if (needed.length) {
  console.error(`These tests hold the package to the native build: in a checkout of winnow, run: make build && meson test -C build "gate package". It sets ${needed.join(', ')}.`);
  process.exit(1);
}
const FORMATS = ['RGB', 'BGR', 'RGBA', 'BGRA', 'GRAY', 'NV12', 'I420'];
const VERDICTS = ['normal', 'unsure', 'abnormal'];
const BYTES = [3, 3, 4, 4, 1, 1.5, 1.5];
const gateBytes = readFileSync(WINNOW_GATE);

// Smooth shapes with noise on them: something for every filter.
function draw(width, height, format, seed) {
  const data = new Uint8Array(width * height * BYTES[format]);
  for (let i = 0; i < data.length; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    data[i] = 128 + 90 * Math.sin(i / (37 + (i % 3))) * Math.cos(i / width / 23) + (seed >>> 24) / 8;
  }
  return data;
}

const pictures = [];
for (let format = 0; format < 7; format++)
  for (const [width, height, orientation] of [[640, 480, 1], [130, 96, 6], [64, 300, 3], [720, 1280, 8]])
    pictures.push({ width, height, format: FORMATS[format], orientation, data: draw(width, height, format, format + width) });

const input = Buffer.concat(
  pictures.flatMap((p) => [Buffer.from(`${p.width} ${p.height} ${FORMATS.indexOf(p.format)} ${p.orientation}\n`), p.data]),
);
function nativeScores(gate, env = process.env) {
  const lines = execFileSync(WINNOW_NATIVE, [gate], { input, env, encoding: 'utf8', maxBuffer: 1 << 24 });
  return lines.trim().split('\n').map((line) => JSON.parse(line));
}
const native = nativeScores(WINNOW_GATE);

function fnv1a(bytes) {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash.toString(16).padStart(16, '0');
}

const builds = ['relaxed', 'simd', 'plain'];
for (const build of builds.slice(builds.indexOf(bestBuild()))) {
  test(`${build}: preprocesses to the same bytes as the native build`, async () => {
    const module = await Module.load({ build });
    const out = module.alloc(128 * 128 * 3);
    pictures.forEach((p, i) => {
      module.with(p.data, (pointer) => {
        for (const crop of [0, 1]) {
          assert.equal(module.call.wg_square(pointer, p.width, p.height, FORMATS.indexOf(p.format), p.orientation, 128, crop, out), 1);
          assert.equal(fnv1a(module.bytes.subarray(out, out + 128 * 128 * 3)), native[i][`square${crop}`], `${p.format} ${p.width}x${p.height}`);
        }
      });
    });
  });

  test(`${build}: scores as the native build does`, async () => {
    const gate = await Gate.load(gateBytes, { build });
    assert.equal(gate.build, build);
    pictures.forEach((p, i) => {
      const { verdict, similarity, gauge } = gate.score(p);
      assert.ok(Math.abs(gauge - native[i].gauge) <= 1e-5, `${p.format} ${p.width}x${p.height}: gauge ${gauge}, native ${native[i].gauge}`);
      assert.ok(verdict === 'normal' ? gauge >= 0.5 : gauge <= 0.5, `${verdict} ${gauge}`);
      const scale = Math.max(1, Math.abs(native[i].similarity));
      assert.ok(Math.abs(similarity - native[i].similarity) <= 1e-5 * scale, `${p.format} ${p.width}x${p.height}: ${similarity}, native ${native[i].similarity}`);
      if (Math.abs(similarity - gate.threshold) > 1e-5 * scale) assert.equal(verdict, VERDICTS[native[i].verdict]);
    });
    gate.free();
  });
}

// In an int8 gate all arithmetic before the score is exact, or rounds once for each operation: the same bits from every build and processor.
for (const build of builds.slice(builds.indexOf(bestBuild()))) {
  test(`${build}: an int8 gate scores as the native builds do, to the last bit`, async () => {
    const best = nativeScores(WINNOW_INT8_GATE), baseline = nativeScores(WINNOW_INT8_GATE, { ...process.env, WINNOW_CPU: 'baseline' });
    const gate = await Gate.load(readFileSync(WINNOW_INT8_GATE), { build });
    pictures.forEach((p, i) => {
      const { similarity, verdict } = gate.score(p);
      for (const native of [best[i], baseline[i]]) {
        assert.equal(Math.fround(similarity), Math.fround(native.similarity), `${p.format} ${p.width}x${p.height}`);
        assert.equal(verdict, VERDICTS[native.verdict]);
      }
    });
    gate.free();
  });
}

test('a URL will do, and the gate tells about itself', async () => {
  const gate = await Gate.load(pathToFileURL(WINNOW_GATE));
  assert.equal(gate.metadata('winnow.backbone'), 'none');
  assert.equal(gate.metadata('no.such.key'), undefined);
  assert.ok(gate.falseReject > 0 && gate.falseReject < 0.5);
  const norm = gate.embed(pictures[0]).reduce((sum, x) => sum + x * x, 0);
  assert.ok(Math.abs(norm - 1) < 1e-5);
});

test('a path is one from the folder that Node was started in', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'winnow-gate-'));
  const name = join(folder, '100% rice #1.safetensors');
  writeFileSync(name, gateBytes);
  for (const path of [name, relative(process.cwd(), name)]) assert.equal((await Gate.load(path)).threshold, (await Gate.load(gateBytes)).threshold);
  for (const missing of ['no-such.safetensors', 'http://127.0.0.1:1/none', 'http://'])
    await assert.rejects(Gate.load(missing), (e) => e instanceof WinnowError && e.code === undefined && e.message.startsWith(`${missing}: it could not be read: `));
  await assert.rejects(Gate.load(undefined), WinnowError);
});

// Where the .wasm files do not lie beside the scripts: each can be named, copied, and found again.
test('the WebAssembly can lie elsewhere', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'winnow-gate-'));
  for (const name of ['winnow-relaxed.wasm', 'winnow.wasm', 'winnow-plain.wasm']) {
    const file = createRequire(import.meta.url).resolve(`winnow-gate/${name}`);
    assert.ok(existsSync(file), file);
    if (name !== 'winnow-plain.wasm') copyFileSync(file, join(folder, name));
  }
  for (const wasm of [folder, `${folder}/`, pathToFileURL(folder)]) assert.equal((await Gate.load(gateBytes, { wasm, build: 'simd' })).build, 'simd');
  await assert.rejects(Gate.load(gateBytes, { wasm: folder, build: 'plain' }), (e) => e instanceof WinnowError && e.code === 'module');
});

test('a stream steadies verdicts', async () => {
  const gate = await Gate.load(gateBytes);
  const stream = gate.stream();
  const frame = (verdict) => ({ verdict, pValue: 0.5, similarity: 1, class: null, probability: null });
  let shown;
  for (let i = 0; i < 30; i++) shown = stream.update(frame('normal'), i / 30);
  assert.equal(shown.verdict, 'normal');
  assert.equal(stream.update(frame('abnormal'), 1.01).verdict, 'normal'); // one frame changes nothing
  for (let i = 0; i < 90; i++) shown = stream.update(frame('abnormal'), 1.1 + i / 30);
  assert.equal(shown.verdict, 'abnormal');
  stream.free();
});

test("what is freed twice is not another's memory", async () => {
  const gate = await Gate.load(gateBytes);
  const frame = (verdict) => ({ verdict, pValue: 0.5, similarity: 1, class: null, probability: null });
  const first = gate.stream();
  first.free();
  const second = gate.stream();
  first.free();
  const third = gate.stream();
  for (let i = 0; i < 30; i++) {
    second.update(frame('normal'), i / 30);
    third.update(frame('abnormal'), i / 30);
  }
  assert.equal(second.update(frame('normal'), 1).verdict, 'normal');
  assert.throws(() => first.update(frame('normal'), 1), /this stream was freed/);

  const module = await Module.load();
  module.room(100_000);
  assert.throws(() => module.room(0xfff00000), /out of memory/);
  const mine = module.alloc(100_000);
  module.room(10);
  assert.notEqual(module.alloc(100_000), mine);
});

// A camera that is read by a MediaStreamTrackProcessor stops when its frames stay open.
test('the worker closes every picture, also one that it cannot judge', async () => {
  const answers = [];
  globalThis.self = { postMessage: (answer) => answers.push(answer) };
  await import('../worker.js');
  const ask = async (action, more) => {
    const count = answers.length;
    globalThis.self.onmessage({ data: { call: count, action, ...more } });
    while (answers.length === count) await new Promise((done) => setTimeout(done, 5));
    return answers[count];
  };
  const { value } = await ask('gate', { source: gateBytes });
  let closed = 0;
  const picture = (bytes) => ({ data: new Uint8Array(bytes), width: 10, height: 10, close: () => closed++ });
  for (const action of ['score', 'embed']) {
    assert.match((await ask(action, { id: value.id, picture: picture(7) })).error, /take 400 bytes/);
    assert.equal((await ask(action, { id: value.id, picture: picture(400) })).error, undefined);
  }
  assert.match((await ask('add', { id: 99, picture: picture(400), label: 'normal' })).error, /./);
  delete globalThis.self;
  assert.equal(closed, 5);
});

// The means of similarity and p-value turn before the verdict does, and after it back.
test("a stream's gauge is on its verdict's side of half", async () => {
  const gate = await Gate.load(gateBytes);
  const stream = gate.stream();
  const good = { verdict: 'normal', pValue: 0.9, similarity: gate.threshold + 100, class: null, probability: null };
  const bad = { ...good, verdict: 'abnormal', pValue: 0.001, similarity: gate.threshold - 100 };
  const seen = [];
  for (let i = 0; i < 90; i++) seen.push(stream.update(i % 60 < 30 ? good : bad, i / 30));
  for (const { verdict, gauge } of seen) assert.ok(verdict === 'normal' ? gauge >= 0.5 : gauge <= 0.5, `${gauge} ${verdict}`);
  assert.ok(seen.some(({ gauge }) => gauge === 0.5), 'it waits');
  assert.ok(Math.min(...seen.map(({ gauge }) => gauge)) < 0.45 && Math.max(...seen.map(({ gauge }) => gauge)) > 0.55);
  gate.free();
  assert.throws(() => stream.update(good, 4), WinnowError);
});

// An environment that nobody sets up ended the module with some gates, and not with others.
test('the module asks nothing of its host but the calls that printing would need', () => {
  const files = ['winnow-relaxed.wasm', 'winnow.wasm', 'winnow-plain.wasm'].slice(builds.indexOf(bestBuild())); // those that are valid here
  for (const file of files) {
    const module = new WebAssembly.Module(readFileSync(new URL(`../${file}`, import.meta.url)));
    for (const { name } of WebAssembly.Module.imports(module)) assert.match(name, /^fd_(close|seek|write)$/, file);
  }
});

test('what is wrong is told in one line', async () => {
  await assert.rejects(Gate.load(new Uint8Array(100)), (e) => e instanceof WinnowError && !e.message.includes('\n') && e.message.length > 10);
  await assert.rejects(Gate.load(gateBytes.subarray(0, gateBytes.length - 5)), WinnowError);
  const gate = await Gate.load(gateBytes);
  assert.throws(() => gate.score({ data: new Uint8Array(10), width: 10, height: 10 }), /take 400 bytes/);
  assert.throws(() => gate.score({ data: new Uint8Array(400), width: 10, height: 10, format: 'YUYV' }), /unknown pixel format/);
  assert.throws(() => gate.score({ width: 0, height: 0 }), /without pixels/);
  const pixels = (more) => ({ data: new Uint8Array(400), width: 10, height: 10, ...more });
  for (const [picture, wanted] of [
    [null, /^no picture, but null: /],
    [undefined, /^no picture, but undefined: /],
    ['rice.jpg', /^no picture, but rice.jpg: /],
    [{ width: 10, height: 10 }, /^there is no canvas here/],
    [pixels({ data: new Uint16Array(400) }), /^pixels in Uint16Array: /],
    [pixels({ data: new Float32Array(400) }), /^pixels in Float32Array: /],
    [pixels({ data: Array(400).fill(0) }), /^pixels in object: /],
    [pixels({ width: 1.5 }), /^a picture of 1.5x10 pixels: /],
    [pixels({ height: -10 }), /^a picture of 10x-10 pixels: /],
    [pixels({ width: '10' }), /^a picture of 10x10 pixels: /],
    [pixels({ width: NaN }), /^a picture of NaNx10 pixels: /],
    [pixels({ format: 'toString' }), /^unknown pixel format toString/],
    [pixels({ orientation: 1.5 }), /^orientation 1.5: /],
  ])
    for (const method of ['score', 'embed'])
      assert.throws(() => gate[method](picture), (e) => e instanceof WinnowError && wanted.test(e.message), String(wanted));
  assert.equal(gate.score(pixels({ data: new Uint8ClampedArray(400) })).similarity, gate.score(pixels({ data: Buffer.alloc(400) })).similarity);
});

test('memory stays where it is over 3,000 frames', async () => {
  const module = await Module.load();
  const gate = new Gate(module, gateBytes);
  const stream = gate.stream();
  const small = { ...pictures[1], orientation: 1 };
  const frames = (count) => {
    for (let i = 0; i < count; i++) stream.update(gate.score(small), i / 30);
    return module.call.memory.buffer.byteLength;
  };
  const begin = frames(10);
  while (module.call.memory.buffer.byteLength === begin) module.alloc(1024); // what was free, so that a little more is seen
  const before = module.call.memory.buffer.byteLength;
  assert.equal(frames(3000), before);
});

// 96x96 RGBA, of another direction, width and colour for each number: views that the promise counts each.
function stripes(number) {
  const data = new Uint8Array(96 * 96 * 4).fill(255);
  for (let i = 0; i < data.length; i++) {
    const [x, y, channel] = [(i >> 2) % 96, Math.floor(i / 4 / 96), i % 4];
    const along = (x * Math.cos(number) + y * Math.sin(number)) / (2 + number / 3);
    if (channel < 3) data[i] = 128 + 90 * Math.sin(along + channel * number);
  }
  return data;
}

test('a gate that is taught here is a file that the command line reads', async (t) => {
  const backbone = process.env.WINNOW_BACKBONE;
  if (!backbone) return t.skip('no backbone in WINNOW_BACKBONE');
  const learner = await Learner.load(readFileSync(backbone));
  const { needed } = learner.state;
  assert.ok(needed >= 19);
  let taught = 0;
  while (learner.state.needed && taught < 3 * needed) learner.add({ data: stripes(taught++), width: 96, height: 96 }, 'normal');
  assert.equal(learner.state.needed, 0);
  const { bytes, lesson } = learner.learn();
  assert.equal(lesson.newNormals, needed); // what is no view of its own is not remembered
  const folder = mkdtempSync(join(tmpdir(), 'winnow-gate-'));
  writeFileSync(join(folder, 'taught.safetensors'), bytes);
  const info = spawnSync(WINNOW_PROGRAM, ['info', join(folder, 'taught.safetensors')], { encoding: 'utf8' });
  assert.equal(info.status, 0, info.stderr);
});

test('the package holds what a user needs, and no more', () => {
  const [pack] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd: new URL('..', import.meta.url), encoding: 'utf8' }));
  assert.deepEqual(
    pack.files.map((f) => f.path).sort(),
    ['LICENSE', 'index.d.ts', 'index.js', 'module.js', 'node.js', 'package.json', 'picture.js', 'README.md', 'winnow-plain.wasm', 'winnow-relaxed.wasm', 'winnow.wasm', 'worker-gate.d.ts', 'worker-gate.js', 'worker.js'].sort(),
  );
  assert.deepEqual(readFileSync(new URL('../LICENSE', import.meta.url)), readFileSync(new URL('../../../LICENSE', import.meta.url)));
  for (const file of pack.files.filter((f) => f.path.endsWith('.wasm'))) assert.ok(file.size < 200_000, `${file.path} has ${file.size} bytes`);
});
