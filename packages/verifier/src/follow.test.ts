import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, type TestContext, test } from 'node:test'
import { type CutOff, deletedGeneration } from '@parley/protocol'
import { pauseMsAfter } from './follow-options.ts'
import { type FollowOptions, followRevocations, type Jwks } from './index.ts'
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
const accepted = createVerifier({ issuer, keys, now: () => noonMs }).verify(token)
assert.ok(accepted.ok)
const { jti } = accepted.claims
const revoked: CutOff = { kind: 'identity', resourceId, subject: identityId, generation: 4 }
const noBytes = Buffer.alloc(0)
const emptyPage = { seq: 5, resourceId, others: [] }
const scopeTaken = (place: number) => ({
  ...{ kind: 'identity-scope', subject: `${identityId}-${place}`, generation: 4 },
})
const scopesTaken = Buffer.from(
  [0, 1].map((place) => `${identityId.replaceAll('-', '')}0${place}00000004`).join(''),
  'hex',
)
const packed = (id: string, generation: number) => {
  const bytes = Buffer.alloc(20)
  bytes.write(id.replaceAll('-', ''), 'hex')
  bytes.writeUInt32BE(generation, 16)
  return bytes
}

/** A page as a test says it: the members of the head, and records. */
interface Page {
  readonly identities?: Buffer
  readonly tokens?: Buffer
  readonly identityScopes?: Buffer
  /** What is there in place of the whole page, or of its last bytes. */
  readonly bytes?: (whole: Buffer) => Buffer
  readonly [member: string]: unknown
}

/** Prints a page as a server does. */
function printPage(page: Page): Buffer {
  const { identities = noBytes, tokens = noBytes, identityScopes = noBytes, ...rest } = page
  const { bytes = (whole: Buffer) => whole, ...members } = rest
  const [identityBytes, tokenBytes] = [identities.length, tokens.length]
  const lengths = { identityBytes, tokenBytes, identityScopeBytes: identityScopes.length }
  const head = Buffer.from(JSON.stringify({ ...lengths, ...members }))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(head.length)
  return bytes(Buffer.concat([length, head, identities, tokens, identityScopes]))
}

