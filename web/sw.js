// SPDX-License-Identifier: Apache-2.0
// Works in a field without a network, and at once on a bad one: what is kept is shown, and what has changed meanwhile is
// fetched behind it, for the next visit. A server is asked for what is newer than what is kept (ETag, Last-Modified), so
// that a gate comes over the network once.
const KEPT = 'winnow'; // the gate of the page
const NEWER = 'winnow-newer'; // changed gates, which app.js moves to KEPT when it has opened them
const FOLDER = new URL('./', location).href;
// A version of the page is a cache of all its files, named by the folder that they seem to lie in: kept-1/, kept-2/, ... The page that is shown names
// its script and its style there, and whatever these ask for is asked for there: no page sees files of two versions.
const VERSION = `${FOLDER}kept-`;
const PAGE = './'; // kept last: where it is, the others are
const FILES = [
  'style.css', 'app.js', 'camera.js', 'strings.js', 'icon.svg', 'icon-192.png', 'icon-512.png', 'icon-maskable.png', 'apple-touch-icon.png', 'manifest.webmanifest', 'gate/index.js', 'gate/module.js', 'gate/picture.js',
  'gate/worker.js', 'gate/worker-gate.js', 'gate/winnow-relaxed.wasm', 'gate/winnow.wasm', 'gate/winnow-plain.wasm', PAGE,
];

const numberOf = (version) => parseInt(version.slice(VERSION.length), 10);

// Those that are there whole, the oldest first.
async function versions() {
  const all = (await caches.keys()).filter((name) => name.startsWith(VERSION));
  const pages = await Promise.all(all.map((cacheName) => caches.match(PAGE, { cacheName })));
  return all.filter((_, i) => pages[i]).sort((a, b) => numberOf(a) - numberOf(b));
}

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

// The folders of open pages, each of which holds a lock of that name (app.js): a version's, or FOLDER of a page that came before there was a
// service worker. None where the browser has no locks.
const openFolders = async () => new Set((await navigator.locks?.query())?.held.map(({ name }) => name));

// A new version where anything has changed.
async function refreshPage() {
  const there = await versions();
  const newest = there.at(-1);
  const kept = (file) => newest && caches.match(file, { cacheName: newest });
  const changed = await Promise.all(FILES.map(async (file) => newer(file, await kept(file))));
  if (changed.some(Boolean)) {
    const version = `${VERSION}${newest ? numberOf(newest) + 1 : 1}/`;
    await caches.delete(version); // half of it
    const next = await caches.open(version);
    for (const [i, file] of FILES.entries()) await next.put(file, changed[i] ?? (await kept(file)));
    there.push(version);
  }
  await dropOld(there);
}

// One at a time, also where two service workers are at it.
const refresh = () => (navigator.locks ? navigator.locks.request(`${FOLDER}refresh`, refreshPage) : refreshPage());

// The newest is the next visit's, the one before may be on its way into a page. Of the others those stay that a page is open of; of one that came
// before there was a service worker, the first.
async function dropOld(there) {
  const open = await openFolders();
  const needed = (version, i) => open.has(version) || (i === 0 && open.has(FOLDER));
  await Promise.all(there.slice(0, -2).filter((version, i) => !needed(version, i)).map((version) => caches.delete(version)));
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

// Pages that came before there were versions have their files in KEPT: the service worker that they know goes on until none of them is open.
async function install() {
  await refresh();
  if (!(await caches.match(PAGE, { cacheName: KEPT }))) await self.skipWaiting();
}

async function activate() {
  const kept = await caches.open(KEPT);
  await Promise.all([caches.delete('winnow-next'), ...FILES.map((file) => kept.delete(file))]); // of before there were versions
  await self.clients.claim();
}

// The newest version, whose script and style come out of its folder, and with them what they ask for.
async function showPage(event) {
  const newest = (await versions()).at(-1);
  event.waitUntil(refresh().catch(() => {})); // the next visit tries again
  const kept = newest && (await caches.match(PAGE, { cacheName: newest }));
  if (!kept) return fetch(event.request);
  const html = (await kept.text()).replace(/(src|href)="(app\.js|style\.css)"/g, `$1="${newest.slice(FOLDER.length)}$2"`);
  return new Response(html, { headers: kept.headers });
}

// A file of the version that is asked for. Where that is gone, or none is, as for what the browser itself shows of the page: of the newest, but
// of the first while a page is open that came before there was a service worker.
async function keptFile(file, version) {
  const own = version && (await caches.match(file, { cacheName: FOLDER + version }));
  if (own) return own;
  const [there, open] = await Promise.all([versions(), openFolders()]);
  const cacheName = open.has(FOLDER) ? there[0] : there.at(-1);
  return cacheName && caches.match(file, { cacheName });
}

// What else the page asks for is a gate.
async function keptGate(event, file) {
  const response = await caches.match(file, { cacheName: KEPT });
  if (response) event.waitUntil(refreshFile(file));
  return response;
}

async function answer(event) {
  const { pathname, origin } = new URL(event.request.url);
  const [, version, name] = /^(kept-\d+\/)?(.*)$/.exec((origin + pathname).slice(FOLDER.length));
  if (event.request.mode === 'navigate' && !version && (!name || name === 'index.html')) return showPage(event);
  const file = FOLDER + name;
  const response = FILES.includes(name) ? await keptFile(file, version) : await keptGate(event, file);
  return response ?? fetch(version ? file : event.request);
}

self.addEventListener('install', (event) => event.waitUntil(install()));
self.addEventListener('activate', (event) => event.waitUntil(activate()));
self.addEventListener('fetch', (event) => {
  if (event.request.method === 'GET' && event.request.url.startsWith(FOLDER)) event.respondWith(answer(event));
});
