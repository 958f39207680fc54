/** A coordinator's log, `--log`, as it is written. */
import { once } from 'node:events';
import { existsSync, readFileSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import type { CliEvent } from './cli.ts';

/** A line of `--log`. */
export interface LogEntry extends CliEvent {
  readonly level: string;
  readonly time: string;
}

/** The whole lines of a log so far. @throws if one is no JSON */
export function readLog(file: string): LogEntry[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as LogEntry);
}

/** Waits until a log has a line that `is` accepts. */
export async function logHas(file: string, is: (entry: LogEntry) => boolean): Promise<LogEntry> {
  const watcher = watch(dirname(file));
  try {
    for (;;) {
      const changed = once(watcher, 'change');
      const found = readLog(file).find(is);
      if (found !== undefined) return found;
      await changed;
    }
  } finally {
    watcher.close();
  }
}
