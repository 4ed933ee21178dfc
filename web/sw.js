// SPDX-License-Identifier: Apache-2.0
// Works in a field without a network: the page's own files come from the network where it answers, and are kept for
// when it does not.
const CACHE = 'winnow-4';
const FILES = [
  './', 'style.css', 'app.js', 'camera.js', 'strings.js', 'icon.svg', 'apple-touch-icon.png', 'manifest.webmanifest', 'gate/index.js', 'gate/module.js',
  'gate/worker.js', 'gate/worker-gate.js', 'gate/winnow-relaxed.wasm', 'gate/winnow.wasm', 'gate/winnow-plain.wasm',
];

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches.open(CACHE).then(async (cache) => {
      await cache.addAll(FILES);
      await cache.add('gate.safetensors').catch(() => {}); // a site may have none
      await self.skipWaiting();
    }),
  );
});

self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches.keys().then(async (names) => {
      await Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)));
      await self.clients.claim();
    }),
  );
});

self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || url.origin !== location.origin) return;
  event.respondWith(
    fetch(event.request)
      .then(async (response) => {
        if (response.ok) (await caches.open(CACHE)).put(event.request, response.clone());
        return response;
      })
      .catch(async () => (await caches.match(event.request, { ignoreSearch: true })) ?? Response.error()),
  );
});
