/**
 * Replays a captured step: a flat list of kernel calls in memory, made one after the other without a return to JavaScript.
 *
 * A call is a word with its kernel's number in the low byte and its own length in words above, and then its arguments, a
 * word each. The numbers are the places in SIGNATURES of core/backend/wasm/exports.ts, which writes the list (program.ts).
 */
import { attentionFinish, attentionGradient, onlineSoftmax, rowDots } from './attention';
import { batchNorm, batchNormBackward, batchNormEval } from './batchnorm';
import { binary } from './binary';
import { packBf16, packF16, unpackBf16, unpackF16 } from './codecs';
import { crossEntropy, crossEntropyBackward } from './crossentropy';
import { dropout } from './dropout';
import { copy, fill, scale } from './elementwise';
import { embedding, embeddingBackward } from './embedding';
import { layerNorm, layerNormBackward } from './layernorm';
import { matmul } from './matmul';
import { matmulWide } from './matmulWide';
import { copyStrided, maskedFill } from './move';
import { multinomial } from './multinomial';
import { adamw, allFinite, sgd, sumOfSquares } from './optim';
import { pow } from './power';
import { sumColumns, sumRows } from './reduce';
import { amax, amaxBackward, countNotEqual, gather, oneHot, scatterAdd, topk } from './selection';
import { softmax, softmaxBackward } from './softmax';
import { unary, unaryBackward } from './unary';

// @ts-ignore: decorator
@inline
function i(p: usize, at: usize): i32 { return load<i32>(p + (at << 2)); }
// @ts-ignore: decorator
@inline
function ptr(p: usize, at: usize): usize { return load<u32>(p + (at << 2)); }
// @ts-ignore: decorator
@inline
function f(p: usize, at: usize): f32 { return load<f32>(p + (at << 2)); }
// @ts-ignore: decorator
@inline
function flag(p: usize, at: usize): bool { return load<i32>(p + (at << 2)) != 0; }

