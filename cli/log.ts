/**
 * `--log`: JSON lines of what happens, for whoever operates a coordinator or a worker. What a person at the terminal reads is
 * output.ts's.
 */
import { type Logger, pino } from 'pino';
import { UserError } from '../core/errors.ts';
import type { LOG_LEVELS } from './output.ts';

export interface LogArguments {
  /** A file to add to, or - for stderr; none if left out. */
  readonly log: string | undefined;
  readonly logLevel: (typeof LOG_LEVELS)[number];
}

/** Lines that a disk does not take are kept up to so many bytes, then dropped. */
const MAX_WAITING_BYTES = 1024 * 1024;

/**
 * Every line is written before the call returns, so that none is lost, however the process ends.
 * @throws UserError if the file cannot be written
 */
export function openLog({ log, logLevel }: LogArguments): Logger {
  if (log === undefined) return pino({ enabled: false });
  let complained = false;
  const destination = open(log);
  // A disk that is full costs lines, not the run.
  destination.on('error', (error: Error) => {
    if (!complained)
      console.error(`manygrad: ${log} cannot be written (${error.message}): its log has gaps from now on.`);
    complained = true;
  });
  const options = {
    level: logLevel,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level: string) => ({ level }) },
  };
  const logger = pino(options, destination);
  process.on('uncaughtExceptionMonitor', (error) => logger.fatal({ event: 'crashed', error: String(error.stack) }));
  return logger;
}

function open(log: string) {
  try {
    return pino.destination({ dest: log === '-' ? 2 : log, sync: true, maxLength: MAX_WAITING_BYTES });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UserError(`${log} cannot be written (${code ?? String(error)}): choose another file with --log.`);
  }
}

/** Runs a command, and logs by what it fails. */
export async function logged<T>(logger: Logger, command: () => Promise<T>): Promise<T> {
  try {
    return await command();
  } catch (error) {
    const said = error instanceof UserError ? error.message : error instanceof Error ? error.stack : String(error);
    logger.fatal({ event: 'failed', error: said });
    throw error;
  }
}
