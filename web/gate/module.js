// SPDX-License-Identifier: Apache-2.0
// The WebAssembly module: the fastest build that runs here, loaded once; strings and bytes in and out of its memory.

/** A fault that winnow names: `message` is one line, what, where, what to do; `code` is 'module' where the WebAssembly could not be loaded. */
export class WinnowError extends Error {
  constructor(message, code) {
    super(message);
    this.name = 'WinnowError';
    this.code = code;
  }
}

// (module (func (result v128) i32.const 0 i8x16.splat i8x16.popcnt))
const SIMD_PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

// The same of (i32.const 0 i8x16.splat, three times, f32x4.relaxed_madd)
const RELAXED_PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0, 65, 0, 253, 15, 65, 0, 253, 15, 65, 0, 253, 15, 253, 133, 2, 11,
]);

const BUILDS = { relaxed: 'winnow-relaxed.wasm', simd: 'winnow.wasm', plain: 'winnow-plain.wasm' };
// Each spelt out, because bundlers read this.
const BESIDE = {
  relaxed: () => new URL('./winnow-relaxed.wasm', import.meta.url),
  simd: () => new URL('./winnow.wasm', import.meta.url),
  plain: () => new URL('./winnow-plain.wasm', import.meta.url),
};

/** The fastest build that runs here: 'relaxed' (SIMD with fused multiply-add), 'simd' or 'plain'. */
export function bestBuild() {
  if (WebAssembly.validate(RELAXED_PROBE)) return 'relaxed';
  return WebAssembly.validate(SIMD_PROBE) ? 'simd' : 'plain';
}

// What node.js gives in Node, and nothing elsewhere: { readFile, pathToFileURL }. No import of it here, or browsers' bundlers stumble over it.
let node = null;

export function useNode(given) {
  node = given;
}

async function fetchBytes(url) {
  if (url.protocol === 'file:' && node) return node.readFile(url);
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  return response.arrayBuffer();
}

// In Node, what is no URL is a path, from the folder that it was started in; elsewhere, a URL from the page's.
function urlOf(source) {
  if (typeof location !== 'undefined') return new URL(source, location.href);
  if (source instanceof URL || /^[a-z][a-z\d+.-]+:/i.test(source)) return new URL(source); // "C:" is a drive
  if (node) return node.pathToFileURL(source);
  return new URL(source, import.meta.url);
}

/** Bytes of a URL, an ArrayBuffer, a typed array or a Blob; in Node, of a path too. */
export async function bytesOf(source) {
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  if (typeof Blob !== 'undefined' && source instanceof Blob) return new Uint8Array(await source.arrayBuffer());
  if (typeof source !== 'string' && !(source instanceof URL)) throw new WinnowError('no gate: give a URL, a Blob or bytes');
  try {
    return new Uint8Array(await fetchBytes(urlOf(source)));
  } catch (error) {
    throw new WinnowError(`${source}: it could not be read: ${error.message}`);
  }
}

// The library opens no files and prints nothing: of WASI it gets only what libc's start asks for.
const ENOSYS = 52;
const wasi = {
  fd_close: () => ENOSYS,
  fd_seek: () => ENOSYS,
  fd_write: () => ENOSYS,
};

/** The URL of a folder, with or without a slash at its end. */
export function folder(url) {
  const { href } = urlOf(url);
  return href.endsWith('/') ? href : `${href}/`;
}

export class Module {
  /** `options.build` takes another build than the best, `options.wasm` the URL of another folder of them than this file's. */
  static async load({ build = bestBuild(), wasm } = {}) {
    if (!Object.hasOwn(BUILDS, build)) throw new WinnowError(`unknown build ${build}: use ${Object.keys(BUILDS).join(', ')}`);
    try {
      const url = wasm ? new URL(BUILDS[build], folder(wasm)) : BESIDE[build]();
      const { instance } = await WebAssembly.instantiate(await fetchBytes(url), { wasi_snapshot_preview1: wasi });
      return new Module(instance.exports, build);
    } catch (error) {
      throw new WinnowError(`${BUILDS[build]} could not be loaded: ${error.message}`, 'module');
    }
  }

  constructor(exports, build) {
    this.call = exports;
    this.build = build;
    this.scratch = 0;
    this.scratchSize = 0;
    exports._initialize?.();
  }

  get bytes() {
    return new Uint8Array(this.call.memory.buffer); // memory may have grown: never keep this
  }

  string(pointer) {
    if (!pointer) return undefined;
    const bytes = this.bytes;
    return new TextDecoder().decode(bytes.subarray(pointer, bytes.indexOf(0, pointer)));
  }

  fail() {
    return new WinnowError(this.string(this.call.wg_error()));
  }

  alloc(size) {
    const pointer = this.call.wg_alloc(size);
    if (!pointer) throw new WinnowError('out of memory');
    return pointer;
  }

  /** Runs use(pointer, size) while `bytes` lie in the module's memory. */
  with(bytes, use) {
    const pointer = this.alloc(bytes.length);
    try {
      this.bytes.set(bytes, pointer);
      return use(pointer, bytes.length);
    } finally {
      this.call.wg_free(pointer);
    }
  }

  withString(string, use) {
    return this.with(new TextEncoder().encode(`${string}\0`), use);
  }

  /** Room for a picture, the same from frame to frame. */
  room(size) {
    if (size > this.scratchSize) {
      this.call.wg_free(this.scratch);
      this.scratch = this.scratchSize = 0; // also where there is no room for more
      this.scratch = this.alloc(size);
      this.scratchSize = size;
    }
    return this.scratch;
  }

  numbers(count) {
    return new Float64Array(this.call.memory.buffer, this.call.wg_result(), count);
  }
}
