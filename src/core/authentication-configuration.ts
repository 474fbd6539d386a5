// Kubernetes' AuthenticationConfiguration (apiserver.config.k8s.io/v1, KEP-3331) as far as this gateway carries it.
// `config/` parses and validates the file; `identify/` is built from it. Expressions have been compiled once when the
// file was read, to report their errors; `cel/` compiles them again for those who evaluate them.

export interface ClaimMapping {
  readonly claim: string;
  /** May be empty, and must be given. */
  readonly prefix: string;
}

export interface ExpressionMapping {
  /** CEL over `claims`. */
  readonly expression: string;
}

export type ClaimValidationRule =
  /** A claim that must be present with exactly this string value. */
  { readonly claim: string; readonly requiredValue: string } | ValidationRule;

/** CEL that must evaluate to true: over `claims`, or over `user`. */
export interface ValidationRule {
  readonly expression: string;
  /** What a refusal says. */
  readonly message?: string;
}

export interface ExtraMapping {
  /** A path below a domain, in lower case. */
  readonly key: string;
  readonly valueExpression: string;
}

export interface JwtIssuer {
  readonly issuer: {
    /** Must equal the token's `iss` and the discovery document's `issuer`. */
    readonly url: string;
    /** Full URL of the discovery document, where it is not below `url`. */
    readonly discoveryURL?: string;
    /** PEM; absent: the system's roots. */
    readonly certificateAuthority?: string;
    /** A token must name at least one of them in `aud`. */
    readonly audiences: readonly [string, ...string[]];
  };
  readonly claimValidationRules: readonly ClaimValidationRule[];
  readonly claimMappings: {
    readonly username: ClaimMapping | ExpressionMapping;
    readonly groups?: ClaimMapping | ExpressionMapping;
    readonly uid?: { readonly claim: string } | ExpressionMapping;
    readonly extra?: readonly ExtraMapping[];
  };
  readonly userValidationRules?: readonly ValidationRule[];
}

export interface AuthenticationConfiguration {
  readonly jwt: readonly JwtIssuer[];
  /** Requests without a credential are of system:anonymous at exactly these paths. Absent: nowhere. */
  readonly anonymous?: { readonly paths: readonly string[] };
}
