/** Starts the playground in the page. */
const root = document.getElementById('root')
if (root) root.textContent = 'Torwart'
