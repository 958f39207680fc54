/** How states reach peers that read slowly, fall behind, or come back: over links without a network, on a clock that stands. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WINDOW_BYTES } from '../../../coordinator/door/limits.ts';
import { Outbox } from '../../../coordinator/door/outbox.ts';
import { Snapshots } from '../../../coordinator/door/snapshots.ts';
import { MAX_FRAME_BYTES } from '../../../core/protocol/frames.ts';
import { CloseCode, stateHash } from '../../../core/protocol/messages.ts';
import { PIECE_VALUES } from '../../../core/protocol/statePieces.ts';
import type { State } from '../../../core/protocol/work.ts';
import { TestHouse } from './house.ts';
import { TestLink } from './testLink.ts';

const PIECE_BYTES = 4 * PIECE_VALUES;
/** Of 20.5 pieces, in the last of which the buffers are. */
const LARGE = { params: 20 * PIECE_VALUES, buffers: PIECE_VALUES / 2 };

/** The states that came are whole, and as they were when they were current. */
function expectWhole(link: TestLink, versions: readonly number[]): void {
  expect(link.states.map(({ version }) => version)).toEqual(versions);
  for (const { version, params, buffers } of link.states) {
    expect(params.findIndex((value, i) => value !== TestHouse.value(version, i))).toBe(-1);
    expect(buffers.findIndex((value, i) => value !== -TestHouse.value(version, i))).toBe(-1);
  }
}

describe('a peer that reads slowly', () => {
  test('has no more waiting for it than the window and a piece, and gets the state as it was, then its lease', () => {
    const house = new TestHouse(LARGE);
    const { link, told } = house.join();
    link.take();
    const work = house.give(told);
    // The parameters change in place, as an update does it, while the old ones are on their way.
    house.update();
    while (link.waiting.length > 0) link.take(1);
    expect(link.mostBuffered).toBeLessThanOrEqual(WINDOW_BYTES + PIECE_BYTES + 1024);
    expect(link.mostBuffered).toBeGreaterThanOrEqual(WINDOW_BYTES);
    for (const frame of link.frames) expect(frame.byteLength).toBeLessThanOrEqual(MAX_FRAME_BYTES);
    expectWhole(link, [0]);
    expect(link.works.map(({ lo }) => lo)).toEqual([work.lo]);
    expect(told.left).toEqual([]);
  });

  test('shares one encoding with all the others', () => {
    const house = new TestHouse(LARGE);
    const [a, b] = [house.join(), house.join()];
    for (const { told, link } of [a, b]) {
      link.take();
      link.frames.length = 0;
      house.give(told);
    }
    for (const { link } of [a, b]) link.take();
    const pieces = (link: TestLink) => link.frames.filter((frame) => frame.byteLength > 1000);
    expect(pieces(a.link).length).toBe(21);
    expect(pieces(a.link).every((frame, i) => frame === pieces(b.link)[i])).toBe(true);
  });

  test('that has one state under way is sent only the newest of those that come meanwhile; leases of the others come back', () => {
    const house = new TestHouse(LARGE);
    const { link, told } = house.join({}, { slots: 4 });
    link.onWork = (work, version) => expect(version).toBe(work.version);
    link.take();
    const given = [];
    for (let version = 0; version < 4; version++) {
      given.push(house.give(told));
      house.update();
    }
    // Nothing is told in the midst of being given a lease.
    expect(told.returned).toEqual([]);
    link.take();
    expectWhole(link, [0, 3]);
    expect(link.works.map(({ lo }) => lo)).toEqual([given[0]?.lo, given[3]?.lo]);
    expect(told.returned).toEqual([given[1]?.lo, given[2]?.lo]);
  });

  test('is not taken for dead as long as it takes a piece now and then, though pings do not get through to it', () => {
    const house = new TestHouse(LARGE);
    const { link, told } = house.join();
    link.take();
    house.give(told);
    for (let i = 0; i < 15; i++) {
      link.take(1);
      house.clock.pass(18_000);
    }
    expect(told.left).toEqual([]);
    // It is pinged all the same, so that it can answer once it has read what is before that.
    expect(link.pings).toBeGreaterThan(50);
    house.clock.pass(25_000);
    expect(link.isEnded).toBe(true);
  });

  test('is disconnected if it takes nothing at all for two minutes, though it answers pings', () => {
    const house = new TestHouse(LARGE);
    const { link, told } = house.join();
    link.take();
    house.give(told);
    const live = (seconds: number) => {
      for (let i = 0; i < seconds; i += 5) {
        house.clock.pass(5000);
        link.pong();
      }
    };
    live(115);
    // As slow as that is slow, and no more.
    link.take(1);
    live(115);
    expect(told.left).toEqual([]);
    live(15);
    expect(told.left[0]).toBe('it takes nothing any more');
    expect(link.isEnded).toBe(true);
  });
});

