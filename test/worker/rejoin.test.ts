/** A worker over links without a network, to a coordinator that a test plays: what it keeps, and when it comes back. */
import { expect, test } from 'vitest';
import { encodeFrames, FrameDecoder } from '../../core/protocol/frames.ts';
import { CloseCode, fromWorkerSchema, type Header, stateHash, workMessage } from '../../core/protocol/messages.ts';
import { ArrivingState, encodeState, PIECE_VALUES } from '../../core/protocol/statePieces.ts';
import type { State } from '../../core/protocol/work.ts';
import { workUntilFinished } from '../../worker/rejoin.ts';
import type { LinkEvents, Status, Threads } from '../../worker/session.ts';
import { ManualClock } from '../support/manualClock.ts';

const SPEC = { name: 'mlp', vocabSize: 27, blockSize: 3, embeddingDim: 2, hidden: 5 };

/** What the coordinator sees of one connection. */
interface Connection {
  readonly events: LinkEvents;
  readonly heard: Header[];
}

/** A worker, and a coordinator's end of whatever links it opens. */
class Scene {
  readonly clock = new ManualClock();
  readonly statuses: Status[] = [];
  readonly sleeps: number[] = [];
  readonly stop = new AbortController();
  readonly drain = new AbortController();
  readonly arriving = new ArrivingState();
  held: State | null = null;
  readonly over: Promise<void>;
  readonly #opened: Connection[] = [];
  #waiting: (() => void) | null = null;
  /** Wakes a sleeper too early, if it is not null. */
  wakeAfter: number | null = null;

  constructor() {
    const threads: Threads = {
      broken: false,
      state: null,
      setState: (state) => {
        this.held = { ...state, params: state.params.slice(), buffers: state.buffers.slice() };
      },
      run: async ({ round, lo, size, counts }, use) =>
        use({
          ...{ round, lo, size, losses: counts.map(() => this.held?.params[0] ?? -1), counts: [...counts] },
          ...{ gradient: new Float32Array(0), statistics: new Float32Array(0) },
        }),
      close: async () => {},
    };
    this.over = workUntilFinished({
      where: 'a test',
      hello: { token: 't', name: 'w', agent: 'remote', slots: 1, numerics: 'n' },
      admit: async () => {},
      threadsFor: async () => threads,
      held: () => this.held,
      arriving: this.arriving,
      open: (events) => this.#open(events),
      sleep: async (ms) => {
        this.sleeps.push(ms);
        this.clock.pass(Math.min(ms, this.wakeAfter ?? ms));
      },
      random: () => 0.5,
      onStatus: (status) => this.statuses.push(status),
      signal: this.stop.signal,
      drain: this.drain.signal,
      clock: this.clock,
    });
    this.over.catch(() => undefined);
  }

