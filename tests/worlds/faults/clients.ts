/** What clients of several nodes do all day: issue, use, and void by every cause there is. */
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Answer } from '../../world.ts'
import type { Chance } from './chance.ts'
import { administratorOf, type FleetNode } from './fleet.ts'
import { ask, type Caller, type Journal, make, useAt, voiding } from './journal.ts'

const version = 'api-version=2025-03-02-preview'
const arm = 'api-version=2025-09-01'
const subscriptions = 'api-version=2022-12-01'
const group = 'resourceGroups/parley/providers/Microsoft.Communication/communicationServices'

/** Nodes, and what is known of them. */
export interface Scene {
  readonly nodes: readonly [FleetNode, ...FleetNode[]]
  readonly journal: Journal
  /** Tokens of the first resource that nobody has begun to void. */
  readonly live: Set<string>
  /** Tokens of it that somebody has voided or has tried to. */
  readonly graves: string[]
  /** Lets a client live one life, as soon as it may. */
  readonly admit: (life: () => Promise<void>) => Promise<void>
  readonly isOver: () => boolean
}

/** One client; its lives follow one another until the scene is over. */
export async function walk(scene: Scene, chance: Chance): Promise<void> {
  while (!scene.isOver()) {
    const life = chance.next() < 0.15 ? liveAsOwner : liveAsIdentity
    await scene.admit(() => life(scene, chance))
    await delay(chance.between(0, 40))
  }
}

/** An identity from its creation to the end of its tokens; every fifth goes on living. */
async function liveAsIdentity(scene: Scene, chance: Chance): Promise<void> {
  const { journal } = scene
  const node = () => chance.pick(scene.nodes)
  const known = await createIdentity(journal, node(), {})
  if (known === undefined) return
  const { id, tokens } = known
  const path = `/identities/${encodeURIComponent(id)}`
  const body = { scopes: ['chat', 'voip'] }
  const issue = { method: 'POST', path: `${path}/:issueAccessToken?${version}`, body }
  const issued = await make(
    journal,
    () => ask(node(), {}, issue),
    (answer) => [{ kind: 'token', name: answer.body.token }],
  )
  tokens.push(...issued)
  await useAt(journal, node(), { tokens })
  if (chance.next() < 0.2) {
    for (const token of tokens) scene.live.add(token)
    return
  }
  scene.graves.push(...tokens)
  await voidIdentity({ scene, chance, id, tokens }, node())
  await Promise.all(scene.nodes.map((each) => useAt(journal, each, { tokens })))
}

async function createIdentity(
  journal: Journal,
  node: FleetNode,
  caller: Caller,
): Promise<{ readonly id: string; readonly tokens: string[] } | undefined> {
  const body = { createTokenWithScopes: ['chat'] }
  const request = { method: 'POST', path: `/identities?${version}`, body }
  const [id, token] = await make(
    journal,
    () => ask(node, caller, request),
    (answer) => [
      { kind: 'identity', name: answer.body.identity.id },
      { kind: 'token', name: answer.body.accessToken.token },
    ],
  )
  return id === undefined || token === undefined ? undefined : { id, tokens: [token] }
}

/** Voids all tokens of an identity, in one of the five ways that there are for that. */
async function voidIdentity(
  life: {
    readonly scene: Scene
    readonly chance: Chance
    readonly id: string
    readonly tokens: readonly string[]
  },
  node: FleetNode,
): Promise<void> {
  const { scene, chance, id, tokens } = life
  const path = `/identities/${encodeURIComponent(id)}`
  const revoke = (targets: readonly object[]) =>
    ask(node, {}, { method: 'POST', path: '/parley/revocations', body: { targets } })
  const isRevoked = ({ status, body }: Answer) =>
    status === 200 && body.value.every((one) => 'status' in one && one.status === 'revoked')
  const inTenMinutes = new Date(Date.now() + 600_000).toISOString()
  const act = (cause: string) => ({ cause, tokens })
  const post = { method: 'POST', path: `${path}/:revokeAccessTokens?${version}` }
  const remove = { method: 'DELETE', path: `${path}?${version}` }
  const byText = tokens.map((token) => ({ token }))
  const byId = tokens.map((token) => ({ jti: jtiOf(token) }))
  const before = [{ identity: id, issuedBefore: inTenMinutes }]
  const ways = [
    () => voiding(scene.journal, act('revoke'), () => ask(node, {}, post)),
    () => voiding(scene.journal, { ...act('delete'), deletes: id }, () => ask(node, {}, remove)),
    () => voiding(scene.journal, act('deny by text'), () => revoke(byText), isRevoked),
    () => voiding(scene.journal, act('deny by id'), () => revoke(byId), isRevoked),
    () => voiding(scene.journal, act('deny by instant'), () => revoke(before), isRevoked),
  ] as const
  await chance.pick(ways)()
}

