/**
 * A real OpenID provider, `oidc-provider`, as an issuer whose tokens Parley is told to trust.
 *
 * Tokens come from its token endpoint by the client-credentials grant, signed with its current
 * key. What they say can be changed before they are signed, so that a token may be wrong in one
 * claim and right in its signature. What no provider would sign is
 * forged by `signing-key.ts`.
 */
import { randomBytes } from 'node:crypto'
import {
  createServer,
  type IncomingMessage,
  request as plainRequest,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer, request as tlsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Provider } from 'oidc-provider'
import {
  type JwtPart,
  newSigningKey,
  privateJwk,
  type SigningAlgorithm,
  type SigningKey,
} from './signing-key.ts'

/** A provider that runs. */
export interface Issuer {
  /** What its tokens have in `iss`. */
  readonly issuer: string
  readonly jwksUri: string
  readonly tokenEndpoint: string
  /** The client that may ask it for tokens; Parley knows it by `client_id` and `sub`. */
  readonly client: { readonly clientId: string; readonly clientSecret: string }
  /**
   * Asks the token endpoint for an access token.
   *
   * @param claims - over those of the provider; `undefined` leaves one out.
   * @param header - over that of the provider; `undefined` leaves a field out.
   */
  readonly token: (claims?: JwtPart, header?: JwtPart) => Promise<string>
  /** The key that it signs with now. */
  readonly signingKey: () => SigningKey
  /**
   * Signs with a new key from now on.
   *
   * @param forgets - whether the former keys are published no more.
   */
  readonly rotateKeys: (forgets?: 'forgets') => SigningKey
  /** How often something was asked for since the start; refused and broken answers count too. */
  readonly requestCounts: () => RequestCounts
  /**
   * Puts a handler before the provider, which answers when that returns `false`; without one the
   * provider is as it was.
   */
  readonly intercept: (handler?: Interceptor) => void
  /** Ends it with all its connections; the port is free then. */
  readonly stop: () => Promise<void>
}

/** Requests by what they are for. */
export interface RequestCounts {
  readonly discovery: number
  readonly keys: number
  readonly token: number
}

/** Answers a request itself, or later by the provider (`next`), and says `true`; or `false`. */
export type Interceptor = (
  request: IncomingMessage,
  response: ServerResponse,
  next: RequestListener,
) => boolean

/** What an issuer is started with. */
export interface IssuerOptions {
  /** Certificate chain, key and the authority that vouches for them, PEM; absent: plain http. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string }
  /** 127.0.0.1 unless given. */
  readonly hostname?: string
  /** Folder of the issuer, without a slash at its end, for example `/adfs`. */
  readonly path?: string
  /** Where it takes requests for tokens, below the folder; `/token` unless given. */
  readonly tokenPath?: string
  /** Audience of its tokens unless the scope asked for names another. */
  readonly audience?: string
  /** RS256, as Entra ID has it, unless given. */
  readonly alg?: SigningAlgorithm
  /** Claims of every token. */
  readonly claims?: JwtPart
  /** A port that was another issuer's; absent: a free one. */
  readonly port?: number
}

/** What a test wants changed travels in a header of its request for a token. */
const changesHeader = 'x-test-changes'

/** What a token is for when nobody says it. */
export const communicationAudience = 'https://communication.azure.com'

