import { accepted, allRefused, refused, type TokenCase } from './cases.ts'
import { claimsWith, headerOf, press, testKeys } from './press.ts'

/** What is wrong or odd with the text of a token, whatever it says. */
export function formCases(): readonly TokenCase[] {
  return [...lengthCases(), ...segmentCases(), ...jsonCases()]
}

function lengthCases(): readonly TokenCase[] {
  const longest = tokenOfLength(8192)
  return [
    accepted('a token of 8,192 characters', longest),
    refused('that token, its last letter beyond ASCII', `${longest.slice(0, -1)}é`, 'malformed'),
    refused('a token of 8,193 characters', tokenOfLength(8193), 'too-long'),
    refused('10,000 characters of nothing', '.'.repeat(10_000), 'too-long'),
  ]
}

/** Base64 cannot be of every length, so both the header and the claims are padded. */
function tokenOfLength(length: number): string {
  for (let inHeader = 1; inHeader < 4; inHeader++) {
    const header = headerOf(testKeys.ec, { pad: ' '.repeat(inHeader) })
    const spare = length - press({ header, claims: claimsWith({ pad: '' }) }).length
    const claims = claimsWith({ pad: ' '.repeat(Math.floor((spare * 3) / 4)) })
    const token = press({ header, claims })
    if (token.length === length) return token
  }
  throw new Error(`no token of ${length} characters`)
}

function segmentCases(): readonly TokenCase[] {
  const [header = '', claims = '', signature = ''] = press().split('.')
  const join = (...segments: readonly string[]) => segments.join('.')
  // The last character of each carries bits that no byte needs; 65 mod 3 leaves some here, too.
  const loose = press({ header: `${JSON.stringify(headerOf(testKeys.ec))} ` })
  const [looseHeader = ''] = loose.split('.')
  return allRefused('malformed', [
    ['an empty text', ''],
    ['a text without dots', header],
    ['two segments', join(header, claims)],
    ['four segments', join(header, claims, signature, signature)],
    ['a dot at the end', join(header, claims, signature, '')],
    ['a dot at the beginning', join('', header, claims, signature)],
    ['an empty header', join('', claims, signature)],
    ['five segments, as encrypted tokens have', join(header, '', claims, claims, signature)],
    ['a scheme before the token', `Bearer ${press()}`],
    ['a space at the end', `${press()} `],
    ['a line break at the end', `${press()}\n`],
    ['a line break in the claims', join(header, insert(claims, 40, '\n'), signature)],
    ['padding after the header', join(`${header}=`, claims, signature)],
    ['padding after the claims', join(header, `${claims}=`, signature)],
    ['padding after the signature', join(header, claims, `${signature}==`)],
    ['base64 with + in the signature', join(header, claims, `+${signature.slice(1)}`)],
    ['base64 with / in the claims', join(header, `${claims.slice(0, -1)}/`, signature)],
    ['a header of one character more than bytes take', join(`${header}A`, claims, signature)],
    ['unused bits set in the header', join(nudge(looseHeader), claims, signature)],
    ['unused bits set in the signature', join(header, claims, nudge(signature))],
    ['a zero byte', join(header, `${claims}\u0000`, signature)],
    ['a letter beyond ASCII', join(header, `é${claims.slice(1)}`, signature)],
    ['a letter that ends in the byte of an e', join(`ť${header.slice(1)}`, claims, signature)],
    ['half of a surrogate pair', join(header, claims, `\ud800${signature.slice(1)}`)],
    ['digits of another script', join(header, claims, `${signature.slice(1)}\u0661`)],
  ])
}

function insert(text: string, at: number, what: string): string {
  return text.slice(0, at) + what + text.slice(at)
}

/** The same bytes to a lenient decoder: sets the lowest bit of the last character. */
function nudge(encoded: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = alphabet.indexOf(encoded.at(-1) ?? '')
  const respelled = encoded.slice(0, -1) + alphabet[last | 1]
  const decode = (text: string) => Buffer.from(text, 'base64url')
  if (encoded === respelled || !decode(encoded).equals(decode(respelled))) throw new Error(encoded)
  return respelled
}

