/**
 * TLS at the door: certificate and key from files, which are read again when they change, so that a renewal needs no restart; and
 * a server that answers whoever comes without TLS in words.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RequestListener, ServerOptions } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import { UserError } from '../../core/errors.ts';
import { watchFiles } from './watch.ts';

export interface TlsFiles {
  /** PEM: the server's certificate, and those between it and the authority after it. */
  readonly cert: string;
  /** PEM: its private key, not encrypted. */
  readonly key: string;
}

/** What a TLS record begins with that opens a connection. */
const HANDSHAKE = 0x16;
/** How long a connection may say nothing at all, or take to agree on its keys. */
const HANDSHAKE_MS = 10_000;

const PLAIN = 'This coordinator speaks TLS: use https:// and wss:// instead of http:// and ws://.\n';
const PLAIN_ANSWER = [
  'HTTP/1.1 426 Upgrade Required',
  'Upgrade: TLS/1.3',
  'Connection: close',
  'Content-Type: text/plain; charset=utf-8',
  `Content-Length: ${PLAIN.length}`,
  '',
  PLAIN,
].join('\r\n');

interface Pair {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly certificate: X509Certificate;
}

/**
 * The server's certificate, found to be readable, and the key's.
 * @throws UserError
 */
export function readPair({ cert: certFile, key: keyFile }: TlsFiles): Pair {
  const cert = read(certFile, '--tls-cert');
  const key = read(keyFile, '--tls-key');
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(cert);
  } catch {
    throw new UserError(`${certFile} holds no certificate in PEM form: give one with --tls-cert.`);
  }
  let secret: KeyObject;
  try {
    secret = createPrivateKey(key);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MISSING_PASSPHRASE')
      throw new UserError(
        `${keyFile} is encrypted: decrypt it with  openssl pkey  and give the result with --tls-key.`,
      );
    throw new UserError(`${keyFile} holds no private key in PEM form: give the certificate's with --tls-key.`);
  }
  if (!certificate.checkPrivateKey(secret))
    throw new UserError(`${keyFile} is not the key of ${certFile}: give the two that belong together.`);
  return { cert, key, certificate };
}

/** The host that links should name: `host` if the certificate is for it, else the first that it is for. */
export function nameFor(host: string, { certificate }: Pair): string {
  const bare = host.replace(/^\[|\]$/g, '');
  if (certificate.checkHost(bare) !== undefined || certificate.checkIP(bare) !== undefined) return host;
  return /DNS:([\w.-]+)/.exec(certificate.subjectAltName ?? '')?.[1] ?? host;
}

/**
 * An https server that is yet to listen.
 * @param onProblem told, in a sentence, when the files change and are no good: the old ones stay
 * @throws UserError if the files are no good
 */
export function createTlsServer(
  files: TlsFiles,
  options: ServerOptions,
  answer: RequestListener,
  onProblem: (sentence: string) => void,
): Server {
  const { first, end } = watchFiles(
    [files.cert, files.key],
    () => readPair(files),
    ({ cert, key }) => server.setSecureContext({ cert, key }),
    (sentence) => onProblem(`The certificate stays as it was: ${sentence}`),
  );
  const { cert, key } = first;
  const server = createServer({ ...options, cert, key, handshakeTimeout: HANDSHAKE_MS }, answer);
  server.on('close', end);
  answerPlainly(server);
  return server;
}

/** Looks at a connection's first byte: what is no TLS is told so, in words. */
function answerPlainly(server: Server): void {
  const [secure] = server.listeners('connection');
  if (secure === undefined) throw new Error('an https server that takes no connections');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    const hurry = setTimeout(() => socket.destroy(), HANDSHAKE_MS);
    socket.on('close', () => clearTimeout(hurry));
    socket.on('error', () => undefined);
    socket.once('data', (first: Buffer) => {
      clearTimeout(hurry);
      if (first[0] !== HANDSHAKE) return void socket.end(PLAIN_ANSWER, () => socket.destroy());
      socket.pause();
      socket.unshift(first);
      secure.call(server, socket);
    });
  });
}

/** @throws UserError */
function read(file: string, flag: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UserError(`${file} cannot be read (${code ?? String(error)}): give a file that can be with ${flag}.`);
  }
}
