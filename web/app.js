// SPDX-License-Identifier: Apache-2.0
// The page: camera -> square of each frame -> gate in a worker -> steadied verdict -> gauge. An app that embeds the
// page sets window.winnow.onAccepted = (blob, result) => ... to take over accepted pictures.
import { hasPicture, startCamera, squareOf } from './camera.js';
import { WorkerGate, WorkerLearner } from './gate/worker-gate.js';
import { language, speak, t } from './strings.js';

const $ = (id) => document.getElementById(id);
const percent = (x, digits = 0) => `${(100 * x).toFixed(digits)}%`;
const api = (window.winnow = {
  last: null,
  frames: 0,
  get onAccepted() {
    return accept;
  },
  set onAccepted(hook) {
    if (hook !== accept && photo?.result.verdict === 'normal') offer({ ...photo }); // no answer of another one's is to that
    accept = hook;
  },
});

// The folder that this version of the page came from: sw.js keeps it as long as the lock is held, which is as long as the page is open.
navigator.locks?.request(new URL('./', import.meta.url).href, { mode: 'shared' }, () => new Promise(() => {})).catch(() => {});

let gate = null;
let stream = null;
let learner = null;
let bytes = null; // of the gate or backbone that was opened
let shown = null;
let loading = null; // a promise, until the page has what it begins with, or knows that there is nothing
let loaded = () => {};
let photo = null; // { blob, result } that is looked at
let accept = null; // the app's hook, behind which its main model is
const photoRing = $('photo').querySelector('figure').appendChild($('gauge').querySelector('svg').cloneNode(true));

// ---- what is shown ----

function advice(result) {
  if (!result) return loading ? t('loading') : '';
  if (result.verdict === 'normal') return result.class ?? t('adviceNormal');
  return result.verdict === 'unsure' ? t('adviceUnsure') : api.advice || t('adviceAbnormal');
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text; // screen readers hear changes alone
}

// Percent of the ring: half full at the threshold.
const fullness = (result) => 100 * (result?.gauge ?? 0);

function fill(ring, result) {
  ring.querySelector('.value').setAttribute('stroke-dasharray', `${fullness(result).toFixed(1)} 100`);
}

// The number in the ring is its fullness. It stands for no share, so it has no percent sign: of right pictures the p-value, which is
// one, is as often low as high.
const sureness = (result) => (result ? String(Math.round(fullness(result))) : '');

// A similarity with as many digits as keep it on its side of the threshold: no text stands for an accepted and for a refused picture.
function similarityText({ similarity }) {
  for (let digits = 2; digits < 9; digits++) {
    const text = similarity.toFixed(digits);
    if (text >= gate.threshold === similarity >= gate.threshold) return text;
  }
  return String(similarity);
}

function number(ring, result) {
  ring.querySelector('text').textContent = sureness(result);
}

// What the library says, in English, small below what the page says.
function explain(element, text, detail) {
  setText(element, text);
  if (!detail) return;
  const small = element.appendChild(document.createElement('small'));
  small.lang = 'en';
  small.textContent = detail;
}

let told = 0;

// The ring and the verdict move with the frames, numbers a few times a second: faster ones cannot be read.
function show(result, speed = '–') {
  const verdict = result?.verdict ?? 'none';
  $('stage').dataset.verdict = verdict;
  fill($('gauge'), result);
  setText($('word'), t(gate && !result ? 'waiting' : verdict));
  setText($('advice'), advice(result));
  const now = performance.now();
  if (result && now - told < 150) return;
  told = now;
  number($('gauge'), result);
  $('gauge').setAttribute('aria-valuenow', sureness(result) || 0);
  $('similarity').textContent = result ? similarityText(result) : '–';
  $('pvalue').textContent = result ? result.pValue.toFixed(3) : '–';
  $('speed').textContent = speed;
}

// A message by its name in strings.js, and the buttons that help: open (a file), again (the camera), close.
let said = null;

