// Begins here: signs in with the code of the start-up link if there is one, then shows the workbench.

import { Foundry } from "/client/foundry.js";
import { listen } from "./keys.js";
import { signIn, takeCode } from "./sign_in.js";
import { liveOf } from "./views.js";
import { Workbench } from "./workbench.js";

const code = takeCode();
const refused = code ? await signIn({ code }).then(() => null, (/** @type {Error} */ error) => error.message) : null;

const live = liveOf(location.search);
const client = new Foundry({ url: location.origin, live, share: "foundry" });
const bench = new Workbench({ client, host: /** @type {HTMLElement} */ (document.getElementById("page")), live });
bench.signIn.error = refused;
bench.start();
listen(bench);

/** For the console of a curious person, and for tests: `foundry.client.ledger`, `foundry.frame`. */
Object.assign(globalThis, { foundry: bench });
