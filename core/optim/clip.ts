/** Gradient clipping by global norm, on the flat gradient. */
import type { Backend, Buf } from '../backend/backend.ts';

/**
 * Scales `grads` so that its Euclidean norm, already computed, is at most `maxNorm`; as torch.nn.utils.clip_grad_norm_,
 * the factor is maxNorm / (norm + 1e-6).
 */
export function clipGradNorm(backend: Backend, grads: Buf, norm: number, maxNorm: number): void {
  const factor = maxNorm / (norm + 1e-6);
  if (factor < 1) backend.scale(grads, grads, factor, false);
}
