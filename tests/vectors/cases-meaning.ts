import { type CutOff, deletedGeneration, type Scope } from '@parley/protocol'
import type { Refused } from '@parley/verifier'
import { accepted, allRefused, refused, type Setting, type TokenCase } from './cases.ts'
import {
  claimsWith,
  identityId,
  issuedAtSeconds,
  issuer,
  press,
  resourceId,
  testKeys,
  tokenId,
} from './press.ts'

const otherId = '0199a6b2-7c00-7000-8000-00000000000f'
const issuedAtMs = issuedAtSeconds * 1000
const expiresAtMs = issuedAtMs + 86_400_000

/** What genuine tokens say, at a time, under cut-offs. */
export function meaningCases(): readonly TokenCase[] {
  return [...claimCases(), ...ownerCases(), ...timeCases(), ...voidCases(), ...steppedDownCases()]
}

const withClaims = (changes: Readonly<Record<string, unknown>>) => ({ claims: claimsWith(changes) })

function claimCases(): readonly TokenCase[] {
  return [
    accepted('a token issued under an Entra bearer', press(withClaims({ akg: undefined }))),
    accepted('a scope alone', press(withClaims({ acsScope: 'chat.join.limited' })), {
      verdict: { scopes: ['chat.join.limited'] },
    }),
    accepted('claims that we do not know', press(withClaims({ oid: 'x', roles: ['a', { b: 1 }] }))),
    ...allRefused('bad-claims', [
      ['no claims at all', { claims: {} }],
      ['claims hidden in __proto__', { claims: `{"__proto__":${JSON.stringify(claimsWith())}}` }],
      ['no identity', withClaims({ sub: undefined })],
      ['an identity of another kind', withClaims({ sub: '8:orgid:x' })],
      ['an identity of another resource', withClaims({ resourceId: otherId, aud: otherId })],
      ['no token id', withClaims({ jti: undefined })],
      ['no generation', withClaims({ gen: undefined })],
      ['generation zero', withClaims({ gen: 0 })],
      ['a generation that deletion has', withClaims({ gen: deletedGeneration })],
      ['an access key that is none', withClaims({ akg: 'primary' })],
      ['an unknown scope', withClaims({ acsScope: 'chat,admin' })],
      ['a list of audiences', withClaims({ aud: [resourceId] })],
      ['no end', withClaims({ exp: undefined })],
      ['an end as text', withClaims({ exp: `${issuedAtSeconds + 86_400}` })],
      ['an end that is no whole second', withClaims({ exp: issuedAtSeconds + 0.5 })],
      ['an end that no number holds', { claims: endless() }],
      ['a second more than a day', withClaims({ exp: issuedAtSeconds + 86_401 })],
      ['an end before the start', withClaims({ exp: issuedAtSeconds - 1 })],
      ['no time of issue', withClaims({ iat: undefined })],
      ['nbf as text', withClaims({ nbf: '0' })],
      ['nbf of null', withClaims({ nbf: null })],
    ]),
  ]
}

function endless(): string {
  return JSON.stringify(claimsWith()).replace(/"exp":[0-9]+/, '"exp":1e999')
}

function ownerCases(): readonly TokenCase[] {
  return [
    accepted('its own resource as audience', press(), { audience: resourceId }),
    { ...refused('the token of another resource', press(), 'wrong-audience'), audience: otherId },
    ...allRefused('wrong-issuer', [
      ['another issuer', withClaims({ iss: 'https://other.example' })],
      ['the issuer with a slash', withClaims({ iss: `${issuer}/` })],
      ['the issuer in another case', withClaims({ iss: 'https://Parley.example' })],
      ['an empty issuer', withClaims({ iss: '' })],
    ]),
  ]
}

const expired: Refused = { ok: false, reason: 'expired', expiredAtMs: expiresAtMs }
const tooEarly = (validFromMs: number): Refused => ({
  ok: false,
  reason: 'not-yet-valid',
  validFromMs,
})

function timeCases(): readonly TokenCase[] {
  const token = press()
  const startMs = issuedAtMs + 3_600_000
  const starting = press(withClaims({ nbf: startMs / 1000 }))
  const at = (nowMs: number, clockToleranceSeconds = 0): Setting => ({
    nowMs,
    clockToleranceSeconds,
  })
  const accept = (what: string, setting: Setting, text = token) => accepted(what, text, setting)
  const refuse = (what: string, setting: Setting, verdict: Refused, text = token) => ({
    ...refused(what, text, verdict),
    ...setting,
  })
  return [
    accept('the last millisecond', at(expiresAtMs - 1)),
    refuse('the millisecond of its end', at(expiresAtMs), expired),
    refuse('a token long over', at(expiresAtMs + 86_400_000), expired),
    accept('the last millisecond of the tolerance', at(expiresAtMs + 59_999, 60)),
    refuse('the end of the tolerance', at(expiresAtMs + 60_000, 60), expired),
    accept('five minutes of tolerance', at(expiresAtMs + 299_999, 300)),
    accept('the moment of its issue', at(issuedAtMs)),
    accept('a clock one millisecond behind', at(issuedAtMs - 1)),
    accept('a clock five minutes behind', at(issuedAtMs - 300_000)),
    refuse('a token of the future', at(issuedAtMs - 300_001), tooEarly(issuedAtMs)),
    refuse('the future, tolerant', at(issuedAtMs - 300_001, 300), tooEarly(issuedAtMs)),
    accept('the moment of nbf', at(startMs), starting),
    refuse('the moment before nbf', at(startMs - 1), tooEarly(startMs), starting),
    accept('nbf within the tolerance', at(startMs - 60_000, 60), starting),
    refuse('nbf beyond the tolerance', at(startMs - 60_001, 60), tooEarly(startMs), starting),
    accept(
      'nbf with a fraction',
      at(startMs + 500),
      press(withClaims({ nbf: startMs / 1000 + 0.5 })),
    ),
  ]
}

