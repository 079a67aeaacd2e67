// The page around the bubbles: a form that writes notes, and those that were. What listens and shows is notifier.js.
const KEPT = 30;
const $ = (id) => document.getElementById(id);

// Who it is for stands in the address. A real page takes it from its own login, and lets the daemon ask for a token.
const who = /^[\w-]{1,40}$/.exec(new URLSearchParams(location.search).get('for') ?? '')?.[0];
const key = who ? `chat.notes.${who}` : 'chat.notes';
for (const place of [$('key'), ...document.querySelectorAll('pre .key')]) place.textContent = key;
if (who) Object.assign($('own'), { href: './', textContent: 'notes for everybody' });

// The daemon marks the page that it serves: its events are beside it. Anywhere else there is read.php, which relays them.
const own = !!document.querySelector('meta[name="rcomet"]');
const source = own ? `../events?channel=${encodeURIComponent(key)}` : `read.php${who ? `?for=${who}` : ''}`;
$('demos').hidden = !own;

let last = '';
notifier.listen(source, (text, id) => {
  notifier.show(text, id);
  last = text;
  $('again').disabled = false;
  $('none').hidden = true;
  const { text: words, title, kind } = notifier.note(text);
  const item = document.createElement('li');
  item.className = kind;
  const time = document.createElement('time');
  time.dateTime = new Date().toISOString();
  time.textContent = new Date().toLocaleTimeString();
  const heading = document.createElement('b');
  heading.textContent = title;
  const body = document.createElement('span');
  body.dir = 'auto';
  body.textContent = words;
  item.append(time, heading, body);
  $('earlier').prepend(item);
  while ($('earlier').children.length > KEPT) $('earlier').lastChild.remove();
}, {
  lost: () => notifier.show('{"kind":"warn","title":"Notes were lost","text":"Some were written while nobody could be reached."}'),
  state: (live, why) => {
    $('standing').textContent = live ? 'live' : `${why}; trying again`;
    $('standing').classList.toggle('live', live);
  },
});

async function write(text) {
  $('answer').textContent = '';
  const body = new URLSearchParams(own ? { cname: key, content: text } : { text, for: who ?? '' });
  try {
    const response = await fetch(own ? '../push' : 'write.php', { method: 'POST', body, headers: { accept: 'application/json' } });
    const said = await response.json();
    if (!response.ok || said.type !== 'ok') throw new Error(said.detail ?? said.content ?? `status ${response.status}`);
    return true;
  } catch (error) {
    $('answer').textContent = `Not written: ${error.message}`;
    return false;
  }
}

$('compose').addEventListener('submit', async (event) => {
  event.preventDefault();
  const { text, title, kind } = Object.fromEntries(new FormData($('compose')));
  if (await write(title || kind !== 'info' ? JSON.stringify({ title, text, kind }) : text)) $('compose').elements.text.value = '';
  $('compose').elements.text.focus();
});
$('again').addEventListener('click', () => write(last));
