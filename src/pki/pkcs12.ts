// A certificate and its key as a PKCS #12 file (RFC 7292), as browsers and key chains import them: AES-256 and
// PBKDF2 with SHA-256 throughout (RFC 8018 PBES2, RFC 9579 would be the next step and is not read by all of them).

import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { BmpString, OctetString } from 'asn1js';
import {
  Attribute,
  AuthenticatedSafe,
  CertBag,
  Certificate,
  PFX,
  PKCS8ShroudedKeyBag,
  PrivateKeyInfo,
  SafeBag,
  SafeContents,
} from 'pkijs';

// Object identifiers of RFC 7292 §4.2 and RFC 2985.
const SHROUDED_KEY_BAG = '1.2.840.113549.1.12.10.1.2';
const CERT_BAG = '1.2.840.113549.1.12.10.1.3';
const LOCAL_KEY_ID = '1.2.840.113549.1.9.21';
const FRIENDLY_NAME = '1.2.840.113549.1.9.20';

/** OWASP's floor for PBKDF2 with SHA-256 is higher; this is what every importer still opens in a moment. */
const ITERATIONS = 200_000;

const ENCRYPTION = {
  contentEncryptionAlgorithm: { name: 'AES-CBC', length: 256 },
  hmacHashAlgorithm: 'SHA-256',
  iterationCount: ITERATIONS,
} as const;

export interface Pkcs12Input {
  /** PEM, leaf first. */
  readonly certificates: string;
  /** PEM: PKCS #8, PKCS #1 or SEC 1, not encrypted. */
  readonly privateKey: string;
  readonly password: string;
  /** Under which a browser lists it. */
  readonly name: string;
}

/** Throws an Error when there is no certificate, or the key is not the first one's. */
export async function toPkcs12({ certificates, privateKey, password, name }: Pkcs12Input): Promise<Buffer> {
  const chain = (certificates.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
    (pem) => new X509Certificate(pem),
  );
  const [leaf] = chain;
  if (leaf === undefined) throw new Error('there is no certificate in the file');
  const key = createPrivateKey(privateKey);
  if (!leaf.checkPrivateKey(key)) throw new Error('the key does not belong to the first certificate');
  const secret = toBytes(Buffer.from(password, 'utf8'));
  const attributes = toAttributes(leaf, name);
  const keyBag = new PKCS8ShroudedKeyBag({
    parsedValue: PrivateKeyInfo.fromBER(toBytes(key.export({ type: 'pkcs8', format: 'der' }))),
  });
  await keyBag.makeInternalValues({ password: secret, ...ENCRYPTION });
  const safe = new AuthenticatedSafe({
    parsedValue: {
      safeContents: [
        // The key is encrypted by itself; the certificates are by what holds them.
        { privacyMode: 0, value: contents([bag(SHROUDED_KEY_BAG, keyBag, attributes)]) },
        { privacyMode: 1, value: contents(chain.map((one) => toCertificateBag(one, leaf, attributes))) },
      ],
    },
  });
  await safe.makeInternalValues({ safeContents: [{}, { password: secret, ...ENCRYPTION }] });
  const pfx = new PFX({ parsedValue: { integrityMode: 0, authenticatedSafe: safe } });
  await pfx.makeInternalValues({
    password: secret,
    iterations: ITERATIONS,
    pbkdf2HashAlgorithm: 'SHA-256',
    hmacHashAlgorithm: 'SHA-256',
  });
  return Buffer.from(pfx.toSchema().toBER(false));
}

const contents = (safeBags: SafeBag[]): SafeContents => new SafeContents({ safeBags });

const bag = (bagId: string, bagValue: PKCS8ShroudedKeyBag | CertBag, bagAttributes: Attribute[]): SafeBag =>
  new SafeBag({ bagId, bagValue, bagAttributes });

const toCertificateBag = (one: X509Certificate, leaf: X509Certificate, attributes: Attribute[]): SafeBag =>
  bag(
    CERT_BAG,
    new CertBag({ parsedValue: Certificate.fromBER(toBytes(one.raw)) }),
    one === leaf ? attributes : [],
  );

/** What tells an importer which certificate the key belongs to. */
function toAttributes(leaf: X509Certificate, name: string): Attribute[] {
  const id = toBytes(createHash('sha1').update(leaf.raw).digest());
  return [
    new Attribute({ type: FRIENDLY_NAME, values: [new BmpString({ value: name })] }),
    new Attribute({ type: LOCAL_KEY_ID, values: [new OctetString({ valueHex: id })] }),
  ];
}

/** A buffer of its own: Node's small Buffers share one. */
const toBytes = (buffer: Buffer): ArrayBuffer => Uint8Array.from(buffer).buffer;
