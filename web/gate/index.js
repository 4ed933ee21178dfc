// SPDX-License-Identifier: Apache-2.0
// winnow-gate: judge pictures where the camera is.
//
//     const gate = await Gate.load('rice.safetensors');
//     const { verdict, pValue } = await gate.score(videoFrame);
import { Module, WinnowError, bytesOf, bestBuild } from './module.js';
import { check, draw } from './picture.js';

export { WinnowError, bestBuild };

const VERDICTS = ['normal', 'unsure', 'abnormal'];
const FORMATS = { RGB: 0, BGR: 1, RGBA: 2, BGRA: 3, GRAY: 4, NV12: 5, I420: 6 };
const LABELS = { abnormal: 0, normal: 1 };

// Raw pixels as they may be given.
function checked({ data, width, height, format = 'RGBA', orientation = 1 }) {
  const kind = data[Symbol.toStringTag]; // which other windows' arrays have too
  if (kind !== 'Uint8Array' && kind !== 'Uint8ClampedArray') throw new WinnowError(`pixels in ${kind ?? typeof data}: give a Uint8Array or a Uint8ClampedArray`);
  if (!(Number.isInteger(width) && width > 0 && Number.isInteger(height) && height > 0))
    throw new WinnowError(`a picture of ${width}x${height} pixels: both take a whole number above 0`);
  if (!Object.hasOwn(FORMATS, format)) throw new WinnowError(`unknown pixel format ${format}: use ${Object.keys(FORMATS).join(', ')}`);
  if (!Number.isInteger(orientation)) throw new WinnowError(`orientation ${orientation}: it is a whole number from 1 to 8, as EXIF's`);
  return { data, width, height, format: FORMATS[format], orientation };
}

/** Calls use(pointer, width, height, format, orientation) with a picture in the module's memory. */
function withPicture(module, source, use) {
  check(source);
  const { data, width, height, format, orientation } = checked(source.data ? source : draw(source));
  const half = Math.ceil(width / 2) * Math.ceil(height / 2);
  const size = format < 5 ? width * height * [3, 3, 4, 4, 1][format] : width * height + 2 * half;
  if (data.length < size) throw new WinnowError(`${width}x${height} pixels take ${size} bytes, there are ${data.length}`);
  const pointer = module.room(size);
  module.bytes.set(data.length === size ? data : data.subarray(0, size), pointer);
  return use(pointer, width, height, format, orientation);
}

function result(module, classes) {
  const [verdict, pValue, similarity, index, probability, gauge] = module.numbers(6);
  return {
    verdict: VERDICTS[verdict],
    pValue,
    similarity,
    gauge,
    class: index < 0 ? null : classes[index],
    probability: index < 0 ? null : probability,
  };
}

export class Gate {
  #module;
  #gate;
  #session;

  /** From a URL, a Blob or bytes of a gate file; in Node, from a path too. `options.build`: 'relaxed', 'simd' or 'plain'; `options.wasm`: where
   *  the package's .wasm files are served, where they do not lie beside its scripts. */
  static async load(source, options) {
    const [module, bytes] = await Promise.all([Module.load(options), bytesOf(source)]);
    return new Gate(module, bytes);
  }

  constructor(module, bytes) {
    const gate = module.with(bytes, module.call.wg_open);
    if (!gate) throw module.fail();
    const session = module.call.wg_session(gate);
    if (!session) throw module.fail();
    this.#module = module;
    this.#gate = gate;
    this.#session = session;
    this.build = module.build;
    this.threshold = module.call.wg_threshold(gate);
    this.falseReject = module.call.wg_false_reject(gate);
    const count = module.call.wg_class_count(gate);
    this.classes = Array.from({ length: count }, (_, i) => module.string(module.call.wg_class_name(gate, i)));
  }

  /** What the gate file says under a key of docs/format.md, or undefined. */
  metadata(key) {
    return this.#module.withString(key, (pointer) => this.#module.string(this.#module.call.wg_metadata(this.#gate, pointer)));
  }