test('any course of updates, leases and slow reading: each lease comes after its own state, or comes back, and none is lost', () => {
  const seen = { returned: 0, states: 0, skipped: 0 };
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.constant('update' as const) },
    { weight: 4, arbitrary: fc.constant('give' as const) },
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 3 }) },
  );
  const sizes = fc.constantFrom(10, PIECE_VALUES, 5 * PIECE_VALUES + 1, 9 * PIECE_VALUES);
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), sizes, (steps, params) => {
      const house = new TestHouse({ params, buffers: 3 });
      const { link, told } = house.join({}, { slots: 1024 });
      link.onWork = (work, version) => expect(version).toBe(work.version);
      let sent = -1;
      const given: number[] = [];
      for (const what of [...steps, Number.POSITIVE_INFINITY]) {
        if (what === 'update') house.update();
        else if (what === 'give') {
          given.push(house.give(told, sent !== house.state.version).lo);
          sent = house.state.version;
        } else link.take(what);
        expect(link.buffered).toBeLessThanOrEqual(WINDOW_BYTES + PIECE_BYTES + 1024 * 60);
      }
      link.take();
      const versions = link.states.map(({ version }) => version);
      expectWhole(link, versions);
      expect(versions).toEqual(versions.toSorted((a, b) => a - b));
      if (sent >= 0) expect(versions.at(-1)).toBe(sent);
      expect([...link.works.map(({ lo }) => lo), ...told.returned].toSorted((a, b) => a - b)).toEqual(given);
      seen.returned += told.returned.length;
      seen.states += versions.length;
      seen.skipped += sent - versions.length;
    }),
    { numRuns: 120 },
  );
  expect(seen.returned).toBeGreaterThan(20);
  expect(seen.states).toBeGreaterThan(100);
  expect(seen.skipped).toBeGreaterThan(20);
});

describe('states of earlier steps that are still on their way', () => {
  const stateOf = (version: number): State => ({
    version,
    params: new Float32Array(20 * PIECE_VALUES).fill(version),
    buffers: new Float32Array(1),
  });
  const events = { received: () => {}, pong: () => {}, malformed: () => {}, closed: () => {} };

  test('take a bounded memory: the oldest is given up, and its lease comes back', () => {
    const bytes = 4 * 20 * PIECE_VALUES;
    const snapshots = new Snapshots('n', 3.5 * bytes);
    const house = new TestHouse();
    const returned: number[] = [];
    const links = Array.from({ length: 6 }, (_, version) => {
      const link = new TestLink({ accept: () => events });
      const outbox = new Outbox(
        link,
        () => 0,
        ({ lo }) => returned.push(lo),
      );
      outbox.state(snapshots.of(stateOf(version)), 0);
      outbox.work({ ...house.lease(), version });
      return link;
    });
    for (const link of links) link.take();
    // Those of versions 2 to 4 were kept, and 5 is the current one.
    expect(links.map(({ states }) => states.map(({ version }) => version))).toEqual([[], [], [2], [3], [4], [5]]);
    expect(returned).toEqual([0, 1]);
    for (const link of links.slice(0, 2)) expect(link.mostBuffered).toBeLessThan(WINDOW_BYTES + 2 * PIECE_BYTES);
  });

  test('are forgotten once nobody is sent them any more', () => {
    const snapshots = new Snapshots('n', 0);
    const link = new TestLink({ accept: () => events });
    const outbox = new Outbox(
      link,
      () => 0,
      () => {},
    );
    const first = snapshots.of(stateOf(0));
    outbox.state(first, 0);
    expect(first.receivers).toBe(1);
    link.take();
    expect(first.receivers).toBe(0);
    snapshots.of(stateOf(1));
    // It was let go, not given up.
    expect(first.frames.length).toBe(21);
    outbox.state(snapshots.of(stateOf(2)), 0);
    const second = snapshots.of(stateOf(2));
    expect(second.receivers).toBe(1);
    outbox.close();
    expect(second.receivers).toBe(0);
  });
});

