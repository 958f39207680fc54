/**
 * Networks of a test's own: hosts that are network namespaces of Linux, each with one link to a switch, on which real
 * `manygrad` processes run. Nothing of this machine's own network is touched or needed; to be root is.
 *
 *     host a: eth0 ── port-a ┐
 *     host b: eth0 ── port-b ┴ switch (a bridge in a namespace of its own)
 *
 * A link's rate is limited on its way up at eth0 and on its way down at the port, as at a home router. It has no delay (the
 * kernels of many machines lack netem): delayProxy.ts is for that. `destroy` removes all; if this process ends without it, in
 * whatever way, a caretaker does, a shell that waits for that.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { join } from 'node:path';
import * as z from 'zod';
import { Cli } from '../support/cli.ts';

/** One direction of a host's link, since it was made. */
interface Direction {
  readonly bytes: number;
  readonly packets: number;
  /** Packets that the limit has made wait or has dropped; 0 where there is none. */
  readonly held: number;
  readonly dropped: number;
}

export interface LinkCounters {
  /** `performance.now()` when they were read. */
  readonly at: number;
  /** From the host to the switch. */
  readonly up: Direction;
  readonly down: Direction;
}

/**
 * How a rate is limited (tc-tbf): what may pass at once after a pause, in ms of the link's rate, and how much may wait, in ms
 * as well. A short burst keeps short messages from passing unlimited: at 5 Mbit/s it is 2.5 kB, two packets, and what waits
 * 62 kB, 42 packets, which is what a home router holds. What comes when so much waits is dropped, and TCP slows down.
 */
export const BURST_MS = 4;
export const QUEUE_MS = 100;
/** A burst must let the largest packet pass. */
const LEAST_BURST_BYTES = 2 * 1514;

const PREFIX = 'manygrad-test';
const SWITCH = 'switch';
/** Interface names have 15 characters at most, "port-" included. */
const NAME = /^[a-z0-9]{1,10}$/;
/** Where a PATH without the administrator's folders would miss `ip` and `tc`. */
const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` };

/**
 * Ends every process in the namespaces whose names begin so, and removes these; what is left of tests whose process is no
 * more, too. $1: prefix of all tests, $2: prefix of this network.
 */
const CLEAR = `
clear() {
  for namespace in $(ip netns list | cut -d ' ' -f 1 | grep "^$1"); do
    for pid in $(ip netns pids "$namespace"); do kill -9 "$pid"; done
    ip netns delete "$namespace"
  done
}
for pid in $(ip netns list | sed -n "s/^$1-\\([0-9]*\\)-.*/\\1/p" | sort -u); do
  [ -d "/proc/$pid" ] || clear "$1-$pid-"