function tell(name, actions = [], detail = '') {
  said = name && { name, actions, detail };
  $('message').hidden = !name;
  $('message').querySelector('p').textContent = name ? t(name) : '';
  $('message').querySelector('small').textContent = detail;
  for (const button of $('message').querySelectorAll('button')) {
    button.hidden = !actions.includes(button.dataset.text);
    button.classList.toggle('primary', button.dataset.text === actions[0]);
  }
}

// What is not there yet: a message of the gate and one of the camera, which other messages cover, and which stand until it is.
const lacking = { gate: null, camera: null };
const rest = () => tell(...(lacking.gate ?? lacking.camera ?? [null]));

function lack(what, ...message) {
  lacking[what] = message;
  if (what === 'camera') blank();
  rest();
}

// No verdict without a picture.
function blank() {
  shown = null;
  show(null);
}

// What a person asked for, and what became of it where it failed.
const fault = (error) => tell('fault', ['close'], error.message);

// Nobody means a whole gate by one tap: whether a person says yes to a question, by a button with that word.
function sure(question, word) {
  const dialog = $('sure');
  if (dialog.open) return false;
  const [text, yes] = dialog.querySelectorAll('p, button');
  for (const [element, name] of [[text, question], [yes, word]]) element.textContent = t((element.dataset.text = name));
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((done) => (dialog.onclose = () => done(dialog.returnValue !== '')));
}

// ---- gates ----

// Of gates that are asked for, what was asked for last wins, also where it comes first: each asking takes a number, and `used` is that of
// what is in use.
let asked = 0;
let used = 0;

// Whether it is in use from now on, which it is where it is still wanted when it has been loaded.
async function useGate(data, mine, wanted = () => mine >= used) {
  const next = await WorkerGate.load(data);
  const [itsStream, itsAdvice, confidence] = await Promise.all([next.stream(), next.metadata('winnow.advice'), next.metadata('winnow.confidence')]);
  if (!wanted()) {
    next.free();
    return false;
  }
  dismiss();
  used = mine;
  api.gate = gate = next;
  stream = itsStream;
  api.advice = itsAdvice;
  api.confidence = Number(confidence ?? 0);
  lacking.gate = null;
  rest();
  return true;
}

// The gate in use, and what is looked at that it judged.
function dismiss() {
  gate?.free();
  api.gate = gate = shown = null;
  for (const dialog of [$('photo'), $('list')]) if (dialog.open) dialog.close();
}

// A gate, or a backbone that gates can be taught from: whether it is in use. Throws where it is neither.
async function put(data, mine) {
  let teacher = null;
  try {
    if (!(await useGate(data, mine))) return false;
  } catch (error) {
    if (error.code === 'module') throw error;
    teacher = await WorkerLearner.load(data).catch(() => null);
    if (mine < used) {
      teacher?.free();
      return false;
    }
    if (!teacher) throw error;
    used = mine;
    dismiss();
    lacking.gate = null;
    rest();
  }
  learner?.free();
  learner = teacher;
  bytes = data;
  forgetMade();
  loaded();
  show(null);
  toggleLesson(teacher !== null || !$('lesson').hidden);
  return true;
}

// The same, which tells what is wrong.
async function open(data, mine) {
  try {
    return await put(data, mine);
  } catch (error) {
    if (mine < used) return false;
    if (error.code === 'module') lack('gate', 'noModule', ['again'], error.message);
    else tell('broken', ['open', 'close'], error.message);
    return false;
  }
}

// ---- the site's gate, and the person's own, which lasts until they go back to the site's ----

const served = new URLSearchParams(location.search).get('gate') ?? 'gate.safetensors';
const OWN = 'winnow-own';
const NEWER = 'winnow-newer'; // as in sw.js
const UNSAVED = 'winnow-unsaved'; // a header of an own gate that was taught and is in no file
const PATIENCE = 15000;
let own = false; // `bytes` are the person's

