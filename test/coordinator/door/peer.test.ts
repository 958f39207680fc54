/** What a peer may do and what becomes of it: over links without a network, on a clock that stands. */
import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { encodeFrames } from '../../../core/protocol/frames.ts';
import { CloseCode, type Header, type Message, resultMessage } from '../../../core/protocol/messages.ts';
import { PIECE_VALUES } from '../../../core/protocol/statePieces.ts';
import type { CloseCause, Result, Work } from '../../../core/protocol/work.ts';
import { firstFrame } from '../../protocol/wire.ts';
import { TestHouse } from './house.ts';
import { TestLink } from './testLink.ts';

const kinds = ({ heard }: TestLink) => heard.map(({ kind }) => kind);
const farewell = (link: TestLink) => {
  link.take();
  const last = link.heard.at(-1);
  return last?.kind === 'farewell' ? { seconds: last.seconds, reason: last.reason } : null;
};

/** The first frame of an answer that claims to have so many bytes, and none of them. */
function announcement({ round, lo, size, counts }: Work, bytes: number): Uint8Array {
  const header = { kind: 'result', round, lo, size, losses: counts.map(() => 1), counts };
  return firstFrame(new Packr({ useRecords: false }).pack([header, [bytes, 0]]));
}

/** An answer with so many numbers. */
function answer({ round, lo, size, counts }: Work, numbers = 100): Message<Header> {
  const result: Result = {
    ...{ round, lo, size, losses: counts.map(() => 1), counts },
    ...{ gradient: new Float32Array(numbers), statistics: new Float32Array(0) },
  };
  return resultMessage(result);
}

const progress = ({ round, lo, size }: Work): Message<Header> => ({
  header: { kind: 'progress', round, lo, size },
  parts: [],
});

describe('a stranger', () => {
  test('with the token and the right arithmetic is welcomed, and its leases and answers pass', () => {
    const house = new TestHouse();
    const { link, told } = house.join({}, { name: ' a\u001b[31m\n ', slots: 3 });
    const { kind, name, identity, trusted, slots } = told.port;
    expect({ kind, name, identity, trusted, slots }).toEqual({
      ...{ kind: 'remote', name: 'a[31m', identity: null, trusted: false, slots: 3 },
    });
    const work = house.give(told);
    link.take();
    expect(kinds(link)).toEqual(['welcome', 'state', 'work']);
    expect(link.works).toEqual([work]);
    link.say(progress(work));
    link.say(answer(work));
    expect(told.progress).toEqual([work.lo]);
    expect(told.results.map(({ lo, gradient }) => [lo, gradient.length])).toEqual([[work.lo, 100]]);
    expect(told.port.traffic?.()).toEqual({ sent: link.sent, received: link.received, latencyMs: null });
    house.clock.pass(5000);
    expect(link.pings).toBe(1);
    house.clock.pass(70);
    link.pong();
    expect(told.port.traffic?.().latencyMs).toBe(70);
    link.hangUp('so long');
    expect(told.left).toEqual(['so long']);
  });

  test('is who its token says', () => {
    const house = new TestHouse({ identify: (token) => ({ name: token, trusted: token === 'mine' }) });
    const ports = ['mine', 'yours'].map((token) => house.join({}, { token }).told.port);
    expect(ports.map(({ identity, trusted }) => [identity, trusted])).toEqual([
      ['mine', true],
      ['yours', false],
    ]);
  });

  test.each([
    ['another token', {}, { token: 'x' }, /token does not match/],
    ['other arithmetic', {}, { numerics: 'x' }, /arithmetic differs/],
    ['another protocol', { protocol: 'manygrad.v2' }, {}, /speaks manygrad\.v2/],
    ['no protocol', { protocol: '' }, {}, /speaks no version/],
  ])('with %s is refused for good', (_, how, hello, reason) => {
    const house = new TestHouse();
    const link = new TestLink(house.reception, how);
    link.hello(hello);
    expect(link.goodbye?.code).toBe(CloseCode.refused);
    expect(link.goodbye?.reason).toMatch(reason);
    link.take();
    expect(kinds(link)).toEqual([]);
    expect(house.workers).toEqual([]);
  });

  test('that says nothing for ten seconds is sent away; one that does not answer the goodbye, cut off', () => {
    const house = new TestHouse();
    const link = new TestLink(house.reception);
    house.clock.pass(9999);
    expect(link.goodbye).toBe(null);
    house.clock.pass(1);
    expect(link.goodbye).toEqual({ code: CloseCode.misbehaved, reason: 'no hello came' });
    house.clock.pass(1999);
    expect(link.isEnded).toBe(false);
    house.clock.pass(1);
    expect(link.isEnded).toBe(true);
  });

  test.each<[string, (link: TestLink) => void, RegExp]>([
    ['a text', (link) => link.sayFrame(Buffer.from('hello'), false), /a text message/],
    ['too much', (link) => link.sayFrame(new Uint8Array(5000)), /a hello that is too long/],
    ['nonsense', (link) => link.sayFrame(Uint8Array.of(9, 9, 9)), /unknown type/],
    ['a result before its hello', (link) => link.say(answer(new TestHouse().lease(), 0)), /result before the hello/],
    ['a result with numbers in it', (link) => link.say(answer(new TestHouse().lease())), /of at most 0/],
  ])('that says %s is sent away, and nothing more is heard of it', (_, say, reason) => {
    const house = new TestHouse();
    const link = new TestLink(house.reception);
    say(link);
    expect(link.goodbye?.code).toBe(CloseCode.misbehaved);
    expect(link.goodbye?.reason).toMatch(reason);
    link.hello();
    expect(house.workers).toEqual([]);
    // Who it was is not known: another at its address is let in.
    house.join();
  });
});

