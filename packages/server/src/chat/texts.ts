/**
 * What texts may be in chat: topics, names, messages, metadata.
 *
 * The database stores every text but one with U+0000, and no half of a surrogate pair. In a
 * statement that many share, such a text would be everybody's failure, so it ends here.
 */
import type { FieldFault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'

/** Names and values that an application keeps with something. */
export type Metadata = Readonly<Record<string, string>>

/** The same in a merge patch: `null` takes a name out. */
export type MetadataPatch = Readonly<Record<string, string | null>>

const unstorable = /[\0\p{Surrogate}]/u

/** What is wrong with a topic or a display name; `undefined`: nothing. */
export function faultOfName(
  field: string,
  text: string | null | undefined,
): FieldFault | undefined {
  if (text === undefined || text === null) return undefined
  const { chatNameCharactersMax: max } = serverLimits
  if (text.length > max) return { field, problem: `Longer than ${max} characters.` }
  return faultOfText(field, text)
}

/** What is wrong with a text because of its characters. */
export function faultOfText(field: string, text: string): FieldFault | undefined {
  return unstorable.test(text)
    ? { field, problem: 'The text has a character that is none.' }
    : undefined
}

/** What is wrong with metadata; `undefined`: nothing. */
export function faultOfMetadata(
  field: string,
  metadata: MetadataPatch | null | undefined,
): FieldFault | undefined {
  if (metadata === undefined || metadata === null) return undefined
  let bytes = 0
  for (const [name, value] of Object.entries(metadata)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value ?? '')
    const fault = faultOfText(field, name) ?? faultOfText(field, value ?? '')
    if (fault !== undefined) return fault
  }
  const { chatMetadataBytesMax: max } = serverLimits
  return bytes > max ? { field, problem: `Larger than ${max} bytes.` } : undefined
}

/**
 * Metadata after a merge patch.
 *
 * @returns `undefined` where nothing is left.
 * @source RFC 7396 section 2.
 */
export function patchedMetadata(
  target: Metadata | undefined,
  patch: MetadataPatch | null,
): Metadata | undefined {
  const merged = new Map(patch === null ? [] : Object.entries(target ?? {}))
  for (const [name, value] of Object.entries(patch ?? {})) {
    if (value === null) merged.delete(name)
    else merged.set(name, value)
  }
  return merged.size === 0 ? undefined : Object.fromEntries(merged)
}

/** The first fault of several. */
export function firstFault(...faults: readonly (FieldFault | undefined)[]): FieldFault | undefined {
  return faults.find((fault) => fault !== undefined)
}
