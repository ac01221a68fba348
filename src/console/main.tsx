/** Starts the console in the page. */
import { render } from 'preact'

const root = document.getElementById('root')
if (root) render(<p>Torwart</p>, root)
