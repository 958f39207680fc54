/** Mutated frames, on both sides: no crash, no hang, no more memory than they bring. `npm run fuzz` gives them by the million. */
import { test } from 'vitest';
import { expectNoFailure } from './expectNone.ts';
import { fromCoordinator, fromWorker } from './kinds.ts';

test('a hundred thousand frames', { timeout: 300_000 }, () =>
  expectNoFailure('frames', 100_000, [
    ...Object.keys({ ...fromWorker, ...fromCoordinator }).map((kind) => `message: ${kind}`),
    'message: welcome, model refused',
    'waiting for more',
    'refused: an empty frame',
    'refused: a frame of N bytes',
    'refused: a frame of the unknown type N',
    'refused: a frame cut short',
    'refused: a new message before the last one was complete',
    'refused: a header of N bytes',
    'refused: a header cut short',
    'refused: a header that is no plain msgpack',
    'refused: a header that is no message of this protocol',
    'refused: a message with a body of N bytes, of at most N',
    'refused: more bytes than announced',
    'refused: the continuation of no message',
    'refused: an empty continuation',
    'refused: a part that is missing or is no fN vector',
    'refused: a part that is missing or is no uN vector',
  ]),
);
