// SPDX-License-Identifier: Apache-2.0
// The same gate and learner in a worker, so that the page stays smooth: every method gives a promise.
import { WinnowError, bytesOf, folder } from './module.js';
import { cannotDraw, check, draw, drawsAnywhere } from './picture.js';

// The worker's own URL may be another's: what is given is from the page's.
const ofPage = (options) => (options?.wasm ? { ...options, wasm: folder(options.wasm) } : options);

class Remote {
  #worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  #waiting = new Map();
  #calls = 0;
  #ended = false;

  constructor() {
    this.#worker.onmessage = ({ data: { call, value, error, code } }) => {
      const { resolve, reject } = this.#waiting.get(call);
      this.#waiting.delete(call);
      if (error === undefined) resolve(value);
      else reject(new WinnowError(error, code));
    };
    this.#worker.onerror = (event) => this.#refuse(event.message ?? 'the worker could not be started', 'module');
  }

  #refuse(message, code) {
    for (const { reject } of this.#waiting.values()) reject(new WinnowError(message, code));
    this.#waiting.clear();
  }

  ask(action, more = {}, transfer = []) {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(new WinnowError('it was freed'));
      this.#waiting.set(++this.#calls, { resolve, reject });
      this.#worker.postMessage({ call: this.#calls, action, ...more }, transfer);
    });
  }

  // What all else stands on: without it, the worker has no use.
  async first(action, more) {
    try {
      return await this.ask(action, more);
    } catch (error) {
      this.end();
      throw error;
    }
  }

  end() {
    this.#ended = true;
    this.#worker.terminate();
    this.#refuse('it was freed while it was at work');
  }
}

// What can be moved to the worker is moved; what lives in the page alone (a video, an image) is made into a bitmap. Where a worker cannot
// draw, the page does.
async function movable(picture) {
  check(picture);
  if (picture.data) return [picture, []];
  if (!drawsAnywhere()) {
    const pixels = draw(picture);
    picture.close?.();
    return [pixels, [pixels.data.buffer]];
  }
  if (typeof ImageBitmap !== 'undefined' && picture instanceof ImageBitmap) return [picture, [picture]];
  if (typeof VideoFrame !== 'undefined' && picture instanceof VideoFrame) return [picture, [picture]];
  const bitmap = await createImageBitmap(picture).catch((error) => {
    throw cannotDraw(error);
  });
  return [bitmap, [bitmap]];
}

export class WorkerGate {
  #remote;
  #id;

  static async load(source, options) {
    const gate = new WorkerGate();
    gate.#remote = new Remote();
    const { id, ...facts } = await gate.#remote.first('gate', { source: await bytesOf(source), options: ofPage(options) });
    gate.#id = id;
    return Object.assign(gate, facts);
  }

  /** An ImageBitmap or VideoFrame is moved to the worker and closed there. The result has `milliseconds` too. */
  async score(picture) {
    const [moved, transfer] = await movable(picture);
    return this.#remote.ask('score', { id: this.#id, picture: moved }, transfer);
  }

  async embed(picture) {
    const [moved, transfer] = await movable(picture);
    return this.#remote.ask('embed', { id: this.#id, picture: moved }, transfer);
  }

  metadata(key) {
    return this.#remote.ask('metadata', { id: this.#id, key });
  }

  async stream() {
    const { id } = await this.#remote.ask('stream', { id: this.#id });
    return { update: (frame, seconds) => this.#remote.ask('update', { id, frame, seconds }), free: () => this.#remote.ask('free', { id }) };
  }

  free() {
    this.#remote.end();
  }
}

export class WorkerLearner {
  #remote;
  #id;

  static async load(source, options) {
    const learner = new WorkerLearner();
    learner.#remote = new Remote();
    learner.#id = (await learner.#remote.first('learner', { source: await bytesOf(source), options: ofPage(options) })).id;
    return learner;
  }

  promise(falseReject, confidence = 0) {
    return this.#remote.ask('promise', { id: this.#id, falseReject, confidence });
  }

  source(name) {
    return this.#remote.ask('source', { id: this.#id, name });
  }

  /** Gives the state after. */
  async add(picture, label) {
    const [moved, transfer] = await movable(picture);
    return this.#remote.ask('add', { id: this.#id, picture: moved, label }, transfer);
  }

  reset() {
    return this.#remote.ask('reset', { id: this.#id });
  }

  state() {
    return this.#remote.ask('state', { id: this.#id });
  }

  learn() {
    return this.#remote.ask('learn', { id: this.#id });
  }

  free() {
    this.#remote.end();
  }
}
