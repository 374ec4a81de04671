/** Where a resource is and the access key that opens it. */
export interface ConnectionString {
  /** Origin with a trailing slash, `https://host[:port]/`. */
  readonly endpoint: string
  /** Access key, base64. */
  readonly accessKey: string
}

/** The text that the SDKs take: `endpoint=https://host/;accesskey=<base64>`. */
export function printConnectionString(connection: ConnectionString): string {
  return `endpoint=${connection.endpoint};accesskey=${connection.accessKey}`
}

/**
 * Reads a connection string as the SDKs do: the order is fixed, case is not.
 *
 * @returns `undefined` when it is not one, or its endpoint is no http(s) origin.
 */
export function parseConnectionString(text: string): ConnectionString | undefined {
  const match = /^endpoint=(.*?);accesskey=(.*?);?$/i.exec(text.trim())
  if (match === null) return undefined
  const [, endpoint = '', accessKey = ''] = match
  if (!/^https?:\/\/[^/?#\s]+\/?$/.test(endpoint) || accessKey === '') return undefined
  return { endpoint: endpoint.endsWith('/') ? endpoint : `${endpoint}/`, accessKey }
}
