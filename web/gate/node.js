// SPDX-License-Identifier: Apache-2.0
// What Node takes for index.js (package.json): the same, which reads files too.
import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { useNode } from './module.js';

useNode({ readFile, pathToFileURL });

export * from './index.js';
