// The table of the public names, as it stands in the README: node test/api.mjs

import { formatApi, publicNames } from './support/api.mjs';

console.log(formatApi(publicNames()));
