/** shards.json: read, and written so that a crash leaves the old one or the new. Node only. */
import { join } from 'node:path';
import { readIfThere, replaceFile } from '../../disk/files.ts';
import { nodeDisk } from '../../disk/nodeDisk.ts';
import { UserError } from '../../errors.ts';
import { parseJson } from '../../json.ts';
import { MANIFEST, type Manifest, manifestSchema } from './format.ts';

/** Null if there is none. @throws UserError if it is damaged */
export async function readManifest(dir: string): Promise<Manifest | null> {
  const file = join(dir, MANIFEST);
  const bytes = await readIfThere(nodeDisk, file);
  if (bytes === null) return null;
  const parsed = manifestSchema.safeParse(parseJson(new TextDecoder().decode(bytes)));
  if (parsed.success) return parsed.data;
  throw new UserError(
    `${file} is damaged or of another version: restore it, or make the shards again in a new folder.`,
  );
}

export async function writeManifest(dir: string, manifest: Manifest): Promise<void> {
  const bytes = new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`);
  await replaceFile(nodeDisk, join(dir, MANIFEST), (handle) => handle.write(bytes));
}
