/** Builds dist/, the package as it is published: plain JavaScript, since Node strips no types under node_modules. */
import { execSync } from 'node:child_process';
import { chmodSync, cpSync, readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const at = (path) => root + path;

rmSync(at('dist'), { recursive: true, force: true });
execSync('npx --no-install tsc -p deploy/tsconfig.build.json', { cwd: root, stdio: 'inherit' });
// What the code reads beside itself: kernels, data, and what pages are made of.
const files = [
  ...['core/kernels/build/kernels.wasm', 'core/kernels/build/kernels.plain.wasm', 'core/data/names/names2018.txt.br'],
  ...['coordinator', 'worker', 'core'].flatMap((room) =>
    readdirSync(at(room), { recursive: true })
      .filter((file) => /\.(html|css)$/.test(file))
      .map((file) => `${room}/${file}`),
  ),
];
for (const file of files) cpSync(at(file), at(`dist/${file}`));
chmodSync(at('dist/cli.js'), 0o755);
