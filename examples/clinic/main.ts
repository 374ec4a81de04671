import { run } from '../serving/run.ts'
import { readSettings } from '../serving/settings.ts'
import { startClinic } from './app.ts'

await run('clinic', () => startClinic(readSettings(process.env)))
