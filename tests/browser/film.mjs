// SPDX-License-Identifier: Apache-2.0
// usage: film.mjs LIST.json
// Makes frames of a camera out of pictures. LIST.json: [{ source, frame, square }]. `frame`, a 1280x720 JPEG, holds the picture's middle
// square where the guide of a 390x844 screen is, its mirror images around it, and its number (browser.mjs); `square`, a PNG, is what lies
// under that guide.
import { readFileSync, writeFileSync } from 'node:fs';
import { block, start } from './browser.mjs';

const browser = await start();
const page = await browser.newPage();

function draw([bytes, number, side]) {
  const [width, height, left, top, size] = [1280, 720, 510, 201, 260];
  const base64 = async (canvas, options) => {
    const blob = await canvas.convertToBlob(options);
    return new Promise((done) => {
      const reader = new FileReader();
      reader.onload = () => done(reader.result.split(',')[1]);
      reader.readAsDataURL(blob);
    });
  };
  return (async () => {
    const picture = await createImageBitmap(await (await fetch(`data:image/*;base64,${bytes}`)).blob());
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext('2d');
    context.imageSmoothingQuality = 'high';
    const scale = size / Math.min(picture.width, picture.height);
    for (let i = -5; i <= 5; i++)
      for (let j = -3; j <= 3; j++) {
        context.setTransform(i % 2 ? -scale : scale, 0, 0, j % 2 ? -scale : scale, left + size / 2 + i * scale * picture.width, top + size / 2 + j * scale * picture.height);
        context.drawImage(picture, -picture.width / 2, -picture.height / 2);
      }
    context.resetTransform();
    const square = new OffscreenCanvas(size, size);
    square.getContext('2d').drawImage(canvas, -left, -top);
    for (let i = 0; i < 8; i++) {
      context.fillStyle = (number >> (7 - i)) & 1 ? '#fff' : '#000';
      context.fillRect(i * side, height - side, side, side);
    }
    return [await base64(canvas, { type: 'image/jpeg', quality: 0.95 }), await base64(square, { type: 'image/png' })];
  })();
}

for (const [number, { source, frame, square }] of JSON.parse(readFileSync(process.argv[2], 'utf8')).entries()) {
  const made = await page.evaluate(draw, [readFileSync(source).toString('base64'), number, block]);
  writeFileSync(frame, Buffer.from(made[0], 'base64'));
  writeFileSync(square, Buffer.from(made[1], 'base64'));
}
await browser.close();
