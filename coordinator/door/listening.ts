/** Has a server listen, or says in a sentence why it cannot. */
import type { Server } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import { UserError } from '../../core/errors.ts';

/** @throws UserError if the address cannot be listened on */
export function listening(
  server: Server | TlsServer,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const what =
        error.code === 'EADDRINUSE'
          ? `port ${port} is in use`
          : `${host}:${port} cannot be listened on (${error.message})`;
      reject(
        new UserError(`${what}: choose another address with --listen HOST:PORT, or stop the program that holds it.`),
      );
    });
    server.listen(port, host, () => resolve());
  });
}
