/**
 * Compiles core/kernels (AssemblyScript) into core/kernels/build/: kernels.wasm, and kernels.plain.wasm without relaxed SIMD
 * for browsers that lack it. Plain JavaScript for Node 20 and up, since it runs at install time, perhaps before Node 24 is
 * there. Does nothing when the output is newer than every input; `--force` compiles anyway.
 */
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = new URL('../', import.meta.url);
const sources = new URL('core/kernels/', root);
const output = new URL('build/kernels.wasm', sources);

const modified = (url) => statSync(url, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const inputs = [
  ...readdirSync(sources)
    .filter((name) => name.endsWith('.ts'))
    .map((name) => new URL(name, sources)),
  new URL(import.meta.url),
  new URL('node_modules/assemblyscript/package.json', root),
];

if (process.argv.includes('--force') || modified(output) <= Math.max(...inputs.map(modified))) {
  mkdirSync(new URL('build/', sources), { recursive: true });
  // What is looked at to see whether all this is needed comes last.
  await compile('kernels.plain.wasm', []);
  await compile('kernels.wasm', ['--enable', 'relaxed-simd']);
}

async function compile(name, features) {
  const options = [
    'core/kernels/index.ts',
    ...['--outFile', `core/kernels/build/${name}`],
    ...['--runtime', 'stub', '--noAssert', '-O3', '--importMemory', '--initialMemory', '1'],
    ...['--enable', 'simd', ...features],
  ];
  const { error, stderr } = await asc.main(['--baseDir', fileURLToPath(root), ...options]);
  if (error) {
    console.error(`${stderr.toString()}Could not compile core/kernels: ${error.message}`);
    process.exitCode = 1;
  }
}
