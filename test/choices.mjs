// The choices and departures, as they stand in the README: node test/choices.mjs

import { formatChoices, formatDepartures } from './support/choices.mjs';

console.log(`${formatChoices()}\n${formatDepartures()}`);
