/**
 * Set-up for `npm start` and `npm test` in a fresh clone: installs the dependencies if they are missing or older than the
 * lock file, and compiles the kernels if they are older than their sources. Plain JavaScript: it runs on Node 20 too,
 * before the Node that the dependencies bring is there.
 */
import { execSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const time = (path) => (existsSync(root + path) ? statSync(root + path).mtimeMs : 0);
const run = (command) => execSync(command, { cwd: root, stdio: 'inherit' });

if (time('node_modules/.package-lock.json') < time('package-lock.json')) {
  console.log('Installing dependencies (once)...');
  // The scripts of dependencies must run: one of them unpacks Node 24. The kernels and the package are built by `prepare`.
  run('npm ci --no-audit --no-fund --loglevel=error');
} else {
  run('node deploy/build-wasm.mjs');
}
