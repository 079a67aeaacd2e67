'use strict';
const said = document.querySelector('#said');
const standing = document.querySelector('#standing');
const form = document.querySelector('form');
const CHANNEL = '/chat/demo';

function show(data) {
  const row = said.appendChild(document.createElement('li'));
  // From here an object comes, from other dialects text.
  row.textContent = typeof data === 'object' && data !== null ? `${data.user}: ${data.text}` : String(data);
  while (said.children.length > 100) said.firstChild.remove();
}

// A page may be served by one host and talk with another: ?url=http://other.example/cometd
$.comet.connect(new URLSearchParams(location.search).get('url') ?? '/cometd', { errorDelay: 1000 });
$.comet.subscribe(CHANNEL, (message, data) => show(data));

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const { user, text } = form.elements;
  $.comet.publish(CHANNEL, { user: user.value, text: text.value });
  text.value = '';
});

addEventListener('pagehide', () => $.comet.disconnect());
setInterval(() => {
  standing.textContent = $.comet.clientId() ? 'connected' : `connecting, ${$.comet.errorCount()} errors`;
}, 200);
