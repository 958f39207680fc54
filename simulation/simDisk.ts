/**
 * A disk in memory that forgets, tears and fills up as real ones may, and the same way each time for a seed. A process holds
 * it by a life (`life()`), which a crash ends: what was synced is there in the next; of what was not, any part may be.
 * Harsher than most real disks: it keeps or loses every unsynced change without regard to the others.
 */
import { dirname } from 'node:path';
import type { Clock } from '../core/clock.ts';
import type { Disk, DiskFile, OpenHow } from '../core/disk/disk.ts';
import { Stream } from '../core/random/streams.ts';
import { type Change, SimFile } from './simFile.ts';

export type DiskOp = keyof Disk | keyof DiskFile;

/** Told of each call before it is made and after, be it that it failed. What it throws, the caller is told instead: an injected failure. */
type OnCall = (when: 'before' | 'after', op: DiskOp, file: string) => void;

interface SimDiskOptions {
  readonly seed: number;
  /** In bytes, of all files together; unlimited if left out. */
  readonly capacity?: number;
  /** How long each call takes, in ms of a clock; none does if left out. */
  readonly latency?: { readonly clock: Clock; readonly ms: (op: DiskOp, file: string) => number };
}

/** What was made of names in a folder since it was last synced. */
type NameChange =
  | { readonly kind: 'make'; readonly name: string; readonly file: SimFile }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string; readonly file: SimFile }
  | { readonly kind: 'remove'; readonly name: string };

type Life = { over: boolean };

/** An error as a disk's. */
export class SimDiskError extends Error {
  readonly code: string;

  constructor(code: string, op: DiskOp, file: string) {
    super(`${code}: ${op} '${file}'`);
    this.code = code;
  }
}

/** The site of draws: they are no part of a run's, whatever its seed. */
const CRASH = 1;

export class SimDisk {
  capacity: number;
  onCall: OnCall = () => undefined;
  /** Calls so far, of all lives. */
  calls = 0;
  crashes = 0;
  readonly #seed: number;
  readonly #latency: SimDiskOptions['latency'];
  readonly #folders = new Set<string>(['/', '.']);
  /** By path: as processes see them, and as they would be found after a crash. */
  readonly #files = new Map<string, SimFile>();
  readonly #safe = new Map<string, SimFile>();
  #changes: NameChange[] = [];
  #life: Life = { over: false };

  constructor({ seed, capacity = Number.POSITIVE_INFINITY, latency }: SimDiskOptions) {
    this.#seed = seed;
    this.capacity = capacity;
    this.#latency = latency;
  }