function jtiOf(token: string): string {
  const claims = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')
  return JSON.parse(claims).jti
}

/** A resource from its creation to the regeneration of its key, its deletion, or worse. */
async function liveAsOwner(scene: Scene, chance: Chance): Promise<void> {
  const { journal } = scene
  const node = () => chance.pick(scene.nodes)
  const cause = chance.pick(['regenerate', 'delete resource', 'cancel subscription'] as const)
  const subscriptionId =
    cause === 'cancel subscription'
      ? await createSubscription(node())
      : administratorOf(node()).subscriptionId
  const name = `named-${randomBytes(6).toString('hex')}`
  const path = `/subscriptions/${subscriptionId}/${group}/${name}`
  const body = { location: 'global', properties: { dataLocation: 'Europe' } }
  await administrate(node(), { method: 'PUT', path: `${path}?${arm}`, body })
  const listed = await administrate(node(), { method: 'POST', path: `${path}/listKeys?${arm}` })
  if (listed?.status !== 200) return
  const keys = listed.body as unknown as Record<'primaryKey' | 'secondaryKey', string>
  const caller = (slot: keyof typeof keys): Caller => {
    return { accessKey: Buffer.from(keys[slot], 'base64'), host: `${name}.parley.test` }
  }
  const known = await createIdentity(journal, node(), caller('primaryKey'))
  if (known === undefined) return
  const { id, tokens } = known
  const asker = caller('secondaryKey')
  await useAt(journal, node(), { caller: asker, tokens })
  const provider = `/subscriptions/${subscriptionId}/providers/Microsoft.Subscription`
  const acts = {
    regenerate: { method: 'POST', path: `${path}/regenerateKey?${arm}` },
    'delete resource': { method: 'DELETE', path: `${path}?${arm}` },
    'cancel subscription': { method: 'POST', path: `${provider}/cancel?${subscriptions}` },
  }
  const request = { ...acts[cause], ...(cause === 'regenerate' ? { body: primary } : {}) }
  const isDeletion = cause === 'delete resource'
  const act = { cause, tokens, ...(isDeletion ? { deletes: id } : {}) }
  await voiding(journal, act, () => administrate(node(), request))
  await Promise.all(scene.nodes.map((each) => useAt(journal, each, { caller: asker, tokens })))
}

const primary = { keyType: 'Primary' }

async function createSubscription(node: FleetNode): Promise<string> {
  const subscriptionId = `00000000-0000-4000-8000-${randomBytes(6).toString('hex')}`
  const path = `/subscriptions/${subscriptionId}?${subscriptions}`
  await administrate(node, { method: 'PUT', path, body: {} })
  return subscriptionId
}

function administrate(
  node: FleetNode,
  request: { readonly method: string; readonly path: string; readonly body?: object },
): Promise<Answer | undefined> {
  const authorization = `Bearer ${administratorOf(node).token}`
  return ask(
    node,
    {},
    { ...request, headers: { authorization, 'content-type': 'application/json' } },
  )
}

/**
 * Replaces the signing keys, which voids every token there is. Nobody else may be at work.
 *
 * @returns what it was answered, and how fast.
 */
export async function rotateAll(scene: Scene, node: FleetNode): Promise<string> {
  const { journal } = scene
  const made = journal.made.filter(({ kind }) => kind === 'token').map(({ name }) => name)
  const tokens = made.filter((token) => !journal.voided.has(token))
  scene.graves.push(...scene.live)
  scene.live.clear()
  const path = '/parley/signingKeys/:rotate'
  const request = { method: 'POST', path, body: { emergency: true } }
  const act = { cause: 'emergency rotation', tokens }
  const startedAtMs = journal.now()
  let answered = 'nothing'
  await voiding(journal, act, async () => {
    const answer = await administrate(node, request)
    if (answer !== undefined) answered = String(answer.status)
    return answer
  })
  return `${answered} after ${(journal.now() - startedAtMs).toFixed()} ms`
}

/** Asks one node again and again about tokens that are void and tokens that are not. */
export async function probe(scene: Scene, node: FleetNode, chance: Chance): Promise<void> {
  const { journal } = scene
  while (!scene.isOver()) {
    const tokens = someTokens(scene)
    if (tokens.length > 0) await useAt(journal, node, { tokens })
    await delay(chance.between(10, 40))
  }
}

/** Tokens to ask about: the last that are live, and more of the last that are not. */
export function someTokens({ live, graves }: Scene): readonly string[] {
  return [...[...live].slice(-5), ...graves.slice(-40)]
}
