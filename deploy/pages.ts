/**
 * Makes the pages that a coordinator serves: bundles the dashboard, the join page, the page of tokens and their threads from the sources beside
 * it (or from the built package), in memory, in a few hundred milliseconds when a run opens its door.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { build, type Plugin } from 'esbuild';
import type { PageFile, Pages } from '../coordinator/door/web.ts';

const root = new URL('../', import.meta.url);
/** The built package has .js files where the sources have .ts. */
const script = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

/** Files that are served at a path as they stand, and sources that are bundled and served under a name. */
interface Parts {
  readonly files: Readonly<Record<string, string>>;
  readonly bundles: readonly { readonly in: string; readonly out: string }[];
}

/** The page of tokens, which needs no run. */
const TOKENS: Parts = {
  files: { '/tokens': 'coordinator/tokens/index.html' },
  bundles: [
    { in: `coordinator/tokens/main${script}`, out: 'tokens' },
    { in: 'coordinator/tokens/main.css', out: 'tokens' },
    { in: `coordinator/tokens/encoder${script}`, out: 'encoder' },
  ],
};

const FILES = {
  ...TOKENS.files,
  '/': 'coordinator/dashboard/index.html',
  '/join': 'worker/tab/index.html',
  '/kernels.wasm': 'core/kernels/build/kernels.wasm',
  '/kernels.plain.wasm': 'core/kernels/build/kernels.plain.wasm',
};

const BUNDLES = [
  ...TOKENS.bundles,
  { in: `coordinator/dashboard/main${script}`, out: 'dashboard' },
  { in: 'coordinator/dashboard/main.css', out: 'dashboard' },
  { in: `worker/tab/main${script}`, out: 'join' },
  { in: 'worker/tab/main.css', out: 'join' },
  { in: `worker/tab/thread${script}`, out: 'thread' },
];

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.wasm': 'application/wasm',
};

/**
 * @param code of the user-defined model that tabs are to build; null if there is none
 * @throws Error if a page does not bundle, which is a defect of ours
 */
export const makePages = (code: string | null = null): Promise<Pages> =>
  make({ files: FILES, bundles: BUNDLES }, [userModel(code)]);

/** The page of tokens alone, at `/` too. @throws Error if it does not bundle, which is a defect of ours */
export async function makeTokensPage(): Promise<Pages> {
  const pages = new Map(await make(TOKENS, []));
  const page = pages.get('/tokens');
  return page === undefined ? pages : pages.set('/', page);
}

async function make({ files, bundles }: Parts, plugins: Plugin[]): Promise<Pages> {
  const pages = new Map<string, PageFile>();
  for (const [path, file] of Object.entries(files))
    pages.set(path, await pageFile(extname(file), await readFile(new URL(file, root))));
  const { outputFiles } = await build({
    absWorkingDir: fileURLToPath(root),
    entryPoints: [...bundles],
    outdir: '/',
    write: false,
    bundle: true,
    // The page and its threads have most of their code in common.
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    minify: true,
    // A layer is recorded under its class's name, in a tab as elsewhere.
    keepNames: true,
    legalComments: 'none',
    logLevel: 'silent',
    plugins,
  });
  for (const { path, contents } of outputFiles) {
    const name = path.slice(path.lastIndexOf('/'));
    pages.set(name, await pageFile(extname(name), contents));
  }
  return pages;
}

/** Puts a user's model where models/served.ts stands for it, with the `manygrad` that it imports. */
function userModel(code: string | null): Plugin {
  return {
    name: 'user-model',
    setup: ({ onResolve, onLoad }) => {
      if (code === null) return;
      onResolve({ filter: /^manygrad$/ }, () => ({ path: fileURLToPath(new URL(`index${script}`, root)) }));
      onResolve({ filter: /^user-model$/ }, () => ({ path: 'user-model', namespace: 'user-model' }));
      onLoad({ filter: /.*/, namespace: 'user-model' }, () => ({ contents: code, resolveDir: fileURLToPath(root) }));
      onLoad({ filter: /models\/served\.[jt]s$/ }, () => ({
        contents: `import model from 'user-model'; import { registerModel } from './custom${script}'; registerModel(${JSON.stringify(code)}, model);`,
        resolveDir: fileURLToPath(new URL('models/', root)),
      }));
    },
  };
}

async function pageFile(extension: string, contents: Uint8Array): Promise<PageFile> {
  const type = TYPES[extension] ?? 'application/octet-stream';
  const etag = `"${createHash('sha256').update(contents).digest('base64url').slice(0, 22)}"`;
  return { type, etag, gzip: await promisify(gzip)(contents, { level: 9 }) };
}
