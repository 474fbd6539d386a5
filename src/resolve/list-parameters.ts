// Query parameters of lists that change nothing here.

/** `timeout` comes from client-go with discovery, `pretty` from people. */
export const IGNORED = ['timeout', 'pretty'] as const;

/**
 * What a list may say about how fresh it should be: it is always that of the moment. The rest is for watches, and `limit`
 * for lists that come in parts; a server may answer the whole list.
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
