/** Who is not let in at the door, and why: for logs and metrics. */

export interface Refusal {
  /**
   * `protocol`: of another version; `token`, `numerics`: of the wrong one; `malformed`: what came first was no hello; `silent`:
   * nothing came; `crowd`: too many connections of one address; `origin`: a page of another site; `cooling-down`: what it did
   * is not long enough ago; `dismissed`: the operator does not want it.
   */
  readonly why:
    | 'protocol'
    | 'token'
    | 'numerics'
    | 'malformed'
    | 'silent'
    | 'crowd'
    | 'origin'
    | 'cooling-down'
    | 'dismissed';
  /** Where it comes from, without the port. */
  readonly address: string;
  /** What a worker calls itself; '' where nothing was said yet. */
  readonly name: string;
}
