/**
 * Our operations beside the contracts of the identity service, fact by fact.
 *
 * The contract files are not ours to copy: they are read from `PARLEY_CONTRACTS`, else from beside
 * the repository. Where we differ on purpose the difference has a name here and in
 * docs/divergences.md; any other difference fails.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { printOpenApi } from '@parley/server/contract/openapi'
import { type IdentityVersion, identityVersions } from '@parley/server/contract/versions'
import { describeOperations } from '@parley/server/operations'
import { type Difference, differencesBetween, factsOf, readDescription } from './contract-facts.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const { PARLEY_CONTRACTS: contracts = join(root, '..', 'shared', 'contracts') } = process.env
const folder = join(contracts, 'identity')
const versions = existsSync(folder) ? readdirSync(folder).sort() : []
const skip = versions.length === 0 && `there are no contracts at ${folder} (PARLEY_CONTRACTS)`

/** A difference on purpose, by its name in docs/divergences.md. */
interface Deliberate {
  readonly name: string
  readonly covers: (difference: Difference, version: IdentityVersion) => boolean
}

const create = 'POST /identities'
const issue = 'POST /identities/{id}/:issueAccessToken'

const deliberate: readonly Deliberate[] = [
  {
    name: 'exchange-without-body',
    covers: ({ operation, fact, parley }) =>
      operation.startsWith('POST /access/') && fact === 'body presence' && parley === 'optional',
  },
  {
    name: 'custom-id-in-later-versions',
    covers: ({ operation, fact, contract }, version) =>
      version > '2025-03-02-preview' &&
      contract === undefined &&
      (operation === 'GET /identities/{id}' ||
        (operation === create && /\.(?:customId|lastTokenIssuedAt) /.test(fact))),
  },
  {
    name: 'unknown-fields',
    covers: ({ operation, fact }) =>
      [create, issue].includes(operation) && fact === 'body unknown fields',
  },
  {
    name: 'null-is-absent',
    covers: ({ fact, parley }) => /^body\.\w+ null$/.test(fact) && parley === 'accepted',
  },
  {
    name: 'scopes-at-most-32',
    covers: ({ fact, parley }) => /copes maxItems$/.test(fact) && parley === '32',
  },
  {
    name: 'custom-id-length',
    covers: ({ fact, parley }) => fact === 'body.customId maxLength' && parley === '256',
  },
  {
    name: 'no-innererror',
    covers: ({ fact, parley }) => fact.startsWith('fault.error.innererror') && parley === undefined,
  },
]

function differencesIn(version: IdentityVersion): readonly Difference[] {
  const contract = readDescription(join(folder, version, 'CommunicationIdentity.json'))
  const document = printOpenApi(describeOperations(), { service: 'identity', version })
  return differencesBetween(factsOf(contract), factsOf({ document }))
}

function print({ operation, fact, contract, parley }: Difference): string {
  const place = fact === '' ? operation : `${operation}, ${fact}`
  return `${place}: contract ${contract ?? 'nothing'}, Parley ${parley ?? 'nothing'}`
}

describe('the operations beside the contracts', () => {
  // Without contracts there are no versions here, and the two tests that remain say why.
  test('are there in every version that has a contract', { skip }, () => {
    assert.deepEqual(
      versions.filter((version) => !(identityVersions as readonly string[]).includes(version)),
      [],
    )
  })

  for (const version of versions as readonly IdentityVersion[]) {
    test(`differ in ${version} only on purpose`, () => {
      const others = differencesIn(version).filter(
        (difference) => !deliberate.some(({ covers }) => covers(difference, version)),
      )
      assert.deepEqual(others.map(print), [])
    })
  }

  test('differ in everything that is said to differ', { skip }, () => {
    const all = (versions as readonly IdentityVersion[]).flatMap((version) =>
      differencesIn(version).map((difference) => ({ difference, version })),
    )
    const idle = deliberate.filter(
      ({ covers }) => !all.some(({ difference, version }) => covers(difference, version)),
    )
    assert.deepEqual(
      idle.map(({ name }) => name),
      [],
    )
  })
})

describe('the differences on purpose', () => {
  const page = readFileSync(join(root, 'docs', 'divergences.md'), 'utf8')

  for (const { name } of deliberate) {
    test(`${name} has its row in docs/divergences.md`, () => {
      assert.match(page, new RegExp(`^\\| \`${name}\``, 'm'))
    })
  }
})
