/** Reads the run folder's files of JSON lines, one line in memory at a time. How they are written is jsonLog.ts's. */
import type * as z from 'zod';
import type { Disk } from '../core/disk/disk.ts';
import { linesOf } from '../core/disk/files.ts';
import { nodeDisk } from '../core/disk/nodeDisk.ts';
import { parseJson } from '../core/json.ts';

/** The lines of a file that are what they should be; none where there is no file. A last line cut short is passed over. */
export async function* jsonLines<T>(file: string, schema: z.ZodType<T>, disk: Disk = nodeDisk): AsyncGenerator<T> {
  for await (const { text } of linesOf(disk, file)) {
    const line = schema.safeParse(parseJson(text));
    if (line.success) yield line.data;
  }
}