// No gate; or the one in use goes on.
const noGate = (name, helps) => (bytes ? tell(name, [...helps, 'close']) : lack('gate', name, [...helps, 'open']));

async function openServed() {
  if (!/^[\w.-]+$/.test(served)) return noGate('noGate', []);
  const mine = ++asked;
  const newer = await openNewer(mine);
  const headers = newer ? null : await openFetched(mine);
  if (!newer && !headers) return;
  own = false;
  const data = bytes;
  if (!$('own').hidden) await dropOwn();
  if (headers) await keepServed(data, headers);
  else fetch(served).catch(() => {}); // so that sw.js looks for what is newer still
}

// What came with it, where it is in use from now on.
async function openFetched(mine) {
  const slow = setTimeout(() => mine > used && noGate('slow', []), PATIENCE);
  const response = await fetch(served).catch(() => null);
  const data = response?.ok && (await response.arrayBuffer().catch(() => null));
  clearTimeout(slow);
  if (mine < used) return null;
  if (data) return (await open(data, mine)) ? response.headers : null;
  if (response && !response.ok) noGate('noGate', []);
  else noGate('unreachable', ['again']);
  return null;
}

// Where the browser keeps nothing, as in some private windows, or not any longer: undefined.
async function cache(name) {
  try {
    return await window.caches?.open(name);
  } catch {
    return undefined;
  }
}
const keptIn = async (name) => (await cache(name))?.match(served).catch(() => undefined);

// For visits without a network; from then on sw.js sees to it that it is the newest.
async function keepServed(data, headers) {
  const kept = navigator.serviceWorker && (await cache('winnow'));
  if (!kept || (await keptIn('winnow'))) return;
  await kept.put(served, new Response(data, { headers })).catch(() => tell('notKept', ['close']));
}

// A changed gate of the site's takes the place of the one that is kept when it has been opened once: half of a file would be no gate for
// visits without a network.
async function openNewer(mine) {
  const fresh = await keptIn(NEWER);
  const data = await fresh?.arrayBuffer().catch(() => null);
  if (!data || !(await put(data, mine).catch(() => false))) return false;
  const kept = await cache('winnow');
  const moved = await kept?.put(served, new Response(data, { headers: fresh.headers })).catch(() => 'not');
  if (moved !== 'not') await (await cache(NEWER))?.delete(served).catch(() => {});
  return true;
}

async function keepOwn(data) {
  $('own').hidden = false;
  navigator.storage?.persist?.().catch(() => {});
  const kept = await cache(OWN);
  await kept?.put(served, new Response(data, { headers: unsaved ? { [UNSAVED]: 'yes' } : {} })).catch(() => tell('notKept', ['close']));
}

async function dropOwn() {
  $('own').hidden = true;
  await (await cache(OWN))?.delete(served);
}

async function openKept() {
  const kept = await keptIn(OWN);
  const data = kept && (await openOwn(kept.arrayBuffer()).catch(() => null));
  $('own').hidden = !kept;
  if (data && kept.headers.has(UNSAVED)) haveMade(data);
  if (!bytes) await openServed();
}

// Its bytes, where it is in use from now on.
async function openOwn(coming) {
  const mine = ++asked;
  const data = await coming;
  if (!(await open(data, mine))) return null;
  own = true;
  return data;
}

async function openFile(file) {
  if (unsaved && !(await sure('lossAsk', 'open'))) return;
  const data = await openOwn(file.arrayBuffer());
  if (data) await keepOwn(data);
}

async function goBack() {
  if (!unsaved || (await sure('lossAsk', 'own'))) await openServed();
}

// The site has a new gate: at once, where nobody is in the middle of something.
function renew({ data: { changed } }) {
  if (changed !== new URL(served, location.href).href) return;
  if ($('own').hidden && $('lesson').hidden && $('forget').disabled && !frozen()) openNewer(++asked).catch(() => {});
}

