// How scripts talk with the tests: JSON on standard input, JSON on standard output.
import { stdin, stdout } from 'node:process';
import { json } from 'node:stream/consumers';

/** What the test sent. */
export const told = () => json(stdin);

/** Answer the test. */
export const tell = (value) => stdout.write(`${JSON.stringify(value)}\n`);

/** Let people of the site do something for the first time, so that they come to stand somewhere. */
export const record = async (url, key, people) => {
  const time = new Date().toISOString();
  for (const actor of people) {
    const actions = [{ id: `first-${actor}`, venue: 'site', verb: 'login', actor, time }];
    const query = `mutation ($actions: [ActionInput!]!) {
      recordActions(source: "site", actions: $actions) { ... on Receipt { recorded } } }`;
    await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({ query, variables: { actions } }),
    });
  }
};
