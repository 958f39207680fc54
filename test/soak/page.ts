/** An operator's page, open all the while: it shows who is at work, and who holds a lease. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { LIVE_PATH, LIVE_SUBPROTOCOL, type ToOperator, type WorkerRow } from '../../core/protocol/live.ts';

/** What was on its way when a worker was stopped has arrived after so many updates, which come four times a second. */
const SETTLED = 2;
/** It is handed a lease a step: a while after, it has one. */
const PATIENCE = 80;

export class OperatorPage {
  readonly #socket: WebSocket;
  #workers: readonly WorkerRow[] = [];

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as ToOperator;
      if (message.kind !== 'answer') this.#workers = message.state.workers ?? this.#workers;
    });
    // Its coordinator is killed sooner or later.
    socket.on('error', () => undefined);
  }

  static async open(port: number): Promise<OperatorPage> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${LIVE_PATH}`, LIVE_SUBPROTOCOL);
    await once(socket, 'open');
    const page = new OperatorPage(socket);
    // From this machine no key is asked for.
    socket.send(JSON.stringify({ kind: 'open', key: '' }));
    return page;
  }

  /** Whether work of a worker has been accepted since it joined. */
  worked(name: string): boolean {
    return this.#workers.some((w) => w.name === name && w.microBatches > 0);
  }

  /** Resolves when a worker that has just been stopped is seen to hold a lease: it then keeps it. @throws Error if it gets none */
  async showsLeaseOf(name: string): Promise<void> {
    for (let update = 1; update <= PATIENCE; update++) {
      await once(this.#socket, 'message');
      const row = this.#workers.find((w) => w.name === name);
      if (update >= SETTLED && row !== undefined && row.state !== 'idle') return;
    }
    throw new Error(`${name} was handed no lease`);
  }
}