describe('a peer', () => {
  test('of which nothing is heard for four pings is cut off; one that answers them is not', () => {
    const house = new TestHouse();
    const [silent, alive] = [house.join(), house.join()];
    for (let i = 0; i < 5; i++) {
      house.clock.pass(5000);
      alive.link.pong();
    }
    expect(silent.link.isEnded).toBe(true);
    expect(silent.told.left).toEqual(['the connection closed']);
    expect(alive.told.left).toEqual([]);
    expect(alive.link.pings).toBe(5);
  });

  test('that is a tab is told how the run stands, once a second, unless it does not read', () => {
    const house = new TestHouse();
    const { link } = house.join({}, { agent: 'tab' });
    house.clock.pass(3000);
    link.take();
    expect(kinds(link)).toEqual(['welcome', 'news', 'news', 'news', 'news']);
    for (let i = 0; i < 4000; i++) {
      house.clock.pass(5000);
      link.pong();
    }
    expect(link.buffered).toBeLessThan(800 * 1024);
    expect(link.pings).toBeLessThan(4000);
  });

  test('is shown out at the end, in words; one that does not go is cut off', async () => {
    const house = new TestHouse();
    const [a, b] = [house.join(), house.join()];
    let closed = false;
    const closing = house.reception.close(true).then(() => {
      closed = true;
    });
    expect(a.link.goodbye).toEqual({ code: CloseCode.finished, reason: 'the run has finished' });
    a.link.hangUp();
    await Promise.resolve();
    expect(closed).toBe(false);
    house.clock.pass(2000);
    expect(b.link.isEnded).toBe(true);
    await closing;
  });

  test('one too many for its address is not taken', () => {
    const house = new TestHouse();
    const links = Array.from({ length: 1025 }, () => new TestLink(house.reception));
    expect(links.filter(({ isEnded }) => isEnded).length).toBe(1);
    expect(links.at(-1)?.isEnded).toBe(true);
  });
});

