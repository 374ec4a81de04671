import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { CommunicationServiceManagementClient as Client420 } from '@azure/arm-communication'
import { CommunicationServiceManagementClient as Client301 } from 'arm-communication-3.0.1'
import {
  credentialWith,
  environmentOf,
  type ManagementClient,
  specify,
} from './management-client.ts'
import { refusalOf } from './the-server.ts'

const type = 'Microsoft.Communication/CommunicationServices'

specify({
  version: '4.2.0',
  connect: (credential, subscriptionId, endpoint): ManagementClient => {
    const client = new Client420(credential, subscriptionId, { endpoint })
    const { communicationServices: services } = client
    return {
      put: ({ group, name }, document) =>
        services.beginCreateOrUpdateAndWait(group, name, document),
      get: ({ group, name }) => services.get(group, name),
      update: ({ group, name }, tags) => services.update(group, name, { tags }),
      delete: async ({ group, name }) => {
        await services.beginDeleteAndWait(group, name)
      },
      listKeys: ({ group, name }) => services.listKeys(group, name),
      regenerateKey: ({ group, name }, keyType) => services.regenerateKey(group, name, { keyType }),
      checkName: (name) => services.checkNameAvailability({ name, type }),
      linkHub: ({ group, name }, linkNotificationHubParameters) =>
        services.linkNotificationHub(group, name, { linkNotificationHubParameters }),
      listInGroup: (group) => services.listByResourceGroup(group),
      listInSubscription: () => services.listBySubscription(),
      listOperations: () => client.operations.list(),
    }
  },
})

specify({
  version: '3.0.1',
  connect: (credential, subscriptionId, endpoint): ManagementClient => {
    const client = new Client301(credential, subscriptionId, { endpoint })
    const { communicationService: services } = client
    return {
      put: ({ group, name }, parameters) =>
        services.beginCreateOrUpdateAndWait(group, name, { parameters }),
      get: ({ group, name }) => services.get(group, name),
      update: ({ group, name }, tags) => services.update(group, name, { parameters: { tags } }),
      delete: async ({ group, name }) => {
        await services.beginDeleteAndWait(group, name)
      },
      listKeys: ({ group, name }) => services.listKeys(group, name),
      regenerateKey: ({ group, name }, keyType) => services.regenerateKey(group, name, { keyType }),
      checkName: (name) =>
        services.checkNameAvailability({ nameAvailabilityParameters: { name, type } }),
      linkHub: ({ group, name }, linkNotificationHubParameters) =>
        services.linkNotificationHub(group, name, { linkNotificationHubParameters }),
      listInGroup: (group) => services.listByResourceGroup(group),
      listInSubscription: () => services.listBySubscription(),
      listOperations: () => client.operations.list(),
    }
  },
})

describe('the management client 4.2.0, asked for one page after the other,', () => {
  test('follows the links to the end', async () => {
    const credential = await credentialWith()
    const subscriptionId = await environmentOf('PARLEY_SUBSCRIPTION_ID')
    const endpoint = await environmentOf('PARLEY_ADMIN_ENDPOINT')
    const pages: string[] = []
    const client = new Client420(credential, subscriptionId, {
      endpoint,
      additionalPolicies: [
        {
          position: 'perCall',
          policy: {
            name: 'one entry a page',
            sendRequest: (request, next) => {
              if (request.method !== 'GET') return next(request)
              if (!request.url.includes('top=')) request.url += '&$top=1'
              pages.push(request.url)
              return next(request)
            },
          },
        },
      ],
    })
    const group = `pages-${randomBytes(4).toString('hex')}`
    const names = ['a', 'b', 'c'].map((name) => `${group}-${name}`)
    const services = client.communicationServices
    for (const name of names) {
      const document = { location: 'global', dataLocation: 'Europe' }
      await services.beginCreateOrUpdateAndWait(group, name, document)
    }
    const listed = []
    for await (const { name } of services.listByResourceGroup(group)) listed.push(name)
    assert.deepEqual(listed, names)
    assert.equal(pages.length, 3)
    for (const name of names) await services.beginDeleteAndWait(group, name)
  })
})

describe('the management client 4.2.0, asked for what is not served,', () => {
  test('learns that there is no e-mail, at once', async () => {
    const client = new Client420(
      await credentialWith(),
      await environmentOf('PARLEY_SUBSCRIPTION_ID'),
      { endpoint: await environmentOf('PARLEY_ADMIN_ENDPOINT') },
    )
    const refusal = await refusalOf(client.emailServices.get('group', 'mail'))
    assert.deepEqual(refusal, { name: 'RestError', statusCode: 501, code: 'NotImplemented' })
  })
})
