// SPDX-License-Identifier: Apache-2.0
// usage: node run.mjs PROGRAM.wasm [ARGUMENT ...]   Runs a program of tools/wasm_program.sh in Node.
import { readFileSync } from 'node:fs';
import { WASI } from 'node:wasi';

const args = process.argv.slice(2);
const wasi = new WASI({ version: 'preview1', args, env: {}, returnOnExit: true });
const { instance } = await WebAssembly.instantiate(readFileSync(args[0]), { wasi_snapshot_preview1: wasi.wasiImport });
process.exitCode = wasi.start(instance);