// ---- the camera ----

const times = [];
let busy = false;
let newer = false; // a frame came while another was judged
let faulty = null; // what the last frame's fault said, which is told once

async function judge() {
  const [judging, itsStream] = [gate, stream];
  try {
    const result = await judging.score(await squareOf($('video'), $('guide')));
    const now = performance.now();
    const steady = await itsStream.update(result, now / 1000);
    if (judging !== gate || !hasPicture($('video'))) return;
    shown = steady;
    api.last = { result, shown, seconds: now / 1000 };
    api.frames++;
    times.push(now);
    while (times[0] < now - 1000) times.shift();
    show(shown, `${times.length} fps · ${result.milliseconds.toFixed(1)} ms`);
  } catch (error) {
    if (judging === gate && hasPicture($('video'))) throw error; // else another gate was opened meanwhile, or another camera
  }
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
      if (gate && !frozen() && hasPicture($('video')) && !document.hidden) {
        await judge();
        faulty = null;
      }
    } catch (error) {
      if (faulty !== error.message) fault(error);
      faulty = error.message;
    }
  } while (newer);
  busy = false;
}

function next() {
  const video = $('video');
  if (video.paused) setTimeout(frame, 100);
  else if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(frame);
  else requestAnimationFrame(frame); // Firefox before 132
}

const CAMERA_FAULTS = { NotAllowedError: 'denied', NotReadableError: 'cameraBusy' };

async function camera(facing) {
  try {
    if (!(await startCamera($('video'), facing, { lost: () => lack('camera', 'cameraLost', ['again', 'open']), still: blank }))) return;
    stayAwake();
    const complaint = lacking.camera?.[0];
    lacking.camera = null;
    if (complaint && said?.name === complaint) rest();
  } catch (error) {
    if (!window.isSecureContext) lack('camera', 'insecure', ['open']);
    else lack('camera', CAMERA_FAULTS[error.name] ?? 'noCamera', ['again', 'open']);
  }
}

// The screen, while the camera is looked through: browsers end that with each turn to another page.
function stayAwake() {
  if (hasPicture($('video')) && !document.hidden) navigator.wakeLock?.request('screen').catch(() => {});
}

// While a photo or a list is looked at, the picture stands still.
const frozen = () => $('photo').open || $('list').open;

function freeze(dialog) {
  $('video').pause();
  if (!dialog.open) dialog.showModal();
}

function thaw() {
  if (!frozen() && $('video').srcObject) $('video').play().catch(() => {});
}

// ---- photographs ----

// The page's own: Safari before 16.4 and Firefox before 105 have no OffscreenCanvas.
const canvasOf = (width, height) => Object.assign(document.createElement('canvas'), { width, height });
const toBlob = (canvas, type, quality) => new Promise((done) => canvas.toBlob(done, type, quality));

function toPhoto(bitmap) {
  const canvas = canvasOf(bitmap.width, bitmap.height);
  canvas.getContext('2d').drawImage(bitmap, 0, 0);
  return toBlob(canvas, 'image/jpeg', 0.92);
}

function lookAt(blob, result) {
  const accepted = result.verdict === 'normal';
  offer({ blob, result });
  URL.revokeObjectURL($('shot').src);
  $('shot').src = URL.createObjectURL(blob);
  $('photo').dataset.verdict = result.verdict;
  fill(photoRing, result);
  number(photoRing, result);
  $('photo-verdict').textContent = t(accepted ? 'accepted' : result.verdict);
  $('photo-advice').textContent = accepted ? '' : advice(result);
  $('photo-detail').textContent = `${t('similarity')} ${similarityText(result)} · ${t('pvalue')} ${result.pValue.toFixed(3)} · ${t('promise', percent(gate.falseReject), api.confidence && percent(api.confidence))}`;
  if (!accepted) $('answer').textContent = t('refused');
  $('send').disabled = !accepted;
  freeze($('photo'));
}

