import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider } from 'oidc-provider'

/**
 * The peer: `oidc-provider` issuing access tokens by the client-credentials grant, as its manual
 * says: JWT access tokens signed with ES256 for one resource server, kept by its in-memory adapter.
 */

/** How the parent starts it. */
export interface PeerOptions {
  readonly clientId: string
  readonly clientSecret: string
  /** The resource server that tokens are for, a URI. */
  readonly resource: string
}

const { clientId, clientSecret, resource } = JSON.parse(process.argv[2] ?? '') as PeerOptions
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

const provider = new Provider('http://127.0.0.1', {
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }] },
  scopes: ['chat', 'voip'],
  clients: [
    {
      client_id: clientId,
      client_secret: clientSecret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: 'ES256',
      token_endpoint_auth_method: 'client_secret_basic',
    },
  ],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        scope: 'chat voip',
        audience: resource,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 24 * 3600,
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
})

const server = createServer(provider.callback())
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.once('disconnect', () => process.exit())
