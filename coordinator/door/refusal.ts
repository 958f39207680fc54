/** Who is not let in at the door, and why: for logs and metrics. */

export interface Refusal {
  /**
   * `protocol`: of another version; `token`, `numerics`: of the wrong one; `malformed`: what came first was no hello; `silent`:
   * nothing came; `crowd`: too many connections of one address; `origin`: a page of another site.
   */
  readonly why: 'protocol' | 'token' | 'numerics' | 'malformed' | 'silent' | 'crowd' | 'origin';
  /** Where it comes from, without the port. */
  readonly address: string;
  /** What a worker calls itself; '' where nothing was said yet. */
  readonly name: string;
}
