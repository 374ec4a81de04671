import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { describe, test } from 'node:test'
import { fail, ok } from '@parley/protocol'
import fc from 'fast-check'
import type { RefusalReason } from '../contract/faults.ts'
import { createKeyRing } from '../keys/key-ring.ts'
import { activeAccessKey } from '../keys/model.ts'
import { createResourceDirectory } from '../resources/directory.ts'
import type { Resource } from '../resources/model.ts'
import { type Arrival, type AuthenticationWorld, createAuthenticator } from './authenticator.ts'

const nowMs = Date.UTC(2026, 10, 22, 6, 37, 45)
const domain = 'id.example'
const slots = ['primary', 'secondary'] as const

function guidOf(number: number): string {
  return `11111111-1111-4111-8111-${String(number).padStart(12, '0')}`
}

function secretOf(number: number, slot: (typeof slots)[number]): Buffer {
  return createHash('sha512').update(`${number}/${slot}`).digest()
}

function keyOf(number: number, slot: (typeof slots)[number]) {
  const owner = { resourceId: guidOf(number), slot, generation: 1, sealedKey: Buffer.alloc(0) }
  return activeAccessKey(owner, secretOf(number, slot))
}

/** A server with `count` resources, `name-0` and so on. */
function serverOf(count: number, changes: Partial<AuthenticationWorld & Resource> = {}) {
  const [keyRing, resources] = [createKeyRing(), createResourceDirectory()]
  for (let number = 0; number < count; number++) {
    resources.put({
      resourceId: guidOf(number),
      subscriptionId: guidOf(900_000),
      resourceGroup: 'group',
      name: `name-${number}`,
      dataLocation: 'Europe',
      isLocalAuthDisabled: changes.isLocalAuthDisabled ?? false,
      isSubscriptionEnabled: changes.isSubscriptionEnabled ?? true,
    })
    keyRing.put(
      guidOf(number),
      slots.map((slot) => keyOf(number, slot)),
    )
  }
  const world: AuthenticationWorld = {
    keyRing,
    resources,
    domain: undefined,
    publicHosts: [],
    decoyKeys: slots.map((slot) => keyOf(999_999, slot)),
    checkBearer: async () => fail('bearer-issuer-unknown'),
    isAdminToken: (text) => text === 'the-admin-token',
    checkCredential: async () => fail('credential-unknown'),
    verifier: { verify: () => ({ ok: false, reason: 'malformed' }) },
    ...changes,
  }
  return { keyRing, resources, authenticate: createAuthenticator(world) }
}

/** A request signed by one of the keys of a resource. */
function arrivalOf(
  signer: number,
  changes: Partial<Arrival> & {
    readonly host?: string
    readonly slot?: (typeof slots)[number]
  } = {},
): Arrival {
  const { host = '127.0.0.1:4480', slot = 'primary', ...rest } = changes
  const [method, pathAndQuery] = ['POST', '/identities?api-version=2023-10-01']
  const date = new Date(nowMs).toUTCString()
  const bodyHash = createHash('sha256').update('').digest('base64')
  const text = `${method}\n${pathAndQuery}\n${date};${host};${bodyHash}`
  const signature = createHmac('sha256', secretOf(signer, slot)).update(text).digest('base64')
  const signedHeaders = 'x-ms-date;host;x-ms-content-sha256'
  return {
    method,
    pathAndQuery,
    headers: {
      host,
      'x-ms-date': date,
      'x-ms-content-sha256': bodyHash,
      authorization: `HMAC-SHA256 SignedHeaders=${signedHeaders}&Signature=${signature}`,
    },
    body: Buffer.alloc(0),
    params: {},
    connection: {},
    nowMs,
    ...rest,
  }
}

function admitted(number: number, slot: (typeof slots)[number] = 'primary') {
  const accessKey = { slot, generation: 1 }
  return ok({ resourceId: guidOf(number), accessKey, actor: `access-key/${slot}.1` })
}

function refused(reason: RefusalReason) {
  return fail({ kind: 'caller-refused', reason })
}

function identityOf(number: number): string {
  return `8:acs:${guidOf(number)}_${guidOf(7)}`
}

