/** What arrived is no frame or message of this protocol, or breaks its limits: its sender's connection is to be closed. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}
