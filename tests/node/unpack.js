// Unpacks Chromium into the folder for temporary files, with the libraries that it is linked with.
import { tell } from './talk.js';

// Without it, the package leaves the libraries packed: on machines of its maker's they are there.
process.env.AWS_EXECUTION_ENV = 'AWS_Lambda_nodejs20.x';
const { default: chromium } = await import('@sparticuz/chromium');
tell(await chromium.executablePath());
