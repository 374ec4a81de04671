import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseSignedRequestHeader, printSignedRequestHeader, stringToSign } from './signing.ts'

const repository = new URL('../../../', import.meta.url)

interface SignedRequest {
  readonly what: string
  readonly method: string
  readonly pathAndQuery: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly stringToSign: string
  readonly signature: string
  readonly authorization: string
}

const vectors = JSON.parse(
  readFileSync(new URL('tests/vectors/signing.json', repository), 'utf8'),
) as { readonly accessKey: string; readonly requests: readonly SignedRequest[] }

const sign = (accessKey: string, text: string) =>
  createHmac('sha256', Buffer.from(accessKey, 'base64')).update(text).digest('base64')

describe('a signed request', () => {
  for (const request of vectors.requests) {
    test(`${request.what}: its text and its signature are those of the vectors`, () => {
      const header = parseSignedRequestHeader(request.authorization)
      assert.deepEqual(header?.signedHeaders, Object.keys(request.headers))
      const signedValues = header?.signedHeaders.map((name) => request.headers[name] ?? '') ?? []
      const { method, pathAndQuery } = request
      const text = stringToSign({ method, pathAndQuery, signedValues })
      assert.equal(text, request.stringToSign)
      assert.equal(sign(vectors.accessKey, text), request.signature)
      assert.equal(header?.signature, request.signature)
      const bodyHash = createHash('sha256').update(request.body).digest('base64')
      assert.equal(request.headers['x-ms-content-sha256'], bodyHash)
    })
  }
})

describe('the header of a signed request', () => {
  const signature = `${'A'.repeat(42)}8=`
  const text = `HMAC-SHA256 SignedHeaders=x-ms-date;host&Signature=${signature}`

  test('is printed as it was read', () => {
    const header = { signedHeaders: ['x-ms-date', 'host'], signature }
    assert.deepEqual(parseSignedRequestHeader(text), header)
    assert.equal(printSignedRequestHeader(header), text)
  })

  test('names its headers in any case', () => {
    const header = parseSignedRequestHeader(text.replace('x-ms-date;host', 'X-MS-Date;Host'))
    assert.deepEqual(header?.signedHeaders, ['x-ms-date', 'host'])
  })

  const refused = [
    ['of another scheme', `Bearer ${signature}`],
    ['of another hash', text.replace('HMAC-SHA256', 'HMAC-SHA512')],
    ['without headers', text.replace('x-ms-date;host', '')],
    ['with an empty name', text.replace('x-ms-date;host', 'x-ms-date;;host')],
    ['with 17 headers', text.replace('x-ms-date;host', Array(17).fill('host').join(';'))],
    ['without a signature', text.replace(signature, '')],
    ['with a shorter signature', text.replace(signature, signature.slice(4))],
    ['with a signature in base64url', text.replace('AAAA', 'A-_A')],
    ['with something after it', `${text},`],
    ['with its parts swapped', `HMAC-SHA256 Signature=${signature}&SignedHeaders=host`],
  ] as const
  for (const [what, header] of refused) {
    test(`is not read from one ${what}`, () => {
      assert.equal(parseSignedRequestHeader(header), undefined)
    })
  }
})

describe('requests signed by the official SDK', () => {
  // The contract files are not ours to copy, so this test reads them where they lie.
  const beside = fileURLToPath(new URL('../shared/contracts', repository))
  const { PARLEY_CONTRACTS: contracts = beside } = process.env
  const file = `${contracts}/vectors/hmac.json`
  const skip = existsSync(file) ? false : 'no contracts: set PARLEY_CONTRACTS to their folder'
  if (skip !== false) console.log(`skipped: requests signed by the official SDK (${skip})`)

  test('carry the signature of our string-to-sign', { skip }, () => {
    const recorded = JSON.parse(readFileSync(file, 'utf8')) as {
      readonly key: string
      readonly requests: readonly (Record<string, string> & {
        readonly method: string
        readonly pathAndQuery: string
        readonly signature: string
      })[]
    }
    assert.ok(recorded.requests.length >= 2)
    for (const { method, pathAndQuery, signature, ...request } of recorded.requests) {
      const names = ['x-ms-date', 'host', 'x-ms-content-sha256']
      const signedValues = names.map((name) => request[name] ?? '')
      const text = stringToSign({ method, pathAndQuery, signedValues })
      assert.equal(sign(recorded.key, text), signature)
    }
  })
})
