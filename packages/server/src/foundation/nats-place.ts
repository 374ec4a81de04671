/** Addresses of NATS servers, and what they say of credentials. */
export interface NatsServers {
  /** Host names with their ports. */
  readonly servers: readonly string[]
  readonly user: string | undefined
  readonly pass: string | undefined
  readonly token: string | undefined
  readonly isTls: boolean
}

/** Where NATS is, and as whom it is reached. */
export interface NatsPlace extends NatsServers {
  /** A `.creds` file, as `nsc` makes them. */
  readonly credentialsFile: string | undefined
  /** On how many servers each message is kept. */
  readonly replicas: number
}

/** Where NATS is by the settings; `undefined` where they name none. */
export function natsPlaceOf(settings: {
  readonly nats: NatsServers | undefined
  readonly natsCredentials: string | undefined
  readonly natsReplicas: number
}): NatsPlace | undefined {
  const { nats, natsCredentials: credentialsFile, natsReplicas: replicas } = settings
  return nats && { ...nats, credentialsFile, replicas }
}

/**
 * Reads the addresses of NATS servers, `nats://user:password@host:4222,nats://other:4222`. A name
 * without a password is a token. What the first says of credentials counts for all.
 *
 * @returns `undefined` for what is no list of such addresses.
 */
export function parseNatsServers(text: string): NatsServers | undefined {
  const addresses = text.split(',').map((address) => address.trim())
  if (!addresses.every((address) => /^(?:nats|tls):\/\//.test(address) && URL.canParse(address))) {
    return undefined
  }
  const urls = addresses.map((address) => new URL(address))
  const [first] = urls
  const isPlain = urls.every(({ hostname, pathname, search, hash }) => {
    return hostname !== '' && /^\/?$/.test(pathname) && search === '' && hash === ''
  })
  if (first === undefined || !isPlain) return undefined
  const name = first.username === '' ? undefined : decodeURIComponent(first.username)
  const pass = first.password === '' ? undefined : decodeURIComponent(first.password)
  return {
    servers: urls.map(({ hostname, port }) => `${hostname}:${port === '' ? '4222' : port}`),
    user: pass === undefined ? undefined : name,
    pass,
    token: pass === undefined ? name : undefined,
    isTls: urls.some(({ protocol }) => protocol === 'tls:'),
  }
}
