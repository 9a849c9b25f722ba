import { json } from 'node:stream/consumers';
import { print } from 'graphql';
import {
  StandingDocument,
  type StandingQuery,
  type StandingQueryVariables,
} from './client/graphql.js';

type Told = { url: string; key: string; variables: StandingQueryVariables };

const { url, key, variables } = (await json(process.stdin)) as Told;
const response = await fetch(url, {
  method: 'POST',
  headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
  body: JSON.stringify({ query: print(StandingDocument), variables }),
});
const { data } = (await response.json()) as { data: StandingQuery };
console.log(JSON.stringify(data));
