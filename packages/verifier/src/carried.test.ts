import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, type TestContext, test } from 'node:test'
import type { CutOff } from '@parley/protocol'
import { type CarrierEar, type FollowOptions, followRevocations, type Jwks } from './index.ts'
import { createVerifier } from './node.ts'

const file = new URL('../../../tests/vectors/tokens.json', import.meta.url)
const vectors = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly issuer: string
  readonly keys: Jwks
  readonly cases: readonly { readonly what: string; readonly token: string; nowMs: number }[]
}
const { issuer, keys } = vectors
const found = vectors.cases.find((one) => one.what === 'a token signed with ES256')
const { token, nowMs: noonMs } = found ?? assert.fail('no such vector')
const [resourceId, identityId] = ['a', 'b'].map(
  (last) => `0199a6b2-7c00-7000-8000-00000000000${last}`,
) as [string, string]
const revoked: CutOff = { kind: 'identity', resourceId, subject: identityId, generation: 4 }
const other: CutOff = { ...revoked, subject: resourceId }
const noBytes = { identityBytes: 0, tokenBytes: 0, identityScopeBytes: 0 }
const head = JSON.stringify({ seq: 5, resourceId, ...noBytes, others: [] })
const page = Buffer.concat([Buffer.of(0, 0, 0, head.length), Buffer.from(head)])

/** A server that notes what it is asked for, and gives away the streams that it opens. */
function fetchFrom(
  asked: string[],
  onStream: (controller: ReadableStreamDefaultController<Uint8Array>) => void,
): typeof fetch {
  return async (input, init) => {
    asked.push(new URL(String(input)).pathname.split('/').at(-1) ?? '')
    if (asked.at(-1) === 'snapshot') return new Response(page)
    const start = (controller: ReadableStreamDefaultController<Uint8Array>) => {
      onStream(controller)
      init?.signal?.addEventListener('abort', () => controller.error(init.signal?.reason))
    }
    return new Response(new ReadableStream({ start }))
  }
}

