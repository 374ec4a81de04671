import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fail, ok } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import { serverLimits } from '../contract/limits.ts'
import type { Operation } from '../contract/operation.ts'
import { identityVersions } from '../contract/versions.ts'
import { chooseOperation, type Route, routerPath, routesOf } from './routes.ts'

function operationOf(id: string, changes: Partial<Operation> = {}): Operation {
  return {
    id,
    summary: 'Does something.',
    method: 'POST',
    path: '/things',
    access: 'public',
    versions: { since: '2022-06-01' },
    reply: { status: 200 },
    handle: () => ok({}),
    ...changes,
  }
}

function bodyOf(bytesMax?: number): NonNullable<Operation['body']> {
  const schemas = { 'application/json': Type.Object({}) }
  return { schemas, isRequired: false, ...(bytesMax === undefined ? {} : { bytesMax }) }
}

/** The only route of some operations. */
function routeOf(...operations: readonly Operation[]): Route {
  const [route, ...others] = routesOf(operations)
  assert.ok(route !== undefined)
  assert.deepEqual(others, [])
  return route
}

const uri = () => 'https://parley.example/things'

describe('a path for the router', () => {
  const paths = [
    ['/', '/'],
    ['/identities', '/identities'],
    ['/identities/{id}', '/identities/:id'],
    ['/identities/{id}/token', '/identities/:id/token'],
    ['/identities/{id}/:revokeAccessTokens', '/identities/:id/::revokeAccessTokens'],
    ['/a/:b/{c}/{d}:e', '/a/::b/:c/:d::e'],
    ['/.well-known/jwks.json', '/.well-known/jwks.json'],
  ] as const
  for (const [path, expected] of paths) {
    test(`is ${expected} for ${path}`, () => {
      assert.equal(routerPath(path), expected)
    })
  }
})

describe('a route', () => {
  test('is one for the operations of a method and path, in whatever versions they exist', () => {
    const current = operationOf('current', { versions: { since: '2025-06-30' } })
    const old = operationOf('old', { versions: { since: '2022-06-01', until: '2022-10-01' } })
    const route = routeOf(current, old)
    assert.deepEqual([route.method, route.url, route.unversioned], ['POST', '/things', undefined])
    assert.deepEqual(
      [...route.byVersion].map(([version, chosen]) => [version, chosen.operation.id]).sort(),
      [
        ['2022-06-01', 'old'],
        ['2022-10-01', 'old'],
        ['2025-06-30', 'current'],
        ['2026-07-22', 'current'],
        ['2026-09-23', 'current'],
      ],
    )
    const listed = '2022-06-01, 2022-10-01, 2025-06-30, 2026-07-22, 2026-09-23'
    assert.equal(route.supportedVersions, listed)
  })

  test('is another for another method or another path', () => {
    const routes = routesOf([
      operationOf('a'),
      operationOf('b', { method: 'GET' }),
      operationOf('c', { path: '/things/{id}' }),
      operationOf('d', {
        path: '/things/{id}',
        versions: { since: '2020-07-20-preview2', until: '2020-07-20-preview2' },
      }),
    ])
    assert.deepEqual(
      routes.map(({ method, url, byVersion }) => [method, url, byVersion.size]),
      [
        ['POST', '/things', 7],
        ['GET', '/things', 7],
        ['POST', '/things/:id', 8],
      ],
    )
  })

  test('without an api-version lists none', () => {
    const operation = operationOf('a', { versions: 'unversioned' })
    const route = routeOf(operation)
    assert.deepEqual([route.supportedVersions, [...route.byVersion]], ['', []])
    assert.equal(route.unversioned?.operation, operation)
    assert.equal(route.unversioned?.version, identityVersions.at(-1))
  })

  const sizes = [
    [[undefined], serverLimits.bodyBytesMax],
    [[bodyOf()], serverLimits.bodyBytesMax],
    [[bodyOf(10)], 10],
    [[bodyOf(10), bodyOf(20)], 20],
    [[bodyOf(10), undefined], serverLimits.bodyBytesMax],
  ] as const
  for (const [bodies, expected] of sizes) {
    const told = bodies.map((body) => body?.bytesMax ?? 'the default')
    test(`takes ${expected} bytes where its operations take ${told.join(' and ')}`, () => {
      const ranges = [
        { since: '2026-09-23' },
        { since: '2022-06-01', until: '2022-06-01' },
      ] as const
      const operations = bodies.map((body, index) =>
        operationOf(`${index}`, {
          versions: ranges[index] ?? 'unversioned',
          ...(body === undefined ? {} : { body }),
        }),
      )
      assert.equal(routeOf(...operations).bodyBytesMax, expected)
    })
  }

  const clashes: readonly (readonly [
    what: string,
    Operation['versions'],
    Operation['versions'],
  ])[] = [
    ['the same version', { since: '2022-06-01', until: '2023-10-01' }, { since: '2023-10-01' }],
    ['every version', { since: '2022-06-01' }, { since: '2022-06-01' }],
    ['a version and none', { since: '2022-06-01' }, 'unversioned'],
    ['no version', 'unversioned', 'unversioned'],
  ]
  for (const [what, one, other] of clashes) {
    test(`cannot have two operations for ${what}`, () => {
      const operations = [
        operationOf('a', { versions: one }),
        operationOf('b', { versions: other }),
      ]
      assert.throws(() => routesOf(operations), { message: 'two operations claim POST /things' })
    })
  }
})

