// SPDX-License-Identifier: Apache-2.0
// The page: camera -> square of each frame -> gate in a worker -> steadied verdict -> gauge. An app that embeds the
// page sets window.winnow.onAccepted = (blob, result) => ... to take over accepted pictures.
import { startCamera, squareOf } from './camera.js';
import { WorkerGate, WorkerLearner } from './gate/worker-gate.js';
import { language, speak, t } from './strings.js';

const $ = (id) => document.getElementById(id);
const percent = (x, digits = 0) => `${(100 * x).toFixed(digits)}%`;
const api = (window.winnow = { onAccepted: null, last: null, frames: 0 });

let gate = null;
let stream = null;
let learner = null;
let bytes = null; // of the gate or backbone that was opened
let shown = null;
let taught = null; // the learner's state, as last told
let photo = null; // { blob, result } that is looked at

// ---- what is shown ----

function advice(result) {
  if (!result) return '';
  if (result.verdict === 'normal') return result.class ? `${result.class} ${percent(result.probability)}` : t('adviceNormal');
  return result.verdict === 'unsure' ? t('adviceUnsure') : api.advice || t('adviceAbnormal');
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text; // screen readers hear changes alone
}

// The ring is half full at the threshold: p/(p + alpha).
function show(result) {
  const verdict = result?.verdict ?? 'none';
  const filled = result ? (100 * result.pValue) / (result.pValue + gate.falseReject) : 0;
  $('stage').dataset.verdict = verdict;
  $('gauge').querySelector('.value').setAttribute('stroke-dasharray', `${filled.toFixed(1)} 100`);
  $('gauge').setAttribute('aria-valuenow', Math.round(filled));
  $('gauge').querySelector('text').textContent = result ? percent(result.pValue) : '';
  setText($('word'), t(gate && !result ? 'waiting' : verdict));
  $('similarity').textContent = result ? result.similarity.toFixed(2) : '–';
  $('pvalue').textContent = result ? result.pValue.toFixed(3) : '–';
  setText($('advice'), advice(result));
}

// A message, and the buttons that help: open (a file), again (the camera), close.
function tell(text, ...actions) {
  $('message').hidden = !text;
  $('message').querySelector('p').textContent = text || '';
  for (const button of $('message').querySelectorAll('button')) button.hidden = !actions.includes(button.dataset.text);
}

// ---- gates ----

async function useGate(data) {
  const next = await WorkerGate.load(data);
  stream?.free();
  gate?.free();
  gate = next;
  stream = await gate.stream();
  api.advice = await gate.metadata('winnow.advice');
  api.gate = gate;
  tell('');
}

// A gate, or a backbone that gates can be taught from.
async function open(data) {
  learner?.free();
  learner = null;
  bytes = data;
  try {
    await useGate(data);
  } catch (error) {
    try {
      await learnerReady();
      gate?.free();
      gate = null;
      show(null);
      tell('');
      toggleLesson(true);
    } catch {
      bytes = null;
      tell(t('broken') + error.message, 'open', 'close');
    }
  }
}

async function openOwn() {
  const name = new URLSearchParams(location.search).get('gate') ?? 'gate.safetensors';
  if (!/^[\w.-]+$/.test(name)) return tell(t('noGate'), 'open');
  const response = await fetch(name).catch(() => null);
  if (!response?.ok) return tell(t('noGate'), 'open');
  return open(await response.arrayBuffer());
}

// ---- the camera ----

const times = [];
let busy = false;
let newer = false; // a frame came while another was judged

async function judge() {
  const asked = gate;
  const result = await asked.score(await squareOf($('video'), $('guide')));
  if (asked !== gate) return;
  const now = performance.now();
  shown = await stream.update(result, now / 1000);
  api.last = { result, shown, seconds: now / 1000 };
  api.frames++;
  times.push(now);
  while (times[0] < now - 1000) times.shift();
  show(shown);
  $('speed').textContent = `${times.length} fps · ${result.milliseconds.toFixed(1)} ms`;
}

// Of the camera's frames, each that comes when the gate is free, or else the newest as soon as it is.
async function frame() {
  next();
  newer = busy;
  if (busy) return;
  busy = true;
  do {
    newer = false;
    try {
      if (gate && !photo && $('video').videoWidth && !document.hidden) await judge();
    } catch (error) {
      tell(error.message, 'close');
    }
  } while (newer);
  busy = false;
}

function next() {
  const video = $('video');
  if (video.requestVideoFrameCallback && !video.paused) video.requestVideoFrameCallback(frame);
  else setTimeout(frame, 100);
}

