/** A server that trusts two issuers, and the calls by which people exchange their tokens. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after } from 'node:test'
import { namedVersion } from './calls.ts'
import { communicationAudience as audience, type Issuer, startIssuer } from './issuer.ts'
import type { JwtPart } from './signing-key.ts'
import { type Answer, newDataDir, send, startWorld, type Tenant, type World } from './world.ts'

/** A world whose server trusts two issuers. */
export interface ExchangeWorld extends World {
  readonly issuer: Issuer
  /** Trusted just as much. */
  readonly otherIssuer: Issuer
  /** Trusted as well, and tells nobody its keys. */
  readonly silentIssuer: Issuer
}

let shared: Promise<ExchangeWorld> | undefined

/** The world of all tests of exchanges; started at the first call, stopped after the last test. */
export function exchangeWorld(): Promise<ExchangeWorld> {
  shared ??= startExchangeWorld()
  return shared
}

async function startExchangeWorld(): Promise<ExchangeWorld> {
  const issuers = await Promise.all([startIssuer(), startIssuer(), startIssuer()])
  const [issuer, otherIssuer, silentIssuer] = issuers
  silentIssuer.intercept(({ method }, response) => {
    if (method === 'GET') response.writeHead(503).end()
    return method === 'GET'
  })
  const trusted = issuers.map((one) => ({ issuer: one.issuer, audience }))
  const world = await startWorld(newDataDir(), {
    PARLEY_DOMAIN: 'parley.test',
    PARLEY_TRUSTED_ISSUERS: JSON.stringify(trusted),
    PARLEY_REFUSAL_REASONS: 'on',
  })
  return { ...world, issuer, otherIssuer, silentIssuer }
}

after(async () => {
  if (shared === undefined) return
  const { issuer, otherIssuer, silentIssuer } = await shared
  await Promise.all([issuer, otherIssuer, silentIssuer].map((one) => one.stop()))
})

/** What a directory knows of a person, as far as it stands in tokens. */
export interface Person {
  readonly tid: string
  readonly oid: string
  /** The application that the person uses. */
  readonly azp: string
  readonly groups: readonly string[]
}

/** Makes a person of whom nobody has heard. */
export function newPerson(): Person {
  return { tid: randomUUID(), oid: randomUUID(), azp: randomUUID(), groups: [randomUUID()] }
}

/** The Entra token of a person. */
export function tokenOf(issuer: Issuer, person: Person, claims: JwtPart = {}): Promise<string> {
  return issuer.token({ scp: 'Chat VoIP', ...person, ...claims })
}

/** The two exchanges that people make by themselves. */
export const families = {
  entra: { path: '/access/entra/:exchangeAccessToken', apiVersion: namedVersion, scp: 'VoIP' },
  teamsExtension: {
    path: '/access/teamsExtension/:exchangeAccessToken',
    apiVersion: '2025-06-30',
    scp: 'TeamsExtension.ManageCalls',
  },
} as const

/** Exchanges an Entra token; the answer as it came. */
export async function exchange(
  tenant: Tenant,
  token: string,
  family: keyof typeof families = 'entra',
): Promise<Answer> {
  const { origin } = await exchangeWorld()
  const { path, apiVersion } = families[family]
  return send(origin, {
    method: 'POST',
    path: `${path}?api-version=${apiVersion}`,
    host: tenant.host,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: {},
  })
}

/** The answer to an exchange that must succeed. */
export async function exchanged(...words: Parameters<typeof exchange>): Promise<Answer['body']> {
  const { status, body, text } = await exchange(...words)
  assert.equal(status, 200, text)
  return body
}

/** The path of an assignment of people, or of their list. */
export function assignmentPath(objectId?: string): string {
  const list = '/access/entra/assignments'
  const path = objectId === undefined ? list : `${list}/${encodeURIComponent(objectId)}`
  return `${path}?api-version=${namedVersion}`
}

/** The path of an assignment of the Teams extension. */
export function teamsAssignmentPath(tenantId: string, objectId: string): string {
  const [tenant, object] = [tenantId, objectId].map(encodeURIComponent)
  return `/access/teamsExtension/tenants/${tenant}/assignments/${object}?api-version=2025-06-30`
}

/** Lets a person exchange by either way, and by its application. */
export async function assign(tenant: Tenant, { tid, oid, azp }: Person): Promise<void> {
  const body = { tenantId: tid, principalType: 'user', clientIds: [azp] }
  for (const path of [assignmentPath(oid), teamsAssignmentPath(tid, oid)]) {
    const { status, text } = await tenant.call({ method: 'PUT', path, body })
    assert.equal(status, 201, text)
  }
}
