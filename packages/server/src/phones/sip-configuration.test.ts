import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type AskedSipChange,
  changeSip,
  emptySipConfiguration,
  isTrunkFailure,
  type SipConfiguration,
  trunksFor,
} from './sip-configuration.ts'

const [one, two] = ['one.example.com', 'two.example.com'] as const
const route = { name: 'all', numberPattern: '^\\+', trunks: [one, two] }
const present: SipConfiguration = {
  trunks: { [one]: { sipSignalingPort: 5061 }, [two]: { sipSignalingPort: 5062 } },
  routes: [route],
}

function changed(asked: AskedSipChange): SipConfiguration | string {
  const result = changeSip(present, asked)
  return result.ok ? result.value : result.fault.code
}

describe('a change of trunks and routes', () => {
  test('moves a trunk, adds one, and keeps what is not named', () => {
    const trunks = { [one]: { sipSignalingPort: 5070 }, '10.0.0.9': { sipSignalingPort: 5060 } }
    assert.deepEqual(changed({ trunks }), { ...present, trunks: { ...present.trunks, ...trunks } })
  })

  test('keeps the port of a trunk that says none, and needs one of a new trunk', () => {
    assert.deepEqual(changed({ trunks: { [one]: {} } }), present)
    assert.equal(changed({ trunks: { 'new.example.com': {} } }), 'InvalidTrunkSipSignalingPort')
  })

  test('takes a trunk away that no route has', () => {
    const routes = [{ ...route, trunks: [two] }]
    assert.deepEqual(changed({ trunks: { [one]: null }, routes }), {
      trunks: { [two]: { sipSignalingPort: 5062 } },
      routes,
    })
  })

  test('takes everything away', () => {
    assert.deepEqual(changed({ trunks: null, routes: null }), emptySipConfiguration)
  })

  test('sets the routes as a whole', () => {
    const routes = [{ name: 'b', numberPattern: '1', description: null, trunks: null }]
    const stored = [{ name: 'b', numberPattern: '1', trunks: [] }]
    assert.deepEqual(changed({ routes }), { ...present, routes: stored })
  })

  const twoHundred = Array.from({ length: 249 }, (_, index) => `t${index}.example.com`)
  const refused: readonly (readonly [string, string, AskedSipChange])[] = [
    ['nothing', 'EmptyPatch', {}],
    ['no trunk', 'EmptyPatch', { trunks: {} }],
    [
      'port 65536',
      'InvalidTrunkSipSignalingPort',
      { trunks: { [one]: { sipSignalingPort: 65_536 } } },
    ],
    ...['-1', 'localhost', '.example.com', 'a b.example.com', 'a..b', `${'a.'.repeat(124)}ab`].map(
      (name) =>
        [
          `a trunk ${name.slice(0, 20)}`,
          'InvalidTrunkFqdn',
          { trunks: { [name]: { sipSignalingPort: 5060 } } },
        ] as const,
    ),
    ['the removal of a trunk in use', 'MissingTrunk', { trunks: { [one]: null } }],
    ['a trunk that is not there', 'MissingTrunk', { routes: [{ ...route, trunks: ['x.y'] }] }],
    [
      'a trunk named as what every object has',
      'MissingTrunk',
      { routes: [{ ...route, trunks: ['constructor'] }] },
    ],
    ['a trunk twice', 'DuplicatedRoutingTrunk', { routes: [{ ...route, trunks: [one, one] }] }],
    ['a name twice', 'DuplicatedRoute', { routes: [route, route] }],
    ['no name', 'InvalidRouteName', { routes: [{ ...route, name: '' }] }],
    ['no pattern', 'InvalidRouteNumberPattern', { routes: [{ ...route, numberPattern: '' }] }],
    [
      'a pattern with \\1',
      'InvalidRouteNumberPattern',
      { routes: [{ ...route, numberPattern: '(1)\\1' }] },
    ],
    [
      'a trunk too many',
      'TooManyTrunks',
      { trunks: Object.fromEntries(twoHundred.map((name) => [name, { sipSignalingPort: 1 }])) },
    ],
  ]
  for (const [name, code, asked] of refused) {
    test(`is refused with ${name}: ${code}`, () => assert.equal(changed(asked), code))
  }
})

describe('the way of a number', () => {
  const trunks: SipConfiguration['trunks'] = {
    ...present.trunks,
    'three.example.com': { sipSignalingPort: 5063 },
  }
  const routes = [
    { name: 'seattle', numberPattern: '^\\+1206', trunks: [two, one] },
    { name: 'nowhere', numberPattern: '^\\+1900', trunks: [] },
    { name: 'america', numberPattern: '^\\+1', trunks: ['three.example.com'] },
  ]
  const ways = [
    ['+12065550100', [two, one]],
    ['+14255550100', ['three.example.com']],
    ['+19005550100', []],
    ['+4930123456', []],
  ] as const
  for (const [number, hosts] of ways) {
    test(`${number} goes by ${hosts.join(', then ') || 'none'}`, () => {
      const found = trunksFor({ trunks, routes }, number)
      assert.deepEqual(
        found.map(({ host }) => host),
        hosts,
      )
      for (const { host, port } of found) assert.equal(port, trunks[host]?.sipSignalingPort)
    })
  }

  for (const [code, isFailure] of [
    ...[[undefined, true] as const, [408, true] as const, [500, true] as const],
    ...[[503, true] as const, [599, true] as const, [600, false] as const, [603, false] as const],
    ...[[486, false] as const, [404, false] as const, [403, false] as const, [487, false] as const],
  ]) {
    test(`${code ?? 'silence'} is ${isFailure ? '' : 'not '}a failure of the trunk`, () => {
      assert.equal(isTrunkFailure(code), isFailure)
    })
  }
})