/** A server and a carrier that the test speaks for, and a verifier that follows both. */
async function stage(context: TestContext, changes: Partial<FollowOptions> = {}) {
  let nowMs = noonMs
  const [asked, calls]: [string[], string[]] = [[], []]
  let speaker: ReadableStreamDefaultController<Uint8Array> | undefined
  let ear: CarrierEar | undefined
  let isHeard = true
  const keep = (controller: typeof speaker) => {
    speaker = controller
  }
  const verifier = createVerifier({ issuer, keys, now: () => nowMs })
  const following = followRevocations({
    ...{ verifier, endpoint: 'https://parley.example', random: () => 0 },
    ...{ fetch: fetchFrom(asked, keep), authorize: () => ({}) },
    now: () => nowMs,
    carrier: {
      listen(followed, taken) {
        assert.equal(followed, resourceId)
        ear = taken
        return {
          call: (text) => calls.push(text),
          close: () => {
            isHeard = false
          },
        }
      },
    },
    ...changes,
  })
  context.after(following.close)
  const turns = async () => {
    for (let turn = 0; turn < 30; turn++) await new Promise(setImmediate)
  }
  await turns()
  const say = async (event: string, data: object) => {
    const text = `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
    speaker?.enqueue(new TextEncoder().encode(text))
    await turns()
  }
  const beat = async (seq: number, after: number, told: object = {}) => {
    ear?.heartbeat(JSON.stringify({ node: 'n', log: 'l', seq, after, atMs: 1000, ...told }))
    await turns()
  }
  return {
    ...{ following, asked, calls, turns, say, beat },
    answer: (call: string, told: object = {}) =>
      ear?.answer(JSON.stringify({ call, node: 'n', atMs: 1000, ...told })),
    async carry(...cutOffs: readonly object[]) {
      ear?.cutOffs(JSON.stringify({ cutOffs }))
      await turns()
    },
    isHeard: () => isHeard,
    setNow: (atMs: number) => {
      nowMs = atMs
    },
    judge: () => {
      const verdict = verifier.verify(token)
      return verdict.ok ? 'ok' : verdict.reason
    },
  }
}

/** The same, riding on the carrier. */
async function ridingStage(context: TestContext, changes: Partial<FollowOptions> = {}) {
  const staged = await stage(context, changes)
  await staged.say('open', { atMs: 1000, keys: keys.keys })
  await staged.say('heartbeat', { seq: 5, atMs: 1000 })
  staged.answer('1')
  await staged.beat(6, 5)
  assert.equal(staged.following.isCarried(), false)
  await staged.beat(6, 5)
  assert.equal(staged.following.isCarried(), true)
  await staged.beat(6, 5)
  assert.deepEqual([staged.judge(), staged.following.position()], ['ok', 6])
  return staged
}

describe('riding on a carrier', () => {
  test('begins after two heartbeats that prove that nothing is missing', async (t) => {
    const { asked, following, carry, judge } = await ridingStage(t)
    assert.deepEqual(asked, ['snapshot', 'events'])
    await carry({ ...revoked, seq: 8, after: 6 })
    assert.deepEqual([judge(), following.position(), following.isCarried()], ['void', 8, true])
  })

  test('ends when it is silent, and the server is asked for what came since', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { asked, following, turns, say, judge } = await ridingStage(t)
    t.mock.timers.tick(749)
    await turns()
    assert.equal(following.isCarried(), true)
    t.mock.timers.tick(1)
    await turns()
    assert.deepEqual([following.isCarried(), following.fault()], [false, { kind: 'silent' }])
    t.mock.timers.tick(50)
    await turns()
    assert.deepEqual(asked, ['snapshot', 'events', 'events'])
    await say('open', { atMs: 2000, keys: keys.keys })
    await say('cut-off', { ...revoked, seq: 7, after: 6 })
    await say('heartbeat', { seq: 7, atMs: 2000 })
    assert.deepEqual([judge(), following.fault()], ['void', undefined])
  })

  test('applies at once what comes too early, and counts it when the rest has come', async (t) => {
    const { carry, judge, following, beat } = await ridingStage(t)
    await carry({ ...revoked, seq: 9, after: 8 })
    assert.deepEqual([judge(), following.position()], ['void', 6])
    await beat(9, 9)
    assert.equal(following.position(), 6)
    await carry({ ...other, seq: 8, after: 6 })
    assert.equal(following.position(), 9)
  })

  test('grows old while something does not come that a heartbeat tells of', async (t) => {
    const { setNow, beat, carry, judge, following } = await ridingStage(t)
    setNow(noonMs + 600)
    await beat(7, 7, { atMs: 1600 })
    setNow(noonMs + 1000)
    await beat(7, 7, { atMs: 2000 })
    assert.deepEqual([judge(), following.isFresh()], ['stale', false])
    await carry({ ...other, seq: 7, after: 6 })
    assert.deepEqual([judge(), following.position()], ['ok', 7])
  })

  const worthless: readonly (readonly [string, number, object])[] = [
    ['of a server that has not answered a call', 0, { node: 'm' }],
    ['that lay somewhere for a second', 1000, {}],
    ['that knows less than is known', 0, { seq: 4, after: 4 }],
    ['that makes no sense', 0, { after: null }],
    ['that says of no log what it is about', 0, { log: undefined }],
  ]
  for (const [what, passedMs, told] of worthless) {
    test(`is not begun for a heartbeat ${what}`, async (t) => {
      const { beat, following, answer, setNow } = await stage(t)
      answer('1')
      setNow(noonMs + passedMs)
      for (let count = 0; count < 3; count++) await beat(6, 5, told)
      assert.equal(following.isCarried(), false)
      setNow(noonMs)
      for (let count = 0; count < 3; count++) await beat(6, 5)
      assert.equal(following.isCarried(), true)
    })
  }

  test('is not begun by an answer to a call that was not made', async (t) => {
    const { beat, following, answer, calls } = await stage(t)
    assert.deepEqual(calls, ['1'])
    answer('2')
    for (let count = 0; count < 3; count++) await beat(6, 5)
    assert.equal(following.isCarried(), false)
  })

  test('is begun where the server itself does not answer', async (t) => {
    const { beat, following, answer, judge } = await stage(t)
    answer('1')
    for (let count = 0; count < 3; count++) await beat(6, 5)
    await following.ready
    assert.deepEqual([judge(), following.isCarried()], ['ok', true])
  })

  test('is over after a cut-off that is not known, and nothing counts any more', async (t) => {
    const { carry, judge, following } = await ridingStage(t, { maxStalenessMs: 60_000 })
    await carry({ ...revoked, kind: 'planet', seq: 7, after: 6 })
    assert.deepEqual([judge(), following.isCarried()], ['stale', false])
    assert.deepEqual(following.fault(), { kind: 'not-understood' })
  })

  test('begins anew with a snapshot when the log is another one', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { beat, asked, turns, following } = await ridingStage(t)
    await beat(7, 6, { log: 'm' })
    assert.deepEqual(following.fault(), { kind: 'event-missed' })
    t.mock.timers.tick(50)
    await turns()
    assert.deepEqual(asked, ['snapshot', 'events', 'snapshot', 'events'])
  })

  test('calls again and again, and ends with following', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
    const { calls, following, isHeard, judge } = await ridingStage(t)
    t.mock.timers.tick(2000)
    assert.deepEqual(calls, ['1', '2'])
    following.close()
    assert.deepEqual([isHeard(), judge()], [false, 'stale'])
    t.mock.timers.tick(4000)
    assert.equal(calls.length, 2)
  })

  test('ends each hour, so that the server looks at the credential again', async (t) => {
    const { setNow, answer, beat, following } = await ridingStage(t)
    setNow(noonMs + 3_600_001)
    answer('1', { atMs: 1000 - 3_600_001 })
    await beat(6, 5)
    assert.deepEqual([following.isCarried(), following.fault()], [false, { kind: 'ended' }])
  })
})
