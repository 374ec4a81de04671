/** Verifiers outside the server that follow its feed, over a line that tests can cut. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Following, type FollowOptions, fetchJwks, followRevocations } from '@parley/verifier'
import { createVerifier, type SyncVerifier } from '@parley/verifier/node'
import type { Tenant, World } from './world.ts'

/** A line to a server, which can be cut and mended. */
export interface Line {
  readonly fetch: typeof fetch
  /** Breaks the connections that stand, and lets no other come about until `mend`. */
  readonly cut: () => void
  readonly mend: () => void
  /** Last segments of the paths that were asked for, in their order. */
  readonly asked: readonly string[]
}

/** Lays a line. */
export function layLine(): Line {
  let breaking = new AbortController()
  const asked: string[] = []
  return {
    asked,
    fetch: async (input, init) => {
      if (breaking.signal.aborted) throw new TypeError('the line is cut')
      asked.push(new URL(String(input)).pathname.split('/').at(-1) ?? '')
      const signals = [breaking.signal, ...(init?.signal ? [init.signal] : [])]
      return fetch(input, { ...init, signal: AbortSignal.any(signals) })
    },
    cut: () => breaking.abort(),
    mend: () => {
      breaking = new AbortController()
    },
  }
}

/** A verifier and its way along the feed. */
export interface FollowingVerifier {
  readonly verifier: SyncVerifier
  readonly following: Following
  readonly line: Line
  /** The verdict in one word. */
  readonly judge: (token: string) => string
}

/** Follows a resource of a server until the test is over; wide enough for a busy machine. */
export async function follow(
  context: TestContext,
  world: World,
  options: { readonly tenant: Tenant; readonly key?: Buffer } & Partial<FollowOptions>,
): Promise<FollowingVerifier> {
  const { tenant, key = tenant.primaryKey, ...rest } = options
  const isSigned = rest.credential === undefined && rest.authorize === undefined
  const keys = await fetchJwks({ url: `${world.origin}/.well-known/jwks.json` })
  assert.ok(keys.ok, JSON.stringify(keys))
  const issuer = world.parley.endpoint.slice(0, -1)
  const verifier = createVerifier({ keys: keys.value, issuer, now: world.now })
  const line = layLine()
  const { fetch } = line
  const following = followRevocations({
    ...{ verifier, endpoint: world.origin },
    ...(isSigned ? { accessKey: key.toString('base64') } : {}),
    ...{ now: world.now, fetch, maxStalenessMs: 10_000, ...rest },
  })
  context.after(following.close)
  const judge = (token: string) => {
    const verdict = verifier.verify(token)
    return verdict.ok ? 'ok' : verdict.reason
  }
  return { verifier, following, line, judge }
}

/** Waits until something is so, which must be soon. */
export async function until(isSo: () => boolean, what: string): Promise<number> {
  const startedAt = performance.now()
  while (!isSo()) {
    assert.ok(performance.now() - startedAt < 20_000, `in vain: ${what}`)
    await delay(1)
  }
  return performance.now() - startedAt
}
