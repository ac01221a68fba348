/** The playground of the console. */
import './playground.css'
import { start } from './view/start.tsx'

start(() => new Worker(new URL('./worker.ts', import.meta.url)))
