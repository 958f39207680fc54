/**
 * What can go wrong, by name: each strikes a world at a moment, and is over after a while where it is of that kind. Whoever or
 * whatever died comes back, since a run with nobody left would wait for ever, as it should.
 */
import type { Host, Severable } from './host.ts';
import type { World } from './world.ts';

/**
 * @param host whose message it was at which it strikes; null where it was nobody's
 * @returns whether it changed anything: to kill the dead shows nothing
 */
type Strike = (world: World, host: Host | null) => boolean;

const SOON_MS = 2000;
const LONG_MS = 30_000;

/** Strikes the host in question; where it is nobody's, the first from a drawn one on that it can do anything to. */
const onHost =
  (strike: (world: World, host: Host) => boolean): Strike =>
  (world, host) => {
    if (host !== null) return strike(world, host);
    const hosts = [...world.hosts.values()];
    const first = world.dice.below(hosts.length);
    return [...hosts.slice(first), ...hosts.slice(0, first)].some((drawn) => strike(world, drawn));
  };

/** Strikes all connections of a host. */
const onConnections = (strike: (connection: Severable) => boolean): Strike =>
  onHost((_, { connections }) => [...connections].filter(strike).length > 0);

export const FAULTS = {
  'worker killed': onHost((world, host) => {
    if (!world.killWorkers(host)) return false;
    world.time.after(SOON_MS, () => world.startWorker(host));
    return true;
  }),
  /** Its machine loses power: nobody tells the coordinator. */
  'worker vanished': onHost((world, host) => {
    if (world.workersOn(host).length === 0) return false;
    for (const connection of host.connections) connection.die();
    world.killWorkers(host);
    world.time.after(SOON_MS, () => world.startWorker(host));
    return true;
  }),
  'worker frozen': onHost((world, host) => {
    const frozen = world.workersOn(host).filter(({ process }) => process.freeze());
    world.time.after(LONG_MS, () => {
      for (const { process } of frozen) process.thaw();
    });
    return frozen.length > 0;
  }),
  'all workers killed': (world) => {
    const struck = [...world.hosts.values()].filter((host) => world.killWorkers(host));
    world.time.after(SOON_MS, () => {
      for (const host of struck) world.startWorker(host);
    });
    return struck.length > 0;
  },
  'connection cut': onConnections((connection) => connection.cut()),
  /** Neither side hears of it, and both live. */
  'connection half-open': onConnections((connection) => connection.die()),
  /** What one side sends is lost, and what the other sends arrives. */
  'connection deaf': onConnections((connection) => connection.deafen()),
  'line down': onHost((world, host) => {
    if (!host.cutOff()) return false;
    world.time.after(LONG_MS, () => host.mend());
    return true;
  }),
  /** Cut off from half of the others. */
  partition: (world) => {
    const struck = [...world.hosts.values()].filter((host, i) => i % 2 === 0 && host.cutOff());
    world.time.after(LONG_MS, () => {
      for (const host of struck) host.mend();
    });
    return struck.length > 0;
  },
  /** A second process of the same name, while the first one lives. */
  'worker twice': onHost((world, host) => {
    if (world.workersOn(host).length === 0) return false;
    world.startWorker(host);
    return true;
  }),
  'worker slowed': onHost((world, host) => {
    let isNews = false;
    for (const worker of world.workersOn(host)) isNews = worker.slowTo(50) || isNews;
    return isNews;
  }),
  'coordinator killed': (world) => world.restartCoordinator(SOON_MS),
  /** Its machine loses power: no worker is told. */
  'coordinator vanished': (world) => {
    if (world.coordinator?.process.isAlive !== true) return false;
    for (const { connections } of world.hosts.values()) for (const connection of connections) connection.die();
    return world.restartCoordinator(SOON_MS);
  },
  'coordinator killed twice': (world) => {
    world.time.after(SOON_MS + 100, () => world.restartCoordinator(SOON_MS));
    return world.restartCoordinator(SOON_MS);
  },
  'coordinator frozen': (world) => {
    const process = world.coordinator?.process;
    if (process?.freeze() !== true) return false;
    world.time.after(LONG_MS, () => process.thaw());
    return true;
  },
  'coordinator stopped and resumed': (world) => {
    const run = world.runningRun;
    const phase = run?.phase;
    run?.stop();
    return run?.phase !== phase;
  },
  /** All of the world sleeps, as a laptop does, and its clocks have gone on. */
  'clock leap': (world) => {
    world.time.leap(3_600_000);
    return true;
  },
  'disk full': (world) => {
    if (world.disk.capacity < Number.POSITIVE_INFINITY) return false;
    world.disk.capacity = world.disk.used + 100;
    world.time.after(LONG_MS, () => {
      world.disk.capacity = Number.POSITIVE_INFINITY;
    });
    return true;
  },
  /** Where there is an older one to go back to, after the crash as well. */
  'newest checkpoint damaged': (world) =>
    world.checkpoints.length > 1 && world.restartCoordinator(SOON_MS) && world.damageNewestCheckpoint(),
  paused: (world) => {
    const run = world.runningRun;
    const phase = run?.phase;
    run?.pause();
    world.time.after(LONG_MS, () => run?.resume());
    return run?.phase !== phase;
  },
} as const satisfies Record<string, Strike>;

export type FaultName = keyof typeof FAULTS;
export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[];
