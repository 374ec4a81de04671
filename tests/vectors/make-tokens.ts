/**
 * Writes `tokens.json`: tokens, good and bad in every way we know, with the verdict on each.
 *
 * After adding a case run `node tests/dist/vectors/make-tokens.js`, then `npx biome check --write
 * tests/vectors`. Signatures are random, so all tokens change with it; what must not change is the
 * verdicts, and the diff shows those.
 */
import { writeFileSync } from 'node:fs'
import { formCases } from './cases-form.ts'
import { headerCases } from './cases-header.ts'
import { meaningCases } from './cases-meaning.ts'
import { signatureCases } from './cases-signature.ts'
import { issuer, testKeys } from './press.ts'

const vectors = {
  description:
    'Tokens and the verdict on each at a given time. Made by tests/vectors/make-tokens.ts.',
  issuer,
  keys: { keys: [testKeys.ec.published, testKeys.rsa.published] },
  cases: [...formCases(), ...headerCases(), ...signatureCases(), ...meaningCases()],
}

const file = new URL('../../vectors/tokens.json', import.meta.url)
writeFileSync(file, `${JSON.stringify(vectors, null, 2)}\n`)
