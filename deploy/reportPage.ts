/** Bundles the page that a run's report is written into, from the sources beside it or from the built package. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { ReportPage } from '../coordinator/report/write.ts';

const root = new URL('../', import.meta.url);
/** The built package has .js files where the sources have .ts. */
const script = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

/** @throws Error if the page does not bundle, which is a defect of ours */
export async function makeReportPage(): Promise<ReportPage> {
  const { outputFiles } = await build({
    absWorkingDir: fileURLToPath(root),
    entryPoints: [
      { in: `coordinator/report/page/main${script}`, out: 'report' },
      { in: 'coordinator/report/page/main.css', out: 'report' },
    ],
    outdir: '/',
    write: false,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    minify: true,
    legalComments: 'none',
    logLevel: 'silent',
  });
  const text = (ending: string) => outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? '';
  const html = await readFile(new URL('coordinator/report/page/index.html', root), 'utf8');
  return { html, script: text('.js'), style: text('.css') };
}
