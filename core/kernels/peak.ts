/**
 * The processor's limit, for benchmarks to be compared with: fused multiply-adds that never leave the registers. Twelve
 * accumulators of 128 or of 256 bits: the second, where V8 does not pack, overflows the registers and is the slower.
 */
import { fma } from './simd';

/** `rounds` times twelve multiply-adds of `wide ? 8 : 4` elements. Reads and writes 416 bytes at `at`. */
export function fmaPeak(at: usize, rounds: i32, wide: bool): void {
  if (wide) chains(at, rounds, true);
  else chains(at, rounds, false);
}

// @ts-ignore: decorator
@inline
function chains(at: usize, rounds: i32, wide: bool): void {
  const x = v128.load(at), y = v128.load(at, 16);
  let u0 = v128.load(at, 32), v0 = v128.load(at, 48);
  let u1 = v128.load(at, 64), v1 = v128.load(at, 80);
  let u2 = v128.load(at, 96), v2 = v128.load(at, 112);
  let u3 = v128.load(at, 128), v3 = v128.load(at, 144);
  let u4 = v128.load(at, 160), v4 = v128.load(at, 176);
  let u5 = v128.load(at, 192), v5 = v128.load(at, 208);
  let u6 = v128.load(at, 224), v6 = v128.load(at, 240);
  let u7 = v128.load(at, 256), v7 = v128.load(at, 272);
  let u8 = v128.load(at, 288), v8 = v128.load(at, 304);
  let u9 = v128.load(at, 320), v9 = v128.load(at, 336);
  let u10 = v128.load(at, 352), v10 = v128.load(at, 368);
  let u11 = v128.load(at, 384), v11 = v128.load(at, 400);
  for (; rounds > 0; --rounds) {
    u0 = fma(x, x, u0); if (wide) v0 = fma(y, y, v0);
    u1 = fma(x, x, u1); if (wide) v1 = fma(y, y, v1);
    u2 = fma(x, x, u2); if (wide) v2 = fma(y, y, v2);
    u3 = fma(x, x, u3); if (wide) v3 = fma(y, y, v3);
    u4 = fma(x, x, u4); if (wide) v4 = fma(y, y, v4);
    u5 = fma(x, x, u5); if (wide) v5 = fma(y, y, v5);
    u6 = fma(x, x, u6); if (wide) v6 = fma(y, y, v6);
    u7 = fma(x, x, u7); if (wide) v7 = fma(y, y, v7);
    u8 = fma(x, x, u8); if (wide) v8 = fma(y, y, v8);
    u9 = fma(x, x, u9); if (wide) v9 = fma(y, y, v9);
    u10 = fma(x, x, u10); if (wide) v10 = fma(y, y, v10);
    u11 = fma(x, x, u11); if (wide) v11 = fma(y, y, v11);
  }
  v128.store(at, u0, 32); v128.store(at, v0, 48);
  v128.store(at, u1, 64); v128.store(at, v1, 80);
  v128.store(at, u2, 96); v128.store(at, v2, 112);
  v128.store(at, u3, 128); v128.store(at, v3, 144);
  v128.store(at, u4, 160); v128.store(at, v4, 176);
  v128.store(at, u5, 192); v128.store(at, v5, 208);
  v128.store(at, u6, 224); v128.store(at, v6, 240);
  v128.store(at, u7, 256); v128.store(at, v7, 272);
  v128.store(at, u8, 288); v128.store(at, v8, 304);
  v128.store(at, u9, 320); v128.store(at, v9, 336);
  v128.store(at, u10, 352); v128.store(at, v10, 368);
  v128.store(at, u11, 384); v128.store(at, v11, 400);
}
