/** What disks reject with: codes, and which of them pass by themselves or by somebody's making room. */
import * as z from 'zod';

const codedSchema = z.object({ code: z.string() });

/** The code of a disk's error, or of the one that caused it: ENOENT, ENOSPC, ...; undefined if it is of something else. */
export function codeOf(error: unknown): string | undefined {
  const { success, data } = codedSchema.safeParse(error);
  if (success) return data.code;
  return error instanceof Error && error.cause !== undefined ? codeOf(error.cause) : undefined;
}

/** There is no room: of the disk, or of what its user may have. */
const FULL: readonly string[] = ['ENOSPC', 'EDQUOT'];
/** The device failed, or too many files are open: worth another try. */
const FAILING: readonly string[] = ['EIO', 'EMFILE', 'ENFILE'];

/** Whether there is no room. */
export const isFull = (error: unknown): boolean => FULL.includes(codeOf(error) ?? '');

/** Whether the same may well succeed later. What is forbidden stays so. */
export const mayPass = (error: unknown): boolean => [...FULL, ...FAILING].includes(codeOf(error) ?? '');
