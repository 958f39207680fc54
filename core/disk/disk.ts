/**
 * The few things that a run asks of a disk, as an interface: this machine's (nodeDisk.ts), or a simulation's that fills up,
 * tears and forgets (simulation/). Every call rejects with an error that bears a `code`, as Node's do: ENOENT, ENOSPC, ...
 *
 * What has been written is safe from a crash once the file is synced; that a file was made, renamed or removed, once its
 * folder is.
 */

export interface Disk {
  /** Makes a folder and those above it; one that is there will do. */
  makeFolder(dir: string): Promise<void>;
  /** The names in a folder. */
  list(dir: string): Promise<string[]>;
  /** Opens a file to read it; to write it from empty; or to add to its end. The latter two make it if need be. */
  open(file: string, how: 'read' | 'write' | 'append'): Promise<DiskFile>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; one that is not there is no error. */
  remove(file: string): Promise<void>;
  /** Makes safe what was made, renamed and removed in a folder. */
  syncFolder(dir: string): Promise<void>;
}

export interface DiskFile {
  /** In bytes. */
  size(): Promise<number>;
  /** Reads from `position` into `into`, as far as the file goes. @returns how many bytes it read */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes at the end. If it rejects, a part may have been written. */
  write(bytes: Uint8Array): Promise<void>;
  /** Cuts the file off after so many bytes. */
  truncate(size: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}
