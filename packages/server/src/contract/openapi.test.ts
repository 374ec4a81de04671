import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ok } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import { absentable } from './fields.ts'
import { type OpenApiSpace, printOpenApi } from './openapi.ts'
import type { Json, JsonObject } from './openapi-schema.ts'
import type { BodyContract, Operation, ReplyContract } from './operation.ts'

const version = '2023-10-01' as const
const space = { service: 'identity', version } as const
const common = { summary: 'Does it.', handle: () => ok(undefined) } as const

function operation(asked: Partial<Operation>): Operation {
  return {
    ...common,
    id: 'Thing_Make',
    method: 'POST',
    path: '/things/{thingId}/:make',
    access: 'resource',
    versions: { since: '2021-03-07' },
    reply: { status: 204 },
    ...asked,
  }
}

function printed(asked: Partial<Operation>, within: OpenApiSpace = space) {
  const [methods] = Object.values(objectAt(printOpenApi([operation(asked)], within), 'paths'))
  const [one] = Object.values(methods as JsonObject)
  return one as JsonObject
}

function printedBody(body: BodyContract): Json | undefined {
  return printed({ body })['requestBody']
}

function jsonBody(
  properties: Parameters<typeof Type.Object>[0],
  more: Partial<BodyContract> = {},
): BodyContract {
  return { schemas: { 'application/json': Type.Object(properties) }, isRequired: false, ...more }
}

function fieldsOf(body: BodyContract): Json | undefined {
  return objectAt(printedBody(body) as JsonObject, 'content', 'application/json', 'schema')[
    'properties'
  ]
}

function repliesOf(reply: ReplyContract): JsonObject {
  return objectAt(printed({ reply }), 'responses')
}

function objectAt(from: JsonObject, ...names: readonly string[]): JsonObject {
  return names.reduce((object, name) => object[name] as JsonObject, from)
}

describe('an OpenAPI document', () => {
  test('keeps the template of a path and declares what it names', () => {
    const document = printOpenApi([operation({})], space)
    assert.deepEqual(Object.keys(objectAt(document, 'paths')), ['/things/{thingId}/:make'])
    const [parameter] = printed({})['parameters'] as readonly JsonObject[]
    assert.deepEqual(parameter, {
      name: 'thingId',
      in: 'path',
      required: true,
      schema: { type: 'string', maxLength: 256 },
    })
  })

  test('puts the methods of a path side by side', () => {
    const document = printOpenApi([operation({}), operation({ method: 'GET' })], space)
    const methods = objectAt(document, 'paths', '/things/{thingId}/:make')
    assert.deepEqual(Object.keys(methods), ['post', 'get'])
  })

  test('asks for its own api-version and no other', () => {
    const document = printOpenApi([operation({})], space)
    assert.deepEqual(objectAt(document, 'components', 'parameters', 'ApiVersion'), {
      name: 'api-version',
      in: 'query',
      required: true,
      schema: { const: version },
    })
  })

  const spaces: readonly (readonly [OpenApiSpace, number])[] = [
    [{ service: 'identity', version: '2021-03-07' }, 1],
    [{ service: 'identity', version: '2021-02-22-preview1' }, 0],
    [{ service: 'management', version: '2025-09-01' }, 0],
    ['unversioned', 0],
  ]
  for (const [within, count] of spaces) {
    test(`of ${JSON.stringify(within)} has ${count} of the operations since 2021-03-07`, () => {
      const paths = objectAt(printOpenApi([operation({})], within), 'paths')
      assert.equal(Object.keys(paths).length, count)
    })
  }

  test('of unversioned operations asks for no api-version', () => {
    const one = printed({ path: '/things', versions: 'unversioned' }, 'unversioned')
    assert.deepEqual(one['parameters'], [{ $ref: '#/components/parameters/ClientRequestId' }])
  })

  test('refers only to what it has', () => {
    for (const within of [space, 'unversioned'] as const) {
      const versions = within === 'unversioned' ? within : ({ since: version } as const)
      const document = printOpenApi([operation({ versions })], within)
      const found = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)]
      assert.ok(found.length > 0)
      for (const [, path = ''] of found) assert.ok(objectAt(document, ...path.split('/')), path)
    }
  })

  test('answers every fault with the envelope', () => {
    assert.deepEqual(repliesOf({ status: 204 })['default'], {
      $ref: '#/components/responses/Fault',
    })
  })

  const securities = [
    ['public', []],
    ['resource', [{ AccessKey: [] }, { Bearer: [] }]],
    ['follower', [{ AccessKey: [] }, { Bearer: [] }]],
    ['entra-user', [{ Bearer: [] }]],
    ['administrator', [{ Bearer: [] }]],
    ['reader', [{ Bearer: [] }]],
  ] as const
  for (const [access, security] of securities) {
    test(`asks ${security.length} kinds of credential of callers of ${access}`, () => {
      assert.deepEqual(printed({ access })['security'], security)
    })
  }
})

