import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { fail, ok } from '@parley/protocol'
import { serverLimits } from '../contract/limits.ts'
import { type Fetch, fetchIssuerKeys } from './issuer-documents.ts'

const { issuerTimeoutMs, issuerAnswerBytesMax } = serverLimits

const issuer = 'https://login.example/t'
const discovery = { issuer, jwks_uri: 'https://keys.example/jwks' }
const jwk = { kty: 'EC' }

/** A network in which these answers are given, the first to the first request. */
function network(...answers: readonly (() => Response | Promise<Response>)[]) {
  const asked: (readonly [string, string | undefined])[] = []
  const fetch: Fetch = async (input, init) => {
    asked.push([String(input), init?.redirect])
    const answer = answers[asked.length - 1]
    assert.ok(answer !== undefined)
    return answer()
  }
  return { fetch, asked }
}

const json = (value: object) => () => Response.json(value)

describe('the keys that an issuer publishes', () => {
  test('are found by its discovery, and no redirect is followed', async () => {
    const { fetch, asked } = network(json(discovery), json({ keys: [jwk, 1, null] }))
    assert.deepEqual(await fetchIssuerKeys(fetch, issuer), ok([jwk]))
    assert.deepEqual(asked, [
      ['https://login.example/t/.well-known/openid-configuration', 'error'],
      ['https://keys.example/jwks', 'error'],
    ])
  })

  test('are found below an issuer that ends with a slash', async () => {
    const named = `${issuer}/`
    const { fetch, asked } = network(json({ ...discovery, issuer: named }), json({ keys: [] }))
    assert.deepEqual(await fetchIssuerKeys(fetch, named), ok([]))
    assert.equal(asked[0]?.[0], 'https://login.example/t/.well-known/openid-configuration')
  })

  for (const [url, from, isTaken] of [
    ['http://127.0.0.1:1/jwks', 'http://localhost:2', true],
    ['https://keys.example', 'http://localhost:2', true],
    ['http://keys.example', 'http://localhost:2', false],
    ['http://127.0.0.1:1/jwks', 'https://login.example', false],
    ['data:application/json,{}', 'https://login.example', false],
    ['/jwks', 'https://login.example', false],
  ] as const) {
    test(`are ${isTaken ? 'taken' : 'not taken'} from ${url} for ${from}`, async () => {
      const found = json({ issuer: from, jwks_uri: url })
      const { fetch, asked } = network(found, json({ keys: [jwk] }))
      const outcome = await fetchIssuerKeys(fetch, from)
      const refused = fail({ kind: 'keys-url-refused', document: 'discovery' })
      assert.deepEqual(outcome, isTaken ? ok([jwk]) : refused)
      assert.equal(asked.length, isTaken ? 2 : 1)
    })
  }

  for (const [where, answers] of [
    ['discovery', []],
    ['keys', [json(discovery)]],
  ] as const) {
    test(`are waited for five seconds and no longer: ${where}`, async (t) => {
      const { fetch, asked } = network(...answers, never)
      t.mock.timers.enable({ apis: ['setTimeout'] })
      const outcome = fetchIssuerKeys(fetch, issuer)
      await untilAsked(asked, answers.length + 1)
      t.mock.timers.tick(issuerTimeoutMs - 1)
      assert.equal(await stateOf(outcome), 'waiting')
      t.mock.timers.tick(1)
      assert.deepEqual(await outcome, fail({ kind: 'timed-out', document: where }))
    })
  }

  test('are waited for no longer when they come in drops', async (t: TestContext) => {
    const { fetch, asked } = network(() => new Response(drops(1)))
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const outcome = fetchIssuerKeys(fetch, issuer)
    await untilAsked(asked, 1)
    t.mock.timers.tick(issuerTimeoutMs)
    assert.deepEqual(await outcome, fail({ kind: 'timed-out', document: 'discovery' }))
  })

  test('are read up to a limit, and not one piece further', async () => {
    const pieces = drops(issuerAnswerBytesMax / 4, Number.POSITIVE_INFINITY)
    const { fetch } = network(() => new Response(pieces))
    const outcome = await fetchIssuerKeys(fetch, issuer)
    assert.deepEqual(outcome, fail({ kind: 'too-large', document: 'discovery' }))
  })
})

const never = () => new Promise<Response>(() => {})

/** A body in pieces of a size; after `count` of them it stands still. */
function drops(size: number, count = 1): ReadableStream<Uint8Array> {
  let sent = 0
  return new ReadableStream({
    pull: (controller) => {
      sent += 1
      if (sent > count) return never().then(() => {})
      controller.enqueue(new Uint8Array(size))
      return undefined
    },
  })
}

/** Lets everything run that waits for nothing. */
async function untilAsked(asked: readonly unknown[], count: number): Promise<void> {
  while (asked.length < count) await new Promise(setImmediate)
}

async function stateOf(outcome: Promise<unknown>): Promise<string> {
  await new Promise(setImmediate)
  return Promise.race([outcome.then(() => 'over'), Promise.resolve('waiting')])
}
