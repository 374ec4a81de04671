/**
 * What official clients make of our identities, and of the identifiers that the contract lists.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { createIdentifierFromRawId, getIdentifierRawId } from '@azure/communication-common'
import { identityVersions } from '@parley/server/contract/versions'
import { repositoryRoot } from '../server-process.ts'
import { theServer } from './the-server.ts'

const { PARLEY_CONTRACTS = join(repositoryRoot, '..', 'shared', 'contracts') } = process.env
const vectorsFile = join(PARLEY_CONTRACTS, 'vectors', 'raw-ids.json')

describe('an identity in the eyes of an official client', () => {
  for (const version of identityVersions) {
    test(`is a communication user, created with ${version}`, async () => {
      const server = await theServer()
      const path = `/identities?api-version=${version}`
      const { body } = await server.call({ method: 'POST', path })
      const rawId = body.identity?.id ?? body.id
      const identifier = createIdentifierFromRawId(rawId)
      assert.deepEqual(identifier, { kind: 'communicationUser', communicationUserId: rawId })
      assert.equal(getIdentifierRawId(identifier), rawId)
    })
  }
})

const reason = 'the contracts are not here; PARLEY_CONTRACTS names their folder'

describe('an identifier of the contract', {
  skip: existsSync(vectorsFile) ? false : reason,
}, () => {
  const { cases }: { cases: readonly { rawId: string; kind: string }[] } = existsSync(vectorsFile)
    ? JSON.parse(readFileSync(vectorsFile, 'utf8'))
    : { cases: [] }
  for (const { rawId, kind } of cases) {
    // Two underscores make a Teams user of an identity, so ours have exactly one.
    test(`${rawId || '(empty)'} is a ${kind}`, () => {
      assert.equal(createIdentifierFromRawId(rawId).kind, kind)
    })
  }
})