/** JSON objects that readers may take in different ways; each correctly signed. */
function jsonCases(): readonly TokenCase[] {
  const header = JSON.stringify(headerOf(testKeys.ec))
  const claims = JSON.stringify(claimsWith())
  const twice = (name: string, value: string) => claims.replace('{', `{"${name}":${value},`)
  const deep = (levels: number) => claimsWith({ deep: nest(levels) })
  return [
    accepted('claims with spaces and line breaks', press({ claims: spaced(claimsWith()) })),
    accepted('claims with escapes', press({ claims: claims.replace('"amer"', '"\\u0061mer"') })),
    accepted('claims beyond ASCII', press({ claims: claimsWith({ note: 'Grüße, 世界 😀' }) })),
    accepted('quotes and backslashes', press({ claims: claimsWith({ note: '\\":{,"\\' }) })),
    accepted('seven levels below the claims', press({ claims: deep(7) })),
    accepted('__proto__ as a name', press({ claims: twice('__proto__', '{"gen":9}') })),
    ...allRefused('malformed', [
      ['a header that is no JSON', { header: 'ES256' }],
      ['a header that is a list', { header: `[${header}]` }],
      ['a header that is null', { header: 'null' }],
      ['a header with alg twice', { header: header.replace('{', '{"alg":"none",') }],
      ['a header with kid twice', { header: header.replace('}', ',"\\u006bid":"x"}') }],
      ['a header with something after it', { header: `${header}{}` }],
      ['a header that begins with a mark of byte order', { header: `\ufeff${header}` }],
      ['a header that is not UTF-8', { header: Buffer.from('{"\xff":1}', 'latin1') }],
      ['a header in UTF-16', { header: Buffer.from(header, 'utf16le') }],
      ['a header 1,000 levels deep', { header: `${'['.repeat(1000)}${']'.repeat(1000)}` }],
      ['no claims', { claims: '' }],
      ['claims that are no JSON', { claims: 'sub=8:acs' }],
      ['claims in single quotes', { claims: "{'sub':1}" }],
      ['claims that are a list', { claims: `[${claims}]` }],
      ['claims that are a text', { claims: JSON.stringify(claims) }],
      ['claims that are null', { claims: 'null' }],
      ['claims that are a number', { claims: '1799049600' }],
      ['claims with exp twice', { claims: twice('exp', '9999999999') }],
      ['a claim named with an escape', { claims: claims.replace('"sub"', '"\\u0073ub"') }],
      ['claims with exp twice, once escaped', { claims: twice('e\\u0078p', '9999999999') }],
      ['claims with the same exp twice', { claims: twice('exp', '1799136000') }],
      ['claims with __proto__ twice', { claims: twice('__proto__', '1,"__proto__":2') }],
      ['an unknown claim twice', { claims: twice('', '1,"":2') }],
      ['a name twice inside a claim', { claims: twice('a', '{"b":[{"c":1,"c":2}]}') }],
      ['claims with something after them', { claims: `${claims} x` }],
      ['claims with a comma at the end', { claims: claims.replace(/}$/, ',}') }],
      ['claims with a comment', { claims: claims.replace('{', '{/**/') }],
      ['claims that begin with a mark of byte order', { claims: `\ufeff${claims}` }],
      ['claims in Latin-1', { claims: Buffer.from(twice('a', '"\xe9"'), 'latin1') }],
      ['an overlong encoding of a slash', { claims: bytesIn(claims, [0xc0, 0xaf]) }],
      ['a surrogate encoded by itself', { claims: bytesIn(claims, [0xed, 0xa0, 0x80]) }],
      ['eight levels below the claims', { claims: deep(8) }],
      ['a line break in a text', { claims: claims.replace('"amer"', '"am\ner"') }],
    ]),
  ]
}

function spaced(claims: object): string {
  return ` \r\n${JSON.stringify(claims, null, '\t ')}\n`
}

function nest(levels: number): unknown {
  return levels === 0 ? 0 : levels % 2 === 0 ? [nest(levels - 1)] : { a: nest(levels - 1) }
}

function bytesIn(claims: string, bytes: readonly number[]): Uint8Array {
  const [before = '', after = ''] = claims.replace('{', '{"a":"<>",').split('<>')
  return Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)])
}
