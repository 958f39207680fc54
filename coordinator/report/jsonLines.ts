/** Reads the run folder's files of JSON lines, one line in memory at a time. */
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type * as z from 'zod';

/** The lines of a file that are what they should be; none where there is no file. A last line cut short is passed over. */
export async function* jsonLines<T>(file: string, schema: z.ZodType<T>): AsyncGenerator<T> {
  if (!existsSync(file)) return;
  const handle = await open(file);
  try {
    for await (const text of handle.readLines()) {
      const line = schema.safeParse(parse(text));
      if (line.success) yield line.data;
    }
  } finally {
    await handle.close();
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