// To be looked at, and sent as if for the first time.
function offer(next) {
  photo = next;
  $('answer').textContent = '';
  $('send').removeAttribute('aria-disabled');
}

async function shoot() {
  if (!gate || frozen()) return;
  if (!hasPicture($('video'))) return rest();
  $('video').pause();
  const bitmap = await squareOf($('video'), $('guide'));
  const blob = await toPhoto(bitmap);
  lookAt(blob, await gate.score(bitmap));
}

// To the diagnosis: the gate's own where it has classes, else whoever listens, who may answer with words. Once, or again where that failed; the
// button keeps the focus.
async function send() {
  if (photo?.result.verdict !== 'normal' || $('send').hasAttribute('aria-disabled')) return;
  const heard = !window.dispatchEvent(new CustomEvent('winnow-accepted', { cancelable: true, detail: photo })) || accept;
  const mine = photo;
  const { blob, result } = mine;
  $('send').setAttribute('aria-disabled', true);
  let answer, fault;
  try {
    answer = await accept?.(blob, result);
  } catch (error) {
    fault = error.message;
  }
  if (photo !== mine) return;
  if (fault) {
    $('send').removeAttribute('aria-disabled');
    return explain($('answer'), t('fault'), fault);
  }
  if (result.class) answer = t('diagnosis', result.class, percent(result.probability));
  $('answer').textContent = typeof answer === 'string' ? answer : t(heard ? 'sent' : 'nobody');
}

// The gauge, drawn: what CSS does to the ring of the page.
function drawRing(context, x, y, size, result, tint) {
  context.save();
  context.translate(x, y);
  context.scale(size / 100, size / 100);
  context.lineCap = context.lineJoin = 'round';
  const arc = (radius, share, stroke, width) => {
    context.beginPath();
    context.arc(50, 50, radius, -Math.PI / 2, (2 * share - 0.5) * Math.PI);
    context.strokeStyle = stroke;
    context.lineWidth = width;
    context.stroke();
  };
  context.beginPath();
  context.arc(50, 50, 50, 0, 2 * Math.PI);
  context.fillStyle = 'rgb(10 14 10 / 74%)';
  context.fill();
  arc(42, 1, 'rgb(255 255 255 / 18%)', 8);
  arc(42, fullness(result) / 100, tint, 8);
  context.strokeStyle = context.fillStyle = '#fff';
  context.lineWidth = 7;
  const sign = { normal: '.yes', unsure: '.perhaps', abnormal: '.no' }[result.verdict];
  context.stroke(new Path2D(photoRing.querySelector(sign).getAttribute('d')));
  context.textAlign = 'center';
  context.font = '600 15px system-ui, sans-serif';
  context.fillText(sureness(result), 50, 76);
  context.restore();
}

// The picture with its gauge and its verdict: to another app, or else to a file, also where the browser refuses. Not where the person does.
async function share() {
  const { blob, result } = photo;
  const bitmap = await decode(blob);
  const size = 720;
  const canvas = canvasOf(size, size + 96);
  const context = canvas.getContext('2d');
  const tint = getComputedStyle($('photo')).getPropertyValue('--tint');
  context.fillStyle = '#10150f';
  context.fillRect(0, 0, size, size + 96);
  const scale = Math.min(size / bitmap.width, size / bitmap.height);
  context.drawImage(bitmap, (size - scale * bitmap.width) / 2, (size - scale * bitmap.height) / 2, scale * bitmap.width, scale * bitmap.height);
  context.fillStyle = tint;
  context.fillRect(0, size, size, 6);
  context.fillStyle = '#fff';
  context.font = '600 34px system-ui, sans-serif';
  context.fillText(`${t(result.verdict)} · ${t('pvalue')} ${result.pValue.toFixed(3)}`, 24, size + 62, size - 48);
  drawRing(context, size - 174, 24, 150, result, tint);
  const file = new File([await toBlob(canvas, 'image/png')], 'winnow.png', { type: 'image/png' });
  try {
    if (navigator.canShare?.({ files: [file] })) return await navigator.share({ files: [file] });
  } catch (error) {
    if (error.name === 'AbortError') return;
  }
  download(file, 'winnow.png');
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
  if ($('open').disabled) return;
  const model = files.find((file) => file.name.endsWith('.safetensors'));
  if (model) await openFile(model);
  const pictures = files.filter((file) => file !== model).sort((a, b) => a.name.localeCompare(b.name));
  if (!pictures.length) return;
  await loading;
  if (!gate) return tell('noGate', ['open']);
  if (pictures.length > 1) return lookThrough(pictures);
  const { result } = await judgeFile(pictures[0]);
  if (result) lookAt(pictures[0], result);
  else lookThrough(pictures); // which says what is wrong
}

