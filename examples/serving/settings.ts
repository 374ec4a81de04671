import { parseConnectionString } from '@parley/protocol'

/** What an example is started with; `npm run example:...` takes it from `parley.env`. */
export interface Settings {
  readonly connectionString: string
  /** Origin of the service, which pages call too. */
  readonly endpoint: string
  /** The same where there is a plain listener on loopback: its origin, for pages of localhost. */
  readonly callEndpoint: string
  readonly accessKey: string
  /** Where the service publishes the keys that verify its tokens. */
  readonly jwksUrl: string
  /** Where the app listens; 0 is a free port. */
  readonly port: number
  /** Folder for what the app keeps. */
  readonly dataDirectory: string
}

/**
 * Reads the settings.
 *
 * @throws Error when there is no connection string, with what to do about it.
 */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const {
    COMMUNICATION_SERVICES_CONNECTION_STRING: connectionString = '',
    PORT = '3000',
    PARLEY_DATA_DIR: dataDirectory = '.parley',
  } = environment
  const connection = parseConnectionString(connectionString)
  if (connection === undefined) {
    throw new Error('COMMUNICATION_SERVICES_CONNECTION_STRING is needed: npm run example:web-chat')
  }
  const { origin } = new URL(connection.endpoint)
  const { PARLEY_JWKS_URL: jwksUrl = `${origin}/.well-known/jwks.json` } = environment
  const { PARLEY_HTTP_ENDPOINT: callEndpoint = origin } = environment
  const { accessKey } = connection
  return {
    connectionString,
    endpoint: origin,
    callEndpoint: new URL(callEndpoint).origin,
    accessKey,
    jwksUrl,
    port: Number(PORT),
    dataDirectory,
  }
}