done
read -r _
clear "$2"
`;

function ip(...args: string[]): string {
  return tool('ip', args);
}

function tool(command: 'ip' | 'tc', args: readonly string[]): string {
  try {
    return execFileSync(command, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    throw new Error(`${command} ${args.join(' ')}: ${said || String(error)}`);
  }
}

let available: string | null | undefined;

/** Why networks cannot be made here; null where they can. Tries it, once. */
export function networksAvailable(): string | null {
  if (available !== undefined) return available;
  available = null;
  if (process.platform !== 'linux') available = 'network namespaces are a thing of Linux';
  else if (process.getuid?.() !== 0) available = 'only root may make network namespaces';
  else available = attempt();
  return available;
}

/** Makes a network as tests do, and says what did not work. */
function attempt(): string | null {
  let network: Network | null = null;
  try {
    network = new Network();
    network.host('a');
    network.limit('a', 5);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    // The caretaker's end need not be waited for.
    void network?.destroy();
  }
}

interface Host {
  /** The switch's end of its link. */
  readonly port: string;
}

export class Network {
  static #made = 0;
  readonly #prefix = `${PREFIX}-${process.pid}-${Network.#made++}-`;
  readonly #caretaker: ChildProcess;
  readonly #hosts = new Map<string, Host>();
  readonly #running = new Set<Cli>();
  #destroyed = false;

  /** @throws Error where `networksAvailable` gives a reason */
  constructor() {
    // A session of its own: what is sent to this one's processes, Ctrl-C for instance, is not for it.
    this.#caretaker = spawn('sh', ['-c', CLEAR, 'sh', PREFIX, this.#prefix], {
      env,
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    // Without a shell there is no `ip` that could be run either, which says more.
    this.#caretaker.on('error', () => undefined);
    this.#caretaker.unref();
    if (this.#caretaker.stdin instanceof Socket) this.#caretaker.stdin.unref();
    try {
      ip('netns', 'add', this.namespace(SWITCH));
      ip(
        '-n',
        this.namespace(SWITCH),
        'link',
        'add',
        'bridge0',
        'type',
        'bridge',
        'stp_state',
        '0',
        'mcast_snooping',
        '0',
      );
      ip('-n', this.namespace(SWITCH), 'link', 'set', 'bridge0', 'addrgenmode', 'none', 'up');
    } catch (error) {
      void this.destroy();
      throw error;
    }
  }

  /** A new host with an unlimited link, which is up. @returns its address */
  host(name: string): string {
    if (!NAME.test(name) || name === SWITCH || this.#hosts.has(name)) throw new Error(`no name for a host: ${name}`);
    const [own, hub, port] = [this.namespace(name), this.namespace(SWITCH), `port-${name}`];
    const address = `10.0.0.${this.#hosts.size + 1}`;
    ip('netns', 'add', own);
    ip('link', 'add', 'name', 'eth0', 'netns', own, 'type', 'veth', 'peer', 'name', port, 'netns', hub);
    // Nothing but what the processes send: no IPv6, which would announce itself.
    ip('-n', own, 'link', 'set', 'eth0', 'addrgenmode', 'none', 'up');
    ip('-n', own, 'link', 'set', 'lo', 'up');
    ip('-n', own, 'address', 'add', `${address}/24`, 'dev', 'eth0');
    ip('-n', hub, 'link', 'set', port, 'addrgenmode', 'none', 'master', 'bridge0', 'up');
    // The one congestion control that every kernel has, so that all measure the same.
    ip('netns', 'exec', own, 'sh', '-c', 'echo reno > /proc/sys/net/ipv4/tcp_congestion_control');
    this.#hosts.set(name, { port });
    return address;
  }

  /** Limits a host's link, either way, to so many Mbit/s: of Ethernet frames, of which TCP's data are 95 %. */
  limit(name: string, mbit: number): void {
    const { port } = this.#host(name);
    const bytesPerMs = (mbit * 1e6) / 8 / 1000;
    const burst = Math.max(LEAST_BURST_BYTES, Math.round(BURST_MS * bytesPerMs));
    const tbf = [
      ...['root', 'tbf', 'rate', `${mbit}mbit`, 'burst', String(burst)],
      ...['limit', String(burst + Math.round(QUEUE_MS * bytesPerMs))],
    ];
    tool('tc', ['-n', this.namespace(name), 'qdisc', 'replace', 'dev', 'eth0', ...tbf]);
    tool('tc', ['-n', this.namespace(SWITCH), 'qdisc', 'replace', 'dev', port, ...tbf]);
  }

  /** Takes the switch's end of a host's link down. Processes are told nothing: what they send is lost without a word. */
  down(name: string): void {
    ip('-n', this.namespace(SWITCH), 'link', 'set', this.#host(name).port, 'down');
  }

  up(name: string): void {
    ip('-n', this.namespace(SWITCH), 'link', 'set', this.#host(name).port, 'up');
  }

  /** What has passed on a host's link. */
  counters(name: string): LinkCounters {
    return {
      at: performance.now(),
      up: direction(this.namespace(name), 'eth0'),
      down: direction(this.namespace(SWITCH), this.#host(name).port),
    };
  }

  /** Runs `manygrad` with these arguments on a host. */
  run(name: string, args: readonly string[]): Cli {
    return this.#start(name, args, {});
  }

  /** Runs a program of this folder on a host. It should print JSON lines, as `manygrad --json` does. */
  program(name: string, file: string, args: readonly string[]): Cli {
    return this.#start(name, args, { program: join('test', 'network', file) });
  }

  #start(name: string, args: readonly string[], how: { program?: string }): Cli {
    if (this.#destroyed) throw new Error('the network has been destroyed');
    this.#host(name);
    const launcher = ['ip', 'netns', 'exec', this.namespace(name)];
    const cli = new Cli(args, { PATH: env.PATH }, { ...how, launcher });
    this.#running.add(cli);
    return cli;
  }

  /** The name of a host's namespace, for `ip netns exec`. */
  namespace(name: string): string {
    return `${this.#prefix}${name}`;
  }

  /** Ends what runs on its hosts, and removes them. */
  async destroy(): Promise<void> {
    this.#destroyed = true;
    for (const cli of this.#running) cli.kill('SIGKILL');
    await Promise.all([...this.#running].map((cli) => cli.exited));
    const { pid, exitCode, signalCode } = this.#caretaker;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    this.#caretaker.ref();
    this.#caretaker.stdin?.end();
    await once(this.#caretaker, 'exit');
  }

  #host(name: string): Host {
    const host = this.#hosts.get(name);
    if (host === undefined) throw new Error(`there is no host ${name}`);
    return host;
  }
}

const linkSchema = z.tuple([
  z.object({ stats64: z.object({ tx: z.object({ bytes: z.number(), packets: z.number() }) }) }),
]);
const qdiscSchema = z.array(z.object({ kind: z.string(), overlimits: z.number(), drops: z.number() }));

/** What has left by an interface. */
function direction(namespace: string, device: string): Direction {
  const [link] = linkSchema.parse(JSON.parse(ip('-n', namespace, '-s', '-j', 'link', 'show', 'dev', device)));
  const text = tool('tc', ['-n', namespace, '-s', '-j', 'qdisc', 'show', 'dev', device]);
  const tbf = qdiscSchema.parse(JSON.parse(text)).find(({ kind }) => kind === 'tbf');
  return { ...link.stats64.tx, held: tbf?.overlimits ?? 0, dropped: tbf?.drops ?? 0 };
}
