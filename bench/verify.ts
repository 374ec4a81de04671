/**
 * What verifying a token costs: the first time against bare `node:crypto` and jose, and once it
 * was seen, against the cache of fast-jwt.
 *
 * Every token comes as a string that was made that moment, as from an HTTP parser; V8 keeps the
 * hash of a string, and measuring with the same strings again would leave half of the work out.
 *
 * Goals G6, G7 and G9 of the performance study. Run `node bench/dist/verify.js`, half a minute.
 */
import { createPublicKey, randomUUID, verify as verifySignature } from 'node:crypto'
import { createVerifier, type SyncVerifier } from '@parley/verifier/node'
import { createVerifier as createFastVerifier } from 'fast-jwt'
import { createLocalJWKSet, type JWK, jwtVerify } from 'jose'
import {
  type BenchKey,
  bytesInArrays,
  cpuMicros,
  issuer,
  press,
  readKey,
  report,
  type Work,
} from './verify-measure.ts'

const results: boolean[] = []
const check = (name: string, value: number, unit: string, limit?: number) =>
  results.push(report(name, value, unit, limit))

/** Tokens as bytes on a wire; `at` makes the string of one, in an order that no cache foresees. */
function wireOf(tokens: readonly string[]) {
  const bytes = tokens.map((token) => Buffer.from(token, 'latin1'))
  return {
    count: tokens.length,
    at: (index: number) => bytes[(index * 7919) % bytes.length]?.toString('latin1') ?? '',
  }
}

type Wire = ReturnType<typeof wireOf>

function mustAccept(verifier: SyncVerifier, wire: Wire): Work {
  return (count) => {
    for (let index = 0; index < count; index++) {
      if (!verifier.verify(wire.at(index)).ok) throw new Error('refused')
    }
  }
}

async function measureCold(key: BenchKey): Promise<void> {
  const keys = { keys: [key.published] }
  const tokens = Array.from({ length: 1000 }, () => press(key))
  const wire = wireOf(tokens)
  const publicKey = createPublicKey({ key: { ...key.published }, format: 'jwk' })
  const raw = tokens.map((token) => {
    const end = token.lastIndexOf('.')
    const input = Buffer.from(token.slice(0, end))
    const signature = Buffer.from(token.slice(end + 1), 'base64url')
    return [input, key.alg === 'ES256' ? derOf(signature) : signature] as const
  })
  const verifyRaw: Work = (count) => {
    for (let index = 0; index < count; index++) {
      const [input, signature] = raw[index % raw.length] as (typeof raw)[number]
      if (!verifySignature('sha256', input, publicKey, signature)) throw new Error('refused')
    }
  }
  const joseKeys = createLocalJWKSet({ keys: [key.published as JWK] })
  const verifyJose: Work = async (count) => {
    for (let index = 0; index < count; index++) {
      await jwtVerify(wire.at(index), joseKeys, { issuer, typ: 'JWT' })
    }
  }
  // The memory is a tenth of the tokens shown in turn: each is verified, remembered, pushed out.
  const cold = mustAccept(createVerifier({ keys, issuer, seenTokensMax: 100 }), wire)
  const micros = await cpuMicros({
    raw: [verifyRaw, 1000],
    cold: [cold, 1000],
    jose: [verifyJose, 1000],
  })
  const { alg } = key
  check(`${alg} node:crypto alone`, micros.raw, 'us')
  check(`${alg} cold`, micros.cold, 'us')
  check(`${alg} jose`, micros.jose, 'us')
  // The goal is about ES256; what comes on top is nearly the same for both.
  const beyond = alg === 'ES256' ? 10 : undefined
  check(`${alg} cold, beyond node:crypto`, micros.cold - micros.raw, 'us', beyond)
  check(`${alg} cold / jose`, micros.cold / micros.jose, 'x', 0.6)
}

/** r and s as Node writes them for a bare key. */
function derOf(raw: Buffer): Buffer {
  const integers = [raw.subarray(0, 32), raw.subarray(32)].map((part) => {
    let first = 0
    while (first < 31 && part[first] === 0) first++
    const sign = (part[first] ?? 0) > 0x7f ? [0] : []
    return Buffer.from([2, 32 - first + sign.length, ...sign, ...part.subarray(first)])
  })
  const body = Buffer.concat(integers)
  return Buffer.concat([Buffer.from([0x30, body.length]), body])
}

const resourceId = '0199a6b2-7c00-7000-8000-00000000000a'

function cutOffOfOther() {
  return { kind: 'identity', resourceId, subject: randomUUID(), generation: 2 } as const
}

async function measureSeen(key: BenchKey): Promise<void> {
  const keys = { keys: [key.published] }
  const all = Array.from({ length: 100_000 }, () => press(key))
  const [wire100, wire5k, wire100k] = [100, 5000, 100_000].map((count) =>
    wireOf(all.slice(0, count)),
  ) as [Wire, Wire, Wire]
  const seen = (wire: Wire, seenTokensMax = 10_000) => {
    const verifier = createVerifier({ keys, issuer, seenTokensMax })
    mustAccept(verifier, wire)(wire.count)
    return verifier
  }
  const many = seen(wire5k)
  const bytesBefore = bytesInArrays()
  const before = process.cpuUsage()
  for (let count = 0; count < 1_000_000; count++) many.apply(cutOffOfOther())
  const { user, system } = process.cpuUsage(before)
  const megabytes = (bytesInArrays() - bytesBefore) / 1e6
  // One cut-off whenever all tokens were shown: every look-up judges its token anew.
  const judgedAnew: Work = async (count) => {
    for (let shown = 0; shown < count; shown += wire5k.count) {
      many.apply(cutOffOfOther())
      await mustAccept(many, wire5k)(wire5k.count)
    }
  }
  const pem = createPublicKey({ key: { ...key.published }, format: 'jwk' })
    .export({ type: 'spki', format: 'pem' })
    .toString()
  const fast = createFastVerifier({ key: pem, algorithms: ['ES256'], cache: 10_000 })
  const fastSeen: Work = (count) => {
    for (let index = 0; index < count; index++) fast(wire5k.at(index))
  }
  await fastSeen(wire5k.count)
  const makeStrings: Work = (count) => {
    for (let index = 0; index < count; index++) wire5k.at(index)
  }
  const micros = await cpuMicros({
    few: [mustAccept(seen(wire100), wire100), 100_000],
    some: [mustAccept(many, wire5k), 50_000],
    anew: [judgedAnew, 50_000],
    lots: [mustAccept(seen(wire100k, 100_000), wire100k), 100_000],
    string: [makeStrings, 50_000],
    fast: [fastSeen, 10_000],
  })
  check('seen, 100 tokens', micros.few, 'us', 1)
  check('seen, 5,000 tokens, 10^6 cut-offs', micros.some, 'us', 1)
  check('the same after a further cut-off', micros.anew, 'us', 1)
  check('seen, 100,000 tokens', micros.lots, 'us', 2.5)
  check('fast-jwt cache, 5,000 tokens, no cut-offs', micros.fast, 'us')
  check('seen / fast-jwt cache', micros.some / micros.fast, 'x', 0.25)
  check('making the string, in each of these', micros.string, 'us')
  check('10^6 cut-offs', megabytes, 'MB', 20)
  check('a cut-off, random id included', (user + system) / 1e6, 'us')
}

await measureCold(readKey('ec'))
await measureCold(readKey('rsa'))
await measureSeen(readKey('ec'))
process.exitCode = results.every(Boolean) ? 0 : 1
