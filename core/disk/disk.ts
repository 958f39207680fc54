/**
 * The few things that a run asks of a disk, as an interface: this machine's (nodeDisk.ts), or a simulation's that fills up,
 * tears and forgets (simulation/). Every call rejects with an error that bears a `code`, as Node's do (errors.ts).
 *
 * What has been written is safe from a crash once the file is synced; that a file was made, renamed or removed, once its
 * folder is.
 */

export interface Disk {
  /** Makes a folder and those above it, safe from a crash at once; one that is there will do. */
  makeFolder(dir: string): Promise<void>;
  /** The names in a folder. */
  list(dir: string): Promise<string[]>;
  open(file: string, how: OpenHow): Promise<DiskFile>;
  /** A file that has the new name already is replaced: a crash leaves the one or the other. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; one that is not there is no error. */
  remove(file: string): Promise<void>;
  /** Makes safe what was made, renamed and removed in a folder. */
  syncFolder(dir: string): Promise<void>;
}

/**
 * To read a file; to write it from empty; to add to its end, both of which make it if need be; or to make it, which rejects
 * with EEXIST if it is there.
 */
export type OpenHow = 'read' | 'write' | 'append' | 'make';

export interface DiskFile {
  /** In bytes. */
  size(): Promise<number>;
  /** Reads from `position` into `into`, as far as the file goes. @returns how many bytes it read */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes at the end. If it rejects, a part may have been written. */
  write(bytes: Uint8Array): Promise<void>;
  /** Cuts the file off after so many bytes, no more than it has. */
  truncate(size: number): Promise<void>;
  /** If it rejects, none of what was written since the last time need be safe, even if it is called again. */
  sync(): Promise<void>;
  close(): Promise<void>;
}
