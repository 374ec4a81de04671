import {
  createPrivateKey,
  type JsonWebKey,
  type KeyObject,
  randomUUID,
  sign as signBytes,
} from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { AccessTokenClaims } from '@parley/protocol'
import type { Jwk } from '@parley/verifier'

/** A piece of work that is done `count` times in a row. */
export type Work = (count: number) => void | Promise<void>

/**
 * Does each work in turn, round after round, so that a noisy moment hits all of them alike.
 *
 * @returns for each name the median of its rounds, in microseconds of CPU (user and system, all
 * threads) for one time.
 */
export async function cpuMicros<Name extends string>(
  works: Readonly<Record<Name, readonly [work: Work, count: number]>>,
  rounds: number = 9,
): Promise<Readonly<Record<Name, number>>> {
  const names = Object.keys(works) as Name[]
  const measured = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<
    Name,
    number[]
  >
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      const [work, count] = works[name]
      const before = process.cpuUsage()
      await work(count)
      const { user, system } = process.cpuUsage(before)
      measured[name].push((user + system) / count)
    }
  }
  const medians = names.map((name) => [name, median(measured[name])])
  return Object.fromEntries(medians) as Record<Name, number>
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[values.length >> 1] ?? Number.NaN
}

/** Prints `name value unit limit ok|MISSED` and says whether the value is within its limit. */
export function report(name: string, value: number, unit: string, limit?: number): boolean {
  const isWithin = limit === undefined || value <= limit
  const verdict = limit === undefined ? '- -' : `${limit} ${isWithin ? 'ok' : 'MISSED'}`
  const short = value < 1000 ? value.toPrecision(3) : Math.round(value).toLocaleString('en-US')
  console.log(`${name.padEnd(44)} ${short.padStart(9)} ${unit} ${verdict}`)
  return isWithin
}

/** Bytes held by typed arrays and buffers, garbage not counted. */
export function bytesInArrays(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  // The second time also finishes what the first one left to a thread.
  collect()
  return process.memoryUsage().arrayBuffers
}

/** Issuer of the tokens that are measured. */
export const issuer = 'https://parley.example'

/** A key that signs tokens, with its public half as it is published. */
export interface BenchKey {
  readonly kid: string
  readonly alg: string
  readonly privateKey: KeyObject
  readonly published: Jwk & JsonWebKey
}

/** One of the fixed test keys, so that every run does the same arithmetic. */
export function readKey(name: 'ec' | 'rsa'): BenchKey {
  const file = new URL('../../tests/vectors/keys.json', import.meta.url)
  const jwk = JSON.parse(readFileSync(file, 'utf8'))[name] as Record<string, string>
  const { kid = '', alg = '', d: _, p: __, q: ___, dp: ____, dq: _____, qi: ______, ...rest } = jwk
  const privateKey = createPrivateKey({ key: jwk, format: 'jwk' })
  return { kid, alg, privateKey, published: { kid, alg, ...rest } }
}

/** Claims as a server issues them, for the identity `identityId` and the token `jti`. */
export function claimsOf(identityId: string, jti: string, iat: number): AccessTokenClaims {
  const resourceId = '0199a6b2-7c00-7000-8000-00000000000a'
  return {
    skypeid: `acs:${resourceId}_${identityId}`,
    scp: 1792,
    csi: `${iat}`,
    exp: iat + 86_400,
    rgn: 'amer',
    acsScope: 'chat,voip',
    resourceId,
    resourceLocation: 'unitedstates',
    iat,
    iss: issuer,
    aud: resourceId,
    sub: `8:acs:${resourceId}_${identityId}`,
    jti,
    gen: 1,
    akg: 'primary.1',
  }
}

/** A token as a server issues it, each of another identity. */
export function press({ kid, alg, privateKey }: BenchKey): string {
  const iat = Math.floor(Date.now() / 1000)
  const parts = [{ alg, typ: 'JWT', kid }, claimsOf(randomUUID(), randomUUID(), iat)]
  const input = parts
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  const signature = signBytes('sha256', Buffer.from(input), {
    key: privateKey,
    dsaEncoding: 'ieee-p1363',
  })
  return `${input}.${signature.toString('base64url')}`
}
