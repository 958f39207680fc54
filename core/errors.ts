// The one error class that is meant for the person at the keyboard. Not for broken invariants: those throw Error.

/**
 * An error whose message is one sentence that says what is wrong and how to mend it.
 * The command line prints the message without a stack and exits non-zero.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
}
