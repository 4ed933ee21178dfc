// SPDX-License-Identifier: Apache-2.0
// The other side of worker-gate.js: one request at a time, answered in order.
import { Gate, Learner, WinnowError } from './index.js';

const made = new Map();
let next = 1;

const keep = (object) => (made.set(next, object), next++);
const actions = {
  async gate({ source, options }) {
    const gate = await Gate.load(source, options);
    const { build, threshold, falseReject, classes } = gate;
    return { id: keep(gate), build, threshold, falseReject, classes };
  },
  learner: async ({ source, options }) => ({ id: keep(await Learner.load(source, options)) }),
  score({ id, picture }) {
    const begin = performance.now();
    const result = made.get(id).score(picture);
    return { ...result, milliseconds: performance.now() - begin };
  },
  embed: ({ id, picture }) => made.get(id).embed(picture),
  metadata: ({ id, key }) => made.get(id).metadata(key),
  stream: ({ id }) => ({ id: keep(made.get(id).stream()) }),
  update: ({ id, frame, seconds }) => made.get(id).update(frame, seconds),
  promise: ({ id, falseReject, confidence }) => made.get(id).promise(falseReject, confidence),
  source: ({ id, name }) => made.get(id).source(name),
  add({ id, picture, label }) {
    made.get(id).add(picture, label);
    return made.get(id).state;
  },
  reset: ({ id }) => made.get(id).reset(),
  state: ({ id }) => made.get(id).state,
  learn: ({ id }) => made.get(id).learn(),
  free({ id }) {
    made.get(id)?.free();
    made.delete(id);
  },
};

let queue = Promise.resolve();
self.onmessage = ({ data }) => {
  queue = queue.then(async () => {
    try {
      self.postMessage({ call: data.call, value: await actions[data.action](data) });
    } catch (error) {
      self.postMessage({ call: data.call, error: error.message, code: error instanceof WinnowError ? error.code : undefined });
    } finally {
      data.picture?.close?.(); // a camera gives no more frames while too many are open
    }
  });
};
