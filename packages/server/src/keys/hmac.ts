import { hash } from 'node:crypto'

/** Computes HMAC-SHA256 under one key. */
export type Hmac = (text: string) => Buffer

const blockBytes = 64
const innerPad = 0x36
const outerPad = 0x5c

/**
 * Prepares HMAC-SHA256 for a key that signs many short texts.
 *
 * `createHmac` sets up a context for each text: 5 us, of which hashing is one. Each request is
 * checked against two keys, so this was a fifth of an introspection. Two one-shot hashes over
 * blocks prepared once give the same bytes in 1.5 us.
 *
 * @param key - 1..64 bytes, as access keys are; longer ones would have to be hashed first.
 * @returns a function of a text in Latin-1, which is how the headers of HTTP arrive: 32 bytes.
 * @source RFC 2104 section 2.
 */
export function prepareHmac(key: Uint8Array): Hmac {
  if (key.length === 0 || key.length > blockBytes) throw new TypeError('expected 1..64 bytes')
  const inner = padded(key, innerPad)
  const outer = Buffer.concat([padded(key, outerPad), Buffer.alloc(32)])
  return (text) => {
    const message = Buffer.allocUnsafe(blockBytes + text.length)
    inner.copy(message)
    message.write(text, blockBytes, 'latin1')
    hash('sha256', message, 'buffer').copy(outer, blockBytes)
    return hash('sha256', outer, 'buffer')
  }
}

function padded(key: Uint8Array, pad: number): Buffer {
  const block = Buffer.alloc(blockBytes, pad)
  for (const [index, byte] of key.entries()) block[index] = byte ^ pad
  return block
}
