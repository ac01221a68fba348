/** The playground as a single file: its worker is part of the script. */
import './playground.css'
import { start } from './view/start.tsx'
import ScanWorker from './worker.ts?worker&inline'

start(() => new ScanWorker())
