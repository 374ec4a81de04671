import { createHmac, createPublicKey, sign as signBytes } from 'node:crypto'
import { accepted, allRefused, type TokenCase } from './cases.ts'
import { headerOf, press, type TestKey, testKeys } from './press.ts'

const { ec, rsa, strangerEc } = testKeys

const withHeader = (changes: Readonly<Record<string, unknown>>) => ({
  header: headerOf(ec, changes),
})

/** What a header asks for. */
export function headerCases(): readonly TokenCase[] {
  return [
    accepted('a token signed with ES256', press()),
    accepted('a token signed with RS256', press({ key: rsa })),
    accepted(
      'a header in another order',
      press({ header: { kid: ec.kid, typ: 'JWT', alg: 'ES256' } }),
    ),
    accepted('an unknown member of the header', press(withHeader({ x5t: 'abc', cty: 'JWT' }))),
    ...memberCases(),
    ...algorithmCases(),
    ...allRefused('wrong-type', [
      ['no type', withHeader({ typ: undefined })],
      ['the type of an access token of OAuth', withHeader({ typ: 'at+jwt' })],
      ['the type in lower case', withHeader({ typ: 'jwt' })],
      ['the type with its prefix', withHeader({ typ: 'application/JWT' })],
      ['a type that is no text', withHeader({ typ: ['JWT'] })],
    ]),
    ...allRefused('unknown-key', [
      ['no key named', withHeader({ kid: undefined })],
      ['an empty name of a key', withHeader({ kid: '' })],
      ['a name of a key that is not in the set', press({ key: testKeys.unpublishedEc })],
      ['a name of a key in another case', withHeader({ kid: 'TEST-EC-1' })],
      ['a name of a key with a space', withHeader({ kid: 'test-ec-1 ' })],
      ['a number for the name of a key', withHeader({ kid: 0 })],
      ['a list for the name of a key', withHeader({ kid: [ec.kid] })],
      ['__proto__ for the name of a key', withHeader({ kid: '__proto__' })],
      ['constructor for the name of a key', withHeader({ kid: 'constructor' })],
    ]),
  ]
}

function memberCases(): readonly TokenCase[] {
  const jwk = strangerEc.published
  return allRefused('header-not-allowed', [
    ['an extension that must be understood', withHeader({ crit: ['exp'], exp: 1 })],
    ['an empty list of extensions', withHeader({ crit: [] })],
    ['a payload that is not encoded', withHeader({ b64: false, crit: ['b64'] })],
    ['b64 alone', withHeader({ b64: true })],
    ['compression', withHeader({ zip: 'DEF' })],
    ['encryption', withHeader({ alg: 'RSA-OAEP', enc: 'A256GCM' })],
    ['a key brought along', { header: headerOf(ec, { jwk }), key: strangerEc }],
    ['a URL of keys', withHeader({ jku: 'https://attacker.example/jwks.json' })],
    ['a URL of a certificate', withHeader({ x5u: 'https://attacker.example/a.pem' })],
    ['a certificate brought along', withHeader({ x5c: ['MIIB'] })],
    ['a key of null brought along', withHeader({ jwk: null })],
  ])
}

function algorithmCases(): readonly TokenCase[] {
  const none = (alg: string) => ({ ...withHeader({ alg }), sign: () => new Uint8Array(0) })
  return allRefused('algorithm-not-allowed', [
    ['alg none without a signature', none('none')],
    ['alg None without a signature', none('None')],
    ['alg none without a key', { header: { alg: 'none' }, sign: () => new Uint8Array(0) }],
    ['alg none with a good signature', withHeader({ alg: 'none' })],
    ['HS256 under the published key in PEM', hmacUnder(pemOf)],
    [
      'HS256 under the published key as JSON',
      hmacUnder(({ published }) => JSON.stringify(published)),
    ],
    ['HS256 under no bytes', hmacUnder(() => '')],
    ['RS256 under the name of an EC key', { header: headerOf(ec, { alg: 'RS256' }), key: rsa }],
    ['ES256 under the name of an RSA key', { header: headerOf(rsa, { alg: 'ES256' }), key: ec }],
    [
      'PS256 under an RSA key',
      { header: headerOf(rsa, { alg: 'PS256' }), key: rsa, sign: signPss },
    ],
    ['ES384', withHeader({ alg: 'ES384' })],
    ['ES256K', withHeader({ alg: 'ES256K' })],
    ['EdDSA', withHeader({ alg: 'EdDSA' })],
    ['es256', withHeader({ alg: 'es256' })],
    ['no alg', withHeader({ alg: undefined })],
    ['an alg of null', withHeader({ alg: null })],
    ['a list of algs', withHeader({ alg: ['ES256'] })],
  ])
}

function hmacUnder(secretOf: (key: TestKey) => string) {
  const sign = (input: Buffer, key: TestKey) =>
    createHmac('sha256', secretOf(key)).update(input).digest()
  return { ...withHeader({ alg: 'HS256' }), sign }
}

function pemOf({ privateKey }: TestKey): string {
  return createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString()
}

function signPss(input: Buffer, { privateKey: key }: TestKey): Buffer {
  // 6 is RSA_PKCS1_PSS_PADDING.
  return signBytes('sha256', input, { key, padding: 6, saltLength: 32 })
}
