// What a kubelet says of its own configuration (/configz), as far as it can undo the gateway. A node may lie here; what it
// does is looked at beside it.

export interface KubeletSettings {
  readonly anonymous: boolean | undefined;
  readonly webhookAuthentication: boolean | undefined;
  readonly clientCAFile: string | undefined;
  readonly authorizationMode: string | undefined;
  /** 0: none. */
  readonly readOnlyPort: number;
}

/** Undefined when it is no KubeletConfiguration. */
export function parseSettings(body: string): KubeletSettings | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  const config = at(value, 'kubeletconfig');
  if (config === undefined) return undefined;
  const authentication = at(config, 'authentication');
  const port = at(config, 'readOnlyPort');
  return {
    anonymous: toBoolean(at(at(authentication, 'anonymous'), 'enabled')),
    webhookAuthentication: toBoolean(at(at(authentication, 'webhook'), 'enabled')),
    clientCAFile: toText(at(at(authentication, 'x509'), 'clientCAFile')),
    authorizationMode: toText(at(at(config, 'authorization'), 'mode')),
    // Go leaves out a zero.
    readOnlyPort: typeof port === 'number' && Number.isInteger(port) && port > 0 && port < 65_536 ? port : 0,
  };
}

const at = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? Object.entries(value).find(([name]) => name === key)?.[1]
    : undefined;

const toBoolean = (value: unknown): boolean | undefined => (typeof value === 'boolean' ? value : undefined);

const toText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
