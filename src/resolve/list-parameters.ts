// Query parameters of lists that change nothing here.

/** `timeout` comes from client-go with discovery, `pretty` from people. */
export const IGNORED = ['timeout', 'pretty'] as const;

/**
 * What a list may say about how fresh and how long it should be. The whole list of the moment is always answered,
 * which all of them allow (a server may ignore `limit`).
 */
export const LIST_IGNORED = [
  ...IGNORED,
  'limit',
  'resourceVersion',
  'resourceVersionMatch',
  'allowWatchBookmarks',
  'sendInitialEvents',
  'timeoutSeconds',
] as const;
