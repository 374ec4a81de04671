import type { KeyObject } from 'node:crypto'
import type { SigningAlgorithm } from '../foundation/settings.ts'
import { createSigner, createTokenSigner, type TokenSigner } from './sign.ts'
import type { PublicSigningJwk } from './signing-keys.ts'

/** A signing key that can sign. */
export interface OpenSigningKey {
  readonly kid: string
  readonly algorithm: SigningAlgorithm
  readonly privateKey: KeyObject
}

/** The signing keys at one moment. */
export interface SigningKeys {
  readonly signer: OpenSigningKey
  /** Every key by which tokens verify, newest first. */
  readonly published: readonly PublicSigningJwk[]
}

/** The signing keys of this process, which change while it runs. */
export interface SigningKeyRing {
  /** Signs with the key whose turn it is. */
  readonly sign: TokenSigner
  /** Signs with it what is no token, and has a type of its own. */
  readonly signStatement: (typ: string, claims: object) => string
  /** The name of that key. */
  readonly signerKid: () => string
  readonly published: () => readonly PublicSigningJwk[]
  /** Puts other keys in the place of the present ones: for everybody, and at one moment. */
  readonly put: (keys: SigningKeys) => void
  /** Hands over the published keys, now and whenever they have changed. */
  readonly follow: (follower: (published: readonly PublicSigningJwk[]) => void) => void
}

/** Creates a ring. */
export function createSigningKeyRing(first: SigningKeys): SigningKeyRing {
  let keys = first
  let sign = createTokenSigner(first.signer)
  const followers: ((published: readonly PublicSigningJwk[]) => void)[] = []
  return {
    sign: (claims) => sign(claims),
    signStatement: (typ, claims) => createSigner(keys.signer, typ)(claims),
    signerKid: () => keys.signer.kid,
    published: () => keys.published,
    put(next) {
      const isSigner = next.signer.kid === keys.signer.kid
      const isPublished = kidsOf(next) === kidsOf(keys)
      if (isSigner && isPublished) return
      keys = next
      if (!isSigner) sign = createTokenSigner(next.signer)
      if (!isPublished) for (const follower of followers) follower(next.published)
    },
    follow(follower) {
      followers.push(follower)
      follower(keys.published)
    },
  }
}

function kidsOf(keys: SigningKeys): string {
  return keys.published.map(({ kid }) => kid).join()
}
