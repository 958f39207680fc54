/** Joins a report and its page into one file that needs nothing else: no network, no server. */
import type { Report } from './report.ts';

/** The page's parts, bundled: see deploy/reportPage.ts. */
export interface ReportPage {
  /** Has a link to main.css and a script main.js, in whose places the others are put. */
  readonly html: string;
  readonly script: string;
  readonly style: string;
}

const LINK = '<link rel="stylesheet" href="main.css">';
const SCRIPT = '<script type="module" src="main.js"></script>';

/** The whole page. Text of the run is data in it and never markup. */
export function write(report: Report, { html, script, style }: ReportPage): string {
  if (!html.includes(LINK) || !html.includes(SCRIPT)) throw new Error('the page has no place for its style or script');
  // In JSON a < stands in strings alone, and may be written as an escape: then nothing in them can end the element.
  const data = JSON.stringify(report, digits).replaceAll('<', '\\u003c');
  if (/<\/script/i.test(script) || /<\/style/i.test(style)) throw new Error('the bundle would end its own element');
  // Replaced by functions: in a string, $& and its like have a meaning.
  return html
    .replace(LINK, () => `<style>${style}</style>`)
    .replace(
      SCRIPT,
      () => `<script type="application/json" id="report">${data}</script>\n<script type="module">${script}</script>`,
    );
}

/** No chart shows more than so many digits. */
const digits = (_: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
