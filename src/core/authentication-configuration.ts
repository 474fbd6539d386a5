// Kubernetes' AuthenticationConfiguration (apiserver.config.k8s.io/v1, KEP-3331) as far as this gateway carries it.
// `config/` parses and validates the file; `identify/` is built from it. CEL expressions are refused at load.

export interface ClaimMapping {
  readonly claim: string;
  /** May be empty, and must be given. */
  readonly prefix: string;
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
  /** A claim that must be present with exactly this string value. */
  readonly claimValidationRules: readonly { readonly claim: string; readonly requiredValue: string }[];
  readonly claimMappings: {
    readonly username: ClaimMapping;
    readonly groups?: ClaimMapping;
    readonly uid?: { readonly claim: string };
  };
}

export interface AuthenticationConfiguration {
  readonly jwt: readonly JwtIssuer[];
}