  /** The next connection, after its hello and welcome. */
  async next(): Promise<Connection> {
    while (this.#opened.length === 0) await new Promise<void>((resolve) => (this.#waiting = resolve));
    const connection = this.#opened.shift();
    if (connection === undefined) throw new Error('no connection');
    connection.events.opened();
    this.say(connection, ...encodeFrames({ header: { kind: 'welcome', run: 'r', model: SPEC }, parts: [] }));
    await this.settle();
    return connection;
  }

  say({ events }: Connection, ...frames: Uint8Array[]): void {
    for (const frame of frames) events.received(frame);
  }

  /** Until everything that was said has been dealt with. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }

  #open(events: LinkEvents) {
    const decoder = new FrameDecoder(fromWorkerSchema, () => 2 ** 20);
    const heard: Header[] = [];
    this.#opened.push({ events, heard });
    this.#waiting?.();
    return {
      send: (frame: Uint8Array) => {
        const message = decoder.push(frame);
        if (message !== null) heard.push(message.header);
      },
      leave: () => queueMicrotask(() => events.closed(1005, '')),
      end: () => queueMicrotask(() => events.closed(1006, '')),
    };
  }
}

const stateOf = (version: number): State => ({
  version,
  params: new Float32Array(3 * PIECE_VALUES + 10).fill(version),
  buffers: Float32Array.of(-version),
});
const work = (version: number) =>
  encodeFrames(
    workMessage({
      ...{ round: 1, mode: 'train', version, seed: 1, lo: 0, size: 1, counts: [1] },
      ...{ x: Uint16Array.of(1), y: Uint16Array.of(1) },
    }),
  );
const holds = ({ heard: [hello] }: Connection) => (hello?.kind === 'hello' ? hello.holds : undefined);

test('cut off in the middle of a state, it says how far that has come, and takes the rest on the next connection', async () => {
  const scene = new Scene();
  const first = await scene.next();
  expect(holds(first)).toBe(null);
  const frames = encodeState(stateOf(7), 'a.7');
  expect(frames.length).toBe(4);
  scene.say(first, ...frames.slice(0, 2));
  await scene.settle();
  first.events.closed(1006, '');
  const second = await scene.next();
  expect(holds(second)).toEqual({ id: 'a.7', received: 2 * PIECE_VALUES });
  scene.say(second, ...frames.slice(2), ...work(7));
  await scene.settle();
  expect(scene.held && stateHash(scene.held)).toBe(stateHash(stateOf(7)));
  expect(second.heard.at(-1)).toMatchObject({ kind: 'result', losses: [7] });
  // Now it has the whole of it, and says so.
  second.events.closed(1006, '');
  const third = await scene.next();
  expect(holds(third)).toEqual({ version: 7, hash: stateHash(stateOf(7)) });
  // A newer one that has begun to come is worth more.
  scene.say(third, ...encodeState(stateOf(8), 'a.8').slice(0, 1));
  await scene.settle();
  third.events.closed(1006, '');
  const fourth = await scene.next();
  expect(holds(fourth)).toEqual({ id: 'a.8', received: PIECE_VALUES });
  scene.say(fourth, ...encodeState(stateOf(9), 'a.9'), ...work(9));
  await scene.settle();
  expect(fourth.heard.at(-1)).toMatchObject({ kind: 'result', losses: [9] });
  fourth.events.closed(CloseCode.finished, '');
  await scene.over;
});

test('pieces that do not follow one another cost the connection, and what had come', async () => {
  const scene = new Scene();
  const first = await scene.next();
  const [a, , c] = encodeState(stateOf(7), 'a.7');
  if (a === undefined || c === undefined) throw new Error('too few pieces');
  scene.say(first, a, c);
  await scene.settle();
  const second = await scene.next();
  expect(holds(second)).toBe(null);
  expect(scene.statuses.at(-2)).toMatchObject({ kind: 'waiting', reason: expect.stringContaining('does not follow') });
  second.events.closed(CloseCode.finished, '');
  await scene.over;
});

test('sent away, it says why, stays away as long as it was told, whatever wakes it, and comes back', async () => {
  const scene = new Scene();
  scene.wakeAfter = 3000;
  const first = await scene.next();
  const farewell = { kind: 'farewell', seconds: 10, reason: 'it sent nonsense' } as const;
  scene.say(first, ...encodeFrames({ header: farewell, parts: [] }));
  // In the same moment.
  first.events.closed(CloseCode.misbehaved, 'it sent nonsense');
  const before = scene.clock.now();
  const second = await scene.next();
  expect(scene.clock.now() - before).toBe(10_000);
  expect(scene.sleeps).toEqual([10_000, 7000, 4000, 1000]);
  expect(scene.statuses[1]).toEqual({ kind: 'sentAway', reason: 'it sent nonsense', seconds: 10 });
  second.events.closed(CloseCode.finished, '');
  await scene.over;
});

test.each([
  [CloseCode.refused, 'the token does not match'],
  [CloseCode.dismissed, 'the operator sent it away'],
])('closed with %i, it does not come back', async (code, reason) => {
  const scene = new Scene();
  (await scene.next()).events.closed(code, reason);
  await expect(scene.over).rejects.toThrow(`the coordinator at a test turned this worker away: ${reason}`);
  expect(scene.sleeps).toEqual([]);
});

test.each(['stop', 'drain'] as const)('stopped while it stays away, it leaves: %s', async (how) => {
  const scene = new Scene();
  const first = await scene.next();
  const farewell = { kind: 'farewell', seconds: 86_400, reason: 'it lied' } as const;
  scene.say(first, ...encodeFrames({ header: farewell, parts: [] }));
  await scene.settle();
  scene.wakeAfter = 1;
  scene.statuses.push = (...statuses) => {
    if (statuses.some(({ kind }) => kind === 'sentAway')) scene[how].abort();
    return 0;
  };
  first.events.closed(CloseCode.misbehaved, 'it lied');
  await scene.over;
  expect(scene.sleeps.length).toBeLessThan(2);
});

test('told to drain, it says so, answers what it holds and what was on its way, and does not come back', async () => {
  const scene = new Scene();
  const first = await scene.next();
  scene.say(first, ...encodeState(stateOf(7), 'a.7'));
  await scene.settle();
  scene.drain.abort();
  expect(first.heard.at(-1)).toEqual({ kind: 'drain' });
  scene.say(first, ...work(7));
  await scene.settle();
  expect(first.heard.at(-1)).toMatchObject({ kind: 'result', losses: [7] });
  first.events.closed(CloseCode.goingAway, 'it has answered all that it held');
  await scene.over;
  expect(scene.sleeps).toEqual([]);
});

test('told to drain before it is welcome, it leaves', async () => {
  const scene = new Scene();
  scene.drain.abort();
  await scene.over;
  expect(scene.statuses).toEqual([]);
});
