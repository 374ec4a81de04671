/**
 * The work that `instructions.ts` counts, in a process of its own: `<work> <count>`.
 *
 * Keys are fixed and tokens are made before the counting begins to matter: both runs that are
 * compared make the same ones.
 */
import { createPublicKey, sign as signBytes, verify as verifySignature } from 'node:crypto'
import { scopeSubject } from '@parley/protocol'
import { createTokenSigner } from '@parley/server/tokens/sign'
import { createVerifier } from '@parley/verifier/node'
import { createLocalJWKSet, type JWK, jwtVerify, SignJWT } from 'jose'
import { claimsOf, issuer, press, readKey, type Work } from './verify-measure.ts'

const key = readKey('ec')
const keys = { keys: [key.published] }
const tokensCount = 100

/** A token as a string that no one has hashed yet, as from an HTTP parser. */
function freshTokens(): (index: number) => string {
  const wire = Array.from({ length: tokensCount }, () => Buffer.from(press(key), 'latin1'))
  return (index) => wire[index % wire.length]?.toString('latin1') ?? ''
}

function verifyOwn(seenTokensMax: number): Work {
  const at = freshTokens()
  const verifier = createVerifier({ keys, issuer, seenTokensMax })
  return (count) => {
    for (let index = 0; index < count; index++) {
      if (!verifier.verify(at(index)).ok) throw new Error('refused')
    }
  }
}

/** Seen tokens, each judged again since a scope was taken from somebody else before it. */
function verifyBesideStepDowns(): Work {
  const at = freshTokens()
  const verifier = createVerifier({ keys, issuer, seenTokensMax: tokensCount })
  const resourceId = '0199a6b2-7c00-7000-8000-00000000000a'
  const subject = scopeSubject('0199a6b2-7c00-7000-8000-00000000000b', 'voip')
  return (count) => {
    for (let index = 0; index < count; index++) {
      verifier.apply({ kind: 'identity-scope', resourceId, subject, generation: index + 2 })
      if (!verifier.verify(at(index)).ok) throw new Error('refused')
    }
  }
}

/** Every work by its name, made only when it is asked for. */
const works: Readonly<Record<string, () => Work>> = {
  // Half as many as are shown by turns: each is verified, remembered and pushed out again.
  'verify-cold': () => verifyOwn(tokensCount / 2),
  'verify-seen': () => verifyOwn(tokensCount),
  'verify-beside-step-downs': verifyBesideStepDowns,
  'verify-jose': () => {
    const at = freshTokens()
    const joseKeys = createLocalJWKSet({ keys: [key.published as JWK] })
    return async (count) => {
      for (let index = 0; index < count; index++) {
        await jwtVerify(at(index), joseKeys, { issuer, typ: 'JWT' })
      }
    }
  },
  'verify-bare': () => {
    const publicKey = createPublicKey({ key: key.published, format: 'jwk' })
    const token = press(key)
    const input = Buffer.from(token.slice(0, token.lastIndexOf('.')))
    const signature = signBytes('sha256', input, key.privateKey)
    return (count) => {
      for (let index = 0; index < count; index++) {
        if (!verifySignature('sha256', input, publicKey, signature)) throw new Error('refused')
      }
    }
  },
  'issue-own': () => {
    const sign = createTokenSigner({ ...key, algorithm: 'ES256' })
    return (count) => {
      const iat = Math.floor(Date.now() / 1000)
      for (let index = 0; index < count; index++) {
        const id = `0199a6b2-7c00-7000-8000-${String(index).padStart(12, '0')}`
        sign(claimsOf(id, id, iat))
      }
    }
  },
  'issue-jose': () => async (count) => {
    const header = { alg: 'ES256', typ: 'JWT', kid: key.kid }
    const iat = Math.floor(Date.now() / 1000)
    for (let index = 0; index < count; index++) {
      const id = `0199a6b2-7c00-7000-8000-${String(index).padStart(12, '0')}`
      await new SignJWT({ ...claimsOf(id, id, iat) })
        .setProtectedHeader(header)
        .sign(key.privateKey)
    }
  },
}

const [, , name = '', count = '0'] = process.argv
const make = works[name]
// A work that this build does not have is told apart from one that fails.
if (make === undefined) process.exit(3)
await make()(Number(count))