describe('a request body in an OpenAPI document', () => {
  test('shows a field that may be null as one of two types', () => {
    const fields = fieldsOf(
      jsonBody({ names: absentable(Type.Array(Type.String(), { maxItems: 3 })) }),
    )
    assert.deepEqual(fields, {
      names: { type: ['array', 'null'], maxItems: 3, items: { type: 'string' } },
    })
  })

  test('shows other unions as alternatives', () => {
    const fields = fieldsOf(jsonBody({ size: Type.Union([Type.Integer(), Type.String()]) }))
    assert.deepEqual(fields, { size: { anyOf: [{ type: 'integer' }, { type: 'string' }] } })
  })

  test('leaves out the fields of other versions', () => {
    const body = jsonBody(
      { early: Type.Integer(), late: Type.Integer() },
      { fieldVersions: { late: { since: '2025-06-30' }, early: { since: '2021-03-07' } } },
    )
    assert.deepEqual(fieldsOf(body), { early: { type: 'integer' } })
  })

  test('shows what the handler judges as if it stood in the schema', () => {
    const body = jsonBody(
      {
        scopes: absentable(Type.Array(Type.String())),
        minutes: absentable(Type.Integer()),
      },
      {
        judged: (asked) => ({
          scopes: { isRequired: true, elements: [`of ${asked}`] },
          minutes: { minimum: 1, maximum: 2, default: 2 },
        }),
      },
    )
    assert.deepEqual(printedBody(body), {
      required: true,
      content: {
        'application/json': {
          schema: {
            type: 'object',
            required: ['scopes'],
            properties: {
              scopes: { type: 'array', items: { type: 'string', enum: ['of 2023-10-01'] } },
              minutes: { type: ['integer', 'null'], minimum: 1, maximum: 2, default: 2 },
            },
          },
        },
      },
    })
  })

  test('is not there when it can only be empty', () => {
    const nothing = Type.Object({}, { additionalProperties: false })
    assert.equal(
      printedBody({ ...jsonBody({}), schemas: { 'application/json': nothing } }),
      undefined,
    )
  })

  test('is there when it has no field and may have any', () => {
    const content = { 'application/json': { schema: { type: 'object', properties: {} } } }
    assert.deepEqual(printedBody(jsonBody({})), { required: false, content })
  })

  test('may be absent when every field may', () => {
    const body = printedBody(jsonBody({ name: Type.Optional(Type.String()) }))
    assert.equal((body as JsonObject)['required'], false)
  })
})

describe('a reply in an OpenAPI document', () => {
  test('leaves out the fields of other versions, at any depth', () => {
    const thing = Type.Object({ id: Type.String(), note: Type.Optional(Type.String()) })
    const replies = repliesOf({
      status: 201,
      schema: Type.Object({ thing }),
      fieldVersions: { 'thing.note': { since: '2025-06-30' } },
    })
    assert.deepEqual(objectAt(replies, '201', 'content', 'application/json', 'schema'), {
      type: 'object',
      required: ['thing'],
      properties: {
        thing: { type: 'object', required: ['id'], properties: { id: { type: 'string' } } },
      },
    })
  })

  test('says that no cache may keep a secret', () => {
    const headers = objectAt(repliesOf({ status: 200, isSecret: true }), '200', 'headers')
    assert.deepEqual(headers['cache-control'], { schema: { const: 'no-store' } })
  })

  test('is a fault where the contract has an operation that is not served', () => {
    assert.deepEqual(repliesOf({ status: 501 })['501'], { $ref: '#/components/responses/Fault' })
  })
})
