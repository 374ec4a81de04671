import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseConnectionString, printConnectionString } from './connection-strings.ts'

const endpoint = 'https://acme.parley.example:4430/'
const accessKey =
  'c2VjcmV0LWJ1dC1ub3QtcmVhbGx5LWEtc2VjcmV0LWtleS0wMTIzNDU2Nzg5YWJjZGVmZ2hpamtsbW5vcA=='

describe('a connection string', () => {
  test('is printed as the SDKs take it and read back the same', () => {
    const text = `endpoint=${endpoint};accesskey=${accessKey}`
    assert.equal(printConnectionString({ endpoint, accessKey }), text)
    assert.deepEqual(parseConnectionString(text), { endpoint, accessKey })
  })

  const accepted = [
    ['with the names in another case', `Endpoint=${endpoint};AccessKey=${accessKey}`],
    [
      'without the slash of the endpoint',
      `endpoint=${endpoint.slice(0, -1)};accesskey=${accessKey}`,
    ],
    ['with a semicolon at its end', `endpoint=${endpoint};accesskey=${accessKey};`],
    ['with space around it', `  endpoint=${endpoint};accesskey=${accessKey}\n`],
  ] as const
  for (const [what, text] of accepted) {
    test(`is read ${what}`, () => {
      assert.deepEqual(parseConnectionString(text), { endpoint, accessKey })
    })
  }

  const refused = [
    ['that is empty', ''],
    ['without a key', `endpoint=${endpoint};accesskey=`],
    ['without an endpoint', `endpoint=;accesskey=${accessKey}`],
    ['in the other order', `accesskey=${accessKey};endpoint=${endpoint}`],
    ['with a path in the endpoint', `endpoint=${endpoint}resource;accesskey=${accessKey}`],
    ['with a query in the endpoint', `endpoint=${endpoint}?a=b;accesskey=${accessKey}`],
    ['with another protocol', `endpoint=ftp://acme.parley.example/;accesskey=${accessKey}`],
  ] as const
  for (const [what, text] of refused) {
    test(`is not read from one ${what}`, () => {
      assert.equal(parseConnectionString(text), undefined)
    })
  }
})
