import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, type TestContext, test } from 'node:test'
import { followRevocations, type Jwks } from './index.ts'
import { createVerifier } from './node.ts'

const file = new URL('../../../tests/vectors/tokens.json', import.meta.url)
const { issuer, keys, cases } = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly issuer: string
  readonly keys: Jwks
  readonly cases: readonly { readonly what: string; readonly token: string; nowMs: number }[]
}
const found = cases.find((one) => one.what === 'a token signed with ES256')
const { token, nowMs: noonMs } = found ?? assert.fail('no such vector')
const resourceId = '0199a6b2-7c00-7000-8000-00000000000a'
const noBytes = { identityBytes: 0, tokenBytes: 0, identityScopeBytes: 0 }
const head = JSON.stringify({ seq: 5, resourceId, ...noBytes, others: [] })
const page = Buffer.concat([Buffer.of(0, 0, 0, head.length), Buffer.from(head)])
const credential = `parley_verifier_${'A'.repeat(86)}`

/** One request to the server of a test, which answers when it likes. */
interface Asked {
  readonly what: string
  readonly answer: (status: number, body?: object) => Promise<void>
}

const turns = async () => {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
}

/** A follower that asks to be waited for, both of its clocks, and a server that the test plays. */
async function stage(context: TestContext) {
  const clocks = { wallMs: noonMs, monotonicMs: 7000 }
  const asked: Asked[] = []
  let speaker: ReadableStreamDefaultController<Uint8Array> | undefined
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const { pathname, search } = new URL(String(input))
    if (pathname.endsWith('snapshot')) return new Response(page)
    if (pathname.endsWith('events')) {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => {
          speaker = controller
        },
      })
      return new Response(body)
    }
    return new Promise((resolve, reject) => {
      init?.signal?.addEventListener('abort', () => reject(init.signal?.reason))
      const what = `${init?.method} ${pathname.replace('/parley/revocations/', '')}${search}`
      const answer = async (status: number, body?: object) => {
        resolve(new Response(body === undefined ? null : JSON.stringify(body), { status }))
        await turns()
      }
      asked.push({ what, answer })
    })
  }
  const now = () => clocks.wallMs
  const monotonicNow = () => clocks.monotonicMs
  const verifier = createVerifier({ issuer, keys, now, monotonicNow })
  const endpoint = 'https://parley.example'
  const how = { fetch, now, monotonicNow, maxStalenessMs: 60_000, acknowledge: true }
  const following = followRevocations({ verifier, endpoint, credential, ...how })
  context.after(following.close)
  const say = async (event: string, data: object) => {
    speaker?.enqueue(new TextEncoder().encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`))
    await turns()
  }
  await turns()
  await say('open', { atMs: 1000, keys: keys.keys })
  await say('heartbeat', { seq: 5, atMs: 1000 })
  return {
    ...{ clocks, asked, say, following },
    /** The next request, which must have been sent. */
    next: () => asked.shift() ?? assert.fail('nothing was asked'),
    judge: () => {
      const verdict = verifier.verify(token)
      return verdict.ok ? 'ok' : verdict.reason
    },
  }
}

/** The same with a lease; the request for it was sent at once. */
async function leased(context: TestContext) {
  const staged = await stage(context)
  await staged.next().answer(201, { id: 'me', leaseMs: 2000 })
  await staged.next().answer(200, { seq: 5 })
  assert.equal(staged.judge(), 'ok')
  return staged
}

const cutOff = (seq: number, after: number) => ({
  ...{ kind: 'identity', resourceId, subject: resourceId, generation: 4, forgetAtMs: 0 },
  ...{ seq, after },
})

describe('a follower that is waited for', () => {
  test('accepts nothing before it was entered and renewed', async (t) => {
    const { judge, next, following } = await stage(t)
    assert.deepEqual([judge(), following.isFresh()], ['stale', false])
    const enter = next()
    assert.equal(enter.what, 'POST followers?leaseMs=2000&seq=5')
    await enter.answer(201, { id: 'me' })
    assert.equal(judge(), 'stale')
    const renew = next()
    assert.equal(renew.what, 'POST followers/me/:acknowledge?seq=5')
    await renew.answer(200, { seq: 5 })
    assert.deepEqual([judge(), following.isFresh()], ['ok', true])
    await following.ready
  })

  test('has no lease by an answer that tells of more than it knows', async (t) => {
    const { judge, next, say } = await stage(t)
    await next().answer(201, { id: 'me' })
    await next().answer(200, { seq: 8 })
    assert.equal(judge(), 'stale')
    await say('cut-off', cutOff(7, 5))
    assert.equal(judge(), 'stale')
    await say('cut-off', cutOff(8, 7))
    assert.equal(judge(), 'ok')
  })

  const moves = [
    ['wall clock', 'wallMs', 1999, 'ok'],
    ['wall clock', 'wallMs', 2000, 'stale'],
    ['clock that never goes back', 'monotonicMs', 1999, 'ok'],
    ['clock that never goes back', 'monotonicMs', 2000, 'stale'],
  ] as const
  for (const [clock, name, ms, verdict] of moves) {
    test(`says ${verdict} ${ms} ms after it asked, by its ${clock}`, async (t) => {
      const { clocks, judge, following } = await leased(t)
      clocks[name] += ms
      assert.deepEqual([judge(), following.isFresh()], [verdict, verdict === 'ok'])
    })
  }

  test('counts its lease from before it asked, however late the answer comes', async (t) => {
    const { clocks, judge, next } = await stage(t)
    await next().answer(201, { id: 'me' })
    const renewal = next()
    clocks.monotonicMs += 1500
    await renewal.answer(200, { seq: 5 })
    assert.equal(judge(), 'ok')
    clocks.monotonicMs += 500
    assert.equal(judge(), 'stale')
  })

  test('is not deceived by a wall clock that is set back', async (t) => {
    const { clocks, judge } = await leased(t)
    clocks.wallMs -= 3_600_000
    clocks.monotonicMs += 2000
    assert.equal(judge(), 'stale')
  })

  test('tells of a cut-off at once, and of many in one request', async (t) => {
    const { say, asked, next } = await leased(t)
    await say('cut-off', cutOff(6, 5))
    const first = next()
    assert.equal(first.what, 'POST followers/me/:acknowledge?seq=6')
    for (const seq of [7, 8, 9]) await say('cut-off', cutOff(seq, seq - 1))
    assert.equal(asked.length, 0)
    await first.answer(200, { seq: 9 })
    assert.equal(next().what, 'POST followers/me/:acknowledge?seq=9')
  })

  test('enters anew where its row was taken out, and has no lease from before', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { clocks, judge, next, say, following } = await leased(t)
    await say('cut-off', cutOff(6, 5))
    clocks.monotonicMs += 2000
    await next().answer(404, { error: {} })
    assert.deepEqual(following.fault(), { kind: 'wrong-status', status: 404 })
    t.mock.timers.tick(500)
    await turns()
    assert.equal(next().what, 'POST followers?leaseMs=2000&seq=6')
    assert.equal(judge(), 'stale')
  })

  test('stays stale where it may not be waited for, and says so', async (t) => {
    const { judge, next, following } = await stage(t)
    await next().answer(403, { error: {} })
    assert.deepEqual([judge(), following.fault()], ['stale', { kind: 'wrong-status', status: 403 }])
  })

  test('renews several times in a lease, while the server is heard', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { clocks, next, asked } = await leased(t)
    t.mock.timers.tick(500)
    await turns()
    await next().answer(200, { seq: 5 })
    clocks.wallMs += 60_000
    t.mock.timers.tick(500)
    await turns()
    assert.equal(asked.length, 0)
  })

  test('leaves at its end, refusing before it says so', async (t) => {
    const { judge, next, following } = await leased(t)
    following.close()
    assert.equal(judge(), 'stale')
    await turns()
    assert.equal(next().what, 'DELETE followers/me')
  })
})
