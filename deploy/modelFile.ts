/** Bundles a user's model file into one piece of JavaScript that imports nothing but `manygrad`. */
import { basename } from 'node:path';
import { type BuildFailure, build } from 'esbuild';
import { UserError } from '../core/errors.ts';
import { MAX_CODE } from '../models/custom.ts';

/** @throws UserError if the file cannot be read or bundled, or is too large to be sent to workers */
export async function bundleModelFile(file: string): Promise<string> {
  let code: string;
  try {
    const { outputFiles } = await build({
      entryPoints: [file],
      write: false,
      bundle: true,
      format: 'esm',
      platform: 'neutral',
      target: 'es2022',
      external: ['manygrad'],
      // Comments go with it: one of the bundler's names the file by its path, which is not the model's identity.
      minifyWhitespace: true,
      legalComments: 'none',
      logLevel: 'silent',
    });
    code = outputFiles[0]?.text ?? '';
  } catch (error) {
    throw new UserError(`${file} cannot be bundled (${inOneLine(error)}): mend it there.`);
  }
  if (code.length > MAX_CODE)
    throw new UserError(`${basename(file)} is ${code.length} bytes when bundled, of at most ${MAX_CODE}: import less.`);
  return code;
}

/** The first thing that the bundler complains of, and where. */
function inOneLine(error: unknown): string {
  const [first] = (error as Partial<BuildFailure>).errors ?? [];
  if (first === undefined) return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  return first.location === null ? first.text : `line ${first.location.line}: ${first.text}`;
}