describe('an access key, where one address stands for all resources', () => {
  for (const number of [0, 1, 63]) {
    for (const slot of slots) {
      test(`names its resource among 64: number ${number}, ${slot}`, () => {
        const { authenticate } = serverOf(64)
        const verdict = authenticate(arrivalOf(number, { slot }), 'resource')
        assert.deepEqual(verdict, admitted(number, slot))
      })
    }
  }

  test('of the 65th resource is found by the identity in the path alone', () => {
    const { authenticate } = serverOf(65)
    assert.deepEqual(authenticate(arrivalOf(64), 'resource'), refused('signature-differs'))
    const params = { id: identityOf(64) }
    assert.deepEqual(authenticate(arrivalOf(64, { params }), 'resource'), admitted(64))
    const other = { id: identityOf(63) }
    const verdict = authenticate(arrivalOf(64, { params: other }), 'resource')
    assert.deepEqual(verdict, refused('signature-differs'))
  })

  test('of the 65th resource is not remembered on a connection', () => {
    const { authenticate } = serverOf(65)
    const connection = {}
    const params = { id: identityOf(64) }
    assert.deepEqual(authenticate(arrivalOf(64, { params, connection }), 'resource'), admitted(64))
    const verdict = authenticate(arrivalOf(64, { connection }), 'resource')
    assert.deepEqual(verdict, refused('signature-differs'))
  })

  test('is nobody any more once its resource is gone, on a connection that it has used too', () => {
    const { authenticate, keyRing, resources } = serverOf(2)
    const connection = {}
    assert.deepEqual(authenticate(arrivalOf(1, { connection }), 'resource'), admitted(1))
    keyRing.remove(guidOf(1))
    resources.remove(guidOf(1))
    for (const params of [{}, { id: identityOf(1) }]) {
      const verdict = authenticate(arrivalOf(1, { connection, params }), 'resource')
      assert.deepEqual(verdict, refused('signature-differs'))
    }
  })

  test('opens nothing that takes another credential', () => {
    const { authenticate } = serverOf(1)
    for (const access of ['administrator', 'reader', 'entra-user'] as const) {
      assert.deepEqual(authenticate(arrivalOf(0), access), refused('bearer-not-taken'))
    }
    const headers = { host: 'localhost' }
    const verdict = authenticate(arrivalOf(0, { headers }), 'reader')
    assert.deepEqual(verdict, refused('authorization-missing'))
  })

  const standings = [
    [{ isLocalAuthDisabled: true }, 'local-auth-disabled'],
    [{ isSubscriptionEnabled: false }, 'subscription-disabled'],
  ] as const
  for (const [changes, reason] of standings) {
    test(`that signed well may be refused: ${reason}`, () => {
      const { authenticate, keyRing } = serverOf(1, changes)
      assert.deepEqual(authenticate(arrivalOf(0), 'resource'), refused(reason))
      assert.equal(keyRing.takeUses().size, 0)
    })
  }

  test('is noted as used when it is admitted, and not when it is refused', () => {
    const { authenticate, keyRing } = serverOf(2)
    authenticate(arrivalOf(5), 'resource')
    assert.equal(keyRing.takeUses().size, 0)
    authenticate(arrivalOf(1, { slot: 'secondary' }), 'resource')
    const used = [...keyRing.takeUses()].map(([key, atMs]) => [key.resourceId, key.slot, atMs])
    assert.deepEqual(used, [[guidOf(1), 'secondary', nowMs]])
  })
})

