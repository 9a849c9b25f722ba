// Follows changes with the client of npm graphql-sse while it brings some about.
import { createClient } from 'graphql-sse';

import { record, tell, told as given } from './talk.js';

const { url, key, people } = await given();
const client = createClient({
  url,
  headers: { Authorization: `Bearer ${key}` },
  retryAttempts: 0,
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
const refused = (await once('{ nothing }')).errors.map((one) => one.extensions.code);
const failed = (await once('{ node(id: "x") { id } }')).errors.map((one) => one.extensions.code);
client.dispose();
tell({ told, refused, failed });
