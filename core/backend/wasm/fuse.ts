/**
 * Joins an activation to the matrix product that it follows, which then writes both while its result is in the cache: the same
 * numbers, with one pass over memory less. The model says `gelu(linear(x))` and need not know.
 */
import { SIGNATURES } from './exports.ts';
import type { Call } from './recorder.ts';

const at = (name: (typeof SIGNATURES.matmul)[number]): number => SIGNATURES.matmul.indexOf(name);
const [C, M, N, LDC, ACTIVATION, Y] = (['*c', 'm', 'n', 'ldc', 'activation', '*y'] as const).map(at);

/** The calls with each product and the function applied to the whole of it right after as one. */
export function fuseActivations(calls: readonly Call[]): Call[] {
  const fused: Call[] = [];
  for (const call of calls) {
    const before = fused.at(-1);
    const joined = before === undefined ? null : join(before, call);
    if (joined === null) fused.push(call);
    else fused[fused.length - 1] = joined;
  }
  return fused;
}

function join(product: Call, call: Call): Call | null {
  if (call.name !== 'unary' || (product.name !== 'matmul' && product.name !== 'matmulWide')) return null;
  const [op, y, x, n] = call.args;
  const { args } = product;
  const whole = args[C] === x && args[LDC] === args[N] && Number(args[M]) * Number(args[N]) === n;
  if (!whole || args[Y] !== 0 || y === x) return null;
  return { name: product.name, args: args.with(ACTIVATION, op).with(Y, y) };
}
