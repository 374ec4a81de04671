/** Every engine that runs here, against the one suite. */
import { createMesh } from '@parley/server/calls/mesh'
import { describeMediaEngine } from '../media-engine.ts'

describeMediaEngine('mesh', async () => createMesh())
