/** The network in which the tests of this tier call. */
import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { describe, test } from 'node:test'
import { namespaceAddress } from '../tiers/namespace.ts'

describe('the network of this tier', () => {
  test('has loopback and one address more, and nothing of the machine', () => {
    const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? [])
    const ofFour = addresses.filter(({ family }) => family === 'IPv4')
    assert.deepEqual(ofFour.map(({ address }) => address).sort(), [namespaceAddress, '127.0.0.1'])
  })
})
