/** A worker's end of a link without a network: what it is sent waits until it takes it, and it may say whatever it likes. */
import type { PeerLink, PeerLinkEvents } from '../../../coordinator/door/link.ts';
import type { Reception } from '../../../coordinator/door/reception.ts';
import { encodeFrames, FrameDecoder } from '../../../core/protocol/frames.ts';
import {
  fromCoordinatorSchema,
  type Header,
  type Hello,
  type Message,
  parseState,
  parseWork,
  SUBPROTOCOL,
} from '../../../core/protocol/messages.ts';
import { ArrivingState } from '../../../core/protocol/statePieces.ts';
import type { State, Work } from '../../../core/protocol/work.ts';

type Sent = ReturnType<typeof fromCoordinatorSchema.parse>;

export class TestLink implements PeerLink {
  readonly protocol: string;
  readonly address: string;
  isOpen = true;
  received = 0;
  sent = 0;
  /** Frames that wait. */
  readonly waiting: { readonly frame: Uint8Array; readonly left: (() => void) | undefined }[] = [];
  buffered = 0;
  /** The most bytes that have waited at a time. */
  mostBuffered = 0;
  pings = 0;
  /** How the coordinator closed: with a code and a reason, or at once. */
  goodbye: { readonly code: number; readonly reason: string } | null = null;
  isEnded = false;
  /** Headers of what was taken, in order; and all the frames. */
  readonly heard: Sent[] = [];
  readonly frames: Uint8Array[] = [];
  readonly works: Work[] = [];
  /** The states that came whole, copied. */
  readonly states: State[] = [];
  readonly arriving: ArrivingState;
  /** Told of each lease as it is taken, with the state that is there then. */
  onWork: (work: Work, version: number) => void = () => {};
  readonly #decoder = new FrameDecoder(fromCoordinatorSchema, () => 2 ** 30);
  /** Null until it has been taken: nothing is told before. */
  #events: PeerLinkEvents | null = null;

  constructor(
    reception: Pick<Reception, 'accept'>,
    { protocol = SUBPROTOCOL, address = '192.0.2.1', arriving = new ArrivingState() } = {},
  ) {
    this.protocol = protocol;
    this.address = address;
    this.arriving = arriving;
    this.#events = reception.accept(this);
    if (this.isEnded) this.#events.closed('');
  }

  send(frame: Uint8Array, left?: () => void): void {
    if (!this.isOpen) return void (left && queueMicrotask(left));
    this.waiting.push({ frame, left });
    this.buffered += frame.byteLength;
    this.mostBuffered = Math.max(this.mostBuffered, this.buffered);
  }

  ping(): void {
    this.pings++;
  }

  close(code: number, reason: string): void {
    this.isOpen = false;
    this.goodbye ??= { code, reason };
  }

  end(): void {
    this.isOpen = false;
    this.isEnded = true;
    this.hangUp();
  }

  /** The worker takes what waits and what comes of that, or the first so many frames of it. */
  take(frames = Number.POSITIVE_INFINITY): void {
    for (let i = 0; i < frames; i++) {
      const next = this.waiting.shift();
      if (next === undefined) return;
      this.buffered -= next.frame.byteLength;
      this.sent += next.frame.byteLength;
      this.frames.push(next.frame);
      this.#hear(next.frame);
      next.left?.();
    }
  }

  /** The worker says something. */
  say(message: Message<Header>): void {
    for (const frame of encodeFrames(message)) this.sayFrame(frame);
  }

  sayFrame(frame: Uint8Array, isBinary = true): void {
    this.received += frame.byteLength;
    this.#events?.received(frame, isBinary);
  }

  /** The worker's side answers a ping. */
  pong(): void {
    this.received += 6;
    this.#events?.pong();
  }

  malformed(what: string): void {
    this.isOpen = false;
    this.#events?.malformed(what);
  }

  hello(hello: Partial<Hello> = {}): void {
    this.say({
      header: {
        ...{ kind: 'hello', token: 't', name: 'w', agent: 'remote', slots: 1, numerics: 'n', holds: null },
        ...hello,
      },
      parts: [],
    });
  }

  /** The link is gone. */
  hangUp(reason = ''): void {
    this.isOpen = false;
    this.buffered = 0;
    for (const { left } of this.waiting.splice(0)) left?.();
    this.#events?.closed(reason);
  }

  #hear(frame: Uint8Array): void {
    const message = this.#decoder.push(frame);
    if (message === null) return;
    const { header, parts } = message;
    this.heard.push(header);
    if (header.kind === 'state') {
      const state = this.arriving.take(parseState({ header, parts }));
      if (state !== null) this.states.push({ ...state, params: state.params.slice(), buffers: state.buffers.slice() });
    }
    if (header.kind !== 'work') return;
    const work = parseWork({ header, parts });
    this.works.push(work);
    this.onWork(work, this.states.at(-1)?.version ?? -1);
  }
}
