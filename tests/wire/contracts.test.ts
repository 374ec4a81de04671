/**
 * Our operations beside the contracts of the identity service and of the control plane, fact by
 * fact.
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
import { type ApiVersion, apiVersions, type Service } from '@parley/server/contract/versions'
import { describeOperations } from '@parley/server/operations'
import { type Difference, differencesBetween, factsOf, readDescription } from './contract-facts.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const { PARLEY_CONTRACTS: contracts = join(root, '..', 'shared', 'contracts') } = process.env

/** A difference on purpose, by its name in docs/divergences.md. */
interface Deliberate {
  readonly name: string
  readonly covers: (difference: Difference, version: ApiVersion) => boolean
}

const create = 'POST /identities'
const issue = 'POST /identities/{id}/:issueAccessToken'

const ofIdentities: readonly Deliberate[] = [
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

const ofRooms: readonly Deliberate[] = [
  {
    name: 'rooms-collaborator',
    covers: ({ fact }) => fact.endsWith('.role values'),
  },
  {
    name: 'unknown-fields',
    covers: ({ fact }) => /^body[\w.{}]* unknown fields$/.test(fact),
  },
  {
    name: 'null-is-absent',
    covers: ({ fact, parley }) => /^body\.[\w.{}]+ null$/.test(fact) && parley === 'accepted',
  },
  {
    name: 'no-innererror',
    covers: ({ fact, parley }) => fact.startsWith('fault.error.innererror') && parley === undefined,
  },
]

const ofRelays: readonly Deliberate[] = [
  {
    name: 'unknown-fields',
    covers: ({ fact }) => fact === 'body unknown fields',
  },
  {
    name: 'null-is-absent',
    covers: ({ fact, parley }) => /^body\.\w+ null$/.test(fact) && parley === 'accepted',
  },
  {
    name: 'no-innererror',
    covers: ({ fact, parley }) => fact.startsWith('fault.error.innererror') && parley === undefined,
  },
]

const acted = (action: string) => new RegExp(`^POST .*/${action}$`)

const ofManagement: readonly Deliberate[] = [
  {
    name: 'arm-not-served',
    covers: ({ operation, contract }) =>
      contract === undefined &&
      /\/(?:emailServices|smtpUsernames|listVerifiedExchangeOnlineDomains)/.test(operation),
  },
  {
    name: 'arm-at-once',
    covers: ({ fact, parley }) =>
      (fact === 'success' && parley === '200, 204') ||
      (fact.endsWith('properties.provisioningState values') && parley === 'Succeeded'),
  },
  {
    name: 'arm-patch',
    covers: ({ operation, fact }) =>
      operation.startsWith('PATCH ') &&
      (fact === 'body media types' ||
        fact === 'body.identity.type presence' ||
        fact.startsWith('body.properties.dataLocation ')),
  },
  {
    name: 'null-is-absent',
    covers: ({ fact, parley }) => /^body\.[\w.]+ null$/.test(fact) && parley === 'accepted',
  },
  {
    name: 'arm-location',
    covers: ({ fact, parley }) => fact === 'body.location presence' && parley === 'optional',
  },
  {
    name: 'arm-limits',
    covers: ({ fact, contract }) =>
      contract === undefined && / (?:minLength|maxLength|maxItems)$/.test(fact),
  },
  {
    name: 'arm-managed-identity',
    covers: ({ fact, parley }) =>
      parley === undefined && /^reply.*identity\.(?:principalId|tenantId) /.test(fact),
  },
  {
    name: 'arm-operation-list',
    covers: ({ operation, fact, parley }) =>
      operation === 'GET /providers/Microsoft.Communication/operations' &&
      fact.startsWith('reply.') &&
      parley === undefined,
  },
  {
    name: 'arm-hub',
    covers: ({ operation, fact }) =>
      acted('linkNotificationHub').test(operation) && fact === 'body presence',
  },
  {
    name: 'key-overlap',
    covers: ({ operation, fact }) =>
      acted('regenerateKey').test(operation) && fact.startsWith('body.overlapMinutes '),
  },
  {
    name: 'arm-faults',
    covers: ({ fact, parley }) =>
      fact.startsWith('fault.error.additionalInfo') ||
      (/^fault\.error(?:\.code|\.message)? presence$/.test(fact) && parley === 'required'),
  },
]

const ofChat: readonly Deliberate[] = [
  {
    name: 'null-is-absent',
    covers: ({ fact, parley }) => /^body[\w.[\]]* null$/.test(fact) && parley === 'accepted',
  },
  {
    name: 'no-innererror',
    covers: ({ fact, parley }) =>
      /(?:^fault\.error\.inner|invalidParticipants\[\]\.(?:inner|details))/.test(fact) &&
      parley === undefined,
  },
  {
    name: 'chat-acs-users-only',
    covers: ({ fact, parley }) =>
      parley === undefined &&
      /^reply.*Identifier\.(?:kind|phoneNumber|microsoftTeams|teamsExtension)/.test(fact),
  },
  {
    name: 'chat-open-kinds',
    covers: ({ fact, parley }) => /^body.*\.kind values$/.test(fact) && parley === undefined,
  },
  {
    name: 'chat-retention-in-one',
    covers: ({ fact, contract }) =>
      fact.includes('etentionPolicy.deleteThreadAfterDays ') && contract === undefined,
  },
  {
    name: 'chat-typing-body',
    covers: ({ operation, fact, contract }) =>
      operation.endsWith('/typing') &&
      (fact === 'body media types' || (fact.startsWith('body') && contract === undefined)),
  },
  {
    name: 'chat-no-attachments',
    covers: ({ fact, parley }) => fact.includes('.content.attachments') && parley === undefined,
  },
]

/** A service with contracts, and where we differ from them on purpose. */
interface Compared {
  readonly service: Service
  /** Of the contracts; absent: that of the name of the service. */
  readonly folder?: string
  /** Name of the file in the folder of each version. */
  readonly file: string
  readonly deliberate: readonly Deliberate[]
}

const compared: readonly Compared[] = [
  { service: 'identity', file: 'CommunicationIdentity.json', deliberate: ofIdentities },
  { service: 'rooms', file: 'communicationservicesrooms.json', deliberate: ofRooms },
  {
    ...{ service: 'relays', folder: 'network-traversal', deliberate: ofRelays },
    file: 'CommunicationNetworkTraversal.json',
  },
  { service: 'management', file: 'CommunicationServices.json', deliberate: ofManagement },
  { service: 'chat', file: 'communicationserviceschat.json', deliberate: ofChat },
]

function differencesIn(
  { service, folder = service, file }: Compared,
  version: ApiVersion,
): readonly Difference[] {
  const contract = readDescription(join(contracts, folder, version, file))
  const document = printOpenApi(describeOperations(), { service, version })
  return differencesBetween(factsOf(contract), factsOf({ document }))
}

function print({ operation, fact, contract, parley }: Difference): string {
  const place = fact === '' ? operation : `${operation}, ${fact}`
  return `${place}: contract ${contract ?? 'nothing'}, Parley ${parley ?? 'nothing'}`
}

for (const one of compared) {
  const { service, deliberate } = one
  const folder = join(contracts, one.folder ?? service)
  const versions = existsSync(folder) ? (readdirSync(folder).sort() as ApiVersion[]) : []
  const skip = versions.length === 0 && `there are no contracts at ${folder} (PARLEY_CONTRACTS)`

  describe(`the operations of ${service} beside the contracts`, () => {
    // Without contracts there are no versions here, and the two tests that remain say why.
    test('are there in every version that has a contract', { skip }, () => {
      const known: readonly ApiVersion[] = apiVersions[service]
      assert.deepEqual(
        versions.filter((version) => !known.includes(version)),
        [],
      )
    })

    for (const version of versions) {
      test(`differ in ${version} only on purpose`, () => {
        const others = differencesIn(one, version).filter(
          (difference) => !deliberate.some(({ covers }) => covers(difference, version)),
        )
        assert.deepEqual(others.map(print), [])
      })
    }

    test('differ in everything that is said to differ', { skip }, () => {
      const all = versions.flatMap((version) =>
        differencesIn(one, version).map((difference) => ({ difference, version })),
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
}

describe('the differences on purpose', () => {
  const page = readFileSync(join(root, 'docs', 'divergences.md'), 'utf8')
  const names = new Set(compared.flatMap(({ deliberate }) => deliberate.map(({ name }) => name)))

  for (const name of names) {
    test(`${name} has its row in docs/divergences.md`, () => {
      assert.match(page, new RegExp(`^\\| \`${name}\``, 'm'))
    })
  }
})