  /** The disk as a process has it until the next crash, after which none of its calls ever ends or does anything. */
  life(): Disk {
    const life = this.#life;
    const call = <T>(op: DiskOp, file: string, act: () => T) => this.#call(life, op, file, act);
    return {
      makeFolder: (dir) => call('makeFolder', dir, () => this.#makeFolder(dir)),
      list: (dir) => call('list', dir, () => this.#list(dir)),
      open: (file, how) => call('open', file, () => this.#open(life, file, how)),
      rename: (from, to) => call('rename', to, () => this.#rename(from, to)),
      remove: (file) => call('remove', file, () => this.#remove(file)),
      syncFolder: (dir) => call('syncFolder', dir, () => this.#syncFolder(dir)),
    };
  }

  /** The machine goes down: ends the life, and draws what is left. */
  crash(): void {
    this.#life.over = true;
    this.#life = { over: false };
    const stream = new Stream(this.#seed, CRASH, this.crashes++);
    let drawn = 0;
    const draw = (n: number) => stream.integerBelow(drawn++, n);
    for (const change of this.#changes) if (draw(2) === 0) this.#makeSafe(change);
    this.#changes = [];
    this.#files.clear();
    for (const [path, file] of this.#safe) {
      file.crash((change) => survivor(change, draw));
      this.#files.set(path, file);
    }
  }

  /** Flips a bit of a file where it lies, synced or not: bit 0 is the lowest of the first byte. */
  flip(file: string, bit: number): void {
    this.#existing('read', file).flip(bit);
  }

  /** What a process would read; null if there is no such file. */
  contents(file: string): Uint8Array | null {
    return this.#files.get(file)?.bytes.slice() ?? null;
  }

  /** Of all files. */
  get paths(): string[] {
    return [...this.#files.keys()];
  }

  /** In bytes. */
  get used(): number {
    let used = 0;
    for (const file of new Set(this.#files.values())) used += file.size;
    return used;
  }

  async #call<T>(life: Life, op: DiskOp, file: string, act: () => T): Promise<T> {
    const alive = () => !life.over;
    if (!alive()) return never();
    this.calls++;
    this.onCall('before', op, file);
    if (this.#latency !== undefined && alive()) {
      const { clock, ms } = this.#latency;
      const { promise, resolve } = Promise.withResolvers<void>();
      clock.after(ms(op, file), resolve);
      await promise;
    }
    if (!alive()) return never();
    try {
      return act();
    } finally {
      this.onCall('after', op, file);
      // A dead process hears of neither success nor failure.
      if (!alive()) await never();
    }
  }

  #makeFolder(dir: string): void {
    for (let at = dir; !this.#folders.has(at); at = dirname(at)) this.#folders.add(at);
  }

  #list(dir: string): string[] {
    if (!this.#folders.has(dir)) throw new SimDiskError('ENOENT', 'list', dir);
    const inside = [...this.#folders, ...this.#files.keys()].filter((path) => path !== dir && dirname(path) === dir);
    return inside.map((path) => path.slice(path.lastIndexOf('/') + 1)).sort();
  }

  #open(life: Life, path: string, how: OpenHow): DiskFile {
    if (this.#folders.has(path)) throw new SimDiskError('EISDIR', 'open', path);
    let file = this.#files.get(path);
    if (file !== undefined && how === 'make') throw new SimDiskError('EEXIST', 'open', path);
    if (file === undefined) {
      if (how === 'read' || !this.#folders.has(dirname(path))) throw new SimDiskError('ENOENT', 'open', path);
      file = new SimFile();
      this.#change({ kind: 'make', name: path, file });
      this.#files.set(path, file);
    } else if (how === 'write') file.truncate(0);
    return this.#handle(life, path, file);
  }

  #handle(life: Life, path: string, file: SimFile): DiskFile {
    let isOpen = true;
    const call = <T>(op: DiskOp, act: () => T) =>
      this.#call(life, op, path, () => {
        if (!isOpen) throw new SimDiskError('EBADF', op, path);
        return act();
      });
    return {
      size: () => call('size', () => file.size),
      read: (into, position) =>
        call('read', () => {
          const found = file.bytes.subarray(position, position + into.length);
          into.set(found);
          return found.length;
        }),
      write: (bytes) =>
        call('write', () => {
          const room = Math.max(0, this.capacity - this.used);
          file.write(bytes.slice(0, room));
          if (bytes.length > room) throw new SimDiskError('ENOSPC', 'write', path);
        }),
      truncate: (size) => call('truncate', () => file.truncate(size)),
      sync: async () => {
        try {
          await call('sync', () => file.sync());
        } catch (error) {
          file.forget();
          throw error;
        }
      },
      close: () =>
        call('close', () => {
          isOpen = false;
        }),
    };
  }

  #rename(from: string, to: string): void {
    if (dirname(from) !== dirname(to)) throw new Error('the simulated disk renames within a folder');
    const file = this.#existing('rename', from);
    this.#change({ kind: 'rename', from, to, file });
    this.#files.delete(from);
    this.#files.set(to, file);
  }

  #remove(path: string): void {
    if (!this.#files.delete(path)) return;
    this.#change({ kind: 'remove', name: path });
  }

  #syncFolder(dir: string): void {
    if (!this.#folders.has(dir)) throw new SimDiskError('ENOENT', 'syncFolder', dir);
    const isInside = (change: NameChange) => dirname(change.kind === 'rename' ? change.to : change.name) === dir;
    for (const change of this.#changes) if (isInside(change)) this.#makeSafe(change);
    this.#changes = this.#changes.filter((change) => !isInside(change));
  }

  #change(change: NameChange): void {
    this.#changes.push(change);
  }

  #makeSafe(change: NameChange): void {
    switch (change.kind) {
      case 'make':
        this.#safe.set(change.name, change.file);
        return;
      case 'rename':
        if (this.#safe.get(change.from) === change.file) this.#safe.delete(change.from);
        this.#safe.set(change.to, change.file);
        return;
      case 'remove':
        this.#safe.delete(change.name);
        return;
      default:
        return change satisfies never;
    }
  }

  #existing(op: DiskOp, path: string): SimFile {
    const file = this.#files.get(path);
    if (file === undefined) throw new SimDiskError('ENOENT', op, path);
    return file;
  }
}

/** What a crash leaves of an unsynced change: all, nothing, or of a write its beginning. */
function survivor(change: Change, draw: (n: number) => number): Change | null {
  switch (draw(3)) {
    case 0:
      return change;
    case 1:
      return null;
    default:
      return change.kind === 'write' && change.bytes.length > 0
        ? { ...change, bytes: change.bytes.subarray(0, draw(change.bytes.length)) }
        : null;
  }
}

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);