describe('the operation of a request', () => {
  const current = operationOf('current', { versions: { since: '2025-06-30' }, body: bodyOf() })
  const old = operationOf('old', { versions: { since: '2022-06-01', until: '2022-10-01' } })
  const route = routeOf(current, old)

  const asked = [
    ['2022-06-01', 'old', false],
    ['2022-10-01', 'old', false],
    ['2025-06-30', 'current', true],
    ['2026-09-23', 'current', true],
  ] as const
  for (const [version, id, hasBody] of asked) {
    test(`in ${version} is ${id}, with ${hasBody ? 'its body compiled' : 'no body'}`, () => {
      const chosen = chooseOperation(route, { version, uri })
      assert.ok(chosen.ok)
      const { operation, readBody } = chosen.value
      assert.deepEqual(
        [operation.id, readBody !== undefined, chosen.value.version],
        [id, hasBody, version],
      )
    })
  }

  for (const version of [undefined, '']) {
    test(`is unknown without a version: ${JSON.stringify(version)}`, () => {
      assert.deepEqual(chooseOperation(route, { version, uri }), fail({ kind: 'version-missing' }))
    })
  }

  const unknown = [
    ['that lies between two others', '2023-10-01', '2023-10-01'],
    ['that never was', '1999-01-01', '1999-01-01'],
    ['with a blank', '2025-06-30 ', '2025-06-30 '],
    ['that is asked for twice', ['2025-06-30', '2025-06-30'], '2025-06-30,2025-06-30'],
    ['that is long, of which it tells 64 characters', 'v'.repeat(65), 'v'.repeat(64)],
    ['of another nature', 'constructor', 'constructor'],
  ] as const
  for (const [what, version, told] of unknown) {
    test(`is unknown in a version ${what}`, () => {
      const fault = { kind: 'version-unknown', uri: uri(), version: told }
      assert.deepEqual(chooseOperation(route, { version, uri }), fail(fault))
    })
  }

  test('without an api-version is the same whatever version is asked for', () => {
    const timeless = routeOf(operationOf('timeless', { versions: 'unversioned' }))
    for (const version of [undefined, '', '1999-01-01', '2025-06-30', ['a', 'b']]) {
      assert.deepEqual(chooseOperation(timeless, { version, uri }), ok(timeless.unversioned))
    }
  })
})
