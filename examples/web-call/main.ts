import { run } from '../serving/run.ts'
import { readSettings } from '../serving/settings.ts'
import { startWebCall } from './app.ts'

await run('web-call', () => startWebCall(readSettings(process.env)))
