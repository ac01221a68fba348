/** Starts the console in the page. */
import { render } from 'preact'
import { App } from './app.tsx'
import './styles/base.css'
import './styles/layout.css'
import './styles/parts.css'
import './styles/pages.css'

const root = document.getElementById('root')
if (root) render(<App />, root)
