/** Connections below the protocol, for whoever writes requests and frames himself. They end with `endBareSockets`. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { SUBPROTOCOL } from '../../core/protocol/messages.ts';

const open = new Set<Socket>();

export function endBareSockets(): void {
  for (const socket of open) socket.destroy();
  open.clear();
}

/** A bare connection to this machine, whose end does not matter to this side. It is not read from yet. */
export async function plain(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  open.add(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

const UPGRADE = [
  ...['GET / HTTP/1.1', 'Host: x', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13'],
  ...['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`, '', ''],
].join('\r\n');

/** A WebSocket that is open. */
export async function bare(port: number): Promise<Socket> {
  const socket = await plain(port);
  socket.write(UPGRADE);
  await once(socket, 'data');
  return socket;
}

/** However it ends. */
export const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => (socket.closed ? resolve() : socket.once('close', () => resolve())));

/** The head of a binary message in one frame of so many bytes, masked by zeros. */
export function frameHead(bytes: number): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(bytes));
  return Buffer.concat([Buffer.of(0x82, 0x80 | 127), length, Buffer.alloc(4)]);
}