// A photo of more pixels than a phone's memory takes lightly is made smaller while it is decoded.
const LARGEST = 16e6; // its pixels, as in gate/picture.js

async function decode(file) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  await new Promise((done) => (image.onload = image.onerror = done)); // which knows its size, and has not decoded it
  URL.revokeObjectURL(image.src);
  const { naturalWidth: width, naturalHeight: height } = image;
  if (width * height <= LARGEST) return createImageBitmap(file); // or no photo, which this says
  const scale = Math.sqrt(LARGEST / (width * height));
  return createImageBitmap(file, { resizeWidth: Math.floor(scale * width), resizeHeight: Math.floor(scale * height), resizeQuality: 'high' });
}

// { result, thumbnail } or { fault, detail, thumbnail } of a file; the fault by its name in strings.js.
async function judgeFile(file) {
  const thumbnail = canvasOf(96, 96);
  try {
    const bitmap = await decode(file);
    const side = Math.min(bitmap.width, bitmap.height);
    thumbnail.getContext('2d').drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, 96, 96);
    return { thumbnail, result: await gate.score(bitmap) };
  } catch (error) {
    return error instanceof DOMException ? { thumbnail, fault: 'noPhoto' } : { thumbnail, fault: 'notJudged', detail: error.message };
  }
}

function rowOf(file, { result, fault, detail, thumbnail }) {
  const row = document.createElement('li');
  const button = document.createElement('button');
  const name = document.createElement('span');
  const verdict = document.createElement('b');
  row.dataset.verdict = result?.verdict ?? 'none';
  explain(name, file.name, detail);
  verdict.textContent = result ? `${t(result.verdict)} · ${sureness(result)}` : t(fault);
  button.disabled = !result;
  button.onclick = () => lookAt(file, result);
  button.append(thumbnail, name, verdict);
  row.append(button);
  return row;
}

let looking = null; // the files that the list is of

// Many photos: a list that grows while they are judged, until it is closed or others take their place.
async function lookThrough(files) {
  looking = files;
  const counts = { normal: 0, unsure: 0, abnormal: 0, noPhoto: 0, notJudged: 0 };
  $('results').replaceChildren();
  freeze($('list'));
  for (const [i, file] of files.entries()) {
    setText($('list-sum'), t('judging', i + 1, files.length));
    const judged = await judgeFile(file);
    if (looking !== files) return;
    counts[judged.result?.verdict ?? judged.fault]++;
    $('results').append(rowOf(file, judged));
  }
  const parts = Object.entries(counts).filter(([, count]) => count);
  setText($('list-sum'), parts.map(([name, count]) => `${t(name)} ${count}`).join(' · '));
}

// ---- teaching ----

let coming = null; // { of: bytes, learner: a promise of it }

async function learnerReady() {
  if (learner) return learner;
  if (coming?.of !== bytes) coming = { of: bytes, learner: WorkerLearner.load(bytes) };
  const mine = coming;
  try {
    const loaded = await mine.learner;
    if (mine.of === bytes) return (learner ??= loaded);
    loaded.free();
  } catch (error) {
    if (coming === mine) coming = null; // the next try loads it again
    if (mine.of === bytes) throw error;
  }
  return learnerReady(); // of the file that was opened meanwhile
}

