/**
 * How what was used is counted again from what is stored, by meter. A room that counts usage adds
 * its source here; `differencesOf` compares the two.
 */
import { callSeconds } from './calls/usage.ts'
import { sentMessages } from './chat/usage.ts'
import type { UsageSource } from './usage/comparison.ts'

/** The sources of every room. */
export const usageSources: readonly UsageSource[] = [sentMessages, ...callSeconds]
