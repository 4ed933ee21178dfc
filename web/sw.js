// SPDX-License-Identifier: Apache-2.0
// Works in a field without a network, and at once on a bad one: what is kept is shown, and what has changed meanwhile is
// fetched behind it, for the next visit. A server is asked for what is newer than what is kept (ETag, Last-Modified), so
// that a gate comes over the network once.
const KEPT = 'winnow'; // the page as it is shown, and its gate
const NEXT = 'winnow-next'; // what has changed, until the next visit: no visit sees a file of each, unless a second tab begins one
const NEWER = 'winnow-newer'; // changed gates, which app.js moves to KEPT when it has opened them
const COMPLETE = 'complete'; // in NEXT: nothing is missing
const OWN = 'winnow-own'; // app.js keeps the person's own gates there
const FILES = [
  './', 'style.css', 'app.js', 'camera.js', 'strings.js', 'icon.svg', 'icon-192.png', 'icon-512.png', 'icon-maskable.png', 'apple-touch-icon.png', 'manifest.webmanifest', 'gate/index.js', 'gate/module.js', 'gate/picture.js',
  'gate/worker.js', 'gate/worker-gate.js', 'gate/winnow-relaxed.wasm', 'gate/winnow.wasm', 'gate/winnow-plain.wasm',
];

// The whole file, or null where the one that is kept is the newest.
async function newer(file, kept) {
  const tag = kept?.headers.get('ETag');
  const date = kept?.headers.get('Last-Modified');
  const headers = tag ? { 'If-None-Match': tag } : date ? { 'If-Modified-Since': date } : {};
  const response = await fetch(file, { headers, cache: kept ? 'no-store' : 'no-cache' });
  if (response.status === 304) return null;
  if (!response.ok) throw Object.assign(new Error(`${file}: ${response.status}`), { gone: response.status === 404 });
  return new Response(await response.blob(), { headers: response.headers });
}

async function refreshPage() {
  const kept = await caches.open(KEPT);
  const changed = await Promise.all(FILES.map(async (file) => [file, await newer(file, await kept.match(file))]));
  await caches.delete(NEXT);
  const next = await caches.open(NEXT);
  for (const [file, response] of changed) if (response) await next.put(file, response);
  await next.put(COMPLETE, new Response());
}

// Any other file that the page has asked for, which is a gate; the page is told of a new one.
async function refreshFile(file) {
  const [kept, fresh] = [await caches.open(KEPT), await caches.open(NEWER)];
  try {
    const there = await fresh.match(file);
    const response = await newer(file, there ?? (await kept.match(file)));
    if (!response && !there) return;
    if (response) await fresh.put(file, response);
  } catch (error) {
    if (error.gone) await Promise.all([kept.delete(file), fresh.delete(file)]);
    return; // the next visit tries again
  }
  for (const client of await self.clients.matchAll()) client.postMessage({ changed: file });
}

async function takeNext() {
  const next = await caches.open(NEXT);
  if (!(await next.match(COMPLETE))) return;
  const kept = await caches.open(KEPT);
  for (const file of FILES) {
    const response = await next.match(file);
    if (response) await kept.put(file, response);
  }
  await caches.delete(NEXT);
}

self.addEventListener('install', (event) => event.waitUntil(refreshPage().then(() => self.skipWaiting())));

self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches.keys().then(async (names) => {
      if (!(await (await caches.open(KEPT)).match('./'))) await takeNext(); // else a page may be open, of what is kept
      await Promise.all(names.filter((name) => ![KEPT, NEXT, NEWER, OWN].includes(name)).map((name) => caches.delete(name)));
      await self.clients.claim();
    }),
  );
});

async function answer(event) {
  const { request } = event;
  const url = new URL(request.url);
  const name = url.pathname.slice(new URL('./', location).pathname.length);
  const page = request.mode === 'navigate' && (!name || name === 'index.html');
  if (page) {
    await takeNext();
    event.waitUntil(refreshPage().catch(() => {})); // the next visit tries again
  }
  const kept = await caches.open(KEPT);
  const response = await kept.match(page ? './' : url.origin + url.pathname);
  if (response && !page && !FILES.includes(name)) event.waitUntil(refreshFile(url.origin + url.pathname));
  return response ?? fetch(request);
}

self.addEventListener('fetch', (event) => {
  if (event.request.method !== 'GET' || new URL(event.request.url).origin !== location.origin) return;
  event.respondWith(answer(event));
});
