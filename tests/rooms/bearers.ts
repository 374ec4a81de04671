/** What the tests of bearers share: how one is sent, and what the server says of it. */
import { version } from '../calls.ts'
import { type Answer, send, type Tenant, type TestRequest, type World } from '../world.ts'

/** Sends a request with a bearer to the host of a resource. */
export function sendBearer(
  world: World,
  { host }: Pick<Tenant, 'host'>,
  { token, ...request }: TestRequest & { readonly token: string },
): Promise<Answer> {
  const contentType = request.body === undefined ? {} : { 'content-type': 'application/json' }
  const headers = { authorization: `Bearer ${token}`, ...contentType, ...request.headers }
  return send(world.origin, { host, ...request, headers })
}

/** What comes of a bearer that wants to create an identity: its status, and the reason given. */
export async function judged(world: World, tenant: Tenant, token: string): Promise<string> {
  const path = `/identities?api-version=${version}`
  const { status, headers } = await sendBearer(world, tenant, { method: 'POST', path, token })
  return [status, headers['x-parley-reason']].filter((part) => part !== undefined).join(' ')
}

/** The value of `PARLEY_TRUSTED_ISSUERS` for these entries. */
export function trusting(
  ...entries: readonly object[]
): Readonly<Record<'PARLEY_TRUSTED_ISSUERS', string>> {
  return { PARLEY_TRUSTED_ISSUERS: JSON.stringify(entries) }
}
