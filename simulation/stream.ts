/**
 * One direction of a simulated connection: messages in their order, each after the lines that it passes and the distance have had
 * their time. What a message means, and whether anybody is there to take it, is connection.ts's.
 */
import type { Host, Wiretap } from './host.ts';
import type { Line } from './line.ts';
import type { VirtualClock } from './virtualClock.ts';

/** What connections run through. */
export interface Medium {
  readonly time: VirtualClock;
  readonly tap: Wiretap;
  /** The bytes that a frame counts for: its own, where nothing else is asked for. */
  readonly weigh: (frame: Uint8Array) => number;
  /** The coordinator's network card, out and in. */
  readonly cardUp: Line;
  readonly cardDown: Line;
  /** Milliseconds one way, drawn anew each time. */
  delay(host: Host): number;
}

/** Larger messages share lines with others piece by piece. */
const SEGMENT_BYTES = 64 * 1024;
const MAX_SEGMENTS = 16;
/** What Ethernet, IP and TCP make of each 1,448 bytes on a line. */
const ON_THE_WIRE = 1514 / 1448;

interface Message {
  /** What it weighs on a line, and what it has in truth: other than that, where it stands in for a larger one. */
  readonly weight: number;
  readonly bytes: number;
  readonly left: () => void;
  readonly arrive: () => void;
}

/** A direction: its lines in order, and what waits to enter the first. */
export class Stream {
  readonly #medium: Medium;
  readonly #host: Host;
  readonly #lines: readonly [Line, Line];
  readonly #queue: Message[] = [];
  #busy = false;
  #lastArrival = 0;
  /** Nothing arrives any more, and nobody is told. */
  isDead = false;
  buffered = 0;
  sent = 0;
  arrived = 0;

  constructor(medium: Medium, host: Host, lines: readonly [Line, Line]) {
    this.#medium = medium;
    this.#host = host;
    this.#lines = lines;
  }

  send(bytes: number, arrive: () => void, left: () => void = () => {}, weight = bytes): void {
    this.buffered += bytes;
    this.sent += bytes;
    this.#queue.push({ weight, bytes, left, arrive });
    if (!this.#busy) this.#next();
  }

  #next(): void {
    const message = this.#queue.shift();
    this.#busy = message !== undefined;
    if (message === undefined) return;
    const { time } = this.#medium;
    const [first, second] = this.#lines;
    const segment = Math.max(SEGMENT_BYTES, message.weight / MAX_SEGMENTS);
    const more = (rest: number) => {
      const bytes = Math.min(rest, segment);
      const passed = first.pass(bytes * ON_THE_WIRE, time.now());
      time.after(passed - time.now(), () => {
        const through = second.pass(bytes * ON_THE_WIRE, time.now());
        if (rest > bytes) return more(rest - bytes);
        this.buffered -= message.bytes;
        this.#arriveAt(through + this.#medium.delay(this.#host), message);
        message.left();
        this.#next();
      });
    };
    more(message.weight);
  }

  #arriveAt(at: number, { bytes, arrive }: Message): void {
    const { time } = this.#medium;
    this.#lastArrival = Math.max(at, this.#lastArrival);
    time.after(this.#lastArrival - time.now(), () =>
      this.#host.whenWhole(() => {
        if (this.isDead) return;
        this.arrived += bytes;
        arrive();
      }),
    );
  }
}