/** Starts an issuer on loopback. */
export async function startIssuer(options: IssuerOptions = {}): Promise<Issuer> {
  const { tls, hostname = '127.0.0.1', path = '', tokenPath = '/token', alg = 'RS256' } = options
  const client = { clientId: `client-${randomBytes(4).toString('hex')}`, clientSecret: 'sesame' }
  let provide: RequestListener = (_, response) => response.writeHead(503).end()
  let interceptor: Interceptor | undefined
  const counts = { discovery: 0, keys: 0, token: 0 }
  const listener: RequestListener = (request, response) => {
    const [url = ''] = (request.url ?? '').split('?', 1)
    if (url.endsWith('/.well-known/openid-configuration')) counts.discovery += 1
    if (url === `${path}/jwks`) counts.keys += 1
    if (url === `${path}${tokenPath}`) counts.token += 1
    if (interceptor?.(request, response, provide) === true) return
    provide(below(path, request), response)
  }
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject).listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const issuer = `${tls === undefined ? 'http' : 'https'}://${hostname}:${port}${path}`
  const keys: SigningKey[] = []
  const rotateKeys: Issuer['rotateKeys'] = (forgets) => {
    if (forgets !== undefined) keys.length = 0
    const key = newSigningKey(alg)
    keys.unshift(key)
    const configuration = configurationFor({ ...options, client, keys, alg, tokenPath })
    provide = new Provider(issuer, configuration).callback()
    return key
  }
  rotateKeys()
  const tokenEndpoint = `${issuer}${tokenPath}`
  return {
    issuer,
    jwksUri: `${issuer}/jwks`,
    tokenEndpoint,
    client,
    token: (claims = {}, header = {}) =>
      askForToken({ tokenEndpoint, client, ca: tls?.ca }, { claims, header }),
    signingKey: () => keys[0] as SigningKey,
    rotateKeys,
    requestCounts: () => ({ ...counts }),
    intercept: (handler) => {
      interceptor = handler
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** The request as the provider sees it, which knows nothing of the folder it stands in. */
function below(path: string, request: IncomingMessage): IncomingMessage {
  const { url = '' } = request
  if (path === '' || !url.startsWith(`${path}/`)) return request
  return Object.assign(request, { originalUrl: url, url: url.slice(path.length) })
}

/** Clients are configured and tokens are JWTs, so there is nothing to keep. */
function storeOfNothing(): object {
  return { upsert: async () => undefined, find: async () => undefined }
}

interface Changes {
  readonly claims: JwtPart
  readonly header: JwtPart
}

/** The part of the provider's context that is read here. */
interface ProviderContext {
  get(header: string): string
  readonly oidc: { readonly params: { readonly scope?: string } }
}

/** A client may ask for what Azure's clients ask for: everything at an audience. */
const defaultScope = /^(\S+)\/\.default$/

function configurationFor(
  world: IssuerOptions &
    Pick<Issuer, 'client'> & {
      readonly keys: readonly SigningKey[]
      readonly alg: SigningAlgorithm
      readonly tokenPath: string
    },
): object {
  const { client, keys, alg, tokenPath, audience = communicationAudience } = world
  return {
    jwks: { keys: keys.map(privateJwk) },
    routes: { token: tokenPath },
    cookies: { keys: ['no cookie is ever set'] },
    adapter: storeOfNothing,
    ttl: { ClientCredentials: 3600 },
    enabledJWA: { idTokenSigningAlgValues: [alg] },
    clients: [
      {
        client_id: client.clientId,
        client_secret: client.clientSecret,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: alg,
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: ({ oidc }: ProviderContext) =>
          defaultScope.exec(oidc.params.scope ?? '')?.[1] ?? audience,
        getResourceServerInfo: (_: unknown, resource: string) => ({
          scope: `${resource}/.default`,
          audience: resource,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 3600,
          jwt: { sign: { alg } },
        }),
      },
    },
    formats: {
      customizers: {
        jwt: (
          context: ProviderContext,
          _: unknown,
          parts: { header: JwtPart | undefined; payload: object },
        ) => {
          const text = Buffer.from(context.get(changesHeader), 'base64').toString('utf8')
          const { claims, header }: Changes = text === '' ? noChanges : JSON.parse(text)
          Object.assign(parts.payload, world.claims, withAbsences(claims))
          parts.header = withAbsences(header)
        },
      },
    },
  }
}

const noChanges: Changes = { claims: {}, header: {} }

/** JSON has no `undefined`, so a text that nobody else means travels in its place. */
const absent = 'left out'

function withAbsences(part: JwtPart): JwtPart {
  const entries = Object.entries(part)
  return Object.fromEntries(
    entries.map(([name, value]) => [name, value === absent ? undefined : value]),
  )
}

function askForToken(
  at: Pick<Issuer, 'tokenEndpoint' | 'client'> & { readonly ca: string | undefined },
  changes: Changes,
): Promise<string> {
  const { tokenEndpoint, client, ca } = at
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: client.clientId,
    client_secret: client.clientSecret,
  })
  const said = JSON.stringify(changes, (_, value) => (value === undefined ? absent : value))
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    [changesHeader]: Buffer.from(said).toString('base64'),
  }
  // A connection of its own: one that is kept may be closed by the issuer as the request leaves.
  const options = { method: 'POST', agent: false, headers, ...(ca === undefined ? {} : { ca }) }
  const request = ca === undefined ? plainRequest : tlsRequest
  return new Promise((resolve, reject) => {
    const sent = request(tokenEndpoint, options, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text).access_token)
        else reject(new Error(text))
      })
    })
    sent.on('error', reject)
    sent.end(form.toString())
  })
}