/** Makes the calls at [p, to). Gives 0, or the address of the first call that found a bad id or target. */
export function replay(p: usize, to: usize): usize {
  while (p < to) {
    const head = load<u32>(p);
    const op = head & 255;
    if (op == 0) fill(ptr(p, 1), i(p, 2), f(p, 3));
    else if (op == 1) copy(ptr(p, 1), ptr(p, 2), i(p, 3));
    else if (op == 2) scale(ptr(p, 1), ptr(p, 2), i(p, 3), f(p, 4), flag(p, 5));
    else if (op == 3) unary(i(p, 1), ptr(p, 2), ptr(p, 3), i(p, 4));
    else if (op == 4) unaryBackward(i(p, 1), ptr(p, 2), ptr(p, 3), ptr(p, 4), ptr(p, 5), i(p, 6), flag(p, 7));
    else if (op == 5) binary(
      i(p, 1), flag(p, 2), ptr(p, 3), ptr(p, 4), ptr(p, 5), i(p, 6), i(p, 7), i(p, 8), i(p, 9), i(p, 10), i(p, 11),
      i(p, 12), i(p, 13), i(p, 14), i(p, 15), i(p, 16), i(p, 17),
    );
    else if (op == 6) sumRows(ptr(p, 1), ptr(p, 2), i(p, 3), i(p, 4), flag(p, 5));
    else if (op == 7) sumColumns(ptr(p, 1), ptr(p, 2), i(p, 3), i(p, 4), flag(p, 5));
    else if (op == 8) matmul(
      ptr(p, 1), ptr(p, 2), ptr(p, 3), i(p, 4), i(p, 5), i(p, 6), i(p, 7), i(p, 8), i(p, 9), flag(p, 10), flag(p, 11),
      flag(p, 12), ptr(p, 13), i(p, 14), ptr(p, 15), i(p, 16), i(p, 17), ptr(p, 18),
    );
    else if (op == 9) matmulWide(
      ptr(p, 1), ptr(p, 2), ptr(p, 3), i(p, 4), i(p, 5), i(p, 6), i(p, 7), i(p, 8), i(p, 9), flag(p, 10), flag(p, 11),
      flag(p, 12), ptr(p, 13), i(p, 14), ptr(p, 15), i(p, 16), i(p, 17), ptr(p, 18),
    );
    else if (op == 10) { if (embedding(ptr(p, 1), ptr(p, 2), ptr(p, 3), i(p, 4), i(p, 5), i(p, 6)) >= 0) return p; }
    else if (op == 11) { if (embeddingBackward(ptr(p, 1), ptr(p, 2), ptr(p, 3), i(p, 4), i(p, 5), i(p, 6)) >= 0) return p; }
    else if (op == 12) batchNorm(
      ptr(p, 1), ptr(p, 2), ptr(p, 3), ptr(p, 4), ptr(p, 5), ptr(p, 6), i(p, 7), i(p, 8), f(p, 9), flag(p, 10),
    );
    else if (op == 13) batchNormEval(
      ptr(p, 1), ptr(p, 2), ptr(p, 3), ptr(p, 4), ptr(p, 5), ptr(p, 6), i(p, 7), i(p, 8), f(p, 9),
    );
    else if (op == 14) batchNormBackward(
      ptr(p, 1), ptr(p, 2), ptr(p, 3), ptr(p, 4), ptr(p, 5), ptr(p, 6), ptr(p, 7), ptr(p, 8), i(p, 9), i(p, 10),
      f(p, 11), flag(p, 12), flag(p, 13), flag(p, 14), flag(p, 15),
    );
    else if (op == 15) layerNorm(
      ptr(p, 1), ptr(p, 2), ptr(p, 3), ptr(p, 4), ptr(p, 5), ptr(p, 6), i(p, 7), i(p, 8), f(p, 9),
    );
    else if (op == 16) layerNormBackward(
      ptr(p, 1), ptr(p, 2), ptr(p, 3), ptr(p, 4), ptr(p, 5), ptr(p, 6), ptr(p, 7), ptr(p, 8), i(p, 9), i(p, 10),
      flag(p, 11), flag(p, 12), flag(p, 13),
    );
    else if (op == 17) dropout(ptr(p, 1), ptr(p, 2), i(p, 3), i(p, 4), f(p, 5), ptr(p, 6), i(p, 7), flag(p, 8));
    else if (op == 18) copyStrided(
      ptr(p, 1), ptr(p, 2), flag(p, 3), i(p, 4), i(p, 5), i(p, 6), i(p, 7), i(p, 8), i(p, 9), i(p, 10), i(p, 11),
      i(p, 12), i(p, 13), i(p, 14), i(p, 15),
    );
    else if (op == 19) maskedFill(ptr(p, 1), ptr(p, 2), ptr(p, 3), f(p, 4), flag(p, 5), i(p, 6), i(p, 7), i(p, 8), i(p, 9));
    else if (op == 20) onlineSoftmax(
      ptr(p, 1), ptr(p, 2), i(p, 3), ptr(p, 4), ptr(p, 5), i(p, 6), i(p, 7), i(p, 8), f(p, 9), flag(p, 10), i(p, 11),
      flag(p, 12),
    );
    else if (op == 21) attentionFinish(ptr(p, 1), i(p, 2), ptr(p, 3), ptr(p, 4), ptr(p, 5), i(p, 6), i(p, 7));
    else if (op == 22) rowDots(ptr(p, 1), ptr(p, 2), ptr(p, 3), i(p, 4), i(p, 5), i(p, 6));
    else if (op == 23) attentionGradient(
      ptr(p, 1), ptr(p, 2), ptr(p, 3), ptr(p, 4), i(p, 5), i(p, 6), f(p, 7), flag(p, 8), i(p, 9),
    );
    else if (op == 24) softmax(ptr(p, 1), ptr(p, 2), i(p, 3), i(p, 4), flag(p, 5));
    else if (op == 25) softmaxBackward(ptr(p, 1), ptr(p, 2), ptr(p, 3), i(p, 4), i(p, 5), flag(p, 6), flag(p, 7));
    else if (op == 26) { if (crossEntropy(
      ptr(p, 1), ptr(p, 2), ptr(p, 3), ptr(p, 4), i(p, 5), i(p, 6), i(p, 7),
    ) >= 0) return p; }
    else if (op == 27) { if (crossEntropyBackward(
      ptr(p, 1), ptr(p, 2), ptr(p, 3), ptr(p, 4), ptr(p, 5), i(p, 6), i(p, 7), i(p, 8), flag(p, 9),
    ) >= 0) return p; }
    else if (op == 28) sumOfSquares(ptr(p, 1), ptr(p, 2), i(p, 3));
    else if (op == 29) allFinite(ptr(p, 1), ptr(p, 2), i(p, 3));
    else if (op == 30) sgd(ptr(p, 1), ptr(p, 2), ptr(p, 3), i(p, 4), f(p, 5), f(p, 6), f(p, 7), flag(p, 8), flag(p, 9));
    else if (op == 31) adamw(
      ptr(p, 1), ptr(p, 2), ptr(p, 3), ptr(p, 4), i(p, 5), f(p, 6), f(p, 7), f(p, 8), f(p, 9), f(p, 10), f(p, 11),
      f(p, 12),
    );
    else if (op == 32) { if (oneHot(ptr(p, 1), ptr(p, 2), i(p, 3), i(p, 4)) >= 0) return p; }
    else if (op == 33) { if (gather(ptr(p, 1), ptr(p, 2), ptr(p, 3), i(p, 4), i(p, 5), i(p, 6), i(p, 7)) >= 0) return p; }
    else if (op == 34) { if (scatterAdd(ptr(p, 1), ptr(p, 2), ptr(p, 3), i(p, 4), i(p, 5), i(p, 6), i(p, 7)) >= 0) return p; }
    else if (op == 35) topk(ptr(p, 1), ptr(p, 2), i(p, 3), i(p, 4), i(p, 5));
    else if (op == 36) amax(ptr(p, 1), ptr(p, 2), i(p, 3), i(p, 4));
    else if (op == 37) amaxBackward(ptr(p, 1), ptr(p, 2), ptr(p, 3), ptr(p, 4), i(p, 5), i(p, 6), flag(p, 7));
    else if (op == 38) countNotEqual(ptr(p, 1), ptr(p, 2), i(p, 3), i(p, 4));
    else if (op == 39) { if (multinomial(ptr(p, 1), ptr(p, 2), i(p, 3), i(p, 4), i(p, 5), ptr(p, 6), i(p, 7)) >= 0) return p; }
    else if (op == 40) pow(ptr(p, 1), ptr(p, 2), i(p, 3), f(p, 4));
    else if (op == 41) packBf16(ptr(p, 1), ptr(p, 2), i(p, 3));
    else if (op == 42) unpackBf16(ptr(p, 1), ptr(p, 2), i(p, 3));
    else if (op == 43) packF16(ptr(p, 1), ptr(p, 2), i(p, 3));
    else if (op == 44) unpackF16(ptr(p, 1), ptr(p, 2), i(p, 3));
    p += <usize>(head >> 8) << 2;
  }
  return 0;
}
