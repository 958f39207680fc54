/** A state in pieces: put together it is what it was, whatever its lengths; what does not follow or fit is refused. */
import { describe, expect, test } from 'vitest';
import { FrameError } from '../../core/protocol/frameError.ts';
import { FrameDecoder, MAX_FRAME_BYTES } from '../../core/protocol/frames.ts';
import { parseState, type StatePiece, stateHash, stateSchema } from '../../core/protocol/messages.ts';
import { ArrivingState, encodeState, PIECE_VALUES } from '../../core/protocol/statePieces.ts';
import type { State } from '../../core/protocol/work.ts';

const P = PIECE_VALUES;

function stateOf(params: number, buffers: number, version = 5): State {
  return {
    version,
    params: Float32Array.from({ length: params }, (_, i) => i + version / 8),
    buffers: Float32Array.from({ length: buffers }, (_, i) => -i - version / 8),
  };
}

/** What tells states apart, without going through their numbers one by one. */
const about = (state: State | null | undefined) =>
  state && [state.version, state.params.length, state.buffers.length, stateHash(state)];

/** Each piece in memory of its own, which a decoder would use again. */
function pieces(state: State, id = 'a'): StatePiece[] {
  const decoder = new FrameDecoder(stateSchema, () => MAX_FRAME_BYTES);
  return encodeState(state, id).map((frame) => {
    expect(frame.byteLength).toBeLessThanOrEqual(MAX_FRAME_BYTES);
    const message = decoder.push(frame);
    if (message === null) throw new Error('a piece of more than a frame');
    return parseState(message);
  });
}

test.each([
  [0, 0],
  [1, 0],
  [0, 1],
  [P - 1, 0],
  [P - 1, 1],
  [P - 1, 2],
  [P, 0],
  [P, 1],
  [P + 1, 3 * P],
  [3 * P, 5],
  [3 * P - 5, 2 * P + 10],
])('%i parameters and %i buffers arrive as they were, and then others in the same memory', (params, buffers) => {
  const arriving = new ArrivingState();
  for (const state of [stateOf(params, buffers), stateOf(params, buffers, 6), stateOf(buffers, params, 7)]) {
    const sent = pieces(state, `a${state.version}`);
    expect(sent.length).toBe(Math.max(1, Math.ceil((params + buffers) / P)));
    let seen = 0;
    for (const [i, piece] of sent.entries()) {
      const whole = arriving.take(piece);
      seen += piece.params.length + piece.buffers.length;
      if (i < sent.length - 1) {
        expect(whole).toBe(null);
        expect(arriving.part).toEqual({ id: `a${state.version}`, received: seen });
        expect(seen).toBe((i + 1) * P);
      } else {
        expect(about(whole)).toEqual(about(state));
        expect(arriving.part).toBe(null);
      }
      piece.params.fill(Number.NaN);
      piece.buffers.fill(Number.NaN);
    }
  }
});

test('another state takes the place of one that broke off', () => {
  const arriving = new ArrivingState();
  for (const piece of pieces(stateOf(3 * P, 5, 1), 'a').slice(0, 2)) arriving.take(piece);
  const whole = pieces(stateOf(3 * P, 5, 2), 'b').map((piece) => arriving.take(piece));
  expect(about(whole.at(-1))).toEqual(about(stateOf(3 * P, 5, 2)));
});

describe('refused, and what was there is forgotten:', () => {
  const good = pieces(stateOf(3 * P, P));
  const [, second, third, last] = good;
  if (second === undefined || third === undefined || last === undefined) throw new Error('too few pieces');
  const some = Float32Array.of(1);
  test.each<[string, StatePiece]>([
    ['one of another state', { ...second, id: 'b' }],
    ['one that is not the next', third],
    ['the first half of the next', { ...second, offset: P / 2 }],
    ['one of a state with more parameters', { ...second, lengths: { params: 3 * P + 1, buffers: P } }],
    ['one of a state with fewer buffers', { ...second, lengths: { params: 3 * P, buffers: P - 1 } }],
    ['one with parameters beyond the last', { ...second, params: new Float32Array(2 * P + 1) }],
    ['one with buffers where parameters should be', { ...second, params: new Float32Array(0), buffers: some }],
    ['one with a gap before its buffers', { ...second, buffers: some }],
    ['one with nothing in it', { ...second, params: new Float32Array(0) }],
  ])('%s', (_, wrong) => {
    const arriving = new ArrivingState();
    for (const piece of good.slice(0, 1)) arriving.take(piece);
    expect(arriving.part?.received).toBe(P);
    expect(() => arriving.take(wrong)).toThrow(FrameError);
    expect(arriving.part).toBe(null);
    expect(() => arriving.take(second)).toThrow(FrameError);
    expect(about(good.map((piece) => arriving.take(piece)).at(-1))).toEqual(about(stateOf(3 * P, P)));
  });

  test('one with buffers beyond the last', () => {
    const arriving = new ArrivingState();
    for (const piece of good.slice(0, 3)) arriving.take(piece);
    expect(() => arriving.take({ ...last, buffers: new Float32Array(P + 1) })).toThrow(FrameError);
  });

  test('one of a state that no memory would hold, before any is taken', () => {
    const before = process.memoryUsage().arrayBuffers;
    const lengths = { params: 2 ** 40, buffers: 0 };
    expect(() => new ArrivingState().take({ ...second, offset: 0, lengths })).toThrow(FrameError);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
  });
});