const teachable = (on) => {
  for (const id of ['is', 'isnot']) $(id).disabled = !on;
};

function progress(state, repeats = false) {
  teachable(true);
  $('is-count').textContent = state.normals;
  $('isnot-count').textContent = state.abnormals;
  learner.wanted = Math.max(learner.wanted ?? 0, state.needed); // at the start
  $('share-taught').value = state.needed ? 1 - state.needed / learner.wanted : 1;
  setText($('progress'), t('promised', state.text) + (repeats ? t('move') : api.made ? t('tryIt') : ''));
}

function toggleLesson(on = $('lesson').hidden) {
  $('lesson').hidden = !on;
  $('stage').classList.toggle('teaching', on);
  $('teach').setAttribute('aria-expanded', on);
  if (!on) return;
  if (!bytes) setText($('progress'), t('noGate'));
  $('lesson').classList.toggle('useless', !bytes);
  if (!bytes) return;
  if (!learner) {
    setText($('progress'), t('loading'));
    $('is-count').textContent = $('isnot-count').textContent = '…';
    $('share-taught').value = 0;
    teachable(false);
  }
  learnerReady()
    .then(async (l) => progress(await l.state()))
    .catch((error) => explain($('progress'), t(error.code === 'module' ? 'noModule' : 'notTaught'), error.code && error.message))
    .finally(() => $('lesson').classList.toggle('useless', !learner));
}

// Adds five pictures a second while a button is held, at least one, and learns when it is let go. What presses it without holding it,
// as switches and some screen readers do, adds one.
const AFTER = 500; // a click so soon after a hold is the end of it

function hold(button, label) {
  let held = null;
  let ended = -AFTER;
  const collect = async (me) => {
    const [mine, l] = [++asked, await learnerReady()];
    const wanted = () => l === learner && mine >= used; // no other file was opened meanwhile, nor all forgotten
    try {
      let { needed } = await l.state();
      do {
        const state = await l.add(await squareOf($('video'), $('guide')), label);
        if (!wanted()) return;
        progress(state, label === 'normal' && needed > 0 && state.needed === needed);
        needed = state.needed;
        await new Promise((done) => setTimeout(done, 200));
      } while (held === me);
      await learn(l, mine, wanted);
    } catch (error) {
      if (wanted()) throw error;
    }
  };
  const begin = (event) => {
    if (held || button.disabled || event.button > 0 || (event.key && event.key !== ' ' && event.key !== 'Enter')) return;
    if (!hasPicture($('video'))) return rest();
    event.preventDefault();
    button.classList.add('held');
    held = {};
    collect(held).catch((error) => explain($('progress'), t('fault'), error.message));
  };
  const end = () => {
    if (held) ended = performance.now();
    held = null;
    button.classList.remove('held');
  };
  button.addEventListener('click', (event) => {
    if (held || performance.now() - ended < AFTER) return;
    begin(event);
    end();
    ended = -AFTER; // nor is it the end of this
  });
  button.addEventListener('pointerdown', begin);
  button.addEventListener('keydown', begin);
  button.addEventListener('contextmenu', (event) => event.preventDefault()); // of a long press
  for (const name of ['pointerup', 'pointercancel', 'pointerleave', 'keyup', 'blur']) button.addEventListener(name, end);
}

let unsaved = false; // what was taught is in no file

function haveMade(made) {
  api.made = made;
  unsaved = true;
  $('save').disabled = false;
}

function forgetMade() {
  api.made = null;
  unsaved = false;
  $('save').disabled = $('forget').disabled = true;
}

async function learn(l, mine, wanted) {
  const state = await l.state();
  if (!wanted()) return;
  $('forget').disabled = false;
  if (state.needed) return;
  setText($('progress'), t('learning'));
  const { bytes: made } = await l.learn();
  if (!wanted() || !(await useGate(made, mine, wanted))) return;
  haveMade(made);
  progress(state);
  await keepOwn(made);
}

