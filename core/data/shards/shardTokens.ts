/** The ids of some shards of 16 bits, as one row that stays on the disk: windows are read when they are asked for. Node only. */
import { closeSync, openSync, readSync } from 'node:fs';
import { codeOf } from '../../disk/errors.ts';
import { UserError } from '../../errors.ts';
import type { Tokens } from '../windows.ts';
import { HEADER_BYTES } from './format.ts';

/** Files that are kept open, those of all rows together: the system has a limit, and a step reads from anywhere. */
const MOST_OPEN = 64;
const open = new Map<string, number>();

function descriptorOf(path: string): number {
  const found = open.get(path);
  open.delete(path);
  // The last used is the last in the map.
  const descriptor = found ?? openSync(path, 'r');
  open.set(path, descriptor);
  const [eldest] = open;
  if (open.size > MOST_OPEN && eldest !== undefined) {
    open.delete(eldest[0]);
    closeSync(eldest[1]);
  }
  return descriptor;
}

export class ShardTokens implements Tokens {
  readonly length: number;
  readonly #shards: readonly { readonly path: string; readonly from: number; readonly to: number }[];

  constructor(shards: readonly { readonly path: string; readonly tokens: number }[]) {
    let at = 0;
    this.#shards = shards.map(({ path, tokens }) => {
      const from = at;
      at += tokens;
      return { path, from, to: at };
    });
    this.length = at;
  }

  /** @throws UserError where the disk does not give them */
  slice(from: number, to: number): Uint16Array<ArrayBuffer> {
    const ids = new Uint16Array(Math.max(0, Math.min(to, this.length) - from));
    for (const shard of this.#shards) {
      const [first, last] = [Math.max(from, shard.from), Math.min(to, shard.to)];
      if (first < last) read(shard.path, first - shard.from, ids.subarray(first - from, last - from));
    }
    return ids;
  }
}

function read(path: string, at: number, into: Uint16Array): void {
  const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
  let got = 0;
  try {
    const descriptor = descriptorOf(path);
    while (got < bytes.length) {
      const more = readSync(descriptor, bytes, got, bytes.length - got, HEADER_BYTES + 2 * at + got);
      if (more === 0) break;
      got += more;
    }
  } catch (error) {
    throw new UserError(`${path} cannot be read (${codeOf(error) ?? String(error)}): mend that, then resume the run.`);
  }
  if (got < bytes.length)
    throw new UserError(`${path} has become shorter since the run was started: restore it, then resume the run.`);
}