async function camera(facing) {
  try {
    await startCamera($('video'), facing);
    if (!bytes) tell(t('noGate'), 'open');
    else if (gate?.build === 'plain' && !api.warned) tell(t('noSimd'), 'close');
    else tell('');
    api.warned = true;
  } catch (error) {
    if (!window.isSecureContext) tell(t('insecure'), 'open');
    else tell(t(error.name === 'NotAllowedError' ? 'denied' : 'noCamera'), 'open', 'again');
  }
}

// ---- photographs ----

async function toBlob(bitmap) {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext('2d').drawImage(bitmap, 0, 0);
  return canvas.convertToBlob({ type: 'image/jpeg', quality: 0.92 });
}

function lookAt(blob, result) {
  photo = { blob, result };
  URL.revokeObjectURL($('shot').src);
  $('shot').src = URL.createObjectURL(blob);
  $('photo').dataset.verdict = result.verdict;
  $('photo-verdict').textContent = result.verdict === 'normal' && !result.class ? t('accepted') : `${t(result.verdict)} — ${advice(result)}`;
  $('photo-detail').textContent = `${t('similarity')} ${result.similarity.toFixed(2)} · ${t('pvalue')} ${result.pValue.toFixed(3)} · ${t('promise', percent(gate.falseReject))}`;
  $('send').disabled = result.verdict !== 'normal';
  $('send').title = $('send').disabled ? t('refused') : '';
  $('photo').showModal();
}

async function shoot() {
  if (!gate || !$('video').videoWidth) return;
  const bitmap = await squareOf($('video'), $('guide'));
  const blob = await toBlob(bitmap);
  lookAt(blob, await gate.score(bitmap));
}

function send() {
  if (photo?.result.verdict !== 'normal') return;
  api.onAccepted?.(photo.blob, photo.result);
  window.dispatchEvent(new CustomEvent('winnow-accepted', { detail: photo }));
  $('photo-detail').textContent = t('sent');
}

// A picture of the picture with its verdict written under it: to another app, or else to a file.
async function share() {
  const bitmap = await createImageBitmap(photo.blob);
  const size = 720;
  const canvas = new OffscreenCanvas(size, size + 96);
  const context = canvas.getContext('2d');
  context.fillStyle = '#10150f';
  context.fillRect(0, 0, size, size + 96);
  const scale = Math.min(size / bitmap.width, size / bitmap.height);
  context.drawImage(bitmap, (size - scale * bitmap.width) / 2, (size - scale * bitmap.height) / 2, scale * bitmap.width, scale * bitmap.height);
  context.fillStyle = '#fff';
  context.font = '600 34px system-ui, sans-serif';
  context.fillText(`${t(photo.result.verdict)} · p ${photo.result.pValue.toFixed(3)}`, 24, size + 60, size - 48);
  const file = new File([await canvas.convertToBlob({ type: 'image/png' })], 'winnow.png', { type: 'image/png' });
  if (navigator.canShare?.({ files: [file] })) await navigator.share({ files: [file] }).catch(() => {});
  else download(file, 'winnow.png');
}