async function forget() {
  const [mine, l] = [(used = ++asked), learner]; // what is being learned comes to nothing
  forgetMade();
  const wanted = () => l === learner && mine >= used;
  try {
    await l.reset();
    await useGate(bytes, mine, wanted).catch(() => wanted() && dismiss());
  } catch (error) {
    if (wanted()) throw error;
  }
  if (!wanted()) return;
  show(null);
  progress(await l.state());
  await (own ? keepOwn(bytes) : dropOwn());
}

async function save() {
  download(new Blob([api.made], { type: 'application/octet-stream' }), 'gate.safetensors');
  unsaved = false;
  await keepOwn(api.made);
}

// ---- start ----

let facing = 'environment';
$('turn').onclick = () => camera((facing = facing === 'environment' ? 'user' : 'environment'));
$('shoot').onclick = () => shoot().catch(fault).finally(thaw);
$('teach').onclick = () => toggleLesson();
$('send').onclick = send;
$('share').onclick = () => share().catch((error) => explain($('answer'), t('fault'), error.message));
$('save').onclick = () => save().catch(fault);
$('forget').onclick = async () => (await sure('forgetAsk', 'forget')) && forget().catch(fault);
$('own').onclick = () => goBack().catch(fault);
$('photo').onclose = () => {
  photo = null;
  thaw();
};
$('list').onclose = () => {
  looking = null;
  thaw();
};
$('language').onclick = () => {
  speak(language() === 'ja' ? 'en' : 'ja');
  if (gate && shown) show(shown);
  else show(null);
  toggleLesson(!$('lesson').hidden);
  if (said) tell(said.name, said.actions, said.detail);
};
$('open').onclick = () => $('file').click();
const AGAIN = { unreachable: () => openServed().catch(fault), noModule: () => location.reload() };
const again = () => (AGAIN[said.name] ?? (() => camera(facing)))();
const help = { open: $('open').onclick, again, close: rest };
for (const button of $('message').querySelectorAll('button')) button.onclick = help[button.dataset.text];
$('file').onchange = async ({ target }) => {
  await take([...target.files]).catch(fault);
  target.value = '';
};
document.addEventListener('visibilitychange', stayAwake);
document.addEventListener('dragover', (event) => {
  event.preventDefault();
  $('stage').classList.add('dropping');
});
document.addEventListener('dragleave', () => $('stage').classList.remove('dropping'));
document.addEventListener('drop', async (event) => {
  event.preventDefault();
  $('stage').classList.remove('dropping');
  await filesOf(event.dataTransfer.items).then(take).catch(fault);
});
document.addEventListener('keydown', (event) => {
  if (event.key === ' ' && event.target === document.body) $('shoot').click();
});
// The guide takes what the panel leaves of the screen.
new ResizeObserver(() => $('stage').style.setProperty('--lesson', `${$('lesson').offsetHeight}px`)).observe($('lesson'));
hold($('is'), 'normal');
hold($('isnot'), 'abnormal');

speak();
show(null);
if (typeof WebAssembly === 'undefined') {
  for (const id of ['open', 'turn', 'shoot', 'teach']) $(id).disabled = true;
  tell('noWasm');
} else {
  navigator.serviceWorker?.register('sw.js').catch(() => {});
  navigator.serviceWorker?.addEventListener('message', renew);
  loading = new Promise((done) => {
    loaded = () => done((loading = null));
  });
  show(null);
  next();
  const opened = openKept().catch(fault).finally(() => {
    loaded();
    if (!shown) show(null);
    if (!bytes) api.ready = true;
  });
  await Promise.all([opened, camera(facing)]);
  if (gate?.build === 'plain' && !said) tell('noSimd', ['close']);
  api.ready = true;
}
