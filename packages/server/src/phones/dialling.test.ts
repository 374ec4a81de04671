import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type DialRefusal, judgeDial, judgeNumber } from './dialling.ts'
import {
  callingCodeOf,
  defaultPhoneSettings,
  isCallingCode,
  type PhoneSettings,
  parsePhoneNumber,
  parsePhoneRawId,
  printPhoneRawId,
} from './model.ts'

const own = '+4930123456'
const open: PhoneSettings = { ...defaultPhoneSettings, isEnabled: true, countries: ['+1', '+49'] }
const quiet = { live: 0, inLastMinute: 0, identitySeconds: 0 }
const given = { ownNumbers: [own], until: quiet }
const american = { number: '+14255550100', callerId: undefined }

describe('who may dial what', () => {
  test('an enabled resource dials a country on its list, and shows its only number', () => {
    assert.deepEqual(judgeDial(open, american, given), {
      ok: true,
      value: { number: '+14255550100', callerId: own, secondsMax: 3600 },
    })
  })

  test('nobody dials anybody by default, whatever else is set', () => {
    const shut: PhoneSettings = { ...open, isEnabled: false }
    for (const settings of [defaultPhoneSettings, shut]) {
      assert.deepEqual(judgeDial(settings, american, given), { ok: false, fault: 'not-enabled' })
    }
  })

  const two = [own, '+4930999999']
  const refused: readonly (readonly [
    string,
    DialRefusal | undefined,
    {
      settings?: Partial<PhoneSettings>
      number?: string
      callerId?: string
      ownNumbers?: readonly string[]
      until?: Partial<typeof quiet>
    },
  ])[] = [
    ['no country on the list', 'country', { settings: { countries: [] } }],
    ['another country', 'country', { number: '+33123456789' }],
    ['an island that shares +1', 'country', { number: '+18765550100' }],
    [
      'that island on the list',
      undefined,
      { number: '+18765550100', settings: { countries: ['+1876'] } },
    ],
    ['a refused prefix', 'prefix', { settings: { refusedPrefixes: ['+1425'] } }],
    ['another refused prefix', undefined, { settings: { refusedPrefixes: ['+1206'] } }],
    ['its own number', 'own-number', { number: own }],
    ['no number of its own', 'caller-id', { ownNumbers: [] }],
    ["a caller's number of somebody else", 'caller-id', { callerId: '+14255550199' }],
    ['several numbers and none chosen', 'caller-id', { ownNumbers: two }],
    ['several numbers and one chosen', undefined, { ownNumbers: two, callerId: own }],
    ['a fifth call', undefined, { until: { live: 4 } }],
    ['a sixth call', 'concurrent', { until: { live: 5 } }],
    ['a tenth in a minute', undefined, { until: { inLastMinute: 9 } }],
    ['an eleventh in a minute', 'per-minute', { until: { inLastMinute: 10 } }],
    ['a day that is used up', 'daily', { until: { identitySeconds: 3600 } }],
    ['a second left of the day', undefined, { until: { identitySeconds: 3599 } }],
    ['a cap of none', 'concurrent', { settings: { concurrentMax: 0 } }],
    ['an emergency number', 'emergency', { number: '+49112' }],
    ['a premium number', 'premium', { number: '+19005550100' }],
    ['letters', 'number-malformed', { number: '+1425555CALL' }],
  ]
  for (const [name, fault, { settings, number, callerId, ownNumbers, until }] of refused) {
    test(`${fault === undefined ? 'dials with' : 'refuses'} ${name}`, () => {
      const asked = { number: number ?? american.number, callerId }
      const judged = judgeDial({ ...open, ...settings }, asked, {
        ownNumbers: ownNumbers ?? given.ownNumbers,
        until: { ...quiet, ...until },
      })
      assert.equal(judged.ok ? undefined : judged.fault, fault)
    })
  }

  test('a call lasts as long as the cap, or what is left of the day', () => {
    const secondsMax = (identitySeconds: number, durationSecondsMax: number) => {
      const settings = { ...open, durationSecondsMax }
      const judged = judgeDial(settings, american, {
        ...given,
        until: { ...quiet, identitySeconds },
      })
      return judged.ok ? judged.value.secondsMax : 0
    }
    assert.equal(secondsMax(0, 600), 600)
    assert.equal(secondsMax(3500, 600), 100)
  })
})

describe('a number', () => {
  const texts = [
    ...[['+14255550100', true] as const, ['+123456789012345', true] as const],
    ...[['+1234567', true] as const, ['+123456', false] as const],
    ...[['+1234567890123456', false] as const, ['+04255550100', false] as const],
    ...[['14255550100', false] as const, ['+1 425 5550100', false] as const, ['', false] as const],
    ...[['+1425555010O', false] as const, ['+14255550100\n', false] as const],
  ]
  for (const [text, isOne] of texts) {
    test(`${JSON.stringify(text)} is ${isOne ? '' : 'not '}E.164`, () => {
      assert.equal(parsePhoneNumber(text).ok, isOne)
      assert.equal(parsePhoneRawId(printPhoneRawId(text)).ok, isOne)
      assert.equal(parsePhoneRawId(text).ok, false)
    })
  }

  for (const [number, code] of [
    ...[['+14255550100', '+1'] as const, ['+18765550100', '+1876'] as const],
    ...[['+4930123456', '+49'] as const, ['+79261234567', '+7'] as const],
    ...[['+77271234567', '+77'] as const, ['+3531234567', '+353'] as const],
    ...[['+88213000000', '+882'] as const, ['+2125551234', '+212'] as const],
  ]) {
    test(`${number} begins with ${code}`, () => {
      assert.equal(callingCodeOf(number), code)
      assert.equal(isCallingCode(code), true)
    })
  }

  for (const text of ['+', '1', '+0', '+4', '+4930', '+1425', '+12345']) {
    test(`${text} is no calling code`, () => assert.equal(isCallingCode(text), false))
  }

  const judged = {
    emergency: [
      '+112',
      '112',
      '+911',
      '999',
      '12345',
      '+49110',
      '+1911',
      '+44999',
      '000',
      '+61000',
      '+3531234',
    ],
    premium: [
      ...['+19005550100', '+12069765550', '+447012345678', '+449012345678', '+448712345678'],
      ...['+88213000000', '+870773111111', '+979123456789', '+4990012345678', '+33899123456'],
    ],
    'number-malformed': ['14255550100', 'sip:+14255550100', '+1425555010x'],
  } as const
  for (const [fault, numbers] of Object.entries(judged)) {
    for (const number of numbers) {
      test(`${number} is refused everywhere: ${fault}`, () => {
        assert.deepEqual(judgeNumber(number), { ok: false, fault })
      })
    }
  }
})
