// Follows changes with the client of npm graphql-ws while it brings some about.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

import { record, tell, told as given } from './talk.js';

const { url, key, people } = await given();
const closes = [];
const client = createClient({
  url: url.replace('http', 'ws'),
  webSocketImpl: WebSocket,
  connectionParams: { authorization: `Bearer ${key}` },
  lazy: false,
  retryAttempts: 0,
  on: { closed: (event) => closes.push(event.code) },
});

const once = (query) =>
  new Promise((resolve, reject) => {
    let result;
    client.subscribe(
      { query },
      { next: (value) => (result = value), error: reject, complete: () => resolve(result) },
    );
  });

const begin = (await once('{ standingCursor }')).data.standingCursor;
const events = client.iterate({
  query: `subscription ($after: String) { standingChanged(after: $after) {
    cursor after member { externalId } } }`,
  variables: { after: begin },
});
await record(url, key, people);
const told = [];
for await (const event of events) {
  told.push(event.data.standingChanged);
  if (told.length === people.length) break;
}
let refused;
try {
  await once('{ nothing }');
} catch (errors) {
  refused = errors.map((one) => one.extensions.code);
}
const failed = (await once('{ node(id: "x") { id } }')).errors.map((one) => one.extensions.code);
await client.dispose();
tell({ told, refused, failed, closes });