describe('a worker whose link breaks in the middle of a state', () => {
  /** A state of 21 pieces of which so many have come. */
  function broken(house: TestHouse, pieces: number): TestLink {
    const { link, told } = house.join();
    link.take();
    house.give(told);
    link.take(pieces);
    link.hangUp();
    expect(told.left).toEqual(['the connection closed']);
    return link;
  }
  const again = (house: TestHouse, { arriving }: TestLink) => {
    const back = house.join({ arriving }, { holds: arriving.part });
    back.link.take();
    house.give(back.told);
    back.link.take();
    return back;
  };
  const offsets = ({ heard }: TestLink) => heard.flatMap((header) => (header.kind === 'state' ? header.offset : []));

  test('is sent the rest of it, as long as it is the newest', () => {
    const house = new TestHouse(LARGE);
    const first = broken(house, 13);
    expect(first.arriving.part).toEqual({ id: 'n.0.0', received: 13 * PIECE_VALUES });
    const { link, told } = again(house, first);
    expect(told.holds).toBe(null);
    expect(offsets(link)).toEqual(Array.from({ length: 8 }, (_, i) => (13 + i) * PIECE_VALUES));
    expectWhole(link, [0]);
    expect(link.works.length).toBe(1);
  });

  test('is sent all of a newer one', () => {
    const house = new TestHouse(LARGE);
    const first = broken(house, 13);
    house.update();
    const { link } = again(house, first);
    expect(offsets(link).length).toBe(21);
    expectWhole(link, [1]);
  });

  test('is sent all of it after the run has gone back, though its version is called the same', () => {
    const house = new TestHouse(LARGE);
    const first = broken(house, 13);
    house.state = { ...house.state, epoch: 1 };
    const { link } = again(house, first);
    expect(offsets(link).length).toBe(21);
    expectWhole(link, [0]);
  });

  test('is sent all of it by another coordinator, though it calls its version the same', () => {
    const first = broken(new TestHouse(LARGE), 13);
    const { link } = again(new TestHouse({ ...LARGE, nonce: 'another' }), first);
    expect(offsets(link).length).toBe(21);
    expectWhole(link, [0]);
  });

  test.each([PIECE_VALUES - 1, 21 * PIECE_VALUES, 2 ** 40])('is not believed to have %i values', (received) => {
    const house = new TestHouse(LARGE);
    const { link, told } = house.join({}, { holds: { id: 'n.0.0', received } });
    link.take();
    house.give(told);
    link.take();
    expect(offsets(link).length).toBe(21);
    expectWhole(link, [0]);
  });

  test('breaks as often as it may, and gets one state in all', () => {
    const house = new TestHouse(LARGE);
    let link = broken(house, 4);
    for (let i = 0; i < 4; i++) {
      const { arriving } = link;
      const back = house.join({ arriving }, { holds: arriving.part });
      back.link.take(1);
      house.give(back.told);
      back.link.take(4);
      link = back.link;
      if (i < 3) link.hangUp();
    }
    link.take();
    expectWhole(link, [0]);
    expect(offsets(link)[0]).toBe(16 * PIECE_VALUES);
  });
});

test('a worker that holds the state by its hash is sent none of it', () => {
  const house = new TestHouse();
  const holds = { version: 0, hash: stateHash(house.state) };
  const { link, told } = house.join({}, { holds });
  link.take();
  expect(told.holds).toBe(0);
  house.give(told, false);
  link.take();
  expect(link.heard.map(({ kind }) => kind)).toEqual(['welcome', 'work']);
  const other = house.join({}, { holds: { ...holds, hash: 'x' } });
  expect(other.told.holds).toBe(null);
});

test('what is sent away while a state is on its way gets no more of it', () => {
  const house = new TestHouse(LARGE);
  const { link, told } = house.join();
  link.take();
  house.give(told);
  const { length } = link.waiting;
  told.port.close('it is enough', 'goingAway');
  expect(link.goodbye).toEqual({ code: CloseCode.goingAway, reason: 'it is enough' });
  link.take();
  expect(link.frames.length).toBe(1 + length);
  expect(link.states).toEqual([]);
});
