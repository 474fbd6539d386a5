// The one error type of the gateway. A Fault knows what the client is told (reason, message) and what only the log
// may know (cause). Reasons are metav1.StatusReason values where Kubernetes has one
// (apimachinery pkg/apis/meta/v1/types.go); the others are named after their HTTP status (RFC 9110, RFC 6585).

const CODES = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  RequestTimeout: 408,
  Conflict: 409,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  TooManyRequests: 429,
  RequestHeaderFieldsTooLarge: 431,
  InternalError: 500,
  BadGateway: 502,
  ServiceUnavailable: 503,
  Timeout: 504,
} as const;

export type FaultReason = keyof typeof CODES;

/** What to ask an identity provider for (OpenID Connect Core 1.0 §3.1.2.1). */
export interface LoginDemand {
  readonly maxAgeSeconds?: number;
  readonly acrValues?: readonly string[];
}

export interface FaultOptions {
  /** For the log only; never shown to a client. */
  readonly cause?: unknown;
  /** Extra answer headers, lower case: `allow`, `retry-after`, `www-authenticate`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** metav1.StatusDetails: which object the answer is about. */
  readonly details?: { readonly kind: string; readonly name: string };
  /** What another login must be like, where one would mend it. */
  readonly login?: LoginDemand;
  /** For the audit event: annotations of the gateway's own, by their names without the domain. */
  readonly annotations?: Readonly<Record<string, string>>;
}

export class Fault extends Error {
  readonly reason: FaultReason;
  readonly headers: Readonly<Record<string, string>>;
  readonly details: FaultOptions['details'];
  readonly annotations: Readonly<Record<string, string>>;
  readonly login: LoginDemand | undefined;

  /** `message` is for the client: it names the rule, and holds no secret, no path of the host and no upstream text. */
  constructor(reason: FaultReason, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Fault';
    this.reason = reason;
    this.headers = options.headers ?? {};
    this.details = options.details;
    this.annotations = options.annotations ?? {};
    this.login = options.login;
  }

  /** The HTTP status code of the answer. */
  get code(): number {
    return CODES[this.reason];
  }
}

/** What was thrown, as a Fault; anything that is not one is an internal error whose text stays in the log. */
export const toFault = (error: unknown): Fault =>
  error instanceof Fault ? error : new Fault('InternalError', 'internal error', { cause: error });