describe('what makes a key likely', () => {
  const count = 8
  const someResource = fc.nat({ max: count + 1 })
  const someId = fc.oneof(
    someResource.map(identityOf),
    fc.constantFrom('', '8:acs:', '8:acs:x_y', '8:orgid:1', `8:acs:${guidOf(1).toUpperCase()}_`),
    fc.string(),
  )

  test('never changes the verdict', () => {
    const { authenticate } = serverOf(count)
    const connection = {}
    fc.assert(
      fc.property(someResource, someId, fc.constantFrom(...slots), (signer, id, slot) => {
        const hinted = authenticate(
          arrivalOf(signer, { slot, params: { id }, connection }),
          'resource',
        )
        const plain = authenticate(arrivalOf(signer, { slot }), 'resource')
        assert.deepEqual(hinted, plain)
        const isKnown = signer < count
        assert.deepEqual(plain, isKnown ? admitted(signer, slot) : refused('signature-differs'))
      }),
      { numRuns: 500 },
    )
  })

  test('never lets a key in at the host of another resource', () => {
    const { authenticate } = serverOf(count, { domain })
    const connection = {}
    fc.assert(
      fc.property(someResource, someResource, someId, (signer, owner, id) => {
        const host = `name-${owner}.${domain}`
        const arrival = arrivalOf(signer, { host, params: { id }, connection })
        const isOwn = signer === owner && owner < count
        const reason = owner < count ? 'signature-differs' : 'host-unknown'
        const verdict = authenticate(arrival, 'resource')
        assert.deepEqual(verdict, isOwn ? admitted(signer) : refused(reason))
      }),
      { numRuns: 500 },
    )
  })
})

/** A key ring that notes of whom keys were asked for. */
function watched(count: number) {
  const { keyRing, resources } = serverOf(count)
  const asked: string[] = []
  const decoys = slots.map((slot) => keyOf(999_999, slot))
  let decoysRead = 0
  const { authenticate } = serverOf(count, {
    domain,
    resources,
    keyRing: {
      ...keyRing,
      keysOf: (resourceId) => {
        asked.push(resourceId)
        return keyRing.keysOf(resourceId)
      },
      candidates: () => {
        asked.push('all')
        return keyRing.candidates()
      },
    },
    decoyKeys: {
      *[Symbol.iterator]() {
        for (const key of decoys) {
          decoysRead += 1
          yield key
        }
      },
    } as unknown as AuthenticationWorld['decoyKeys'],
  })
  return { authenticate, asked, decoysRead: () => decoysRead }
}

describe('a host of a resource', () => {
  test('has the keys of that resource tried, and no others', () => {
    const { authenticate, asked, decoysRead } = watched(3)
    const host = `name-1.${domain}`
    const params = { id: identityOf(2) }
    assert.deepEqual(authenticate(arrivalOf(1, { host }), 'resource'), admitted(1))
    const verdict = authenticate(arrivalOf(2, { host, params }), 'resource')
    assert.deepEqual(verdict, refused('signature-differs'))
    assert.deepEqual([...new Set(asked)], [guidOf(1)])
    assert.equal(decoysRead(), 0)
  })

  test('that does not exist has as many keys tried as one that does, for each form', () => {
    const { authenticate, asked, decoysRead } = watched(3)
    const host = `name-7.${domain}`
    // Two paths and one host: what `signedPaths` and `signedHosts` make of this request, and once
    // more the form in which it arrived.
    const formCount = 3
    assert.deepEqual(authenticate(arrivalOf(1, { host }), 'resource'), refused('host-unknown'))
    assert.deepEqual([asked, decoysRead()], [[], formCount * slots.length])
  })

  test('that does not exist is the reason, whatever else is wrong', () => {
    const { authenticate } = watched(3)
    for (const authorization of ['HMAC-SHA256', 'HMAC-SHA256 SignedHeaders=x&Signature=y', '']) {
      const headers = { host: `name-7.${domain}`, authorization }
      const verdict = authenticate(arrivalOf(1, { headers }), 'resource')
      assert.deepEqual(verdict, refused('host-unknown'))
    }
  })
})

describe('a bearer', () => {
  test('is judged as one, however its scheme is written', async () => {
    const { authenticate } = serverOf(1)
    for (const scheme of ['Bearer', 'bearer', 'BEARER  ']) {
      const headers = { host: 'localhost', authorization: `${scheme} the-admin-token` }
      const verdict = await authenticate(arrivalOf(0, { headers }), 'administrator')
      assert.deepEqual(verdict, ok({ actor: 'admin-token' }))
    }
  })

  test('that is empty or has a space is none', async () => {
    const { authenticate } = serverOf(1)
    for (const authorization of ['Bearer', 'Bearer ', 'Bearer a b']) {
      const headers = { host: 'localhost', authorization }
      const verdict = await authenticate(arrivalOf(0, { headers }), 'administrator')
      assert.deepEqual(verdict, refused('bearer-not-taken'))
    }
  })
})
