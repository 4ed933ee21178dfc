// SPDX-License-Identifier: Apache-2.0
// usage: report.mjs CHROMIUM [--shots PREFIX] REPORT.html ...
//
// Opens each page from disk, offline, at desktop and phone width, light and dark, and asserts what a person would look for.
// --shots also saves PREFIX-N-WIDTH-SCHEME.png, to look at.
import { createRequire } from "node:module";
import { strict as assert } from "node:assert";
import path from "node:path";
import { accessible, end } from "./browser.mjs";

const { chromium } = createRequire(path.join(process.env.WINNOW_BROWSER, "package.json"))("playwright-core");
const [executable, ...rest] = process.argv.slice(2);
const shots = rest[0] === "--shots" ? rest.splice(0, 2)[1] : null;
const views = ["light", "dark"].flatMap((scheme) => [{ width: 1280, height: 900, scheme }, { width: 390, height: 844, scheme }]);

const text = (page, selector) => page.locator(selector).innerText();

async function checkContent(page, name) {
  const verdict = await text(page, "#verdict");
  assert.match(verdict, /^The gate turned away [\d.]+% of the normal photos and let [\d.]+% of the abnormal ones through; (asked: [\d.]+%, so |of the normals that is )/, name);
  if (!verdict.includes("by construction"))
    assert.match(verdict, /(the promise is (not )?kept on these photos|the promise is not contradicted by these photos|it is more than asked, but .*) \(95% interval [\d.]+ to [\d.]+%\)/, name);
  const headings = await page.locator("h2").allInnerTexts();
  for (const heading of ["Scores", "What if the threshold moved?", "By folder", "The calibration and what it promises", "How it was made"])
    assert(headings.includes(heading), `${name} lacks the section ${heading}`);
  for (const id of ["accepted-abnormals", "rejected-normals"]) {
    const heading = await text(page, `#${id}`);
    const wrong = Number(heading.match(/\((\d+)\)/)[1]);
    const shown = await page.locator(`#${id} + ul.gallery img`).count();
    assert.equal(shown, Math.min(wrong, 24), `${name}: ${heading} shows ${shown} thumbnails`);
  }
  const broken = await page.evaluate(() => [...document.images].filter((image) => !image.complete || !image.naturalWidth).length);
  assert.equal(broken, 0, `${name}: thumbnails that do not show`);
  const charts = await page.locator("figure svg").evaluateAll((list) => list.map((svg) => svg.getAttribute("aria-label")));
  for (const chart of ["Histogram", "ROC", "Map"])
    assert(charts.some((label) => label.startsWith(chart)), `${name} lacks the chart ${chart}`);
  assert(await page.locator("circle.dot").count() > 20, `${name}: the map is empty`);
  assert(await page.locator("rect.bar").count() > 4, `${name}: the histogram is empty`);
  assert(await page.locator("#groups tbody tr").count() >= 2, `${name}: no folders`);
  const facts = await text(page, "main");
  for (const fact of ["winnow train", "promise"]) assert(facts.includes(fact), `${name} does not say: ${fact}`);
  const rows = Object.fromEntries(await page.locator(".facts-table tr").evaluateAll((list) => list.map((row) => [...row.cells].map((cell) => cell.innerText))));
  assert.match(rows["data hash"] ?? "", /^normal [0-9a-f]{16}, abnormal [0-9a-f]{16}$/, `${name}: no data hash`);
  assert.match(rows.settings ?? rows["gate's settings"] ?? "", /^--recipe \w+ (--[a-z-]+ [\w.]+ ?)+$/, `${name}: the settings are no options`);
  assert.match(rows.time ?? "", /^\d+(\.\d)? s$/, `${name}: no time`);
  if (rows.command.includes("winnow train"))
    assert.match(rows.seed ?? "", /^\d+$/, `${name}: no seed`);
  const curves = charts.some((label) => label.startsWith("Learning"));
  assert(!rows.command.includes("winnow train") || curves !== (await page.locator("#no-curves").count() > 0), `${name}: neither learning curves nor why not`);
}

/* Of a gate that tells classes. */
async function checkDiagnosis(page, name) {
  if (!(await page.locator("#confusion").count())) return 0;
  assert.match(await text(page, "#headline"), /\d/, `${name}: no headline of the diagnosis`);
  const rows = await page.locator("#confusion tbody tr").count();
  const heads = await page.locator("#confusion thead tr").nth(1).locator("th").allInnerTexts();
  assert.deepEqual(heads, heads.map((_, i) => String(i + 1)), `${name}: the answers are not numbered`);
  const names = await page.locator("#confusion tbody th").allInnerTexts();
  assert(names.length === heads.length && names.every((row, i) => row.startsWith(`${i + 1} `)), `${name}: the classes are not numbered: ${names}`);
  assert(rows >= 2 && await page.locator("#confusion tbody tr").first().locator("td").count() >= rows, `${name}: the confusion is not square`);
  return 1;
}

/* The page of `winnow audit`. */
async function checkAudit(page, name) {
  const headings = await page.locator("h2").allInnerTexts();
  for (const kind of [/^copies \([1-9]\d*\)$/, /^tiny \([1-9]\d*\)$/]) assert(headings.some((heading) => kind.test(heading)), `${name}: no ${kind} in ${headings}`);
  assert(await page.locator("ul.gallery img").count() >= 3, `${name}: no thumbnails`);
  const folders = await page.locator("#balance .folder").allInnerTexts();
  assert(folders.length >= 2 && folders.every((row) => /\d+\s+\d+%$/.test(row)), `${name}: no balance: ${folders}`);
  assert(await page.locator("#balance .source th").count() >= folders.length, `${name}: no sources`);
  assert((await text(page, "#balance")).includes("too few to leave one out"), `${name}: no warning of few sources`);
  const broken = await page.evaluate(() => [...document.images].filter((image) => !image.complete || !image.naturalWidth).length);
  assert.equal(broken, 0, `${name}: thumbnails that do not show`);
}

