/** Certificates for doors of this machine, each its own authority. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generate } from 'selfsigned';

export type Host = { readonly type: 2; readonly value: string } | { readonly type: 7; readonly ip: string };

/** This machine, by a name and by an address. */
export const HERE: readonly Host[] = [
  { type: 2, value: 'localhost' },
  { type: 7, ip: '127.0.0.1' },
];

/** Makes a certificate that is its own authority, and writes NAME.crt and NAME.key to a folder. */
export async function certify(dir: string, name: string, hosts = HERE): Promise<{ cert: string; private: string }> {
  const pem = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [{ name: 'subjectAltName', altNames: [...hosts] }],
  });
  writeFileSync(join(dir, `${name}.crt`), pem.cert);
  writeFileSync(join(dir, `${name}.key`), pem.private);
  return pem;
}
