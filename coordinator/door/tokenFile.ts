/**
 * The file of the workers' own tokens: whose they are, by their hashes, so that whoever reads it has no token. What a token lets
 * one do is not decided here.
 *
 * A token is 24 random bytes: no dictionary has it, so a plain SHA-256 tells nothing of it.
 */
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import * as z from 'zod';
import { UserError } from '../../core/errors.ts';

const FORMAT = 'manygrad-tokens-1';
/** What is found in logs and repositories by its beginning. */
const PREFIX = 'mg-';
/** Of names that are shown in terminals, logs and metrics. */
const NAME = /^[\w.@-]{1,64}$/;

const entrySchema = z.strictObject({
  name: z.string().regex(NAME),
  /** Whether its holder's work needs no checking. */
  trusted: z.boolean(),
  sha256: z.string().regex(/^[\da-f]{64}$/),
  /** When it was made. */
  created: z.iso.datetime(),
});

const fileSchema = z.strictObject({
  format: z.literal(FORMAT),
  tokens: z
    .array(entrySchema)
    .refine((tokens) => new Set(tokens.map(({ name }) => name)).size === tokens.length, 'a name stands there twice'),
});

export type TokenEntry = z.infer<typeof entrySchema>;

export const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');

/** @throws UserError if the file is missing or is no file of tokens */
export function readTokens(file: string): TokenEntry[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw new UserError(`${file} does not exist: make it with  manygrad token add NAME --tokens ${file}`);
    throw new UserError(`${file} cannot be read (${code ?? String(error)}): check its permissions.`);
  }
  try {
    return fileSchema.parse(JSON.parse(text)).tokens;
  } catch {
    throw new UserError(
      `${file} is no file of tokens, or is damaged: restore it, or make another with  manygrad token`,
    );
  }
}

/** Adds a token, and makes the file if need be. @returns the token, which is written nowhere. @throws UserError */
export function addToken(file: string, name: string, trusted: boolean): string {
  if (!NAME.test(name))
    throw new UserError(
      `${JSON.stringify(name)} is no name for a token: use letters, digits and . _ @ - (64 at most).`,
    );
  const token = PREFIX + randomBytes(24).toString('base64url');
  change(file, (tokens) => {
    if (tokens.some((t) => t.name === name))
      throw new UserError(`${file} has a token of ${name} already: revoke it first, or choose another name.`);
    return [...tokens, { name, trusted, sha256: hashOf(token), created: new Date().toISOString() }];
  });
  return token;
}

/** Takes a token out. @throws UserError if there is none of that name */
export function revokeToken(file: string, name: string): void {
  readTokens(file);
  change(file, (tokens) => {
    const rest = tokens.filter((t) => t.name !== name);
    if (rest.length === tokens.length)
      throw new UserError(`${file} has no token of ${name}: see  manygrad token list --tokens ${file}`);
    return rest;
  });
}

/**
 * Replaces the file as a whole; whoever reads it meanwhile reads the old one. The new one's temporary name is a lock: of two
 * that change it at once, neither undoes what the other did.
 */
function change(file: string, next: (tokens: TokenEntry[]) => TokenEntry[]): void {
  const temporary = `${file}.tmp`;
  let fd: number;
  try {
    fd = openSync(temporary, 'wx', 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST')
      throw new UserError(`${file} is being changed by another command: try again, or remove ${temporary} if none is.`);
    throw new UserError(`${file} cannot be written (${code ?? String(error)}): choose another file with --tokens.`);
  }
  try {
    const tokens = next(existsSync(file) ? readTokens(file) : []);
    writeFileSync(fd, `${JSON.stringify({ format: FORMAT, tokens }, null, 2)}\n`);
    fsyncSync(fd);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}
