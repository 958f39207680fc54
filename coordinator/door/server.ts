/**
 * The coordinator's door on a network: one port for pages (web.ts), workers (reception.ts) and the operator. It knows HTTP and
 * which page may open a WebSocket; what is said over one is not its business.
 */
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { systemClock } from '../../core/clock.ts';
import { MAX_FRAME_BYTES } from '../../core/protocol/frames.ts';
import { LIVE_PATH, LIVE_SUBPROTOCOL, type RunInfo } from '../../core/protocol/live.ts';
import { SUBPROTOCOL } from '../../core/protocol/messages.ts';
import { sameSecret } from '../secret.ts';
import type { Guest } from './guests.ts';
import { IDLE_MS, MAX_FRAGMENTS, MAX_READS, REQUEST_LOOK_MS, REQUEST_MS } from './limits.ts';
import { listening } from './listening.ts';
import type { PeerOptions } from './peer.ts';
import { type Probes, serveProbe } from './probes.ts';
import { Reception } from './reception.ts';
import { acceptSocket } from './socket.ts';
import { createTlsServer, type TlsFiles } from './tls.ts';
import { serveTokenizers, type TokenizerShelf } from './tokenizers.ts';
import { bearerText, isLocal, isSameOrigin, type Pages, serveWeb } from './web.ts';

/** An operator's commands are small. */
const MAX_COMMAND_BYTES = 16 * 1024;

export interface ServerOptions extends PeerOptions {
  readonly host: string;
  readonly port: number;
  /** Speak TLS, and nothing else; plainly if left out. */
  readonly tls?: TlsFiles | undefined;
  /** Told, in a sentence, what somebody should mend while the door is open. */
  readonly onProblem?: (sentence: string) => void;
  readonly info: RunInfo;
  readonly pages: Pages;
  /** Answers machines that watch; nobody's if left out. */
  readonly probes?: Probes;
  /** What the page of tokens may choose among, for the operator: on this machine, or with the key. Nothing if left out. */
  readonly tokenizers?: { readonly shelf: TokenizerShelf; readonly key: string };
  /** Takes an operator's page; `exempt`: it is on this machine and needs no key. Calls `opened` once it has shown that. */
  readonly operator: (socket: WebSocket, exempt: boolean, opened: () => void) => void;
}

export interface CoordinatorServer {
  /** The port it listens on. */
  readonly port: number;
  /** So far, of all connections. */
  readonly bytes: { readonly sent: number; readonly received: number };
  /** Sends away whoever's token counts no more. */
  recheck(): void;
  /** Sends all workers away and stops listening. */
  close(finished: boolean): Promise<void>;
}

/** Opens the door. @throws UserError if the address cannot be listened on, or the certificate is no good */
export async function listen(options: ServerOptions): Promise<CoordinatorServer> {
  const { tls, probes, tokenizers, onProblem = () => undefined, onRefusal } = options;
  const timeouts = {
    headersTimeout: REQUEST_MS,
    requestTimeout: REQUEST_MS,
    connectionsCheckingInterval: REQUEST_LOOK_MS,
  };
  const answer: RequestListener = (request, response) => {
    if (probes !== undefined && serveProbe(probes, request, response)) return;
    if (tokenizers !== undefined) {
      const isAllowed = () => isLocal(request) || sameSecret(bearerText(request) ?? '', tokenizers.key);
      if (serveTokenizers(tokenizers.shelf, isAllowed, request, response)) return;
    }
    serveWeb(options, request, response);
  };
  const http = tls === undefined ? createServer(timeouts, answer) : createTlsServer(tls, timeouts, answer, onProblem);
  // A page that is not read, say; a WebSocket is not bound by it.
  http.setTimeout(IDLE_MS);
  await listening(http, options);
  const workers = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME_BYTES,
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: MAX_READS,
    perMessageDeflate: false,
    // Any version is let in as far as to be told, in words, that it is the wrong one.
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : ([...offered][0] ?? false)),
  });
  const operators = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_COMMAND_BYTES,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(LIVE_SUBPROTOCOL) ? LIVE_SUBPROTOCOL : false),
  });
  /** Of connections that are closed, and those that are open. */
  const past = { sent: 0, received: 0 };
  const sockets = new Set<Socket>();
  const reception = new Reception(options, systemClock);
  const guests = new Map<string, Guest>();
  http.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    const guest = reception.enter(address, () => socket.destroy());
    if (guest === null) {
      onRefusal?.({ why: 'crowd', address, name: '' });
      return void socket.destroy();
    }
    const place = placeOf(socket);
    guests.set(place, guest);
    sockets.add(socket);
    socket.on('close', () => {
      guest.leave();
      guests.delete(place);
      sockets.delete(socket);
      past.sent += socket.bytesWritten;
      past.received += socket.bytesRead;
    });
  });
  http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // A page of another site must not speak here with its visitor's nearness to this machine.
    if (!isSameOrigin(request)) {
      onRefusal?.({ why: 'origin', address: request.socket.remoteAddress ?? '', name: '' });
      // Node watches a socket no more once it is to be upgraded.
      socket.on('error', () => undefined);
      return void socket.end('HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n', () => socket.destroy());
    }
    const guest = guests.get(placeOf(request.socket));
    if (request.url === LIVE_PATH)
      return operators.handleUpgrade(request, socket, head, (webSocket) =>
        options.operator(webSocket, isLocal(request), () => guest?.welcome()),
      );
    workers.handleUpgrade(request, socket, head, (webSocket) =>
      acceptSocket(webSocket, request.socket, (link) => reception.accept(link, guest)),
    );
  });
  const address = http.address();
  return {
    port: address !== null && typeof address === 'object' ? address.port : options.port,
    get bytes() {
      const all = { ...past };
      for (const { bytesWritten, bytesRead } of sockets) {
        all.sent += bytesWritten;
        all.received += bytesRead;
      }
      return all;
    },
    recheck: () => reception.recheck(),
    close: async (finished) => {
      // Nobody new comes in while the others are shown out.
      const closed = new Promise((resolve) => http.close(resolve));
      await reception.close(finished);
      for (const socket of [...workers.clients, ...operators.clients]) socket.terminate();
      // Those too that have not said yet what they want.
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** What no other connection has at the same time; the same for a stream and for what encrypts it. */
const placeOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
