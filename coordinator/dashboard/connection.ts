/** The page's line to the coordinator: opens with the key, comes back by itself, matches answers to commands. It shows nothing. */
import type { Command, ToOperator } from '../../core/protocol/live.ts';
import { LIVE_PATH, LIVE_SUBPROTOCOL, LiveCloseCode } from '../../core/protocol/liveConstants.ts';

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;
/** The coordinator says something every second: after so long without a word, the line is dead, though nobody said so. */
const SILENCE_MS = 15_000;

export type LinkState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'connected' }
  | { readonly kind: 'waiting'; readonly until: number }
  | { readonly kind: 'refused' };

/** A command without the number that it is given on its way. */
export type Request = Command extends infer C ? (C extends Command ? Omit<C, 'id'> : never) : never;

export interface Answer {
  readonly error: string | null;
  readonly text: string | null;
}

export interface ConnectionHandlers {
  link(state: LinkState): void;
  message(message: Exclude<ToOperator, { kind: 'answer' }>): void;
}

export class Connection {
  readonly #handlers: ConnectionHandlers;
  readonly #answers = new Map<number, (answer: Answer) => void>();
  #key: string;
  #socket: WebSocket | null = null;
  #retry = FIRST_RETRY_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #nextId = 1;
  #silence: ReturnType<typeof setTimeout> | undefined;
  /** Set once the run has ended: the server is expected to stay away, and is asked seldom. */
  patient = false;

  constructor(key: string, handlers: ConnectionHandlers) {
    this.#key = key;
    this.#handlers = handlers;
    addEventListener('online', () => this.#hurry());
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.#hurry();
    });
    this.#open();
  }

  /** Opens anew with another key. */
  useKey(key: string): void {
    this.#key = key;
    this.#drop();
    this.#open();
  }

  /** Lets go of the line, without waiting for the other side. */
  #drop(): void {
    const socket = this.#socket;
    if (socket === null) return;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
    clearTimeout(this.#silence);
    this.#unanswered();
  }

  #alive(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      this.#drop();
      this.#closed(1006);
    }, SILENCE_MS);
  }

  /** Asks for something; the answer's error says so where there is no line. */
  ask(request: Request): Promise<Answer> {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN)
      return Promise.resolve({ error: 'there is no connection to the coordinator', text: null });
    const id = this.#nextId++;
    socket.send(JSON.stringify({ ...request, id } satisfies Command));
    return new Promise((resolve) => this.#answers.set(id, resolve));
  }

  #open(): void {
    clearTimeout(this.#timer);
    this.#handlers.link({ kind: 'connecting' });
    const socket = new WebSocket(
      `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${LIVE_PATH}`,
      LIVE_SUBPROTOCOL,
    );
    this.#socket = socket;
    socket.onopen = () => socket.send(JSON.stringify({ kind: 'open', key: this.#key }));
    socket.onmessage = ({ data }: MessageEvent<string>) => this.#receive(JSON.parse(data) as ToOperator);
    socket.onclose = ({ code }) => this.#closed(code);
  }

  #receive(message: ToOperator): void {
    this.#alive();
    if (message.kind === 'answer') {
      this.#answers.get(message.id)?.(message);
      this.#answers.delete(message.id);
      return;
    }
    if (message.kind === 'snapshot') {
      this.#retry = FIRST_RETRY_MS;
      this.#handlers.link({ kind: 'connected' });
    }
    this.#handlers.message(message);
  }

  #closed(code: number): void {
    clearTimeout(this.#silence);
    this.#unanswered();
    if (code === LiveCloseCode.refused) return this.#handlers.link({ kind: 'refused' });
    const wait = this.patient ? LAST_RETRY_MS : this.#retry * (0.75 + Math.random() / 2);
    this.#retry = Math.min(this.#retry * 2, LAST_RETRY_MS);
    this.#handlers.link({ kind: 'waiting', until: performance.now() + wait });
    this.#timer = setTimeout(() => this.#open(), wait);
  }

  #unanswered(): void {
    for (const answer of this.#answers.values()) answer({ error: 'the connection was lost', text: null });
    this.#answers.clear();
  }

  /** Tries now instead of later. */
  #hurry(): void {
    if (this.#socket?.readyState === WebSocket.CLOSED && this.#timer !== undefined) this.#open();
  }
}