  score(source) {
    return withPicture(this.#module, source, (...picture) => {
      if (this.#module.call.wg_score(this.#gate, this.#session, ...picture) < 0) throw this.#module.fail();
      return result(this.#module, this.classes);
    });
  }

  /** The L2-normalised embedding, a Float32Array. */
  embed(source) {
    const module = this.#module;
    const length = module.call.wg_embedding_size(this.#gate);
    return withPicture(module, source, (...picture) =>
      module.with(new Uint8Array(4 * length), (out) => {
        if (module.call.wg_embed(this.#session, ...picture, out) < 0) throw module.fail();
        return new Float32Array(module.call.memory.buffer, out, length).slice();
      }),
    );
  }

  /** Steadies the verdicts of a video: update(result, seconds) -> what to show. */
  stream() {
    const module = this.#module;
    const classes = this.classes;
    let stream = module.call.wg_stream();
    if (!stream) throw new WinnowError('out of memory');
    return {
      update: (frame, seconds) => {
        if (!this.#gate) throw new WinnowError('the gate of this stream was freed');
        if (!stream) throw new WinnowError('this stream was freed');
        const index = frame.class === null ? -1 : classes.indexOf(frame.class);
        const verdict = VERDICTS.indexOf(frame.verdict);
        const { pValue, similarity, probability } = frame;
        if (module.call.wg_stream_update(this.#gate, stream, verdict, pValue, similarity, index, probability ?? 0, seconds) < 0) throw module.fail();
        return result(module, classes);
      },
      free: () => {
        module.call.wg_free(stream);
        stream = 0; // its memory may be another's from now on
      },
    };
  }

  /** Gives the memory back; the gate cannot be used after. */
  free() {
    this.#module.call.wg_session_free(this.#session);
    this.#module.call.wg_close(this.#gate);
    this.#session = this.#gate = 0;
  }
}

/** Teaches: a new gate out of an old one, or of a backbone, and more pictures. */
export class Learner {
  #module;
  #learner;

  /** From a URL, a Blob or bytes of a gate or of a backbone. */
  static async load(source, options) {
    const [module, bytes] = await Promise.all([Module.load(options), bytesOf(source)]);
    const learner = new Learner();
    learner.#module = module;
    learner.#learner = module.with(bytes, module.call.wg_learner);
    if (!learner.#learner) throw module.fail();
    return learner;
  }

  #check(status) {
    if (status < 0) throw this.#module.fail();
  }

  /** At most `falseReject` of normal pictures turned away, on average (confidence 0) or with that confidence. */
  promise(falseReject, confidence = 0) {
    this.#check(this.#module.call.wg_learner_promise(this.#learner, falseReject, confidence));
  }

  /** Where the pictures that are added from now on come from; null: one unnamed place. */
  source(name) {
    const call = this.#module.call;
    this.#check(name === null ? call.wg_learner_source(this.#learner, 0) : this.#module.withString(name, (p) => call.wg_learner_source(this.#learner, p)));
  }

  /** Adds a picture that is 'normal' or 'abnormal'. */
  add(source, label) {
    if (!Object.hasOwn(LABELS, label)) throw new WinnowError(`unknown label ${label}: use normal or abnormal`);
    withPicture(this.#module, source, (...picture) => this.#check(this.#module.call.wg_learner_add(this.#learner, ...picture, LABELS[label])));
  }

  reset() {
    this.#module.call.wg_learner_reset(this.#learner);
  }

  get state() {
    const { call } = this.#module;
    return {
      normals: call.wg_learner_count(this.#learner, LABELS.normal),
      abnormals: call.wg_learner_count(this.#learner, LABELS.abnormal),
      needed: call.wg_learner_needed(this.#learner),
      text: this.#module.string(call.wg_learner_describe(this.#learner)),
    };
  }

  /** { bytes, lesson }: the new gate's file, and what changed. */
  learn() {
    const { call } = this.#module;
    const pointer = call.wg_learner_learn(this.#learner);
    if (!pointer) throw this.#module.fail();
    const bytes = this.#module.bytes.slice(pointer, pointer + call.wg_made_size());
    const n = Array.from(this.#module.numbers(14));
    const shares = (at) => ({ rejected: n[at], accepted: n[at + 1], newRejected: n[at + 2], newAccepted: n[at + 3] });
    const [normals, abnormals, newNormals, newAbnormals, replaced, sources] = n;
    return { bytes, lesson: { normals, abnormals, newNormals, newAbnormals, replaced, sources, before: shares(6), after: shares(10) } };
  }

  free() {
    this.#module.call.wg_learner_free(this.#learner);
    this.#learner = 0;
  }
}
