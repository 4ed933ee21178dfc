// SPDX-License-Identifier: Apache-2.0
// usage: verdicts.mjs VIDEO.mjpeg PICTURES LOG.json SQUARES
// Watches the gauge until it has judged so many different pictures, each in some frames, and writes what it showed, frame by frame
// (browser.mjs), and the pixels that the gate was given of each picture, in a form that native.c reads.
import { writeFileSync } from 'node:fs';
import { block, end, live, record, start, views } from './browser.mjs';

const [video, pictures, file, squares] = process.argv.slice(2);
const browser = await start(video, '--use-fake-ui-for-media-stream');
const page = await live(browser, views.phone, record, block);
await page.waitForFunction(
  (count) => {
    const frames = Map.groupBy(window.log, ({ mark }) => mark);
    return frames.size === count && [...frames.values()].every(({ length }) => length > 4);
  },
  Number(pictures),
  { polling: 500, timeout: 300000 },
);
writeFileSync(file, JSON.stringify(await page.evaluate(() => window.log.slice(0, -1))));
const given = [];
for (let i = 0; i < pictures; i++) {
  const { width, height, base64 } = await page.evaluate(async (i) => {
    const { width, height, data } = window.squares[i];
    const base64 = await new Promise((done) => {
      const reader = new FileReader();
      reader.onload = () => done(reader.result.split(',')[1]);
      reader.readAsDataURL(new Blob([data]));
    });
    return { width, height, base64 };
  }, i);
  given.push(Buffer.from(`${width} ${height} 2 1\n`), Buffer.from(base64, 'base64')); // RGBA, upright
}
writeFileSync(squares, Buffer.concat(given));
await end(browser);
