/**
 * Clients that issue and revoke while NATS suffers, and what they hold against nodes and a
 * verifier: nothing is accepted after its revocation was answered.
 */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { jetstream } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import { type Following, fetchJwks, followRevocations } from '@parley/verifier'
import { natsCarrier } from '@parley/verifier/nats'
import { createVerifier, type SyncVerifier } from '@parley/verifier/node'
import type { ServerProcess } from '../../server-process.ts'

const version = 'api-version=2025-03-02-preview'

/** What a verifier may be behind, milliseconds. */
export const maxStalenessMs = 1000

/** The name of the installation in its tokens. */
export const issuer = 'https://parley.example'

/** A verifier that follows over NATS, or over HTTP where that is away. */
export interface NatsFollower {
  readonly verifier: SyncVerifier
  readonly following: Following
  readonly judge: (token: string) => string
}

/** Follows the first resource of a server. */
export async function followOverNats(
  server: ServerProcess,
  connection: NatsConnection,
  stalenessMs: number = maxStalenessMs,
): Promise<NatsFollower> {
  const origin = server.banner.httpOrigin
  const keys = await fetchJwks({ url: `${origin}/.well-known/jwks.json` })
  assert.ok(keys.ok, JSON.stringify(keys))
  const verifier = createVerifier({ keys: keys.value, issuer })
  const following = followRevocations({
    verifier,
    endpoint: origin,
    accessKey: server.accessKey.toString('base64'),
    maxStalenessMs: stalenessMs,
    carrier: natsCarrier({ connection, jetStream: jetstream(connection) }),
  })
  await following.ready
  const judge = (token: string) => {
    const verdict = verifier.verify(token)
    return verdict.ok ? 'ok' : verdict.reason
  }
  return { verifier, following, judge }
}

/** A token, and when its revocation was answered, if it was. */
interface Entry {
  readonly token: string
  answeredAtMs: number | undefined
  isAsked: boolean
}

/** What clients have seen. */
export interface History {
  readonly entries: readonly Entry[]
  /** Lets clients issue and revoke while something goes on. */
  readonly during: (act: () => Promise<void>) => Promise<void>
  /** Waits until the follower knows everything, and holds every entry against it. */
  readonly settle: () => Promise<void>
}

/** Begins a history. */
export function createHistory(
  servers: readonly ServerProcess[],
  { judge, following }: NatsFollower,
): History {
  const entries: Entry[] = []
  const look = () => {
    const nowMs = Date.now()
    for (const { token, answeredAtMs } of entries) {
      if (answeredAtMs === undefined || nowMs - answeredAtMs < maxStalenessMs) continue
      assert.notEqual(judge(token), 'ok', `accepted ${nowMs - answeredAtMs} ms after the answer`)
    }
  }
  return {
    entries,
    async during(act) {
      let isOver = false
      const walk = async (walker: number) => {
        for (let round = walker; !isOver; round++) {
          await live(servers, round, entries)
          look()
        }
      }
      const walkers = [0, 1, 2].map(walk)
      try {
        await act()
      } finally {
        isOver = true
        await Promise.all(walkers)
      }
      look()
    },
    async settle() {
      const wrong = () =>
        entries.filter(({ token, isAsked }) => judge(token) !== (isAsked ? 'void' : 'ok'))
      await until(
        () => following.isFresh() && wrong().length === 0,
        () => {
          const verdicts = wrong().map(({ token, isAsked }) => [isAsked, judge(token)])
          return `a follower that knows everything: ${JSON.stringify(verdicts.slice(0, 5))}`
        },
      )
      look()
    },
  }
}

/** The life of an identity on several nodes: issued on one, revoked on another, asked on all. */
async function live(
  servers: readonly ServerProcess[],
  round: number,
  entries: Entry[],
): Promise<void> {
  const at = (offset: number) => servers[(round + offset) % servers.length] as ServerProcess
  const { id, token } = await createWithToken(at(0))
  const entry: Entry = { token, answeredAtMs: undefined, isAsked: false }
  entries.push(entry)
  if (round % 5 === 0) return
  entry.isAsked = true
  const answer = await revoke(at(1), id)
  assert.equal(answer.status, 204, answer.text)
  entry.answeredAtMs = Date.now()
  for (const server of servers) {
    const { status, body, text } = await introspect(server, token)
    if (status !== 503) assert.deepEqual([status, body], [200, { active: false }], text)
  }
}

/** Issues a token for a new identity. */
export async function createWithToken(server: ServerProcess) {
  const body = { createTokenWithScopes: ['chat'] }
  const answer = await server.call({ method: 'POST', path: `/identities?${version}`, body })
  assert.equal(answer.status, 201, answer.text)
  return { id: answer.body.identity.id, token: answer.body.accessToken.token }
}

/** Revokes the tokens of an identity. */
export function revoke(server: ServerProcess, id: string) {
  const path = `/identities/${encodeURIComponent(id)}/:revokeAccessTokens?${version}`
  return server.call({ method: 'POST', path })
}

function introspect(server: ServerProcess, token: string) {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  return server.call({ method: 'POST', path: '/introspect', headers, body: `token=${token}` })
}

/** Waits until something is so, which must be soon. */
export async function until(isSo: () => boolean, what: string | (() => string)): Promise<void> {
  const deadlineAt = performance.now() + 60_000
  while (!isSo()) {
    const said = () => (typeof what === 'string' ? what : what())
    if (performance.now() > deadlineAt) assert.fail(`in vain: ${said()}`)
    await delay(5)
  }
}
