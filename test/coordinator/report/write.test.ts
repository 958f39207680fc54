/** The file that a report is: whole in itself, and safe from what the model wrote. */
import { expect, test } from 'vitest';
import type { Report } from '../../../coordinator/report/report.ts';
import { write } from '../../../coordinator/report/write.ts';
import { makeReportPage } from '../../../deploy/reportPage.ts';

const curve = { mean: [3.123456789, null], spread: null };
const evil = '</script><script>alert(1)</script><!-- $& $1';
const report: Report = {
  name: evil,
  summary: {
    ...{ model: 'mlp', data: 'names', parameters: 1, steps: { made: 2, goal: 2 }, trainLoss: null, valLoss: null },
    ...{ tokensPerSecond: null, seconds: null, workers: null, paramsSha256: null, vocabSize: 27 },
    unit: 'character',
  },
  course: { step: [1, 2], loss: curve, lr: curve, gradNorm: curve },
  evaluations: [],
  measured: { absent: 'none' },
  samples: { found: [{ step: 1, samples: [evil] }] },
  embedding: null,
  attention: null,
  bigrams: null,
};

test('text of the run cannot end the element it is in, and comes out as it was', async () => {
  const html = write(report, await makeReportPage());
  expect(html).not.toContain(evil);
  expect(html.match(/<\/script/gi)?.length).toBe(2);
  const data = /<script type="application\/json" id="report">(.*?)<\/script>/s.exec(html)?.[1] ?? '';
  expect(data).not.toContain('<');
  const read = JSON.parse(data) as Report;
  expect(read.samples).toEqual(report.samples);
  expect(read.name).toBe(evil);
  expect(read.course.loss.mean).toEqual([3.1235, null]);
});

test('the page asks for nothing from elsewhere', async () => {
  const { html, script, style } = await makeReportPage();
  const page = write(report, { html, script: '', style: '' });
  expect(page).not.toMatch(/<link[^>]+href="(?!data:)/);
  expect(page).not.toMatch(/<[a-z]+[^>]*\ssrc=/);
  expect(page).toContain("default-src 'none'");
  expect(style).not.toMatch(/@import|url\((?!["']?data:)/);
  expect(script).not.toMatch(/\bimport\s*\(|\bfetch\(["'`]http|\bfrom\s*["']/);
});
