/**
 * The pages of a run's operators: each is told the state of the run, then what changes of it, and may ask for things.
 *
 * A connection comes here as an open WebSocket, let in by whoever serves HTTP. Until it has opened with the right key it is
 * told nothing; what breaks the protocol (core/protocol/live.ts) costs it the connection, and nobody else anything. A page
 * that reads slowly is sent fewer updates, each of which brings it up to date.
 */
import { WebSocket } from 'ws';
import {
  type Command,
  LiveCloseCode,
  parseFromOperator,
  type RunInfo,
  type ToOperator,
} from '../../core/protocol/live.ts';
import { sameSecret } from '../secret.ts';
import type { LiveView, Mark } from './liveView.ts';

const OPEN_MS = 10_000;
const UPDATE_MS = 250;
/** A page with more than this still to be sent waits for its next update. */
const MAX_BUFFERED = 64 * 1024;
const MAX_COMMANDS_A_SECOND = 20;
const GOING_AWAY = { code: 1001, reason: 'the coordinator is going away' };
/** How long a page that is sent away has to close its side. */
const FAREWELL_MS = 2000;

export interface OperatorOptions {
  readonly info: RunInfo;
  readonly view: LiveView;
  /** What a page must present, unless it is exempt. */
  readonly key: string;
  /** Milliseconds on a clock that does not run back. */
  readonly now: () => number;
  /** Does what is asked. @returns what a sample drew, else null; a rejection's message is the page's answer */
  readonly obey: (command: Command) => Promise<string | null>;
}

/** What all pages have in common. */
export class OperatorDesk {
  readonly #options: OperatorOptions;
  readonly #pages = new Set<Page>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: OperatorOptions) {
    this.#options = options;
  }

  /** Takes an open WebSocket. @param exempt whether it needs no key @param opened told when it may watch */
  accept(socket: WebSocket, exempt: boolean, opened = () => {}): void {
    const page = new Page(socket, exempt, opened, this.#options);
    if (this.#closed) return void page.close(GOING_AWAY.code, GOING_AWAY.reason);
    this.#pages.add(page);
    this.#timer ??= setInterval(() => this.#update(), UPDATE_MS);
    socket.on('close', () => {
      this.#pages.delete(page);
      if (this.#pages.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    });
  }

  /** Whether a page is open. */
  get watched(): boolean {
    for (const page of this.#pages) if (page.mark !== null) return true;
    return false;
  }

  /** Tells all pages how it stands, and closes them. Resolves when they are closed. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#update();
    await Promise.all(Array.from(this.#pages, (page) => page.close(GOING_AWAY.code, GOING_AWAY.reason)));
  }

  #update(): void {
    const { view } = this.#options;
    const mark = view.mark();
    // Pages that were last told of the same moment hold the same mark, and share one text.
    const texts = new Map<Mark, string | null>();
    for (const page of this.#pages) {
      if (page.mark === null || page.buffered > MAX_BUFFERED) continue;
      let text = texts.get(page.mark);
      if (text === undefined) {
        const state = view.changes(page.mark);
        text = state === null ? null : JSON.stringify({ kind: 'update', state } satisfies ToOperator);
        texts.set(page.mark, text);
      }
      if (text !== null) page.send(text);
      page.mark = mark;
    }
  }
}

/** One connection: a stranger until it has opened. */
class Page {
  /** What it has been told; null before it has opened. */
  mark: Mark | null = null;
  readonly #socket: WebSocket;
  readonly #exempt: boolean;
  readonly #opened: () => void;
  readonly #options: OperatorOptions;
  /** Commands of the second that began at `#since`. */
  #commands = 0;
  #since = Number.NEGATIVE_INFINITY;

  constructor(socket: WebSocket, exempt: boolean, opened: () => void, options: OperatorOptions) {
    this.#socket = socket;
    this.#exempt = exempt;
    this.#opened = opened;
    this.#options = options;
    const hurry = setTimeout(() => void this.close(LiveCloseCode.misbehaved, 'it did not open'), OPEN_MS);
    socket.on('message', (data: Buffer, isBinary) => {
      clearTimeout(hurry);
      this.#receive(data, isBinary);
    });
    // Oversized and malformed frames come as errors; a close follows.
    socket.on('error', () => undefined);
    socket.on('close', () => clearTimeout(hurry));
  }

  get buffered(): number {
    return this.#socket.bufferedAmount;
  }

  send(text: string): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(text);
  }

  /** Closes; waits for the page to close too, but not for long. */
  async close(code: number, reason: string): Promise<void> {
    this.mark = null;
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    const closed = new Promise((resolve) => this.#socket.once('close', resolve));
    this.#socket.close(code, reason);
    const impatience = setTimeout(() => this.#socket.terminate(), FAREWELL_MS);
    await closed;
    clearTimeout(impatience);
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    const message = isBinary ? null : parseFromOperator(data.toString());
    if (message === null) return this.#misbehaved('it sent no message of this protocol');
    if ((message.kind === 'open') !== (this.mark === null))
      return this.#misbehaved(this.mark === null ? 'it did not open first' : 'it opened twice');
    if (message.kind === 'open') return this.#open(message.key);
    const now = this.#options.now();
    if (now - this.#since >= 1000) [this.#since, this.#commands] = [now, 0];
    if (++this.#commands > MAX_COMMANDS_A_SECOND) return this.#misbehaved('it sent too many commands');
    void this.#obey(message);
  }

  #open(key: string): void {
    const { info, view, key: expected } = this.#options;
    if (!this.#exempt && !sameSecret(key, expected))
      return void this.close(LiveCloseCode.refused, 'the key is wrong: use the link that the coordinator printed');
    this.mark = view.mark();
    this.#opened();
    this.send(JSON.stringify({ kind: 'snapshot', info, state: view.snapshot() } satisfies ToOperator));
  }

  async #obey(command: Command): Promise<void> {
    const { id } = command;
    const answer = (error: string | null, text: string | null) =>
      this.send(JSON.stringify({ kind: 'answer', id, error, text } satisfies ToOperator));
    try {
      answer(null, await this.#options.obey(command));
    } catch (error) {
      answer(error instanceof Error ? error.message : String(error), null);
    }
  }

  #misbehaved(reason: string): void {
    void this.close(LiveCloseCode.misbehaved, reason);
  }
}