function download(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// ---- files that are opened or dropped ----

async function filesOf(items) {
  const files = [];
  const walk = async (entry) => {
    if (entry.isFile) files.push(await new Promise((done, fail) => entry.file(done, fail)));
    else if (entry.isDirectory) {
      const reader = entry.createReader();
      for (let batch; (batch = await new Promise((done, fail) => reader.readEntries(done, fail))).length; ) for (const e of batch) await walk(e);
    }
  };
  for (const entry of [...items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean)) await walk(entry);
  return files;
}

async function take(files) {
  const model = files.find((file) => file.name.endsWith('.safetensors'));
  if (model) await open(await model.arrayBuffer());
  const pictures = files.filter((file) => file !== model).sort((a, b) => a.name.localeCompare(b.name));
  if (!pictures.length) return;
  if (!gate) return tell(t('noGate'), 'open');
  const rows = [];
  for (const file of pictures) {
    try {
      rows.push({ file, result: await gate.score(await createImageBitmap(file)) });
    } catch (error) {
      rows.push({ file, fault: error instanceof DOMException ? t('noPhoto') : error.message });
    }
  }
  if (rows.length === 1 && rows[0].result) return lookAt(rows[0].file, rows[0].result);
  $('results').replaceChildren(
    ...rows.map(({ file, result, fault }) => {
      const row = document.createElement('li');
      const name = document.createElement('span');
      const verdict = document.createElement('b');
      row.dataset.verdict = result?.verdict ?? 'none';
      name.textContent = file.name;
      verdict.textContent = result ? `${t(result.verdict)} · p ${result.pValue.toFixed(3)}` : fault;
      row.append(name, verdict);
      return row;
    }),
  );
  $('list').showModal();
}

// ---- teaching ----

async function learnerReady() {
  learner ??= await WorkerLearner.load(bytes.slice(0));
  return learner;
}

function progress(state) {
  taught = state;
  setText($('progress'), `${t('counts', state.normals, state.abnormals)}${t('promised', state.text)}`);
}

function toggleLesson(on = $('lesson').hidden) {
  $('lesson').hidden = !on;
  $('stage').classList.toggle('teaching', on);
  $('teach').setAttribute('aria-expanded', on);
  if (!on || !bytes) return;
  learnerReady()
    .then(async (l) => progress(await l.state()))
    .catch(() => setText($('progress'), t('notTaught')))
    .finally(() => $('lesson').classList.toggle('useless', !learner));
}

// Adds five pictures a second while a button is held, and learns when it is let go.
function hold(button, label) {
  let held = null;
  const collect = async (me) => {
    const l = await learnerReady();
    while (held === me) {
      progress(await l.add(await squareOf($('video'), $('guide')), label));
      await new Promise((done) => setTimeout(done, 200));
    }
    await learn(l);
  };
  const begin = (event) => {
    if (held || !bytes || !$('video').videoWidth || (event.key && event.key !== ' ' && event.key !== 'Enter')) return;
    event.preventDefault();
    button.classList.add('held');
    held = {};
    collect(held).catch((error) => setText($('progress'), error.message));
  };
  const end = () => {
    held = null;
    button.classList.remove('held');
  };
  button.addEventListener('pointerdown', begin);
  button.addEventListener('keydown', begin);
  for (const name of ['pointerup', 'pointercancel', 'pointerleave', 'keyup', 'blur']) button.addEventListener(name, end);
}

async function learn(l) {
  const state = await l.state();
  $('forget').disabled = false;
  if (state.needed) return;
  setText($('progress'), t('learning'));
  const { bytes: made } = await l.learn();
  api.made = made;
  await useGate(made.slice().buffer);
  $('save').disabled = false;
  progress(state);
}

async function forget() {
  await learner?.reset();
  api.made = null;
  $('save').disabled = $('forget').disabled = true;
  if (bytes) await useGate(bytes).catch(() => ((gate = null), show(null)));
  if (learner) progress(await learner.state());
}

// ---- start ----

let facing = 'environment';
$('turn').onclick = () => camera((facing = facing === 'environment' ? 'user' : 'environment'));
$('shoot').onclick = shoot;
$('teach').onclick = () => toggleLesson();
$('send').onclick = send;
$('share').onclick = share;
$('save').onclick = () => download(new Blob([api.made], { type: 'application/octet-stream' }), 'gate.safetensors');
$('forget').onclick = forget;
$('photo').onclose = () => (photo = null);
$('language').onclick = () => {
  speak(language() === 'ja' ? 'en' : 'ja');
  if (gate && shown) show(shown);
  else show(null);
  if (taught) progress(taught);
};
$('open').onclick = () => $('file').click();
const help = { open: $('open').onclick, again: () => camera(facing), close: () => tell('') };
for (const button of $('message').querySelectorAll('button')) button.onclick = help[button.dataset.text];
$('file').onchange = async ({ target }) => {
  await take([...target.files]);
  target.value = '';
};
document.addEventListener('dragover', (event) => event.preventDefault());
document.addEventListener('drop', async (event) => {
  event.preventDefault();
  await take(await filesOf(event.dataTransfer.items));
});
document.addEventListener('keydown', (event) => {
  if (event.key === ' ' && event.target === document.body) shoot();
});
// The guide takes what the panel leaves of the screen.
new ResizeObserver(() => $('stage').style.setProperty('--lesson', `${$('lesson').offsetHeight}px`)).observe($('lesson'));
hold($('is'), 'normal');
hold($('isnot'), 'abnormal');

speak();
show(null);
if (typeof WebAssembly === 'undefined') {
  tell(t('noWasm'));
} else {
  navigator.serviceWorker?.register('sw.js').catch(() => {});
  setText($('advice'), t('loading'));
  await openOwn();
  show(null);
  if (!bytes) api.ready = true;
  await camera(facing);
  api.ready = true;
  next();
}
