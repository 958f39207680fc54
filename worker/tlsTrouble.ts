/** What a worker's person should do where a coordinator's TLS and the worker's do not fit. */

/** The issuer is nobody that this machine trusts. */
const UNKNOWN_ISSUER: readonly string[] = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
];
/** What was read is no TLS at all. The code is EPROTO where writing failed for it. */
const NO_TLS = /wrong version number|packet length too long/;

/**
 * Says, after "the coordinator at ...", what is wrong and how to mend it on this side; null for an error that may pass by itself,
 * such as a certificate that has expired and will be renewed.
 */
export function tlsTrouble({ code = '', message }: NodeJS.ErrnoException): string | null {
  if (UNKNOWN_ISSUER.includes(code))
    return "has a certificate of an authority that is unknown here: give that authority's, or the certificate itself, with --tls-ca FILE.";
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return 'has a certificate for another name: write the name in the address that the certificate is for.';
  if (NO_TLS.test(message)) return 'speaks no TLS: write ws:// instead of wss://.';
  return null;
}

/** The same for an answer to a request without TLS; null if TLS is not what it asks for. */
export function plainTrouble(status: number | undefined, upgrade: string | undefined): string | null {
  return status === 426 && upgrade?.startsWith('TLS/') ? 'speaks TLS: write wss:// instead of ws://.' : null;
}
