/**
 * What can go wrong, by name: each strikes a world at a moment, and is over after a while where it is of that kind. Whoever or
 * whatever died comes back, since a run with nobody left would wait for ever, as it should.
 */
import type { Host } from './host.ts';
import type { World } from './world.ts';

/** @param host whose message it was at which it strikes; null where it was nobody's */
export type Strike = (world: World, host: Host | null) => void;

const SOON_MS = 2000;
const LONG_MS = 30_000;

/** The host that is struck: the one in question, or one that is drawn. */
const victim = (world: World, host: Host | null): Host => host ?? world.dice.pick([...world.hosts.values()]);

export const FAULTS = {
  'worker killed': (world, host) => {
    const struck = victim(world, host);
    world.killWorkers(struck);
    world.time.after(SOON_MS, () => world.startWorker(struck));
  },
  /** Its machine loses power: nobody tells the coordinator. */
  'worker vanished': (world, host) => {
    const struck = victim(world, host);
    for (const connection of struck.connections) connection.die();
    world.killWorkers(struck);
    world.time.after(SOON_MS, () => world.startWorker(struck));
  },
  'worker frozen': (world, host) => {
    const workers = world.workersOn(victim(world, host));
    for (const { process } of workers) process.freeze();
    world.time.after(LONG_MS, () => {
      for (const { process } of workers) process.thaw();
    });
  },
  'all workers killed': (world) => {
    for (const host of world.hosts.values()) world.killWorkers(host);
    world.time.after(SOON_MS, () => {
      for (const host of world.hosts.values()) world.startWorker(host);
    });
  },
  'connection cut': (world, host) => {
    for (const connection of victim(world, host).connections) connection.cut();
  },
  /** Neither side hears of it, and both live. */
  'connection half-open': (world, host) => {
    for (const connection of victim(world, host).connections) connection.die();
  },
  /** What one side sends is lost, and what the other sends arrives. */
  'connection deaf': (world, host) => {
    for (const connection of victim(world, host).connections) connection.deafen();
  },
  'line down': (world, host) => {
    const struck = victim(world, host);
    struck.cutOff();
    world.time.after(LONG_MS, () => struck.mend());
  },
  /** Cut off from half of the others. */
  partition: (world) => {
    const struck = [...world.hosts.values()].filter((_, i) => i % 2 === 0);
    for (const host of struck) host.cutOff();
    world.time.after(LONG_MS, () => {
      for (const host of struck) host.mend();
    });
  },
  /** A second process of the same name, while the first one lives. */
  'worker twice': (world, host) => {
    world.startWorker(victim(world, host));
  },
  'worker slowed': (world, host) => {
    for (const worker of world.workersOn(victim(world, host))) worker.slowBy(50);
  },
  'coordinator killed': (world) => world.restartCoordinator(SOON_MS),
  /** Its machine loses power: no worker is told. */
  'coordinator vanished': (world) => {
    for (const { connections } of world.hosts.values()) for (const connection of connections) connection.die();
    world.restartCoordinator(SOON_MS);
  },
  'coordinator killed twice': (world) => {
    world.restartCoordinator(SOON_MS);
    world.time.after(SOON_MS + 100, () => world.restartCoordinator(SOON_MS));
  },
  'coordinator frozen': (world) => {
    const process = world.coordinator?.process;
    process?.freeze();
    world.time.after(LONG_MS, () => process?.thaw());
  },
  'coordinator stopped and resumed': (world) => world.coordinator?.run?.stop(),
  /** All of the world sleeps, as a laptop does, and its clocks have gone on. */
  'clock leap': (world) => world.time.leap(3_600_000),
  'disk full': (world) => {
    world.disk.capacity = world.disk.used + 100;
    world.time.after(LONG_MS, () => {
      world.disk.capacity = Number.POSITIVE_INFINITY;
    });
  },
  'newest checkpoint damaged': (world) => {
    world.restartCoordinator(SOON_MS);
    world.damageNewestCheckpoint();
  },
  paused: (world) => {
    const run = world.coordinator?.run;
    run?.pause();
    world.time.after(LONG_MS, () => run?.resume());
  },
} as const satisfies Record<string, Strike>;

export type FaultName = keyof typeof FAULTS;
export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[];
