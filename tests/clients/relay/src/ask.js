// Runs the compiled query, and one of those that the compiler made, through Relay's own store.
import { json } from 'node:stream/consumers';
import relay from 'relay-runtime';
import pageMemberQuery from './__generated__/pageMemberQuery.graphql.js';
import pageQuery from './__generated__/pageQuery.graphql.js';

const { Environment, Network, RecordSource, Store, fetchQuery } = relay;
const { url, key, variables } = await json(process.stdin);

const ask = async ({ text }, given) => {
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: text, variables: given }),
  });
  return response.json();
};

const store = new Store(new RecordSource());
const environment = new Environment({ network: Network.create(ask), store });
await fetchQuery(environment, pageQuery, variables).toPromise();
await fetchQuery(environment, pageMemberQuery, { id: variables.id }).toPromise();

const records = Object.values(store.getSource().toJSON());
const connection = records.find(({ __id }) => __id === 'client:root:__page_members_connection');
const members = records.filter(({ __typename }) => __typename === 'Member');
const count = connection.edges.__refs.length;
const names = members.map(({ id, name }) => ({ id, name }));
console.log(JSON.stringify({ count, names }));
