// SPDX-License-Identifier: Apache-2.0
// Never run: what the README says, as the compiler reads it.
import { Gate, Learner, WinnowError, bestBuild, type Build, type Result, type Verdict } from 'winnow-gate';
import { WorkerGate, WorkerLearner } from 'winnow-gate/worker';
// @ts-expect-error: it is in winnow-gate/worker
import { WorkerGate as NoWorkerGate } from 'winnow-gate';
// @ts-expect-error: it is in winnow-gate/worker
import { WorkerLearner as NoWorkerLearner } from 'winnow-gate';
// @ts-expect-error: it is in winnow-gate
import { Gate as NoGate } from 'winnow-gate/worker';
// @ts-expect-error: it is in winnow-gate
import { Learner as NoLearner } from 'winnow-gate/worker';
// @ts-expect-error: it is in winnow-gate
import { WinnowError as NoWinnowError } from 'winnow-gate/worker';
// @ts-expect-error: it is in winnow-gate
import { bestBuild as noBestBuild } from 'winnow-gate/worker';

export async function judge(image: ImageData, frame: VideoFrame, bitmap: ImageBitmap, bytes: Uint8Array): Promise<Verdict[]> {
  const gate = await Gate.load('rice.safetensors');
  const results: Result[] = [gate.score(image), gate.score(frame), gate.score(bitmap)];
  const { verdict, pValue, similarity }: { verdict: Verdict; pValue: number; similarity: number } = gate.score({ data: bytes, width: 1, height: 1, format: 'NV12' });
  const steady: Result = gate.stream().update(results[0], pValue + similarity);
  gate.free();
  return [verdict, steady.verdict];
}

export async function inWorker(video: HTMLVideoElement, file: Blob, build: Build = bestBuild()): Promise<string> {
  const gate = await WorkerGate.load(file, { build });
  const stream = await gate.stream();
  const { milliseconds, ...frame } = await gate.score(video);
  const shown = await stream.update(frame, performance.now() / 1000);
  return `${shown.class ?? shown.verdict} ${milliseconds} ${(await gate.metadata('winnow.advice')) ?? ''}`;
}

export async function teach(backbone: ArrayBuffer, picture: ImageData): Promise<Uint8Array> {
  const learner = await Learner.load(backbone);
  learner.add(picture, 'normal');
  // @ts-expect-error: there are two labels
  learner.add(picture, 'rice');
  if (learner.state.needed) throw new WinnowError(learner.state.text);
  const remote = await WorkerLearner.load(backbone).catch((error: WinnowError) => {
    throw error.code === 'module' ? new Error('the connection') : error;
  });
  console.log((await remote.add(picture, 'abnormal')).normals);
  return learner.learn().bytes;
}
