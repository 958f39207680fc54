/** `manygrad report`: one page that shows what a run did and what is inside its model. */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { collect } from '../coordinator/report/collect.ts';
import { write } from '../coordinator/report/write.ts';
import { UserError } from '../core/errors.ts';
import { makeReportPage } from '../deploy/reportPage.ts';
import type { OutputMode } from './output.ts';

export interface ReportArguments {
  /** A run's folder. */
  readonly run: string;
  /** The page; report.html in the run's folder if left out. */
  readonly out: string | undefined;
  readonly trustCode: boolean;
  readonly mode: OutputMode;
}

/** @throws UserError */
export async function report({ run, out, trustCode, mode }: ReportArguments): Promise<void> {
  const file = resolve(out ?? join(run, 'report.html'));
  const page = write(await collect(run, trustCode), await makeReportPage());
  try {
    writeFileSync(file, page);
  } catch (error) {
    throw new UserError(`${file} cannot be written (${String(error)}): choose another file with --out.`);
  }
  if (mode === 'json') console.log(JSON.stringify({ event: 'report', file }));
  if (mode === 'person') console.log(`The report is in ${file}: open it in a browser.`);
}
