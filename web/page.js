// Begins here: signs in with the code of the start-up link if there is one, then shows the workbench.

import { Foundry } from "../clients/js/foundry.js";
import { listen } from "./keys.js";
import { listenToOtherTabs, whoIsThere } from "./person.js";
import { signIn, takeCode } from "./sign_in.js";
import { liveOf } from "./views.js";
import { Workbench } from "./workbench.js";

/** @type {Workbench | null} */
let bench = null;
// From the beginning: the cookie may become another person's while it is asked whose it is.
listenToOtherTabs((other) => (bench ? bench.signedIn(other) : location.reload()));

/** @type {string | null} */
let refused = null;
const code = takeCode();
const invited = code && (await signIn({ code }).catch((/** @type {Error} */ error) => void (refused = error.message)));
const person = invited || (await whoIsThere());

const live = liveOf(location.search);
// Tabs of one person share a stream; whoever is not known has one of their own.
const client = new Foundry({ url: location.origin, live, ...(person && { share: person }) });
bench = new Workbench({ client, person, host: /** @type {HTMLElement} */ (document.getElementById("page")), live });
bench.signIn.error = refused;
bench.start();
listen(bench);

/** For the console of a curious person, and for tests: `foundry.client.ledger`, `foundry.frame`. */
Object.assign(globalThis, { foundry: bench });
