/**
 * A program: a TCP proxy that delays what passes through it, for paths with latency where the kernel has no netem.
 *
 *     node test/network/delayProxy.ts --listen 7000 --to 10.0.0.1:8080 --delay 100 --jitter 50 --seed 1
 *
 * Every chunk, as it comes out of the socket, is kept for `delay` ± `jitter` ms, drawn uniformly and by the seed, but not passed
 * on before the one that came earlier. A message that comes over a slow link comes in many chunks, and is whole with the last:
 * 50 kB over 5 Mbit/s are kept for some 130 ms by 100 ± 50, and some 110 where it comes fast, in a few. Since TCP ends here and begins anew, its acknowledgements are not delayed: a path of this
 * proxy has latency, but none of the slow start that goes with it. Whoever reads too slowly is waited for.
 *
 * Prints a line of JSON when it listens, and one when a connection has ended: the chunks, bytes and mean delay of either way.
 */
import { connect, createServer, type Socket } from 'node:net';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { Stream } from '../../core/random/streams.ts';

const waySchema = z.object({ chunks: z.number(), bytes: z.number(), meanMs: z.number() });
/** What is printed of a connection. */
export const connectionSchema = z.object({ event: z.literal('connection'), up: waySchema, down: waySchema });
export type Connection = z.infer<typeof connectionSchema>;

const optionsSchema = z.object({
  listen: z.coerce.number().int(),
  to: z.string().regex(/^[^:]+:\d+$/),
  delay: z.coerce.number().nonnegative(),
  jitter: z.coerce.number().nonnegative().default(0),
  seed: z.coerce.number().int().default(1),
});
type Options = z.infer<typeof optionsSchema>;

/** What waits: a chunk, or the end of a direction. */
interface Waiting {
  readonly chunk: Buffer | null;
  readonly since: number;
  readonly due: number;
}

/** One direction of one connection. */
class Way {
  #chunks = 0;
  #bytes = 0;
  #delayed = 0;
  readonly #to: Socket;
  /** How long the n-th chunk is kept, in ms. */
  readonly #delay: (chunk: number) => number;
  readonly #queue: Waiting[] = [];
  #timer: NodeJS.Timeout | null = null;
  #last = 0;

  constructor(from: Socket, outlet: Socket, delay: (chunk: number) => number) {
    this.#to = outlet;
    this.#delay = delay;
    from.on('data', (chunk) => {
      this.#push(chunk);
      if (outlet.writableNeedDrain) from.pause();
    });
    from.on('end', () => this.#push(null));
    outlet.on('drain', () => from.resume());
    // One side that is cut off cuts the other off; what is under way is lost, as it would be.
    from.on('close', (failed) => {
      if (failed) outlet.destroy();
    });
    from.on('error', () => undefined);
    outlet.on('close', () => clearTimeout(this.#timer ?? undefined));
  }

  get passed(): Connection['up'] {
    return { chunks: this.#chunks, bytes: this.#bytes, meanMs: this.#delayed / Math.max(1, this.#chunks) };
  }

  #push(chunk: Buffer | null): void {
    const since = performance.now();
    this.#last = Math.max(this.#last, since + this.#delay(this.#chunks + this.#queue.length));
    this.#queue.push({ chunk, since, due: this.#last });
    if (this.#queue.length === 1) this.#wait();
  }

  #wait(): void {
    const [first] = this.#queue;
    if (first !== undefined) this.#timer = setTimeout(() => this.#pass(), Math.max(0, first.due - performance.now()));
  }

  #pass(): void {
    // A timer may be a fraction of a millisecond early.
    for (const now = performance.now(); (this.#queue[0]?.due ?? Number.POSITIVE_INFINITY) <= now + 0.5; ) {
      const { chunk, since } = this.#queue.shift() as Waiting;
      if (chunk === null) this.#to.end();
      else {
        this.#delayed += now - since;
        this.#chunks++;
        this.#bytes += chunk.byteLength;
        this.#to.write(chunk);
      }
    }
    this.#wait();
  }
}

function serve({ listen, to, delay, jitter, seed }: Options): void {
  const say = (event: object) => console.log(JSON.stringify(event));
  const [host = '', port] = to.split(':');
  let connections = 0;
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const connection = connections++;
    const far = connect({ host, port: Number(port), allowHalfOpen: true, noDelay: true });
    near.setNoDelay();
    const delays = [0, 1].map((way) => {
      const stream = new Stream(seed, 1, connection, way);
      return (chunk: number) => delay + jitter * (2 * stream.uniform(chunk) - 1);
    }) as [(chunk: number) => number, (chunk: number) => number];
    const [up, down] = [new Way(near, far, delays[0]), new Way(far, near, delays[1])];
    let open = 2;
    const closed = () => {
      if (--open === 0) say({ event: 'connection', up: up.passed, down: down.passed } satisfies Connection);
    };
    near.on('close', closed);
    far.on('close', closed);
  });
  server.listen(listen, () => say({ event: 'listening', port: listen }));
}

if (import.meta.main) {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ options: { listen: text, to: text, delay: text, jitter: text, seed: text } });
  serve(optionsSchema.parse(values));
}
