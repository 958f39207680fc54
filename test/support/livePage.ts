/** An operator's page as a test drives it: it holds what a dashboard would, and waits for what it is told. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { Command, Course, CoursePart, LiveState, RunInfo, ToOperator } from '../../core/protocol/live.ts';

type Answer = Extract<ToOperator, { kind: 'answer' }>;

/** A course with a part of it replaced. */
export function follow(held: CoursePart, part: CoursePart): CoursePart {
  const join = (name: keyof Course) => [...held.course[name].slice(0, part.from), ...part.course[name]];
  return {
    from: 0,
    course: {
      step: join('step'),
      loss: join('loss'),
      lossMin: join('lossMin'),
      lossMax: join('lossMax'),
      gradNorm: join('gradNorm'),
      lr: join('lr'),
      tokensPerSecond: join('tokensPerSecond'),
    },
  };
}

/** What a page holds after an update. */
export function apply(held: LiveState, update: Partial<LiveState>): LiveState {
  return { ...held, ...update, course: update.course ? follow(held.course, update.course) : held.course };
}

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;

export class LivePage {
  readonly socket: WebSocket;
  /** Resolves to the close code. */
  readonly closed: Promise<number>;
  info: RunInfo | null = null;
  state: LiveState | null = null;
  readonly #answers: Answer[] = [];
  readonly #watchers = new Set<() => void>();
  #nextId = 1;

  constructor(port: number, path = '/') {
    this.socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
    // Its coordinator may be killed: what is asked of the page then says so.
    this.socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => this.socket.on('close', resolve));
    this.socket.on('message', (data: Buffer) => {
      this.#take(JSON.parse(data.toString()) as ToOperator);
      for (const watch of this.#watchers) watch();
    });
    this.socket.on('close', () => {
      for (const watch of this.#watchers) watch();
    });
  }

  /** A page that has opened, and been told the state. */
  static async open(port: number, key: string, path = '/'): Promise<LivePage> {
    const page = new LivePage(port, path);
    await once(page.socket, 'open');
    page.socket.send(JSON.stringify({ kind: 'open', key }));
    await page.until(() => page.state !== null);
    return page;
  }

  /** Resolves when what it has been told is as asked; rejects if it is closed before. */
  until(is: (state: LiveState | null) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const watch = () => {
        const done = is(this.state);
        if (!done && this.socket.readyState !== WebSocket.CLOSED) return;
        this.#watchers.delete(watch);
        if (done) resolve();
        else reject(new Error(`the page was closed at ${JSON.stringify(this.state?.status)}`));
      };
      this.#watchers.add(watch);
      watch();
    });
  }

  /** Asks for something. @returns the answer */
  async ask(command: WithoutId<Command>): Promise<Answer> {
    const id = this.#nextId++;
    this.socket.send(JSON.stringify({ ...command, id }));
    await this.until(() => this.#answers.some((a) => a.id === id));
    return this.#answers.find((a) => a.id === id) as Answer;
  }

  #take(message: ToOperator): void {
    if (message.kind === 'snapshot') {
      this.info = message.info;
      this.state = message.state;
    } else if (message.kind === 'answer') this.#answers.push(message);
    else if (this.state === null) throw new Error('an update before the snapshot');
    else this.state = apply(this.state, message.state);
  }
}
