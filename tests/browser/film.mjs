// SPDX-License-Identifier: Apache-2.0
// usage: film.mjs LIST.json [FILM.y4m]
// Makes frames of a camera out of pictures. LIST.json: [{ source, frame, square }]. `frame`, a 1280x720 JPEG, holds the picture's middle
// square where the guide of a 390x844 screen is, its mirror images around it, and its number (browser.mjs); `square`, a PNG, is what lies
// under that guide. FILM.y4m holds the frames as they are, 60 a second.
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { block, start } from './browser.mjs';

const browser = await start();
const page = await browser.newPage();

function draw([bytes, number, side, raw]) {
  const [width, height, left, top, size] = [1280, 720, 510, 201, 260];
  const base64 = (blob) =>
    new Promise((done) => {
      const reader = new FileReader();
      reader.onload = () => done(reader.result.split(',')[1]);
      reader.readAsDataURL(blob);
    });
  // Planes of Y, U, V (BT.601), of which a pixel in four has a colour.
  const yuv = ({ data }) => {
    const planes = new Uint8Array((width * height * 3) / 2);
    const [u, v] = [width * height, (width * height * 5) / 4];
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const [r, g, b] = [0, 1, 2].map((c) => data[4 * (y * width + x) + c]);
        planes[y * width + x] = 16 + 0.257 * r + 0.504 * g + 0.098 * b;
        if (x % 2 || y % 2) continue;
        const at = ((y / 2) * width) / 2 + x / 2;
        planes[u + at] = 128 - 0.148 * r - 0.291 * g + 0.439 * b;
        planes[v + at] = 128 + 0.439 * r - 0.368 * g - 0.071 * b;
      }
    return new Blob([planes]);
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
    return [
      await base64(await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.95 })),
      await base64(await square.convertToBlob({ type: 'image/png' })),
      raw ? await base64(yuv(context.getImageData(0, 0, width, height))) : '',
    ];
  })();
}

const film = process.argv[3] && openSync(process.argv[3], 'w');
if (film) writeSync(film, 'YUV4MPEG2 W1280 H720 F60:1 Ip A1:1 C420jpeg\n');
for (const [number, { source, frame, square }] of JSON.parse(readFileSync(process.argv[2], 'utf8')).entries()) {
  const made = await page.evaluate(draw, [readFileSync(source).toString('base64'), number, block, Boolean(film)]);
  writeFileSync(frame, Buffer.from(made[0], 'base64'));
  writeFileSync(square, Buffer.from(made[1], 'base64'));
  if (film) writeSync(film, Buffer.concat([Buffer.from('FRAME\n'), Buffer.from(made[2], 'base64')]));
}
if (film) closeSync(film);
await browser.close();
