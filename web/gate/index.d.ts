// SPDX-License-Identifier: Apache-2.0
export type Verdict = 'normal' | 'unsure' | 'abnormal';
export type Label = 'normal' | 'abnormal';
export type GateSource = string | URL | ArrayBuffer | ArrayBufferView | Blob;

/** Pixels without gaps between rows; ImageData is one of these. YUV is BT.601, full range. */
export interface Pixels {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
  /** RGBA where it is not given. */
  format?: 'RGB' | 'BGR' | 'RGBA' | 'BGRA' | 'GRAY' | 'NV12' | 'I420';
  /** EXIF orientation, 1 to 8. */
  orientation?: number;
}
export type Picture = Pixels | ImageData | CanvasImageSource | VideoFrame;

export interface Result {
  verdict: Verdict;
  /** 0 < p <= 1: share of calibration normals that look no more normal. */
  pValue: number;
  /** Comparable with the gate's threshold; higher is more normal. */
  similarity: number;
  /** What a gauge shows, from 0 to 1, half at the threshold and always on the verdict's side of it. */
  gauge: number;
  /** The most probable class and its probability; null where the gate has no classes. */
  class: string | null;
  probability: number | null;
}

export type Build = 'relaxed' | 'simd' | 'plain';
export interface Options {
  /** Another build than the fastest that runs here. */
  build?: Build;
  /** Where the package's .wasm files are served: a folder, where they do not lie beside its scripts. */
  wasm?: string | URL;
}

export class WinnowError extends Error {
  /** 'module' where the WebAssembly or the worker could not be loaded; else the fault is what was given. */
  code?: 'module';
}
export function bestBuild(): Build;

export interface Stream {
  /** `seconds` of any clock that does not run backwards; gives what to show. */
  update(frame: Omit<Result, 'gauge'>, seconds: number): Result;
  free(): void;
}

export class Gate {
  static load(source: GateSource, options?: Options): Promise<Gate>;
  readonly build: Build;
  readonly threshold: number;
  readonly falseReject: number;
  readonly classes: string[];
  metadata(key: string): string | undefined;
  score(picture: Picture): Result;
  embed(picture: Picture): Float32Array;
  stream(): Stream;
  free(): void;
}

export interface Shares {
  rejected: number;
  accepted: number;
  newRejected: number;
  newAccepted: number;
}
export interface Lesson {
  normals: number;
  abnormals: number;
  newNormals: number;
  newAbnormals: number;
  replaced: number;
  sources: number;
  before: Shares;
  after: Shares;
}
export interface LearnerState {
  normals: number;
  abnormals: number;
  /** How many more normals the promise takes. */
  needed: number;
  text: string;
}

export class Learner {
  static load(source: GateSource, options?: Options): Promise<Learner>;
  promise(falseReject: number, confidence?: number): void;
  source(name: string | null): void;
  add(picture: Picture, label: Label): void;
  reset(): void;
  readonly state: LearnerState;
  learn(): { bytes: Uint8Array; lesson: Lesson };
  free(): void;
}
