/** Builds dist/, the package as it is published: plain JavaScript, since Node strips no types under node_modules. */
import { execSync } from 'node:child_process';
import { chmodSync, cpSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const at = (path) => root + path;

rmSync(at('dist'), { recursive: true, force: true });
execSync('npx --no-install tsc -p deploy/tsconfig.build.json', { cwd: root, stdio: 'inherit' });
// What the code reads beside itself.
for (const file of ['core/kernels/build/kernels.wasm', 'core/data/names/names2018.txt.br'])
  cpSync(at(file), at(`dist/${file}`));
chmodSync(at('dist/cli.js'), 0o755);