describe('what leases justify', () => {
  const overdone = /more than its leases justify/;

  test('is enough for every micro-batch`s progress and an answer in small frames, again and again', () => {
    const house = new TestHouse({ maxResultBytes: 500_000 });
    const { link, told } = house.join({}, { slots: 2 });
    told.port.sendState(house.state);
    for (let i = 0; i < 50; i++) {
      const works = [house.lease(8), house.lease(1)];
      for (const work of works) told.port.sendWork(work);
      link.take();
      for (const work of works) for (const _ of work.counts) link.say(progress(work));
      for (const work of works) {
        const [first, ...more] = encodeFrames(answer(work, 125_000 - 10));
        if (first === undefined) throw new Error('no frame');
        // In quarters of the usual frames, as another implementation might.
        link.sayFrame(first);
        for (const frame of more)
          for (let at = 1; at < frame.length; at += 65_536)
            link.sayFrame(Buffer.concat([Buffer.of(2), frame.subarray(at, at + 65_536)]));
      }
    }
    expect(told.left).toEqual([]);
    expect(told.results.length).toBe(100);
    expect(told.progress.length).toBe(450);
  });

  test('is no flood of progress, and what one lease left over is not saved up', () => {
    const house = new TestHouse();
    const { link, told } = house.join();
    told.port.sendState(house.state);
    for (let i = 0; i < 1000; i++) {
      link.take();
      const work = house.lease(4);
      told.port.sendWork(work);
      link.say(answer(work));
    }
    const last = house.lease(4);
    told.port.sendWork(last);
    let said = 0;
    while (link.goodbye === null && said < 1000) {
      link.say(progress(last));
      said++;
    }
    expect(said).toBeLessThan(40);
    expect(told.left[0]).toMatch(overdone);
  });

  test('is no result of which a byte comes at a time', () => {
    const house = new TestHouse();
    const { link, told } = house.join();
    const work = house.give(told);
    const [frame] = encodeFrames(answer(work, 900));
    if (frame === undefined) throw new Error('no frame');
    link.sayFrame(frame.subarray(0, 300));
    for (let at = 300; at < frame.length && link.goodbye === null; at++)
      link.sayFrame(Uint8Array.of(2, frame[at] ?? 0));
    expect(told.left[0]).toMatch(overdone);
    expect(told.results).toEqual([]);
  });

  test('is nothing for a lease that was given back', () => {
    const house = new TestHouse({ params: 8 * PIECE_VALUES });
    const { link, told } = house.join({}, { slots: 3 });
    // Sent to one that reads nothing meanwhile: the second waits for a state that is never begun.
    const [first, second, third] = [0, 1, 2].map(() => {
      const work = house.give(told);
      house.update();
      return work;
    });
    if (first === undefined || second === undefined || third === undefined)
      throw new Error('three leases were expected');
    link.take();
    expect(told.returned).toEqual([second.lo]);
    for (const work of [first, third]) link.say(answer(work));
    expect(told.results.map(({ lo }) => lo)).toEqual([first.lo, third.lo]);
    expect(told.left).toEqual([]);
    link.say(answer(second));
    expect(told.left[0]).toMatch(/of at most 0/);
    expect(told.results.length).toBe(2);
  });

  test('is no memory for what is announced, whether a lease is held or not', () => {
    const announced = 2 ** 28;
    const house = new TestHouse({ maxResultBytes: announced });
    const before = process.memoryUsage().arrayBuffers;
    const [holder, stranger] = [house.join(), house.join()];
    holder.link.sayFrame(announcement(house.give(holder.told), announced));
    stranger.link.sayFrame(announcement(house.lease(), announced));
    expect(holder.told.left).toEqual([]);
    expect(stranger.told.left[0]).toMatch(/of at most 0/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(announced / 16);
  });

  test('is no result that is begun and does not go on', () => {
    const house = new TestHouse({ maxResultBytes: 10_000_000 });
    const { link, told } = house.join();
    const work = house.give(told);
    link.take();
    const frames = encodeFrames(answer(work, 1_000_000));
    const live = (seconds: number) => {
      for (let i = 0; i < seconds; i += 5) {
        house.clock.pass(5000);
        link.pong();
      }
    };
    // A frame every 100 seconds is slow, but goes on.
    for (const frame of frames.slice(0, 8)) {
      link.sayFrame(frame);
      live(100);
    }
    expect(told.left).toEqual([]);
    live(150);
    expect(told.left[0]).toMatch(/does not go on/);
    expect(link.goodbye?.code).toBe(CloseCode.goingAway);
  });

  test('are messages: bytes without any cost their sender the connection', () => {
    const house = new TestHouse();
    const { link, told } = house.join();
    for (let i = 0; i < 3; i++) {
      link.received += 900_000;
      house.clock.pass(5000);
    }
    expect(told.left).toEqual([]);
    link.received += 2_000_000;
    house.clock.pass(5000);
    expect(told.left[0]).toMatch(/more than messages/);
    expect(link.goodbye?.code).toBe(CloseCode.misbehaved);
  });
});

describe('a worker that did wrong', () => {
  const misbehave = (house: TestHouse, how = {}, hello = {}) => {
    const { link, told } = house.join(how, hello);
    link.sayFrame(Uint8Array.of(9));
    expect(told.left).toEqual(['it sent a frame of the unknown type 9']);
    const said = farewell(link);
    expect(said?.reason).toBe('it sent a frame of the unknown type 9');
    expect(link.goodbye?.code).toBe(CloseCode.misbehaved);
    link.hangUp();
    return said?.seconds;
  };
  /** How long it is told to stay away for yet, at the door; null if it is let in. */
  const knock = (house: TestHouse, how = {}, hello = {}) => {
    const link = new TestLink(house.reception, how);
    link.hello(hello);
    const said = farewell(link);
    if (said === null) expect(kinds(link)[0]).toBe('welcome');
    else {
      expect(said.reason).toBe(`it is to stay away for another ${said.seconds} s`);
      expect(link.goodbye?.code).toBe(CloseCode.misbehaved);
    }
    link.hangUp();
    return said?.seconds ?? null;
  };

  test('stays away for ten seconds at first, then twice as long each time; knocking costs nothing', () => {
    const house = new TestHouse();
    expect(misbehave(house)).toBe(10);
    house.clock.pass(2500);
    expect(knock(house)).toBe(8);
    house.clock.pass(7500);
    expect(knock(house)).toBe(null);
    expect(misbehave(house)).toBe(20);
    expect(knock(house)).toBe(20);
    house.clock.pass(20_000);
    expect(misbehave(house)).toBe(40);
  });

  test('is known by its address and name, or by its own token wherever it comes from', () => {
    const house = new TestHouse({ identify: (token) => ({ name: token === 't' ? null : token, trusted: false }) });
    misbehave(house, { address: '192.0.2.1' }, { name: 'a' });
    expect(knock(house, { address: '192.0.2.1' }, { name: 'b' })).toBe(null);
    expect(knock(house, { address: '192.0.2.2' }, { name: 'a' })).toBe(null);
    expect(knock(house, { address: '192.0.2.1' }, { name: 'a', token: 'own' })).toBe(null);
    expect(knock(house, { address: '192.0.2.1' }, { name: 'a' })).toBe(10);
    misbehave(house, { address: '192.0.2.1' }, { name: 'a', token: 'own' });
    expect(knock(house, { address: '192.0.2.3' }, { name: 'c', token: 'own' })).toBe(10);
    expect(knock(house, { address: '192.0.2.3' }, { name: 'c', token: 'another' })).toBe(null);
  });

  test('with a malformed frame of the link`s own, too', () => {
    const house = new TestHouse();
    const { link, told } = house.join();
    link.malformed('a malformed frame');
    link.hangUp();
    expect(told.left[0]).toBe('it sent a malformed frame');
    expect(knock(house)).toBe(10);
  });

  test.each<[CloseCause, number | null, number]>([
    ['misbehaved', 10, CloseCode.misbehaved],
    ['lied', 600, CloseCode.misbehaved],
    ['goingAway', null, CloseCode.goingAway],
  ])('is closed by the run, because it %s', (cause, seconds, code) => {
    const house = new TestHouse();
    const { link, told } = house.join();
    told.port.close('a reason', cause);
    expect(farewell(link)).toEqual(seconds === null ? null : { seconds, reason: 'a reason' });
    expect(link.goodbye).toEqual({ code, reason: 'a reason' });
    link.hangUp();
    expect(knock(house)).toBe(seconds);
  });

  test('is not to come back in this run if its operator sent it away', () => {
    const house = new TestHouse();
    const { link, told } = house.join();
    told.port.close('the operator sent it away', 'dismissed');
    expect(link.goodbye).toEqual({ code: CloseCode.dismissed, reason: 'the operator sent it away' });
    house.clock.pass(2 * 24 * 3600_000);
    const again = new TestLink(house.reception);
    again.hello();
    expect(again.goodbye).toEqual({ code: CloseCode.dismissed, reason: 'the operator sent it away' });
    house.join({}, { name: 'another' });
  });
});
