// SPDX-License-Identifier: Apache-2.0
// Pixels of whatever can be drawn, where they must be drawn to be read.
import { WinnowError } from './module.js';

let canvas;
const LARGEST = 16e6; // its pixels: iOS gives no canvas of more than 16.7 million; what a phone takes at 4032x3024 is whole

/** Whether a worker can draw too: not in Safari before 16.4, nor Firefox before 105. */
export const drawsAnywhere = () => typeof OffscreenCanvas !== 'undefined';

function canvasOf(width, height) {
  if (drawsAnywhere()) return new OffscreenCanvas(width, height);
  if (typeof document === 'undefined') throw new WinnowError('there is no canvas here to draw the picture on: give ImageData or raw pixels');
  return Object.assign(document.createElement('canvas'), { width, height });
}

/** A fault of what can be no picture. */
export function check(source) {
  if (source === null || typeof source !== 'object') throw new WinnowError(`no picture, but ${source}: give ImageData, a VideoFrame, an ImageBitmap, an element or raw pixels`);
}

export const cannotDraw = (error) => new WinnowError(`the picture cannot be drawn: ${error.message}`);

function sizeOf(source) {
  const width = source.displayWidth || source.videoWidth || source.naturalWidth || source.width;
  const height = source.displayHeight || source.videoHeight || source.naturalHeight || source.height;
  if (!width || !height) throw new WinnowError('a picture without pixels: wait until the camera or the image has loaded');
  return [width, height];
}

/** ImageData of at most 16 megapixels. */
export function draw(source) {
  const [width, height] = sizeOf(source);
  const scale = Math.min(1, Math.sqrt(LARGEST / (width * height)));
  const [w, h] = [width, height].map((length) => Math.max(1, Math.floor(scale * length)));
  if (!canvas || canvas.width !== w || canvas.height !== h) canvas = canvasOf(w, h);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.imageSmoothingQuality = 'high';
  context.clearRect(0, 0, w, h);
  try {
    context.drawImage(source, 0, 0, w, h);
    return context.getImageData(0, 0, w, h);
  } catch (error) {
    throw cannotDraw(error);
  }
}