/** A server of pages and streams that the test speaks for, and a verifier that follows it. */
function stage(context: TestContext, changes: Partial<FollowOptions> = {}, pages: Page[] = []) {
  let nowMs = noonMs
  const asked: { readonly path: string; readonly headers: Headers }[] = []
  const statuses: number[] = []
  let wake = () => {}
  let speaker: ReadableStreamDefaultController<Uint8Array> | undefined
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const url = new URL(String(input))
    asked.push({ path: `${url.pathname}${url.search}`, headers: new Headers(init?.headers) })
    wake()
    if (url.pathname.endsWith('snapshot')) {
      return new Response(printPage(pages.shift() ?? emptyPage))
    }
    const status = statuses.shift() ?? 200
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        speaker = controller
        init?.signal?.addEventListener('abort', () => controller.error(init.signal?.reason))
      },
    })
    return new Response(body, { status })
  }
  const verifier = createVerifier({ issuer, keys, now: () => nowMs })
  const options = { verifier, endpoint: 'https://parley.example', fetch, random: () => 0 }
  const authorize = () => ({ authorization: 'Bearer x' })
  const given = changes.accessKey === undefined ? { authorize } : {}
  const following = followRevocations({ ...options, now: () => nowMs, ...given, ...changes })
  context.after(following.close)
  const turns = async () => {
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  }
  return {
    ...{ following, asked, statuses, turns },
    /** Waits for so many requests. */
    async requests(count: number) {
      while (asked.length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      await turns()
    },
    async say(event: string, data: object) {
      const text = `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
      speaker?.enqueue(new TextEncoder().encode(text))
      await turns()
    },
    setNow: (atMs: number) => {
      nowMs = atMs
    },
    judge: () => {
      const verdict = verifier.verify(token)
      return verdict.ok ? 'ok' : verdict.reason
    },
  }
}

const opening = { atMs: 1000, keys: keys.keys }

/** The same, with the stream open and a first heartbeat heard. */
async function freshStage(context: TestContext, changes: Partial<FollowOptions> = {}) {
  const staged = stage(context, changes)
  await staged.requests(2)
  await staged.say('open', opening)
  await staged.say('heartbeat', { seq: 5, atMs: 1000 })
  assert.equal(staged.judge(), 'ok')
  return staged
}

describe('following', () => {
  test('reads the snapshot page by page and goes on after the number of the first', async (t) => {
    const other = '0199a6b2-7c00-7000-8000-00000000000c'
    const identities = packed(other, deletedGeneration)
    const pages = [
      { ...emptyPage, identities, nextAfter: 3 },
      { ...emptyPage, seq: 9, identities: packed(identityId, 4) },
    ]
    const { requests, asked, judge, say } = stage(t, {}, pages)
    await requests(3)
    assert.deepEqual(
      asked.map(({ path }) => path.slice('/parley/revocations/'.length)),
      ['snapshot?after=0', 'snapshot?after=3', 'events?after=5'],
    )
    await say('open', opening)
    await say('heartbeat', { seq: 9, atMs: 1000 })
    assert.equal(judge(), 'void')
  })

  test('makes room for what is expected, however wrong that is', async (t) => {
    const expected = { identity: 3, token: -1, 'identity-scope': 'many', planet: 4 }
    const { requests, judge, say } = stage(t, {}, [
      { ...emptyPage, expected, nextAfter: 3 },
      { ...emptyPage, identities: packed(identityId, 4), expected: { identity: 0.5 } },
    ])
    await requests(3)
    await say('open', opening)
    await say('heartbeat', { seq: 9, atMs: 1000 })
    assert.equal(judge(), 'void')
  })

  const kinds: readonly (readonly [string, Page])[] = [
    ['an identity', { identities: packed(identityId, 4) }],
    ['a token', { tokens: packed(jti, deletedGeneration) }],
    ['both scopes', { identityScopes: scopesTaken }],
    ['both scopes by their names', { others: [0, 1].map((place) => scopeTaken(place)) }],
    ['an access key', { others: [{ kind: 'access-key', subject: 'primary', generation: 1000 }] }],
    [
      'the resource',
      { others: [{ kind: 'resource', subject: resourceId, generation: deletedGeneration }] },
    ],
  ]
  for (const [what, page] of kinds) {
    test(`takes a cut-off of ${what} from the snapshot`, async (t) => {
      const { requests, judge, say } = stage(t, {}, [{ ...emptyPage, ...page }])
      await requests(2)
      await say('open', opening)
      await say('heartbeat', { seq: 5, atMs: 1000 })
      assert.equal(judge(), 'void')
    })
  }

  test('applies what the stream brings', async (t) => {
    const { say, judge, following } = await freshStage(t)
    await say('cut-off', { ...revoked, seq: 7, after: 5, forgetAtMs: 0 })
    assert.deepEqual([judge(), following.position()], ['void', 7])
  })

  test('passes over what it knows already and what is for followers to come', async (t) => {
    const { say, judge, following } = await freshStage(t)
    await say('weather', { rain: true })
    await say('cut-off', { ...revoked, seq: 5, after: 4, forgetAtMs: 0 })
    assert.deepEqual([judge(), following.position(), following.fault()], ['ok', 5, undefined])
  })

  test('notices that something was missed and asks for it', async (t) => {
    const { say, judge, following, requests, asked } = await freshStage(t)
    await say('cut-off', { ...revoked, seq: 8, after: 7, forgetAtMs: 0 })
    assert.deepEqual(following.fault(), { kind: 'event-missed' })
    assert.equal(judge(), 'ok')
    await requests(3)
    assert.equal(asked[2]?.path, '/parley/revocations/events?after=5')
  })

  test('takes a new snapshot where the server has forgotten', async (t) => {
    const staged = stage(t)
    staged.statuses.push(410)
    await staged.requests(4)
    const paths = staged.asked.map(({ path }) => path.split('/').at(-1)?.split('?')[0])
    assert.deepEqual(paths, ['snapshot', 'events', 'snapshot', 'events'])
  })

  const nonsense: readonly (readonly [string, string, object])[] = [
    ['a kind of cut-off that it does not know', 'cut-off', { ...revoked, kind: 'planet' }],
    ['a cut-off without a number', 'cut-off', { ...revoked, seq: null }],
    ['a heartbeat without a stamp', 'heartbeat', { seq: 6 }],
    ['a key set without a usable key', 'keys', { atMs: 1, keys: [] }],
    ['keys that are no list', 'keys', { atMs: 1 }],
  ]
  for (const [what, event, data] of nonsense) {
    test(`does not go on after ${what}`, async (t) => {
      const { say, following } = await freshStage(t)
      await say(event, { seq: 7, after: 5, ...data })
      assert.deepEqual(following.fault(), { kind: 'not-understood' })
    })
  }

  test('is stale at once when something was cut off that it does not know', async (t) => {
    const { say, judge, following, requests } = await freshStage(t, { maxStalenessMs: 60_000 })
    await say('cut-off', { ...revoked, kind: 'planet', seq: 7, after: 5 })
    assert.deepEqual([judge(), following.isFresh(), following.position()], ['stale', false, 5])
    await requests(3)
    await say('open', opening)
    await say('cut-off', { ...revoked, kind: 'planet', seq: 7, after: 5 })
    assert.deepEqual([judge(), following.position()], ['stale', 5])
  })

  const badScope = Buffer.from(`${identityId.replaceAll('-', '')}0500000004`, 'hex')
  const one = { ...emptyPage, identities: packed(identityId, 4) }
  const pages: readonly (readonly [string, Page])[] = [
    ['is no snapshot', {}],
    ['is empty', { bytes: () => noBytes }],
    ['is no page at all', { bytes: () => Buffer.from('<html></html>') }],
    ['is JSON', { bytes: () => Buffer.from(JSON.stringify(emptyPage)) }],
    [
      'has a record that is cut short',
      { ...emptyPage, identities: packed(identityId, 4).subarray(4) },
    ],
    ['is cut short by a record', { ...one, bytes: (whole) => whole.subarray(0, -20) }],
    ['is cut short by a byte', { ...one, bytes: (whole) => whole.subarray(0, -1) }],
    ['is cut short in its head', { ...one, bytes: (whole) => whole.subarray(0, 40) }],
    [
      'is longer than it says',
      { ...one, bytes: (whole) => Buffer.concat([whole, noBytes, Buffer.alloc(20)]) },
    ],
    ['says nothing of its scopes', { ...emptyPage, identityScopeBytes: undefined }],
    ['has less than no tokens', { ...one, tokenBytes: -20 }],
    ['goes round in a circle', { ...emptyPage, nextAfter: 0 }],
    ['cuts off nothing', { ...emptyPage, tokens: packed(identityId, 1) }],
    ['takes a scope that does not exist', { ...emptyPage, identityScopes: badScope }],
    ['takes scopes in 20 bytes', { ...emptyPage, identityScopes: packed(identityId, 4) }],
    ['has a member of servers to come', { ...emptyPage, planetBytes: 0 }],
    ['is of no resource', { ...emptyPage, resourceId: 'all' }],
    ['has cut-offs of kinds to come', { ...emptyPage, others: [{ kind: 'planet' }] }],
  ]
  for (const [what, page] of pages) {
    test(`does not begin with a page that ${what}`, async (t) => {
      const { requests, following, asked } = stage(t, {}, [page])
      await requests(1)
      assert.deepEqual([following.fault()?.kind, asked.length], ['not-understood', 1])
    })
  }

  test('signs its requests with the access key', async (t) => {
    const secret = Buffer.alloc(64, 7)
    const { requests, asked } = stage(t, { accessKey: secret.toString('base64') })
    await requests(1)
    const { path = '', headers = new Headers() } = asked[0] ?? {}
    const [date, hash] = ['x-ms-date', 'x-ms-content-sha256'].map((name) => headers.get(name))
    assert.equal(date, new Date(noonMs).toUTCString())
    const text = `GET\n${path}\n${date};parley.example;${hash}`
    const signature = createHmac('sha256', secret).update(text).digest('base64')
    assert.equal(
      headers.get('authorization'),
      `HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=${signature}`,
    )
  })

  test('ends with its signal, and the verifier refuses from then on', async (t) => {
    const ending = new AbortController()
    const { judge, asked, following, turns } = await freshStage(t, { signal: ending.signal })
    ending.abort()
    await turns()
    assert.deepEqual([judge(), following.isFresh(), asked.length], ['stale', false, 2])
    const never = stage(t, { signal: ending.signal })
    await never.following.ready
    assert.equal(never.asked.length, 0)
  })
})

describe('what is known grows old', () => {
  const ages = [
    [999, 'ok'],
    [1000, 'stale'],
  ] as const
  for (const [ageMs, verdict] of ages) {
    test(`and ${ageMs} ms after it was true it is ${verdict}`, async (t) => {
      const { setNow, judge, following } = await freshStage(t)
      setNow(noonMs + ageMs)
      assert.deepEqual([judge(), following.isFresh()], [verdict, verdict === 'ok'])
    })
  }

  test('reckoned from when it was true, not from when it came', async (t) => {
    const { setNow, say, judge } = await freshStage(t)
    setNow(noonMs + 900)
    await say('heartbeat', { seq: 5, atMs: 1500 })
    setNow(noonMs + 1499)
    assert.equal(judge(), 'ok')
    setNow(noonMs + 1500)
    assert.equal(judge(), 'stale')
  })

  test('so a heartbeat that was held back for too long makes nothing fresh', async (t) => {
    const { setNow, say, judge, following } = await freshStage(t)
    setNow(noonMs + 3000)
    await say('heartbeat', { seq: 5, atMs: 1500 })
    assert.deepEqual([judge(), following.fault()], ['stale', { kind: 'silent' }])
  })

  test('and a server whose clock runs fast does not make it younger', async (t) => {
    const { setNow, say, judge } = await freshStage(t)
    await say('heartbeat', { seq: 5, atMs: 900_000 })
    setNow(noonMs + 1000)
    assert.equal(judge(), 'stale')
  })

  test('also where the clock is set back', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { setNow, judge, turns } = await freshStage(t)
    setNow(noonMs - 3_600_000)
    t.mock.timers.tick(999)
    await turns()
    const early = judge()
    t.mock.timers.tick(1)
    await turns()
    assert.deepEqual([early, judge()], ['ok', 'stale'])
  })

  test('which only the owner hears of where stale tokens are accepted', async (t) => {
    const { setNow, judge, following } = await freshStage(t, { whenStale: 'allow' })
    setNow(noonMs + 5000)
    assert.deepEqual([judge(), following.isFresh()], ['ok', false])
  })
})

describe('the pause before another attempt', () => {
  const pauses = [
    [1, 0, 25],
    [1, 1, 50],
    [2, 0.5, 75],
    [5, 1, 800],
    [9, 1, 10_000],
    [5000, 0, 5000],
  ] as const
  for (const [failures, chance, ms] of pauses) {
    test(`is ${ms} ms after ${failures} failures, at a chance of ${chance}`, () => {
      assert.equal(
        pauseMsAfter(failures, () => chance),
        ms,
      )
    })
  }
})

describe('following is not begun', () => {
  const verifier = createVerifier({ issuer, keys })
  const right = { verifier, endpoint: 'https://parley.example', accessKey: 'AAAA' }
  const wrong: readonly (readonly [string, object])[] = [
    ['over plain http', { endpoint: 'http://parley.example' }],
    ['without a credential', { accessKey: undefined }],
    ['with two credentials', { authorize: () => ({}) }],
    ['with a key that is no base64', { accessKey: 'ä' }],
    ['with half a second of staleness', { maxStalenessMs: 500 }],
    ['with endless staleness', { maxStalenessMs: Number.POSITIVE_INFINITY }],
    ['with no such manner', { whenStale: 'shrug' }],
  ]
  for (const [what, changes] of wrong) {
    test(what, () => {
      const options = { ...right, ...changes } as FollowOptions
      assert.throws(() => followRevocations(options), TypeError)
    })
  }
})
