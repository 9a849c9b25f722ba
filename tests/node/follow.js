// Follows changes with the client `by` of npm graphql-ws or graphql-sse while it brings some about.
import * as sse from 'graphql-sse';
import * as ws from 'graphql-ws';
import WebSocket from 'ws';

import { record, tell, told as given } from './talk.js';

const { by, url, key, people } = await given();
const closes = [];
const authorization = `Bearer ${key}`;
const clients = {
  'graphql-ws': () =>
    ws.createClient({
      url: url.replace('http', 'ws'),
      webSocketImpl: WebSocket,
      connectionParams: { authorization },
      lazy: false,
      retryAttempts: 0,
      on: { closed: (event) => closes.push(event.code) },
    }),
  'graphql-sse': () => sse.createClient({ url, headers: { authorization }, retryAttempts: 0 }),
};
const client = clients[by]();

const once = (query) =>
  new Promise((resolve, reject) => {
    let result;
    client.subscribe(
      { query },
      { next: (value) => (result = value), error: reject, complete: () => resolve(result) },
    );
  });

// What went wrong, and whether it was told as an error of the operation or in a result of it.
const wrong = (query) => {
  const of = (as) => (errors) => ({ as, codes: errors.map((one) => one.extensions.code) });
  return once(query).then(({ errors }) => of('result')(errors), of('error'));
};

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
const refused = await wrong('{ nothing }');
const failed = await wrong('{ node(id: "x") { id } }');
await client.dispose();
tell({ told, refused, failed, closes });
