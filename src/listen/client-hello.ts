// Reads the server name that a TLS client asks for (SNI) from its first bytes: TLS records (RFC 8446 §5.1), in them a
// ClientHello (§4.1.2), in it the server_name extension (RFC 6066 §3). Pure; never throws. Anything that is not exactly
// that, or is larger than the limits, is "odd", and the caller decides as if nothing were known.
//
//   record     | type 22 | version (2) | length (2) | fragment ………………………|    as many as it takes
//   handshake  | type 1  | length (3)  | version (2) | random (32) | session id <1> | cipher suites <2>
//              | compression <1> | extensions <2> : | type (2) | data <2> |…     <n>: length of n bytes, then data

export type ClientHelloResult =
  | { readonly kind: 'more' }
  /** Undefined: a ClientHello without a server name. In lower case, otherwise as the client wrote it. */
  | { readonly kind: 'read'; readonly serverName: string | undefined }
  | { readonly kind: 'odd' };

const RECORD_HEADER = 5;
const HANDSHAKE_RECORD = 22;
const MAX_FRAGMENT = 16_384;
const HANDSHAKE_HEADER = 4;
const CLIENT_HELLO = 1;
const MAX_HELLO = 16_384;
/** A client that cuts its hello into more records than this wants something else than a connection. */
const MAX_RECORDS = 64;
const VERSION_AND_RANDOM = 2 + 32;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const MAX_NAME = 255;

const MORE: ClientHelloResult = { kind: 'more' };
const ODD: ClientHelloResult = { kind: 'odd' };

/** Takes the bytes of one connection as they come. After a result other than "more" it wants no further ones. */
export class ClientHelloReader {
  readonly #header = Buffer.alloc(RECORD_HEADER);
  #headerLength = 0;
  /** Bytes of the current record that are still to come; 0: a record header is next. */
  #fragmentLeft = 0;
  #records = 0;
  readonly #hello = Buffer.alloc(HANDSHAKE_HEADER + MAX_HELLO);
  #helloLength = 0;

  push(chunk: Uint8Array): ClientHelloResult {
    let at = 0;
    while (at < chunk.length) {
      if (this.#fragmentLeft === 0) {
        this.#header[this.#headerLength++] = chunk[at++] ?? 0;
        if (this.#headerLength === RECORD_HEADER && !this.#beginRecord()) return ODD;
        continue;
      }
      const take = Math.min(this.#fragmentLeft, chunk.length - at, this.#hello.length - this.#helloLength);
      // The message is longer than the limit, or is followed by another one before it has been answered.
      if (take === 0) return ODD;
      this.#hello.set(chunk.subarray(at, at + take), this.#helloLength);
      this.#helloLength += take;
      this.#fragmentLeft -= take;
      at += take;
      const result = this.#readHello();
      if (result.kind !== 'more') return result;
    }
    return MORE;
  }

  #beginRecord(): boolean {
    const length = this.#header.readUInt16BE(3);
    this.#headerLength = 0;
    this.#fragmentLeft = length;
    this.#records += 1;
    return (
      this.#header[0] === HANDSHAKE_RECORD &&
      this.#header[1] === 3 &&
      length > 0 &&
      length <= MAX_FRAGMENT &&
      this.#records <= MAX_RECORDS
    );
  }

  #readHello(): ClientHelloResult {
    if (this.#helloLength > 0 && this.#hello[0] !== CLIENT_HELLO) return ODD;
    if (this.#helloLength < HANDSHAKE_HEADER) return MORE;
    const length = this.#hello.readUIntBE(1, 3);
    if (length > MAX_HELLO) return ODD;
    if (this.#helloLength < HANDSHAKE_HEADER + length) return MORE;
    return serverNameOf(this.#hello.subarray(HANDSHAKE_HEADER, HANDSHAKE_HEADER + length));
  }
}

/** A piece of a message that has a length of its own; undefined where the message ends before it does. */
type Piece = Buffer | undefined;

/** Cuts pieces with length prefixes off the front of `bytes`. */
function createCutter(bytes: Buffer): {
  readonly left: () => number;
  readonly fixed: (length: number) => Piece;
  readonly prefixed: (prefixBytes: 1 | 2) => Piece;
} {
  let at = 0;
  const left = (): number => bytes.length - at;
  const fixed = (length: number): Piece => {
    if (length > left()) return undefined;
    at += length;
    return bytes.subarray(at - length, at);
  };
  const prefixed = (prefixBytes: 1 | 2): Piece => {
    const prefix = fixed(prefixBytes);
    return prefix && fixed(prefix.readUIntBE(0, prefixBytes));
  };
  return { left, fixed, prefixed };
}

function serverNameOf(body: Buffer): ClientHelloResult {
  const hello = createCutter(body);
  const head = hello.fixed(VERSION_AND_RANDOM) && hello.prefixed(1) && hello.prefixed(2) && hello.prefixed(1);
  if (head === undefined) return ODD;
  // A TLS 1.2 client may leave the extensions out altogether.
  if (hello.left() === 0) return { kind: 'read', serverName: undefined };
  const extensionBytes = hello.prefixed(2);
  if (extensionBytes === undefined || hello.left() > 0) return ODD;

  const extensions = createCutter(extensionBytes);
  let serverName: string | undefined;
  while (extensions.left() > 0) {
    const type = extensions.fixed(2);
    const data = extensions.prefixed(2);
    if (type === undefined || data === undefined) return ODD;
    if (type.readUInt16BE(0) !== SERVER_NAME) continue;
    // Twice the extension: which of the two OpenSSL would take is not to be guessed.
    if (serverName !== undefined) return ODD;
    serverName = hostNameOf(data);
    if (serverName === undefined) return ODD;
  }
  return { kind: 'read', serverName };
}

/** The one host name of a server_name extension; undefined when it is anything else. */
function hostNameOf(data: Buffer): string | undefined {
  const extension = createCutter(data);
  const listBytes = extension.prefixed(2);
  if (listBytes === undefined || extension.left() > 0) return undefined;
  const list = createCutter(listBytes);
  const type = list.fixed(1);
  const name = list.prefixed(2);
  if (type?.[0] !== HOST_NAME || name === undefined || list.left() > 0) return undefined;
  if (name.length === 0 || name.length > MAX_NAME) return undefined;
  return name.toString('latin1').toLowerCase();
}
