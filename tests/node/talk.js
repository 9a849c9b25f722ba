// How scripts talk with the tests: JSON on standard input, JSON on standard output.
import { stdin, stdout } from 'node:process';
import { json } from 'node:stream/consumers';

/** What the test sent. */
export const told = () => json(stdin);

/** Answer the test. */
export const tell = (value) => stdout.write(`${JSON.stringify(value)}\n`);
