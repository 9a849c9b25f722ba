// Runs the audits of GraphQL over HTTP against the service at `url` with `key`; prints their results.
import { auditServer } from 'graphql-http';
import { told, tell } from './talk.js';

const { url, key } = await told();
// Nothing of a body is read for callers without a key, so that every audit brings it.
const fetchFn = (address, { headers, ...rest } = {}) =>
  fetch(address, { ...rest, headers: { ...headers, authorization: `Bearer ${key}` } });

const results = await auditServer({ url, fetchFn });
tell(results.map(({ id, name, status, reason }) => ({ id, name, status, reason })));
