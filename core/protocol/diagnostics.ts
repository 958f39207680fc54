/**
 * What a run's diagnostics hold: the four pictures of makemore part 3 (activations, their gradients, gradients against data,
 * updates against data), in numbers. Workers measure layers (worker/diagnose.ts); the coordinator measures parameters, which
 * it alone updates (coordinator/trainer.ts); a line of both is written to diagnostics.jsonl every so many steps.
 *
 * Also the line of samples.jsonl: what the model writes as it learns.
 */
import * as z from 'zod';
import { count, counts } from './numbers.ts';

/** Bins of equal width between `lo` and `hi`; what lies outside counts in the first or the last. */
export const histogramSchema = z.strictObject({
  lo: z.number(),
  hi: z.number(),
  counts: counts(1, 256),
});

export const distributionSchema = z.strictObject({
  mean: z.number(),
  std: z.number(),
  histogram: histogramSchema,
});

/** The layer's output on a micro-batch of the step, and the gradient of the mean loss by that output. */
export const layerRecordSchema = z.strictObject({
  /** Its place in the model, as in a state dict: `4`, `h.0.mlp.gelu`. */
  name: z.string().max(200),
  /** Its class: Linear, BatchNorm1d, Tanh, ... */
  type: z.string().max(100),
  shape: z.array(count).max(8),
  activation: distributionSchema,
  gradient: distributionSchema,
  /** Of a Tanh alone: the part of its outputs with |t| > 0.97. */
  saturated: z.number().nullable(),
  /**
   * Of the first few Tanh alone: where |t| > 0.99, as the lecture draws it: `rows` examples (or positions) by `columns` units, a
   * character each, row by row, "1" where it is saturated.
   */
  image: z.strictObject({ rows: count.max(32), columns: count.max(256), cells: z.string().max(32 * 256) }).nullable(),
});

export const layerRecordsSchema = z.array(layerRecordSchema).max(128);

/** A parameter before the step's update, its gradient (after clipping), and the update. Of the whole batch. */
export const parameterRecordSchema = z.strictObject({
  name: z.string(),
  shape: z.array(count),
  mean: z.number(),
  std: z.number(),
  gradient: distributionSchema,
  /** std(gradient) / std(data). */
  gradToData: z.number(),
  /** std(update) / std(data); its log10 is what the lecture draws, with a guide at −3. */
  updateToData: z.number(),
});

/** A line of diagnostics.jsonl. Ratios by a parameter that has no spread (a bias of zeros) are 0. */
export const diagnosticsSchema = z.strictObject({
  /** Updates made, this one included: as in log.jsonl. */
  step: count,
  layers: layerRecordsSchema,
  parameters: z.array(parameterRecordSchema),
});

/** A line of samples.jsonl. */
export const samplesSchema = z.strictObject({ step: count, samples: z.array(z.string()) });

export type Histogram = z.infer<typeof histogramSchema>;
export type Distribution = z.infer<typeof distributionSchema>;
export type LayerRecord = z.infer<typeof layerRecordSchema>;
export type ParameterRecord = z.infer<typeof parameterRecordSchema>;
export type Diagnostics = z.infer<typeof diagnosticsSchema>;
export type Samples = z.infer<typeof samplesSchema>;
