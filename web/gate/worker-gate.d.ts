// SPDX-License-Identifier: Apache-2.0
import type { Build, GateSource, Label, LearnerState, Lesson, Options, Picture, Result } from './index.js';

export class WorkerGate {
  static load(source: GateSource, options?: Options): Promise<WorkerGate>;
  readonly build: Build;
  readonly threshold: number;
  readonly falseReject: number;
  readonly classes: string[];
  score(picture: Picture): Promise<Result & { milliseconds: number }>;
  embed(picture: Picture): Promise<Float32Array>;
  metadata(key: string): Promise<string | undefined>;
  stream(): Promise<{ update(frame: Omit<Result, 'gauge'>, seconds: number): Promise<Result>; free(): Promise<void> }>;
  free(): void;
}

export class WorkerLearner {
  static load(source: GateSource, options?: Options): Promise<WorkerLearner>;
  promise(falseReject: number, confidence?: number): Promise<void>;
  source(name: string | null): Promise<void>;
  add(picture: Picture, label: Label): Promise<LearnerState>;
  reset(): Promise<void>;
  state(): Promise<LearnerState>;
  learn(): Promise<{ bytes: Uint8Array; lesson: Lesson }>;
  free(): void;
}
