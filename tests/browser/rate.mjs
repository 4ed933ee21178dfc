// SPDX-License-Identifier: Apache-2.0
// usage: rate.mjs VIDEO.y4m FRAMES
// How many frames a second the gate judges of a camera of 60, and that FRAMES of them leave memory where it was.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { end, live, start, views } from './browser.mjs';

const [video, count] = process.argv.slice(2);
const browser = await start(video, '--use-fake-ui-for-media-stream');
const page = await live(browser, views.phone);

// Kilobytes that this process's children and theirs have to themselves or share among each other.
function memory() {
  const parent = new Map(readdirSync('/proc').filter(Number).map((pid) => [Number(pid), parentOf(pid)]));
  const below = (pid) => pid === process.pid || (parent.has(pid) && below(parent.get(pid)));
  return [...parent.keys()].filter((pid) => pid !== process.pid && below(pid)).reduce((sum, pid) => sum + share(pid), 0);
}
function parentOf(pid) {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')[1]);
  } catch {
    return 0; // it has ended
  }
}
function share(pid) {
  try {
    return Number(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8').match(/^Pss:\s+(\d+)/m)[1]);
  } catch {
    return 0;
  }
}

const frames = () => page.evaluate(() => window.winnow.frames);
const rates = [];
const sizes = [];
const first = await frames();
for (let now = first; now - first < count; ) {
  const [begin, from] = [performance.now(), now];
  await page.waitForTimeout(1000);
  now = await frames();
  rates.push((1000 * (now - from)) / (performance.now() - begin));
  sizes.push(memory());
}
rates.sort((a, b) => a - b);
const median = rates[rates.length >> 1];
console.log(`frames a second: median ${median.toFixed(1)}, least ${rates[0].toFixed(1)}; ${await page.locator('#speed').textContent()}`);
assert.ok(median > 30, `${median} frames a second`);
if (count >= 3000) {
  const least = (part) => Math.min(...part) / 1024;
  const third = Math.floor(sizes.length / 3);
  const [early, late] = [least(sizes.slice(third, 2 * third)), least(sizes.slice(-third))];
  console.log(`megabytes of the browser's processes: ${early.toFixed(0)} in the second third of ${count} frames, ${late.toFixed(0)} in the last`);
  assert.ok(late - early < 8, 'memory grows');
}
await end(browser);