function voidCases(): readonly TokenCase[] {
  const identity = cutOff('identity', identityId)
  const accessKey = cutOff('access-key', 'primary')
  const token = cutOff('token', tokenId)
  const resource = cutOff('resource', resourceId)
  const foreign = (cut: CutOff): CutOff => ({ ...cut, resourceId: otherId })
  return [
    spared('a cut-off at its own generation', [identity(3)]),
    voided('a cut-off above its generation', [identity(4)], 'identity'),
    voided('a deleted identity', [identity(deletedGeneration)], 'identity'),
    voided('cut-offs in falling order', [identity(4), identity(2)], 'identity'),
    voided('a cut-off twice', [identity(4), identity(4)], 'identity'),
    spared('another identity cut off', [cutOff('identity', otherId)(deletedGeneration)]),
    spared('its identity cut off in another resource', [foreign(identity(deletedGeneration))]),
    spared('an access key at its generation', [accessKey(2)]),
    voided('a regenerated access key', [accessKey(3)], 'access-key'),
    spared('the other access key regenerated', [cutOff('access-key', 'secondary')(9)]),
    spared('the access key of another resource', [foreign(accessKey(9))]),
    voided('a deleted resource', [resource(deletedGeneration)], 'resource'),
    spared('another resource deleted', [cutOff('resource', otherId, otherId)(deletedGeneration)]),
    voided('a denied token', [token(deletedGeneration)], 'token'),
    spared('another token denied', [cutOff('token', otherId)(deletedGeneration)]),
    spared('a token id that names an identity', [cutOff('identity', tokenId)(deletedGeneration)]),
    voided('all of them at once', [token(9), accessKey(9), identity(9)], 'identity'),
    spared('an access key that it was not issued under', [accessKey(9)], { akg: undefined }),
    {
      ...voided('a void token that is over, too', [identity(4)], 'identity'),
      nowMs: expiresAtMs,
      verdict: expired,
    },
    {
      ...voided('RS256: a void token', [identity(4)], 'identity'),
      token: press({ key: testKeys.rsa }),
    },
  ]
}

function steppedDownCases(): readonly TokenCase[] {
  const scope = (place: number, owner?: string) =>
    cutOff('identity-scope', `${identityId}-${place}`, owner)
  const [chat, voip, voipJoin] = [scope(0), scope(1), scope(4)]
  const left = (what: string, cutOffs: readonly CutOff[], scopes: readonly Scope[]) =>
    accepted(what, press(), { cutOffs, verdict: { scopes } })
  const others = cutOff('identity-scope', `${otherId}-1`)
  return [
    left('a token that may call no more', [voip(4)], ['chat']),
    left('a token that may only call', [chat(4)], ['voip']),
    left('scopes taken twice and in falling order', [voip(4), voip(2), voip(4)], ['chat']),
    left('a scope taken before its issue', [voip(3)], ['chat', 'voip']),
    left('a scope taken that it does not carry', [voipJoin(9)], ['chat', 'voip']),
    left('a scope taken from another identity', [others(9)], ['chat', 'voip']),
    left('a scope taken in another resource', [scope(1, otherId)(9)], ['chat', 'voip']),
    accepted(
      'its own order of what is left',
      press(withClaims({ acsScope: 'voip.join,voip,chat' })),
      { cutOffs: [voip(4)], verdict: { scopes: ['voip.join', 'chat'] } },
    ),
    voided('a token with no scope left', [chat(4), voip(4)], 'identity-scope'),
    voided(
      'a revoked token that was stepped down',
      [voip(4), cutOff('identity', identityId)(5)],
      'identity',
    ),
  ]
}

function cutOff(kind: CutOff['kind'], subject: string, owner: string = resourceId) {
  return (generation: number): CutOff => ({ kind, resourceId: owner, subject, generation })
}

function spared(what: string, cutOffs: readonly CutOff[], changes = {}): TokenCase {
  return accepted(what, press(withClaims(changes)), { cutOffs })
}

function voided(what: string, cutOffs: readonly CutOff[], voidedBy: CutOff['kind']): TokenCase {
  return { ...refused(what, press(), { ok: false, reason: 'void', voidedBy }), cutOffs }
}
