/** The page of a report: reads what lies in it and draws the figures, top to bottom. */
import { $ } from '../../../core/page/element.ts';
import type { Report } from '../report.ts';
import { showAttention } from './attention.ts';
import { showBigrams } from './bigrams.ts';
import { showGradNorm, showLoss, showRate } from './course.ts';
import { showEmbedding } from './embedding.ts';
import { redrawAll } from './figure.ts';
import { showActivations, showGradients, showSaturation } from './layers.ts';
import { showSamples } from './samples.ts';
import { showSummary } from './summary.ts';
import { showUpdates, showWeights } from './weights.ts';

// It is our own: collect.ts made it, and write.ts put it here.
const report = JSON.parse($('report').textContent) as Report;
showSummary(report);
showLoss(report);
showRate(report);
showGradNorm(report);
showSamples(report.samples);
if (report.bigrams !== null) showBigrams(report.bigrams);
if (report.embedding !== null) showEmbedding(report.embedding, report.summary.unit);
if (report.attention !== null) showAttention(report.attention, report.summary.unit);
showActivations(report.measured);
showGradients(report.measured);
showSaturation(report.measured);
showWeights(report.measured);
showUpdates(report.measured);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redrawAll);
