/**
 * Set-up for `npm start` and `npm test` in a fresh clone: installs the dependencies if they are missing or older than the
 * lock file, and compiles the kernels if they are older than their sources. With `--browser`, for the tests, installs Chromium
 * where it is missing and can be. Plain JavaScript: it runs on Node 20 too, before the Node that the dependencies bring is there.
 */
import { execSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const time = (path) => (existsSync(root + path) ? statSync(root + path).mtimeMs : 0);
const run = (command) => execSync(command, { cwd: root, stdio: 'inherit' });

if (time('node_modules/.package-lock.json') < time('package-lock.json')) {
  console.log('Installing dependencies (once)...');
  // Not `npm ci`: it refuses a lock file without the optional packages of other platforms, which a registry may lack. The
  // versions are the lock file's all the same. `prepare` builds the kernels and the package.
  run('npm install --no-save --no-audit --no-fund --loglevel=error');
} else {
  run('node deploy/build-wasm.mjs');
}

if (process.argv.includes('--browser')) installChromium();

/** From Debian's packages, as root; elsewhere, and where that fails, the tests that need a browser say that they are skipped. */
function installChromium() {
  const there = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].some(existsSync);
  if (there || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return;
  console.log('Installing Chromium for the tests (once)...');
  const quietly = {
    cwd: root,
    stdio: 'ignore',
    timeout: 240_000,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  };
  const install = () => execSync('apt-get install -y --no-install-recommends chromium', quietly);
  try {
    try {
      install();
    } catch {
      // The lists of packages may be missing or old.
      execSync('apt-get update', quietly);
      install();
    }
  } catch {
    console.log('Chromium could not be installed: the tests that need a browser will be skipped.');
  }
}