/* What the page says of its threshold: the words, the dashed line, the dot. */
const said = (page) =>
  page.evaluate(() => [
    ...["at", "rejects", "accepts"].map((id) => document.getElementById(id).textContent),
    ...[["threshold-line", "x1"], ["threshold-line", "x2"], ["roc-dot", "cx"], ["roc-dot", "cy"]].map(([id, name]) => document.getElementById(id).getAttribute(name)),
  ]);

async function withoutScript(browser, file) {
  const page = await browser.newPage({ javaScriptEnabled: false });
  await page.goto(`file://${path.resolve(file)}`);
  const still = (await page.locator("#verdict").count()) ? await said(page) : null;
  await page.close();
  return still;
}

/* Words on a chart lie where no data can. */
async function checkLabel(page, name) {
  const foot = await page.locator("svg text", { hasText: /^normals accepted$/ }).evaluateAll((all) => all.map((label) => label.getBBox()).map((box) => box.y + box.height));
  assert(foot.length === 1 && foot[0] < 5, `${name}: the words in the ROC reach down to ${foot}, and its dot up to 5`);
}

/* What is wider than the screen scrolls, also for a keyboard, and says what it is. */
async function checkScroll(page, name, { width, height }) {
  await page.setViewportSize({ width: 200, height });
  let wide = 0;
  for (const box of await page.locator(".scroll").all()) {
    if (!(await box.evaluate((b) => b.scrollWidth > b.clientWidth))) continue;
    wide++;
    assert.deepEqual(await box.evaluate((b) => [b.tabIndex, b.getAttribute("role"), Boolean(b.ariaLabel)]), [0, "region", true], name);
    await box.press("ArrowRight");
    await box.evaluate((b) => new Promise((done) => { const look = () => (b.scrollLeft > 0 ? done() : requestAnimationFrame(look)); look(); }));
  }
  assert(wide || !(await page.locator("#confusion").count()), `${name}: nothing to scroll at 200 pixels`);
  await page.setViewportSize({ width, height });
}

async function checkSlider(page, name, still) {
  assert.deepEqual(await said(page), still, `${name}: the script moves the threshold`);
  const percent = async (id) => Number((await text(page, id)).replace("%", ""));
  const at = async (value) => {
    await page.locator("#threshold").evaluate((slider, v) => { slider.value = v === "max" ? slider.max : v; slider.dispatchEvent(new Event("input")); }, value);
    return [await percent("#rejects"), await percent("#accepts")];
  };
  const first = await page.locator("#threshold").inputValue();
  const line = () => page.locator("#threshold-line").getAttribute("x1");
  const before = await line();
  assert.deepEqual(await at(0), [0, 100], `${name}: the most lenient threshold`);
  assert.notEqual(await line(), before, `${name}: the line in the histogram stays`);
  assert.deepEqual(await at("max"), [100, 0], `${name}: the strictest threshold`);
  const [fewRejects, manyAccepts] = await at(20), [manyRejects, fewAccepts] = await at(100);
  await at(first);
  assert.deepEqual(await said(page), still, `${name}: back at its first position, the slider does not say what it said`);
  assert(fewRejects <= manyRejects && manyAccepts >= fewAccepts, `${name}: the trade-off goes the wrong way`);
}

/* WCAG: contrast of the text with its ground. */
async function checkContrast(page, name) {
  const contrast = await page.evaluate(() => {
    const luminance = (colour) => {
      const [r, g, b] = colour.match(/[\d.]+/g).slice(0, 3).map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = luminance(getComputedStyle(document.body).backgroundColor);
    return [...document.querySelectorAll("p, td, th, figcaption, h2, output, .name")].map((element) => {
      const ink = luminance(getComputedStyle(element).color);
      return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
    }).reduce((a, b) => Math.min(a, b), 99);
  });
  assert(contrast >= 4.5, `${name}: text with a contrast of ${contrast.toFixed(2)}`);
  return contrast;
}

const browser = await chromium.launch({ executablePath: executable, args: ["--no-sandbox"] });
const grounds = new Set();
let diagnoses = 0, audits = 0;
for (const [index, file] of rest.entries()) {
  const still = await withoutScript(browser, file);
  for (const { width, height, scheme } of views) {
    const name = `${path.basename(file)} at ${width}, ${scheme}`;
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme });
    const page = await context.newPage();
    const faults = [];
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    page.on("request", (request) => /^(file|data):/.test(request.url()) || faults.push(`asks for ${request.url()}`));
    await page.goto(`file://${path.resolve(file)}`);
    if (await page.locator("#verdict").count()) {
      await checkContent(page, name);
      await checkSlider(page, name, still);
      await checkLabel(page, name);
      diagnoses += await checkDiagnosis(page, name);
    } else {
      await checkAudit(page, name);
      audits++;
    }
    await checkContrast(page, name);
    await accessible(page, name);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert(overflow <= 0, `${name}: ${overflow} pixels wider than the screen`);
    assert.deepEqual(faults, [], name);
    grounds.add(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
    if (shots) await page.screenshot({ path: `${shots}-${index}-${width}-${scheme}.png`, fullPage: true });
    await checkScroll(page, name, { width, height });
    await context.close();
  }
}
assert.equal(grounds.size, 2, "light and dark look the same");
assert(diagnoses && audits, "no page of a diagnosis, or none of an audit");
await end(browser);
console.log(`${rest.length} pages at ${views.length} sizes`);
